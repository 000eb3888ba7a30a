"""From the records of a request to its leaves: one more view, of the same records as span, header and metric.

What the records do not hold (digests, sizes, the blinding) is handed in. Times are whole µs, rounded down once. Texts
of others are fitted: cut, without half surrogate pairs, and absent where they say `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from tracegate.audit.blinding import CANONICAL, REQUEST, TEXT, WIRE, Blinding
from tracegate.audit.canonical import LARGEST
from tracegate.audit.kinds import (
    Actor,
    At,
    ClockState,
    Ended,
    Final,
    Gateway,
    Intent,
    LeafCost,
    Req,
    Requested,
    Res,
    RouteTaken,
)
from tracegate.audit.leaf import write
from tracegate.audit.render_attempts import attempts_of, fit, served_by, usage_of
from tracegate.errors import Malformed
from tracegate.facts import Route
from tracegate.record import Recorder, verdict
from tracegate.summary import microseconds, served, total

LIMITS = (1000, 128, 32)
"""Characters of a text of others: as many as the leaf has room for."""


class Question(NamedTuple):
    """The request as it was received.

    Args:
        digest: SHA-256 of its body, or of what was taken of it.
        size: Bytes of that.
        media: Its content type.
        blinding: The record's.
        path: As the client sent it, without the query.
    """

    digest: bytes
    size: int
    media: str | None
    blinding: Blinding
    path: str


class Sent(NamedTuple):
    """The answer as it was sent, or is about to be.

    Args:
        status: `None` if no head went out.
        media: Its content type.
        size: Bytes of the body; of a stream, before its closing comment.
        digest: SHA-256 of these bytes.
        ended: Whether the gateway had the whole answer.
        end: Monotonic nanoseconds when it was whole, or broke.
        canonical: SHA-256 of its canonical form, where it has one.
        texts: SHA-256 of the text of each choice, where it has one.
        finish_reasons: By choice, those that arrived.
        chunks: Data events; `None` where it is no stream.
    """

    status: int | None
    media: str | None
    size: int
    digest: bytes
    ended: Ended
    end: int
    canonical: bytes | None = None
    texts: tuple[tuple[int, bytes], ...] = ()
    finish_reasons: tuple[str, ...] = ()
    chunks: int | None = None


class LeafWriter:
    """Renders the leaves of requests of one process into one log.

    Args:
        log: Its origin.
        gateway: This process.
        clock_state: What is known of the machine's clock now.
        retention_class: How long leaves are kept.
    """

    __slots__ = ("_gateway", "_retention_class", "clock_state", "log")

    def __init__(
        self, log: str, gateway: Gateway, clock_state: Callable[[], ClockState | None], retention_class: str = "default"
    ) -> None:
        self.log = log
        self._gateway = gateway
        self.clock_state = clock_state
        self._retention_class = retention_class

    def intent(self, recorder: Recorder, question: Question) -> Intent:
        """What is known before a provider is called; also what the final repeats where no intent is written."""
        inbound = recorder.inbound
        return Intent(
            v=1,
            log=self.log,
            gateway=self._gateway,
            clock=self.clock_state(),
            record_id=f"tg-{recorder.request_id}",
            req_id=recorder.request_id,
            trace_id=recorder.trace.hex(),
            span_id=recorder.server.span.hex(),
            t_start=microseconds(recorder.wall),
            t_mono=microseconds(recorder.origin),
            actor=Actor(tenant=fit(inbound.tenant), key_id=fit(inbound.key)),
            requested=Requested(model=fit(inbound.alias)),
            route=self._route(recorder),
            stream=inbound.stream,
            req=Req(
                method=inbound.method,
                path=fit(question.path) or "/",  # no path is the same as this one: RFC 9110, section 4.2.3
                bytes=question.size,
                media=fit(question.media),
                commit=question.blinding.committed(REQUEST, question.digest),
            ),
            r_hash=question.blinding.hash,
        )

    def final(
        self,
        recorder: Recorder,
        asked: Intent,
        blinding: Blinding,
        sent: Sent,
        exc: BaseException | None,
        prev_intent: At | None,
        *,
        late: bool = False,
    ) -> tuple[Final, bytes]:
        """The leaf that closes a record, and its bytes; its attempts and routes are closed.

        Args:
            recorder: Of the request.
            asked: Its intent, written or not.
            blinding: The record's.
            sent: Its answer.
            exc: What the client was told went wrong, or why it was told nothing.
            prev_intent: Where the intent stands, if it was written.
            late: The client got another answer, because the log could not be written.
        """
        outcome, reason = verdict(exc)
        answer = served(recorder.attempts)
        tried, omitted = attempts_of(recorder, answer, LIMITS[0])
        leaf = Final(
            v=1,
            log=self.log,  # may be of a later epoch than the intent's
            gateway=self._gateway,
            clock=asked.clock,
            record_id=asked.record_id,
            req_id=asked.req_id,
            trace_id=asked.trace_id,
            span_id=asked.span_id,
            t_start=asked.t_start,
            t_mono=asked.t_mono,
            actor=asked.actor,
            requested=asked.requested,
            route=asked.route,
            policy=asked.policy,
            stream=asked.stream,
            req=asked.req,
            r_hash=asked.r_hash,
            t_end=microseconds(recorder.wall_of(sent.end)),
            prev_intent=prev_intent,
            outcome=outcome,
            outcome_reason=reason,
            attempts=tried,
            attempts_omitted=omitted,
            served=served_by(recorder, answer, exc),
            usage=None if answer is None else usage_of(answer),
            cost=_cost(recorder),
            res=_res(blinding, sent, LIMITS[0]),
            retention_class=self._retention_class,
            late=True if late else None,
        )
        for limit in LIMITS[1:]:
            try:
                return leaf, write(leaf)
            except Malformed:  # too long: texts of others give way
                tried, omitted = attempts_of(recorder, answer, limit)
                leaf = replace(leaf, attempts=tried, attempts_omitted=omitted, res=_res(blinding, sent, limit))
        return leaf, write(leaf)

    def about(self, recorder: Recorder) -> Route | None:
        """The route that a request took, where one was found."""
        for record in recorder.records:
            if record.about is not None:
                return record.about
        return None

    def _route(self, recorder: Recorder) -> RouteTaken | None:
        about = self.about(recorder)
        name = None if about is None else fit(about.name)
        if about is None or name is None:
            return None
        return RouteTaken(name=name, digest=about.version or self._gateway.config_digest)


def _cost(recorder: Recorder) -> LeafCost | None:
    sums = total(recorder.attempts)
    if sums.cost_micros is None or sums.cost_micros > LARGEST:
        return None
    return LeafCost(
        micros=sums.cost_micros, currency=sums.currency, basis="provider" if sums.basis == "provider" else "local"
    )


def _res(blinding: Blinding, sent: Sent, limit: int) -> Res:
    texts = {index: blinding.committed(f"{TEXT}{index}", digest) for index, digest in sent.texts}
    first = texts.pop(0, None)
    reasons = [text for reason in sent.finish_reasons if (text := fit(reason, limit)) is not None]
    return Res(
        status=sent.status,
        media=sent.media,
        bytes=sent.size,
        ended=sent.ended,
        commit_wire=blinding.committed(WIRE, sent.digest),
        commit_canonical=None if sent.canonical is None else blinding.committed(CANONICAL, sent.canonical),
        commit_text=first,
        commit_texts=[texts[index] for index in sorted(texts)] or None,
        finish_reasons=reasons or None,
        chunks=sent.chunks,
    )
