"""A witness: it signs the heads of logs that it saw grow, and no head that takes something back.

Its signature is verified here before anything is made of it. How it is posted to is not known here.
Source: C2SP tlog-witness (add-checkpoint), tlog-cosignature.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracegate.audit.anchoring import Answered, Head, Held, Post, Unanchored
from tracegate.audit.encodings import base64_of, number
from tracegate.audit.keys import WITNESS, Key, parse_vkey
from tracegate.audit.notes import Note, parse_note
from tracegate.audit.proof import LONGEST
from tracegate.clock import Clock
from tracegate.errors import ConfigError, Malformed

TIMEOUT_NS = 10_000_000_000
"""For one answer; ours: the next head comes in a minute."""

TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
SIZE = "text/x.tlog.size"
REFUSALS = {
    400: "it calls the request malformed",
    403: "it trusts no key that signed",
    404: "it does not know this log",
    409: "it holds another root for this size, or was told of another head meanwhile",
    422: "it calls the proof false",
}


class Witness:
    """An anchor that is a witness; see `Anchor`.

    Args:
        key: The witness's own, of kind cosignature.
        url: Its submission prefix.
        post: Sends to it.
    """

    __slots__ = ("_key", "_post", "_url", "seen")

    def __init__(self, key: Key, url: str, post: Post) -> None:
        self._key = key
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._post = post
        self.seen: dict[str, int] = {}
        """Size of the last head that it signed, by the log's origin; it says itself where we don't know."""

    async def anchor(self, head: Head) -> Held | None:
        """See `Anchor.anchor`."""
        origin, size = head.checkpoint.origin, head.checkpoint.size
        old = self.seen.get(origin, 0)
        if old == size:
            return None
        answer = await self._ask(head, old)
        if answer.status == 409:
            old = self._known(answer, size)
            answer = await self._ask(head, old)
        if answer.status != 200:
            raise Unanchored(f"{self._key.name}: {REFUSALS.get(answer.status, f'it answers {answer.status}')}")
        note = self._signed(head, answer.body)
        self.seen[origin] = size
        return Held("witness", self._key.name, head.note + str(note).removeprefix(f"{note.text}\n"))

    async def _ask(self, head: Head, old: int) -> Answered:
        proof = await head.consistency(old)
        if len(proof) > LONGEST:
            raise Unanchored(f"{self._key.name}: a proof of {len(proof)} hashes; at most {LONGEST} may be sent")
        lines = [f"old {old}", *map(base64_of, proof), "", head.note]
        try:
            return await self._post(self._url, TEXT, "\n".join(lines).encode(), TIMEOUT_NS)
        except OSError as exc:
            raise Unanchored(f"{self._key.name}: no answer: {exc}") from exc

    def _known(self, answer: Answered, size: int) -> int:
        """The size from which it wants to be told."""
        try:
            if (answer.header("content-type") or "").partition(";")[0].strip() != SIZE:
                raise Malformed("a conflict without a size")
            known = number(answer.body.decode("ascii", "replace").removesuffix("\n"))
        except Malformed as exc:
            raise Unanchored(f"{self._key.name}: {exc}") from exc
        if known > size:
            raise Unanchored(f"{self._key.name}: it has seen {known} leaves of this log, which has {size} now")
        return known

    def _signed(self, head: Head, lines: bytes) -> Note:
        """The checkpoint with the witness's signature alone; those of other keys are left out."""
        try:
            answered = parse_note(f"{head.checkpoint.text}\n{lines.decode()}")
            if answered.cosigned_at(self._key) is None:
                raise Malformed("its answer has no signature of its key")
        except (Malformed, UnicodeDecodeError) as exc:
            raise Unanchored(f"{self._key.name}: {exc}") from exc
        own = tuple(one for one in answered.signatures if (one.name, one.id) == (self._key.name, self._key.id))
        return Note(answered.text, own)


def witness(settings: Mapping[str, str], post: Post, clock: Clock) -> Witness:
    """The witness of its settings: `key`, its verifier key, and `url`, its submission prefix.

    Raises:
        ConfigError: One of them is missing, or is none.
    """
    if set(settings) != {"key", "url"}:
        raise ConfigError("a witness has a `key` and a `url`, and nothing else")
    try:
        key = parse_vkey(settings["key"])
    except Malformed as exc:
        raise ConfigError(f"the key of a witness: {exc}") from exc
    if key.kind != WITNESS:
        raise ConfigError(f"the key of a witness: {key.keyid} is the key of a log")
    url = settings["url"]
    if not url.startswith(("https://", "http://")):
        raise ConfigError("the url of a witness begins with `https://`")
    return Witness(key, url, post)
