"""An ASGI driver: one client of an app in the same process, which really streams and can leave at any moment.

It behaves towards the app as uvicorn's httptools protocol does: after a disconnect `receive` says so and `send` returns
silently; a client that does not read blocks `send`; wrong messages raise. It is no HTTP: no framing, no sockets, no
threads, so it runs in virtual time. Source of the messages: the ASGI specification, HTTP version 2.3.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import unquote

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
Headers = Mapping[str, str] | Sequence[tuple[str, str]]

PATIENCE_S = 10.0
"""Seconds that an app may take to end after its client is done or gone."""

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")  # RFC 9110, section 5.6.2, in lower case as ASGI asks
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")


class AppBroke(AssertionError):
    """The app raised, answered against the rules, or did not end."""


class ClientExchange:
    """One request to an app and its answer, as the client sees it; made by `drive`, used inside `async with`.

    Leaving the block before the answer is complete is hanging up. Leaving it waits for the app to end and raises
    `AppBroke` when it raised, broke ASGI's rules, or was still there after `patience_s`.
    """

    _task: asyncio.Task[None]  # of the app; there from the entry on

    def __init__(
        self, app: App, scope: dict[str, Any], parts: Sequence[bytes], more: bool, window: int | None, patience_s: float
    ) -> None:
        self.complete = False  # the whole answer was sent
        self._app = app
        self._scope = scope
        self._parts = deque(parts)
        self._more = more
        self._window = window
        self._patience_s = patience_s
        self._head: tuple[int, list[tuple[str, str]]] | None = None
        self._owed: int | None = None  # body bytes still to come of the declared length
        self._chunks: deque[bytes] = deque()
        self._gone = False
        self._violation: RuntimeError | None = None
        self._message = asyncio.Event()  # something for `receive`
        self._writable = asyncio.Event()  # `send` may go on
        self._arrived = asyncio.Event()  # something for the client
        self._entered = False
        if parts:
            self._message.set()

    # The client's side

    async def head(self) -> int:
        """Wait for the head of the answer and return its status.

        Raises:
            AppBroke: When the app ended without one.
        """
        while self._head is None:
            await self._change("before it answered")
        return self._head[0]

    @property
    def status(self) -> int:
        """The status; `head` or `next_chunk` must have returned."""
        return self._known()[0]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header fields as sent, names in lower case; `head` or `next_chunk` must have returned."""
        return self._known()[1]

    def header(self, name: str) -> str | None:
        """The value of a field, several joined by a comma (RFC 9110, section 5.3); `None` when it is absent."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    async def next_chunk(self) -> bytes:
        """The next part of the body as the app sent it; `b""` at its end.

        Raises:
            AppBroke: When the app ended in the middle.
        """
        while not self._chunks:
            if self.complete:
                return b""
            await self._change("in the middle of its answer")
        chunk = self._chunks.popleft()
        if not self._full():
            self._writable.set()
        return chunk

    async def read(self) -> bytes:
        """The rest of the body."""
        chunks = []
        while chunk := await self.next_chunk():
            chunks.append(chunk)
        return b"".join(chunks)

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """Send a part of the request's body; only for one that was opened with `more=True`.

        Raises:
            ValueError: When the body had its last part.
        """
        if not self._more:
            raise ValueError("the body of this request is whole; open it with `more=True` to feed it")
        self._parts.append(data)
        self._more = not last
        self._message.set()

    def disconnect(self) -> None:
        """Hang up; nothing happens when the answer is complete."""
        if not self.complete:
            self._gone = True
            for event in (self._message, self._writable, self._arrived):
                event.set()

    async def __aenter__(self) -> ClientExchange:
        self._entered = True
        self._task = asyncio.create_task(self._serve())
        self._task.add_done_callback(lambda _: self._arrived.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()
        await asyncio.wait([self._task], timeout=self._patience_s)
        late = not self._task.done()
        if late:
            self._task.cancel()
            await asyncio.wait([self._task])
        error = (asyncio.CancelledError() if self._task.cancelled() else self._task.exception()) or self._violation
        if exc is not None:
            if error is not None:
                exc.add_note(f"the app, meanwhile: {error!r}")
        elif late:
            raise AppBroke(f"the app did not end within {self._patience_s} s after its client was done") from error
        elif error is not None:
            raise AppBroke(f"the app raised {error!r}") from error

    def _known(self) -> tuple[int, list[tuple[str, str]]]:
        if self._head is None:
            raise RuntimeError("the head of the answer has not come: `await exchange.head()` first")
        return self._head

    async def _change(self, when: str) -> None:
        """Wait until something arrives; raise when nothing more can."""
        if not self._entered:
            raise RuntimeError("use the exchange inside `async with`")
        if self._gone:
            raise RuntimeError("this client has hung up")
        if self._task.done():
            cancelled = self._task.cancelled()
            raise AppBroke(f"the app ended {when}") from (None if cancelled else self._task.exception())
        self._arrived.clear()
        await self._arrived.wait()

    # The app's side

    async def _serve(self) -> None:
        result: object = await self._app(self._scope, self._receive, self._send)  # type: ignore[func-returns-value]  # the rule is checked
        if result is not None:
            raise RuntimeError(f"an ASGI app returns None, this one returned {result!r}")
        if not self.complete and not self._gone:
            raise RuntimeError("the app returned without completing its answer")

    async def _receive(self) -> Message:
        if not self._gone and not self.complete:
            await self._message.wait()
            self._message.clear()
        if self._gone or self.complete:
            return {"type": "http.disconnect"}
        body = self._parts.popleft() if self._parts else b""
        if self._parts:
            self._message.set()
        return {"type": "http.request", "body": body, "more_body": bool(self._parts) or self._more}

    def _full(self) -> bool:
        return self._window is not None and sum(map(len, self._chunks)) > self._window

    async def _send(self, message: Message) -> None:
        while self._full() and not self._gone:
            self._writable.clear()
            await self._writable.wait()
        if self._gone:
            return
        try:
            self._take(message)
        except RuntimeError as exc:
            self._violation = self._violation or exc
            raise
        self._arrived.set()

    def _take(self, message: Message) -> None:
        kind = message["type"]
        if self.complete:
            raise RuntimeError(f"`{kind}` sent after the answer was complete")
        expected = "http.response.start" if self._head is None else "http.response.body"
        if kind != expected:
            raise RuntimeError(f"`{kind}` sent where `{expected}` is due")
        if self._head is None:
            self._start(message)
            return
        body = bytes(message.get("body", b""))
        last = not message.get("more_body", False)
        self._count(len(body), last)
        if body and self._scope["method"] != "HEAD":
            self._chunks.append(body)
        if last:
            self.complete = True
            self._message.set()

    def _start(self, message: Message) -> None:
        headers = []
        for name, value in message.get("headers", ()):
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise RuntimeError(f"invalid header field {name!r}: {value!r}")
            headers.append((name.decode("ascii"), value.decode("latin-1")))
            if name == b"content-length":
                self._owed = int(value)
        status = message["status"]
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise RuntimeError(f"invalid status {status!r}")
        self._head = status, headers

    def _count(self, size: int, last: bool) -> None:
        if self._owed is None or self._scope["method"] == "HEAD":
            return
        self._owed -= size
        if self._owed < 0 or (last and self._owed):
            raise RuntimeError(f"the body is {'longer' if self._owed < 0 else 'shorter'} than its Content-Length")


def drive(
    app: App,
    method: str,
    path: str,
    headers: Headers = (),
    body: bytes | Sequence[bytes] = b"",
    *,
    more: bool = False,
    window: int | None = None,
    patience_s: float = PATIENCE_S,
    client: tuple[str, int] | None = ("127.0.0.1", 50000),
    scheme: str = "http",
    http_version: str = "1.1",
    state: Mapping[str, Any] | None = None,
) -> ClientExchange:
    """Ask an app: `async with drive(app, "POST", "/v1/chat/completions", headers, body) as exchange`.

    Args:
        app: Any ASGI app.
        method: HTTP method.
        path: Percent-encoded, with the query if there is one.
        headers: As the client sends them; `host` and, for a whole body, `content-length` are added when missing.
        body: At once, or in the parts that `receive` is to give one by one.
        more: Whether `exchange.feed` will bring more of the body.
        window: Bytes that may lie unread before `send` blocks; `None` never blocks.
        patience_s: How long the app may take to end after its client is done or gone.
        client: Address of the client.
        scheme: `http` or `https`.
        http_version: As the server saw it.
        state: What `lifespan` gave.
    """
    parts = [body] if isinstance(body, bytes) else list(body)
    if more and parts == [b""]:
        parts = []
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("host", "gateway.test"))
    if not more and not names & {"content-length", "transfer-encoding"} and (size := sum(map(len, parts))):
        pairs.append(("content-length", str(size)))
    raw_path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": http_version,
        "method": method,
        "scheme": scheme,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": client,
        "server": ("127.0.0.1", 8080),
        "state": dict(state or {}),
    }
    return ClientExchange(app, scope, parts, more, window, patience_s)
