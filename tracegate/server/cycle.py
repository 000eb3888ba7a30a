"""One request and its answer between the wire and the application, as ASGI has it.

The head of an answer is searched at once for what may not stand in it, and goes with the first part of the body:
nothing may be sent before that. What is written is what uvicorn 0.54 writes (`httptools_impl.py`); a test compares
both, byte for byte. It is not uvicorn's, because that searches every field by itself, and takes a kilobyte more for as
long as a stream is open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

logger = logging.getLogger("uvicorn.error")  # which belongs to the server, whoever wrote it

Message = MutableMapping[str, Any]
Fields = Sequence[tuple[bytes, bytes]]
App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Coroutine[Any, Any, None],
]

# What may stand in a field, by uvicorn's rules: RFC 9110, section 5.5, and for names somewhat more than section 5.6.2.
_NAME = bytes(set(range(0x21, 0x100)) - {0x7F} - set(b'()<>@,;:\\[]={}"'))
_VALUE = bytes({0x09, *range(0x20, 0x100)} - {0x7F})
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection"))
KNOWN = 4_096  # bytes of a chunk: the lines of larger ones are not kept
_BODILESS = frozenset((204, 304))
_PHRASES = {int(status): status.phrase for status in HTTPStatus}
_LINES = {status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode() for status in range(100, 600)}
_FAULT_TEXT = b"Internal Server Error"
_FAULT: Fields = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"%d" % len(_FAULT_TEXT)),
    (b"connection", b"close"),
)
_SIZES: dict[int, bytes] = {}
"""First lines of chunks that came before: those of a stream are of few sizes."""

_OVER: Any = {}
"""What stands for the scope once the answer begins: a stream may be open for long, and nothing asks for it."""


class Connection(Protocol):
    """What a cycle needs of the connection of its client.

    `full` says that the client takes nothing for now, `gone` that it left, `fields` stand in every answer.
    """

    transport: asyncio.Transport
    full: bool
    gone: bool

    @property
    def fields(self) -> Fields:
        """See above."""

    def read(self) -> None:
        """Take from the client what it sends."""

    async def room(self) -> None:
        """Wait until the client takes more, or has left."""

    def close(self) -> None:
        """Close when what was written is sent."""

    def answered(self) -> None:
        """The answer of the running request is whole."""

    def ended(self, task: asyncio.Task[None]) -> None:
        """The application has nothing more to do for a request."""


class Cycle:
    """One request and its answer.

    Args:
        connection: Of the client.
        scope: See ASGI.
        keep_alive: Whether the connection may be used for a further request.
        expects: Whether the client waits to be asked for the body.

    Attributes:
        complete: Whether the answer is whole.
        more: Whether the body is not whole yet.
    """

    __slots__ = (
        "_bodiless",
        "_body",
        "_chunked",
        "_connection",
        "_head",
        "_news",
        "_rest",
        "_scope",
        "_started",
        "_waiter",
        "complete",
        "expects",
        "keep_alive",
        "more",
    )

    def __init__(
        self, connection: Connection, scope: MutableMapping[str, Any], *, keep_alive: bool, expects: bool
    ) -> None:
        self._connection = connection
        self._scope = scope
        self.keep_alive = keep_alive
        self.expects = expects
        self.more = True
        self.complete = False
        self._body: bytes | bytearray = b""  # what came of it since it was asked for
        self._news = False  # whether the application need not wait for anything
        self._waiter: asyncio.Future[None] | None = None  # the application, while it does
        self._started = False
        self._chunked: bool | None = None
        self._rest = 0  # of a body of known length
        self._head = b""  # kept for the first part of the body
        self._bodiless = False  # whether it is the answer to HEAD

    def start(self, app: App, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        """Let the application answer, in a task of its own."""
        task = loop.create_task(app(self._scope, self.receive, self.send))
        task.add_done_callback(self._done)
        return task

    # The request

    def came(self, body: bytes) -> int:
        """Take a part of the body; how many bytes the application has not asked for yet."""
        held = self._body
        if not held:
            self._body = body
        elif isinstance(held, bytearray):
            held += body
        else:
            self._body = bytearray(held) + body
        self.tell()
        return len(self._body)

    def tell(self) -> None:
        """There is something to receive."""
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        """See ASGI."""
        connection = self._connection
        if self.expects and not connection.transport.is_closing():
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.expects = False
        if not connection.gone and not self.complete:
            connection.read()
            if not self._news:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            self._news = False
        if connection.gone or self.complete:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), b""
        return {"type": "http.request", "body": body, "more_body": self.more}

    # The answer

    async def send(self, message: Message) -> None:
        """See ASGI: the head, then the parts of the body; waits while the client does not read."""
        connection = self._connection
        if connection.full and not connection.gone:
            await connection.room()
        if connection.gone:
            return
        kind = message["type"]
        if self._started and not self.complete and kind == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if not self._chunked:
                data = self._measured(body, more)
            elif body:
                size = len(body)
                line = _SIZES.get(size) or _size(size)
                data = b"".join((line, body, b"\r\n" if more else b"\r\n0\r\n\r\n"))
            else:
                data = b"" if more else b"0\r\n\r\n"
            if self._head:
                data, self._head = self._head + data, b""
            connection.transport.write(data)
            if not more:
                self._end()
        elif not self._started and kind == "http.response.start":
            self._begin(message["status"], message.get("headers", ()))
        else:
            raise RuntimeError(f"Unexpected ASGI message `{kind}`.")

    def _begin(self, status: int, fields: Fields) -> None:
        self._started = True
        self.expects = False
        self._bodiless = self._scope["method"] == "HEAD"
        self._scope = _OVER
        self._head = self._rendered(status, [*self._connection.fields, *fields])

    def _rendered(self, status: int, fields: Fields) -> bytes:
        """The head's bytes; what it says of the framing is kept."""
        parts = [_LINES[status]]
        closes = False
        for name, value in _checked(fields):
            if name in _FRAMING:
                closes = self._learnt(name, value) or closes
            parts += (name, b": ", value, b"\r\n")
        if not self.keep_alive and not closes:
            parts.append(b"connection: close\r\n")
        if self._bodiless:
            self._chunked = False  # whatever the head says, nothing follows it
        elif self._chunked is None and status not in _BODILESS:
            self._chunked = True
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
            if self._chunked is None:
                self._rest = int(value)
                self._chunked = False
        elif value.lower() == b"chunked":
            self._rest = 0
            self._chunked = True
        return False

    def _measured(self, body: bytes, more: bool) -> bytes:
        """A part of a body of known length; nothing is written of one that is longer, or ends too soon."""
        if self._bodiless:
            return b""
        rest = self._rest = self._rest - len(body)
        if rest < 0:
            raise RuntimeError("Response content longer than Content-Length")
        if rest and not more:
            raise RuntimeError("Response content shorter than Content-Length")
        return body

    def _end(self) -> None:
        """The answer is whole."""
        self.complete = True
        self.tell()
        if not self.keep_alive:
            self._connection.close()
        self._connection.answered()

    # The application

    def _done(self, task: asyncio.Task[None]) -> None:
        """It returned or broke; an answer that it did not finish is broken off, so that the client sees it."""
        connection = self._connection
        connection.ended(task)
        if not task.cancelled():
            if (exc := task.exception()) is not None:
                logger.error("Exception in ASGI application\n", exc_info=exc)
            elif self.complete or connection.gone:
                return
            else:
                did = "completing" if self._started else "starting"
                logger.error("ASGI callable returned without %s response.", did)
        if self._started or connection.gone:
            connection.close()
        else:
            self._begin(500, _FAULT)
            connection.transport.write(self._head + (b"" if self._bodiless else _FAULT_TEXT))
            self._end()


def _size(size: int) -> bytes:
    """The first line of a chunk."""
    line = b"%x\r\n" % size
    if size < KNOWN:
        _SIZES[size] = line
    return line


def _checked(fields: Fields) -> Fields:
    """The fields with names in lower case; those that would split, or smuggle, an answer are refused.

    What is left of all names, and of all values, without the bytes that are allowed is the fault.
    """
    names = b"".join([name for name, _ in fields])
    if names.translate(None, _NAME):
        raise RuntimeError("Invalid HTTP header name.")
    if b"".join([value for _, value in fields]).translate(None, _VALUE):
        raise RuntimeError("Invalid HTTP header value.")
    return fields if names == names.lower() else [(name.lower(), value) for name, value in fields]
