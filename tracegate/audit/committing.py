"""What a leaf commits to of an answer, as digests: its bytes, its canonical form, the text of each choice.

No blinding and no leaf; a verifier takes the same digests of a saved answer (`contents`), with the same readers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from tracegate.audit.blinding import text_digest
from tracegate.audit.canonical import canonical_value
from tracegate.audit.content import StreamTexts, Texts, texts_of_body, texts_of_value


class Digests(NamedTuple):
    """Of an answer: its bytes counted and hashed, and what else has a digest; texts by choice."""

    size: int
    wire: bytes
    canonical: bytes | None
    texts: tuple[tuple[int, bytes], ...]


NOTHING = Digests(0, hashlib.sha256().digest(), None, ())
"""Of what has no bytes."""


def of_body(body: bytes) -> Digests:
    """Of a whole answer."""
    found = canonical_value(body)
    if found is None:
        return Digests(len(body), hashlib.sha256(body).digest(), None, _texts(texts_of_body(body)))
    value, form = found
    canonical = hashlib.sha256(form).digest()
    return Digests(len(body), hashlib.sha256(body).digest(), canonical, _texts(texts_of_value(value)))


class Streamed:
    """Of a stream, while it is sent.

    Args:
        media: Its content type.
    """

    __slots__ = ("_hash", "_size", "_texts", "media")

    def __init__(self, media: str) -> None:
        self.media = media
        self._hash = hashlib.sha256()
        self._size = 0
        self._texts = StreamTexts()

    def send(self, events: bytes, texts: Iterable[tuple[int, str]] | None = None) -> None:
        """Some whole events are sent.

        Args:
            events: As they are sent.
            texts: Their contents by choice, where they were decoded before; they are what a reader here would find.
        """
        self._hash.update(events)
        self._size += len(events)
        if texts is None:
            self._texts.feed(events)
        else:
            self._texts.take(texts)

    def digests(self, tail: bytes = b"") -> Digests:
        """Of what was sent, and of a tail: events of our own, which have no text."""
        hashed = self._hash.copy()
        hashed.update(tail)
        return Digests(self._size + len(tail), hashed.digest(), None, _texts(self._texts.joined()))


def _texts(texts: Texts) -> tuple[tuple[int, bytes], ...]:
    return tuple([(index, digest) for index in sorted(texts) if (digest := text_digest(texts[index])) is not None])
