"""Content codings of answers: gzip and deflate, decoded because the answer must be read, bounded against bombs."""

from __future__ import annotations

import zlib

from tracegate.errors import Broken
from tracegate.wire.headers import Headers, header


class Decoding:
    """Decodes one body as it arrives.

    Args:
        coding: `gzip` or `deflate` (RFC 9110, section 8.4.1; deflate with or without its zlib header, as servers do).
        limit: Most bytes that the whole body may decode to.
    """

    __slots__ = ("_begun", "_coding", "_decompress", "_left")

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding
        self._left = limit
        self._begun = False
        self._decompress = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: the gzip or zlib header is told apart

    def feed(self, data: bytes) -> bytes:
        """Decode some bytes.

        Raises:
            Broken: They are not in the coding named (`http_response_content_coding`), or decode to too much.
        """
        try:
            plain = self._decompress.decompress(data, self._left + 1)
        except zlib.error as exc:
            if self._coding != "deflate" or self._begun:
                raise Broken("http_response_content_coding", f"The answer is not valid {self._coding}.") from exc
            self._begun = True
            self._decompress = zlib.decompressobj(-zlib.MAX_WBITS)  # bare deflate, as some servers send it
            return self.feed(data)
        self._begun = True
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
