"""Blinded commitments: a leaf binds content without saying anything of it.

Each record has 32 random bytes, `r`, kept apart from the log. Without them nobody can test a guess of the content
against the leaf; whoever deletes them has erased the content, and every proof stays valid. One blind per field, so
that whoever is shown the answer's can't test guesses of the question.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata

SIZE = 32  # bytes of `r`, of a blind, of a digest and of a commitment

REQUEST = "req"
WIRE = "res.wire"
CANONICAL = "res.canonical"
TEXT = "res.text."
"""Names of what is committed to; that of a text ends with the index of its choice."""

CUT = "\t\n\r "
"""Characters cut from both ends of a text."""

_BLIND = b"tg-blind/1/"


class Mac:
    """HMAC-SHA256 (RFC 2104, section 2) under one key; what is done with the key alone is done once."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")

    def digest(self, message: bytes) -> bytes:
        """Of a message, 32 bytes."""
        mac = self._keyed.copy()
        mac.update(message)
        return mac.digest()


class Blinding:
    """A record's `r`, and the commitments under it.

    Args:
        r: 32 random bytes.
    """

    __slots__ = ("_mac", "r")

    def __init__(self, r: bytes) -> None:
        self.r = r
        self._mac = Mac(r)

    @property
    def hash(self) -> str:
        """What the leaf says of `r`, in hex."""
        return r_hash(self.r).hex()

    def committed(self, name: str, digest: bytes) -> str:
        """The commitment of one field as its leaf has it, in hex."""
        return commit(self._mac.digest(_BLIND + name.encode()), digest).hex()


def r_hash(r: bytes) -> bytes:
    """What the leaf says of `r`."""
    return hashlib.sha256(b"tg-r/1" + r).digest()


def blind(r: bytes, name: str) -> bytes:
    """The blind of one field, derived from `r`."""
    return Mac(r).digest(_BLIND + name.encode())


def commit(blinding: bytes, digest: bytes) -> bytes:
    """The commitment to a digest under the blind of its field."""
    return hashlib.sha256(b"tg-commit/1" + blinding + digest).digest()


def committed(r: bytes, name: str, digest: bytes) -> str:
    """As `Blinding.committed`, of one field alone."""
    return Blinding(r).committed(name, digest)


def text_digest(text: object) -> bytes | None:
    """The digest of an answer's text, however its line ends, accents and edges are written.

    `None` where there is no text: no string, nothing left after cutting, or half a surrogate pair.
    """
    if not isinstance(text, str):
        return None
    whole = text
    if not text.isascii():
        try:  # it joins pairs that two deltas split
            whole = unicodedata.normalize("NFC", text.encode("utf-16-le", "surrogatepass").decode("utf-16-le"))
        except UnicodeDecodeError:
            return None
    plain = whole.replace("\r\n", "\n").replace("\r", "\n").strip(CUT)
    return hashlib.sha256(plain.encode()).digest() if plain else None
