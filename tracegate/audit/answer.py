"""What one request writes into the log: an intent before a provider is called, a final before its answer is released.

It is told what came from the client and what goes to it, commits to both, hands each leaf over once, and waits as the
mode says: `strict` refuses an answer whose leaf is not durable, `available` lets it go without a record. In no mode is
anything given out that names a leaf before that leaf is durable. What is sent, and how, is the server's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from tracegate.audit.blinding import Blinding
from tracegate.audit.committing import NOTHING, Digests, Streamed, of_body
from tracegate.audit.encodings import encoded
from tracegate.audit.kinds import At, Ended
from tracegate.audit.leaf import Written
from tracegate.audit.queued import Told
from tracegate.audit.receipt import SLIM_ABOVE, receipt_at, receipt_text
from tracegate.audit.render import Question, Sent
from tracegate.audit.render_forms import Begun
from tracegate.audit.signature import Request
from tracegate.errors import Malformed, Unavailable
from tracegate.record import Recorder, verdict
from tracegate.summary import served

if TYPE_CHECKING:
    from tracegate.audit.epoch import Epoch
    from tracegate.audit.process import Audit

logger = logging.getLogger("tracegate.audit")

Headers = Sequence[tuple[bytes, bytes]]

SECOND_NS = 1_000_000_000


class _Last(NamedTuple):
    """A final as it was handed over: to which log, of which answer, and its bytes."""

    epoch: Epoch
    sent: Sent
    exc: BaseException | None
    raw: bytes


class Answer:
    """What one request writes; made by `Audit.answer`.

    Its methods are called in this order: `received`; `intent`, any number of times; then either `whole`, or `begin`,
    `send` and `finish`; then `durable`. `gone` instead, where nobody is left to be answered.

    Args:
        audit: The logs of this process.
        recorder: Of the request. What its views tell of the record is noted in its `inbound`.
    """

    __slots__ = (
        "_asked",
        "_audit",
        "_begun",
        "_blinding",
        "_clock",
        "_ending",
        "_last",
        "_left",
        "_question",
        "_recorder",
        "_since",
        "_stream",
        "digest",
        "media",
        "over",
        "path",
        "refused",
    )

    def __init__(self, audit: Audit, recorder: Recorder) -> None:
        self._audit = audit
        self._recorder = recorder
        self._clock = recorder.clock
        self._left = audit.wait_ns  # how long this answer may still wait for the log
        self._since = 0  # when it began to wait
        self._blinding = Blinding(recorder.ids.secret())
        self._question = NOTHING.wire, NOTHING.size
        self._asked: Begun | None = None
        self._begun: Told | None = None  # of the intent
        self._ending: Told | None = None  # of the final
        self._last: _Last | None = None
        self._stream: Streamed | None = None  # that was begun
        self.media: str | None = None
        """The request's content type."""
        self.path = recorder.inbound.path
        """The request's path, as the client sent it."""
        self.digest: str | None = None
        """The request's `Content-Digest`, once it was checked."""
        self.over = False
        """Whether its final was handed over or can't be: nothing else that is answered has a record."""
        self.refused = False
        """Whether the answer must not be released, because the log did not take its final in time."""

    # --- what came from the client ---

    def received(self, parts: Iterable[bytes]) -> None:
        """The request's body, or as much of it as was taken."""
        hashed, size = hashlib.sha256(), 0
        for part in parts:
            hashed.update(part)
            size += len(part)
        self._question = hashed.digest(), size

    async def intent(self) -> None:
        """Make the intent durable: the gate before the first attempt, and before the head of a stream (ruling 36).

        Whoever waits may be cancelled; the intent is written all the same.

        Raises:
            Unavailable: In `strict` mode, when it is not durable in time.
        """
        told = self._begun
        if told is None:
            epoch = self._audit.epoch
            asked = self._asked = self._intent(epoch)
            self._since = self._clock.now()
            told = self._begun = epoch.log.submit(asked.intent, max(self._left, 0), r=self._blinding.r)
        if not told.done():
            await _until(told)
            self._waited()
        found = told.result()
        if isinstance(found, str):
            self.over = True
            self._lose()

    async def ready(self) -> bool:
        """Whether an error that is to be told may have a record; waits for an intent that is on its way.

        Raises:
            Unavailable: As `intent`.
        """
        if not self.over and self._begun is not None:
            await self.intent()
        if self.over:  # what was handed over is of another answer, which was not sent
            self._recorder.inbound.lost = True
        return not self.over

    # --- what goes to the client ---

    def whole(self, status: int, media: str, body: bytes, exc: BaseException | None) -> None:
        """A whole answer, or an error, is about to be sent: hand its final over. Its attempts and routes are closed.

        Args:
            status: Of the answer.
            media: Its content type.
            body: All of it.
            exc: What went wrong, as the SERVER record will say.
        """
        if not self.over:
            self._end(self._sent(status, media, of_body(body), "complete", exc), exc)

    def begin(self, media: str) -> None:
        """A stream is about to begin."""
        self._stream = Streamed(media)

    def send(self, events: bytes, texts: Iterable[tuple[int, str]] | None = None) -> None:
        """Some whole events of the stream are sent; for `texts` see `Streamed.send`."""
        assert self._stream is not None  # noqa: S101  # it was begun
        self._stream.send(events, texts)

    def finish(self, exc: BaseException | None, tail: bytes = b"") -> None:
        """The stream is about to end: hand its final over. Its attempts and routes are closed.

        Args:
            exc: What broke it, as the SERVER record will say.
            tail: Events that will be sent together with the comment block.
        """
        if not self.over:
            self._end(self._streamed(exc, tail), exc)

    async def durable(self) -> bool:
        """Wait until the final is durable; whether it is. If not, nothing that names it may be sent.

        Raises:
            Unavailable: In `strict` mode, when it is not. A whole answer's final is written later, and says so; of a
                stream, whoever breaks it off calls `late`.
        """
        told, last = self._ending, self._last
        if told is None:
            return False
        if not told.done():
            await told
            self._waited()
        found = told.result()
        if isinstance(found, At):
            self._recorder.inbound.record_seq = found.index
            return True
        self.refused = self._audit.mode == "strict"
        if last is not None and (self._stream is None if self.refused else self._begun is not None):
            self._leave(last.sent, last.exc, late=self.refused)
        self._lose()
        return False

    def late(self, exc: BaseException, tail: bytes) -> None:
        """A stream is broken off because its final was refused: write what was sent, once the log takes it.

        Args:
            exc: What the SERVER record will say.
            tail: The event that tells it.
        """
        self._leave(self._streamed(exc, tail), exc, late=True)

    def gone(self, exc: BaseException | None) -> None:
        """The request is over, and nobody was answered unless its final was handed over: write what is known.

        Args:
            exc: What ended it, as the SERVER record says.
        """
        begun, inbound, log = self._begun, self._recorder.inbound, self._audit.epoch.log
        if self.over:
            if inbound.degraded and inbound.lost and (begun is None or isinstance(begun.result(), str)):
                log.unrecorded(verdict(exc)[0])  # it was served without any leaf
            return
        self.over = True
        if begun is None and log.failing is not None:  # leaves that begin a record do not queue up meanwhile
            log.unrecorded(verdict(exc)[0])
            return
        status, stream = inbound.status, self._stream
        digests = NOTHING if stream is None else stream.digests()
        media = None if status is None or stream is None else stream.media
        sent = self._sent(status, media, digests, "truncated_by_client", exc)
        if begun is None or begun.done():
            self._leave(sent, exc)
        else:
            begun.add_done_callback(lambda _: self._leave(sent, exc))

    # --- what is given out of it ---

    def signed(self, status: int, head: Headers) -> list[tuple[bytes, bytes]]:
        """The fields that prove a head: the digest of its body unless it is a stream's, and the signature over both.

        Args:
            status: Of the answer.
            head: Its fields, names in lower case.
        """
        inbound = self._recorder.inbound
        if inbound.lost:
            return []
        last = self._last
        epoch, added = self._audit.epoch, list[tuple[bytes, bytes]]()
        if last is not None:
            epoch = last.epoch
            added.append((b"content-digest", b"sha-256=:%b:" % encoded(last.sent.digest)))
        created = self._recorder.wall_of(self._clock.now()) // SECOND_NS
        request = Request(inbound.method, self.path, self.digest)
        stated, signature = epoch.responses.sign(status, [*head, *added], request, created)
        added += ((b"signature-input", stated), (b"signature", signature))
        return added

    def receipt(self, *, slim: bool) -> str:
        """The receipt of a final that is durable, as a closing comment has it.

        Args:
            slim: Only the leaf's hash, as for every leaf that is too long for a comment.
        """
        last, told = self._last, self._ending
        assert last is not None  # noqa: S101  # it is durable
        assert told is not None  # noqa: S101  # it came with the final
        at = told.result()
        assert isinstance(at, At)  # noqa: S101  # else it would not be durable
        created = self._recorder.wall_of(last.sent.end) // SECOND_NS
        slim = slim or len(last.raw) > SLIM_ABOVE
        return receipt_text(
            receipt_at(
                last.epoch.signer, at.index, last.raw, bytes.fromhex(at.hash), created, self._blinding.r, slim=slim
            )
        )

    # --- leaves ---

    def _intent(self, epoch: Epoch) -> Begun:
        digest, size = self._question
        return epoch.leaves.intent(self._recorder, Question(digest, size, self.media, self._blinding, self.path))

    def _streamed(self, exc: BaseException | None, tail: bytes) -> Sent:
        stream = self._stream
        assert stream is not None  # noqa: S101  # it was begun
        ended: Ended = "complete" if exc is None else "truncated_by_upstream"
        return self._sent(200, stream.media, stream.digests(tail), ended, exc)

    def _sent(
        self, status: int | None, media: str | None, of: Digests, ended: Ended, exc: BaseException | None
    ) -> Sent:
        recorder = self._recorder
        streamed = self._stream is not None
        answer = served(recorder.attempts) if streamed or exc is None else None
        return Sent(
            status,
            media,
            of.size,
            of.wire,
            ended,
            self._clock.now(),
            of.canonical,
            of.texts,
            () if answer is None else answer.answer.finish_reasons,
            recorder.inbound.chunks if streamed else None,
        )

    def _end(self, sent: Sent, exc: BaseException | None) -> None:
        """Hand the final over."""
        self.over = True
        epoch = self._audit.epoch
        made = self._final(epoch, sent, exc)
        self._since = self._clock.now()
        if isinstance(made, str):
            self._ending = asyncio.get_running_loop().create_future()
            self._ending.set_result(made)
            return
        self._last = _Last(epoch, sent, exc, made.raw)
        self._ending = epoch.log.submit(made, max(self._left, 0), r=self._r, rows=_rows(sent))

    def _leave(self, sent: Sent, exc: BaseException | None, *, late: bool = False) -> None:
        """Leave a final for which nobody waits."""
        epoch = self._audit.epoch
        made = self._final(epoch, sent, exc, late=late)
        if not isinstance(made, str):
            epoch.log.keep(made, r=self._r, rows=_rows(sent))

    def _final(self, epoch: Epoch, sent: Sent, exc: BaseException | None, *, late: bool = False) -> Written | str:
        """The final, or why there is none."""
        begun, asked = self._begun, self._asked
        at = None if begun is None else begun.result()
        if isinstance(at, str):
            return at
        if asked is not None and at is not None and asked.intent.log != epoch.origin:
            at = replace(at, log=asked.intent.log)
        try:
            asked = asked or self._intent(epoch)
            return epoch.leaves.final(self._recorder, asked, self._blinding, sent, exc, at, late=late)
        except Malformed as why:
            logger.error("The final of %s can't be written: %s", f"tg-{self._recorder.request_id}", why)
            return str(why)

    @property
    def _r(self) -> bytes | None:
        """The blinding, unless the intent has brought it into the log."""
        return self._blinding.r if self._begun is None else None

    def _waited(self) -> None:
        now = self._clock.now()
        self._left -= now - self._since
        self._since = now

    def _lose(self) -> None:
        """A leaf is not durable in time: nothing that is still to be sent may name it.

        Raises:
            Unavailable: In `strict` mode.
        """
        inbound = self._recorder.inbound
        inbound.lost = inbound.lost or inbound.status is None
        if self._audit.mode == "strict":
            raise Unavailable(
                "The audit log can't be written, and nothing is answered without a record. Try again.",
                reason="audit_unavailable",
                retry_after_ns=SECOND_NS,
            )
        inbound.degraded = True


async def _until(told: Told) -> None:
    """Wait until it is told; whoever waits may be cancelled without it. `asyncio.shield` costs 1.7 times as much."""
    over: asyncio.Future[None] = told.get_loop().create_future()
    told.add_done_callback(partial(_wake, over))
    await over


def _wake(over: asyncio.Future[None], _: Told) -> None:
    if not over.done():  # else whoever waited was cancelled
        over.set_result(None)


def _rows(sent: Sent) -> list[tuple[str, bytes]]:
    """What the answer is found by, where any of it was sent."""
    rows = [("wire", sent.digest)] if sent.size else []
    if sent.canonical is not None:
        rows.append(("canonical", sent.canonical))
    rows += [("text", digest) for _, digest in sent.texts]
    return rows
