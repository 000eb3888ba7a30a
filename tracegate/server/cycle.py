"""How an answer is written to the wire: uvicorn's cycle, but each part is checked and joined once.

uvicorn searches every name and every value of a head with a regular expression, and writes the head by itself. Here
the whole head is searched at once, and goes with the first part of the body, as ASGI has it: nothing may be sent before
that. Everything else is as uvicorn 0.54 does it (`httptools_impl.py`); a test compares both, byte for byte.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

# What may stand in a field, by uvicorn's rules: RFC 9110, section 5.5, and for names somewhat more than section 5.6.2.
_NAME = bytes(set(range(0x21, 0x100)) - {0x7F} - set(b'()<>@,;:\\[]={}"'))
_VALUE = bytes({0x09, *range(0x20, 0x100)} - {0x7F})
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection"))
KNOWN = 4_096  # bytes of a chunk: the lines of larger ones are not kept
_BODILESS = frozenset((204, 304))


_SIZES: dict[int, bytes] = {}
"""First lines of chunks that came before: those of a stream are of few sizes."""


_OVER: Any = {}
"""What stands for the scope once the answer begins: a stream may be open for long, and nothing asks for it."""


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    _head = b""  # kept for the first part of the body
    _bodiless = False  # whether it is the answer to HEAD

    async def send(self, message: Any) -> None:
        """See ASGI: the head, then the parts of the body; waits while the client does not read."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if self.response_started and not self.response_complete and kind == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if not self.chunked_encoding:
                data = self._measured(body, more)
            elif body:
                size = len(body)
                line = _SIZES.get(size) or _size(size)
                data = b"".join((line, body, b"\r\n" if more else b"\r\n0\r\n\r\n"))
            else:
                data = b"" if more else b"0\r\n\r\n"
            if self._head:
                data, self._head = self._head + data, b""
            self.transport.write(data)
            if not more:
                self._end()
        elif not self.response_started and kind == "http.response.start":
            self.response_started = True
            self.waiting_for_100_continue = False
            self._bodiless = self.scope["method"] == "HEAD"
            self.scope = _OVER
            self._head = self._rendered(message["status"], [*self.default_headers, *message.get("headers", ())])
        else:
            raise RuntimeError(f"Unexpected ASGI message `{kind}`.")

    def _rendered(self, status: int, fields: list[tuple[bytes, bytes]]) -> bytes:
        """The head's bytes; what it says of the framing is kept."""
        parts = [STATUS_LINE[status]]
        closes = False
        for name, value in _checked(fields):
            if name in _FRAMING:
                closes = self._learnt(name, value) or closes
            parts += (name, b": ", value, b"\r\n")
        if not self.keep_alive and not closes:
            parts.append(b"connection: close\r\n")
        if self._bodiless:
            self.chunked_encoding = False  # whatever the head says, nothing follows it
        elif self.chunked_encoding is None and status not in _BODILESS:
            self.chunked_encoding = True
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _learnt(self, name: bytes, value: bytes) -> bool:
        """Learn from a field how the body is framed; whether it closes the connection."""
        if name == b"connection":
            closes = b"close" in [option.strip().lower() for option in value.split(b",")]
            self.keep_alive = self.keep_alive and not closes
            return closes
        if name == b"content-length":
            if self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
        elif value.lower() == b"chunked":
            self.expected_content_length = 0
            self.chunked_encoding = True
        return False

    def _measured(self, body: bytes, more: bool) -> bytes:
        """A part of a body of known length; nothing is written of one that is longer, or ends too soon."""
        if self._bodiless:
            return b""
        left = self.expected_content_length = self.expected_content_length - len(body)
        if left < 0:
            raise RuntimeError("Response content longer than Content-Length")
        if left and not more:
            raise RuntimeError("Response content shorter than Content-Length")
        return body

    def _end(self) -> None:
        """The answer is whole."""
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _size(size: int) -> bytes:
    """The first line of a chunk."""
    line = b"%x\r\n" % size
    if size < KNOWN:
        _SIZES[size] = line
    return line


def _checked(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields with names in lower case; those that would split, or smuggle, an answer are refused.

    What is left of all names, and of all values, without the bytes that are allowed is the fault.
    """
    names = b"".join([name for name, _ in fields])
    if names.translate(None, _NAME):
        raise RuntimeError("Invalid HTTP header name.")
    if b"".join([value for _, value in fields]).translate(None, _VALUE):
        raise RuntimeError("Invalid HTTP header value.")
    return fields if names == names.lower() else [(name.lower(), value) for name, value in fields]
