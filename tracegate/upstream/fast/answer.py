"""One answer from bytes, without I/O: heads, then a body of known length, in chunks, or up to the close.

Which of these it is, is decided as RFC 9112, section 6.3, says. Chunks are read by llhttp, which is as strict with them
as the RFC; heads never are (`head` reads those): it is told a head of ours. As long as each read is one whole chunk it
is not needed, and costs a stream no memory. What comes behind an answer is not an error of the answer, for it may come
later as well; it spoils the connection.
"""

from __future__ import annotations

import re

import httptools

from tracegate.errors import Broken
from tracegate.upstream.fast.head import HEAD_LIMIT, Head, hopeless, malformed, read_head
from tracegate.upstream.faults import head_too_large

TRAILER_LIMIT = 64 * 1024
"""Most bytes that may come without content once a body in chunks has begun: trailers, extensions of chunks."""

# llhttp takes what follows an answer on a connection that is to be closed for an error, and for the next answer on
# any other.
_CHUNKED = b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
_EMPTY = (204, 304)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,7})\r\n")


class Answer:
    """Reads the answer to one request.

    Args:
        method: Of the request: the answer to HEAD has no body.

    Attributes:
        head: That of the final answer, once it came.
        done: Whether the answer is whole.
        spoilt: Whether something came behind it.
        failure: What is wrong with it, behind the bytes that `feed` has just returned.
    """

    __slots__ = ("_chunks", "_heads", "_left", "_method", "_partial", "done", "failure", "head", "spoilt")

    def __init__(self, method: str) -> None:
        self.head: Head | None = None
        self.done = False
        self.spoilt = False
        self.failure: Broken | None = None
        self._method = method
        self._heads = 0  # bytes of heads that came
        self._partial: bytearray | None = None  # of a head
        self._left: int | None = None  # bytes of the body
        self._chunks: Chunks | None = None

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the connection; returns those of the body. Nothing is fed after a failure or the end."""
        if self.head is None:
            try:
                data = self._read_head(data)
            except Broken as exc:
                self.failure = exc
                return b""
            if not data:
                return b""
            if self.done:
                self.spoilt = True
                return b""
        left = self._left
        if left is not None:
            size = len(data)
            if size < left:
                self._left = left - size
                return data
            self.done = True
            if size == left:
                return data
            self.spoilt = True
            return data[:left]
        chunks = self._chunks
        if chunks is None:
            return data
        body = chunks.feed(data)
        if chunks.done or chunks.failure is not None:
            self.done, self.spoilt, self.failure = chunks.done, chunks.spoilt, chunks.failure
        return body

    def end(self, *, clean: bool) -> bool:
        """The connection ended; whether that makes the answer whole.

        Args:
            clean: Whether the peer said so itself. TLS has a message for it, without which a body that ends with its
                connection may have been cut by anybody (RFC 9112, section 9.8).
        """
        if self.head is not None and self._left is None and self._chunks is None and clean:
            self.done = True
        return self.done

    def _read_head(self, data: bytes) -> bytes:
        """Read heads up to that of the final answer; returns what is behind it."""
        partial = self._partial
        start = seen = 0
        if partial is not None:
            seen = len(partial)
            partial += data
            if partial.find(b"\r\n\r\n", max(0, seen - 3)) < 0:
                self._part(partial, seen)
                return b""
            data = bytes(partial)
            self._partial = None
        while True:
            end = data.find(b"\r\n\r\n", start) + 4
            if end < 4:
                if start < len(data):
                    self._partial = bytearray(data[start:])
                    self._part(self._partial, 0)
                return b""
            self._heads += end - start
            if self._heads > HEAD_LIMIT:
                raise head_too_large()
            head = read_head(data, start, end)
            if head.status >= 200:
                break
            if head.status == 101:
                raise Broken("http_upgrade_failed", "The provider switched to another protocol, unasked.")
            start = end
        self._begin(head)
        return data[end:]

    def _part(self, partial: bytearray, seen: int) -> None:
        if hopeless(partial, seen):
            raise malformed()
        if self._heads + len(partial) > HEAD_LIMIT:
            raise head_too_large()

    def _begin(self, head: Head) -> None:
        """The body begins, or there is none."""
        self.head = head
        if self._method == "HEAD" or head.status in _EMPTY:
            self.done = True
        elif head.chunked:
            self._chunks = Chunks()
        else:
            self._left = head.length
            self.done = head.length == 0


class Chunks:
    """A body in chunks (RFC 9112, section 7.1).

    Attributes:
        done, spoilt, failure: As those of `Answer`.
    """

    __slots__ = ("_bare", "_parsing", "_tail", "done", "failure", "spoilt")

    def __init__(self) -> None:
        self.done = self.spoilt = False
        self.failure: Broken | None = None
        self._tail = b""  # the last bytes that came
        self._bare = 0  # bytes that came since the last content
        self._parsing: tuple[httptools.HttpResponseParser, _Content] | None = None  # since a read was no single chunk

    def feed(self, data: bytes) -> bytes:
        """See `Answer.feed`."""
        if self._parsing is None:
            if (body := _one(data)) is not None:
                return body
            content = _Content()
            parser = httptools.HttpResponseParser(content)
            parser.feed_data(_CHUNKED)
            self._parsing = parser, content
        else:
            parser, content = self._parsing
        failure = None
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as exc:
            failure = exc
        if content.done:
            self.done = True
            # llhttp passes over line ends behind the last one; they were not asked for either.
            tail = (self._tail + data)[-5:]
            self.spoilt = failure is not None or tail[1:] != b"\r\n\r\n" or tail[0] in b"\r\n"
        else:
            self._tail = (self._tail + data)[-4:] if len(data) < 4 else data[-4:]
            if failure is not None:
                self.failure = _broken(failure)
        parts = content.parts
        if not parts:
            self._bare += len(data)
            if self._bare > TRAILER_LIMIT and not self.done:
                why = "The end of the provider's answer is too large."
                self.failure = Broken("http_response_trailer_section_size", why)
            return b""
        self._bare = 0
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        return body


class _Content:
    """What the parser calls; apart from what holds the parser, so that no circle is left to the collector."""

    __slots__ = ("done", "on_body", "parts")

    def __init__(self) -> None:
        self.done = False
        self.parts: list[bytes] = []
        self.on_body = self.parts.append

    def on_message_complete(self) -> None:
        self.done = True


def _one(data: bytes) -> bytes | None:
    """The content of the chunk that is all of these bytes; `None` where they are anything else."""
    line = _SIZE.match(data)
    if line is None:
        return None
    start, size = line.end(), int(line[1], 16)
    if not size or start + size + 2 != len(data) or data[-2:] != b"\r\n":
        return None
    return data[start:-2]


def _broken(exc: Exception) -> Broken:
    failure = Broken("http_protocol_error", f"The framing of the provider's answer is malformed: {exc}.")
    failure.__cause__ = exc
    exc.__traceback__ = None  # its frames hold us; only the collector would free that
    return failure
