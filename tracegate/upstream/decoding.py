"""Content codings of answers: gzip and deflate, decoded because the answer must be read, bounded against bombs."""

from __future__ import annotations

import zlib

from tracegate.errors import Broken
from tracegate.wire.headers import Headers, header

_EITHER = zlib.MAX_WBITS | 32  # gzip or zlib, as its first bytes say
_GZIP = zlib.MAX_WBITS | 16
_BARE = -zlib.MAX_WBITS


class Decoding:
    """Decodes one body as it arrives.

    Args:
        coding: `gzip` or `deflate` (RFC 9110, section 8.4.1; deflate with or without its zlib header, as servers do).
        limit: Most bytes that the whole body may decode to.
    """

    __slots__ = ("_coding", "_decompress", "_first", "_left")

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding
        self._left = limit
        self._first: bytes | None = b""  # what came, while it is too short to tell its form; then `None`
        self._decompress = zlib.decompressobj(_EITHER)

    def feed(self, data: bytes) -> bytes:
        """Decode some bytes.

        Raises:
            Broken: They are not in the coding named (`http_response_content_coding`), or decode to too much.
        """
        if self._first is not None:
            data = self._first + data
            if len(data) < 2:
                self._first = data
                return b""
            self._first = None
            if self._coding == "deflate" and not _zlib_header(data):
                self._decompress = zlib.decompressobj(_BARE)
        try:
            plain = self._decoded(data)
            while self._decompress.eof and (data := self._decompress.unused_data):
                self._decompress = zlib.decompressobj(_GZIP)  # members may follow each other: RFC 1952, section 2.2
                plain += self._decoded(data)
        except zlib.error as exc:
            raise Broken("http_response_content_coding", f"The answer is not valid {self._coding}.") from exc
        return plain

    def _decoded(self, data: bytes) -> bytes:
        plain = self._decompress.decompress(data, self._left + 1)
        self._left -= len(plain)
        if self._left < 0:
            raise Broken("http_response_body_size", "The decoded answer is larger than `limits.answer`.")
        return plain


def decoding_of(headers: Headers, limit: int) -> Decoding | None:
    """The decoder an answer needs, `None` for plain bytes; raises `Broken` for a coding that we never asked for."""
    coding = (header(headers, "content-encoding") or "identity").strip().lower()
    if coding in ("identity", ""):
        return None
    if coding in ("gzip", "x-gzip", "deflate"):
        return Decoding(coding, limit)
    raise Broken(
        "http_response_content_coding", f"The answer has the content coding `{coding[:40]}`, which was not asked for."
    )


def _zlib_header(data: bytes) -> bool:
    """Whether a stream begins as RFC 1950, section 2.2, says; or as gzip, which some send under that name."""
    return data[:2] == b"\x1f\x8b" or (data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0)
