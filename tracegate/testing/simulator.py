"""Simulated providers as an HTTP server: in this process here, as one of its own in `process`.

```python
async with Simulator({"gpt-5": "503x3:ok", "azure/*": "429+retry-after=2"}) as sim:
    …  # point a client or a gateway at sim.base_url, or at sim.url("azure")
    assert [entry.status for entry in sim.log] == [503, 503, 503, 200]
```

Served are `POST …/chat/completions` and `GET …/models`, below `/v1` and below `/PROVIDER/v1` for any provider, and for
control `GET /log`, `DELETE /log`, `GET /scripts`, `POST /scripts`, `POST /rewind`. What is unknown gets OpenAI's words
for it. Only simulated calls are logged. No key is asked for: `401` is a step.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from types import TracebackType

from tracegate.clock import SystemClock
from tracegate.testing.script import ScriptError
from tracegate.testing.script_play import CHAT, Playbook
from tracegate.testing.script_text import Scripted, describe
from tracegate.testing.simulator_connection import Connection, Request
from tracegate.testing.simulator_log import KEEP, Log
from tracegate.testing.wire_sse import encoded


class Simulator:
    """A server of simulated providers; an async context manager.

    Args:
        scripts: As `Playbook` takes them.
        seed: Of the ids in answers.
        created: `created` of every answer in UTC seconds; by default the time.
        host: Address to listen on; loopback unless said otherwise.
        port: 0 takes a free one.
        keep: How many entries the log keeps.
    """

    def __init__(
        self,
        scripts: Mapping[str, Scripted] | None = None,
        *,
        seed: int = 0,
        created: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        keep: int = KEEP,
    ) -> None:
        self.log = Log(keep)
        self.playbook = Playbook(scripts, seed=seed, created=created)
        self.port = port
        self._host = host
        self._clock = SystemClock()
        self._connections: set[Connection] = set()
        self._made = 0
        self._server: asyncio.Server | None = None
        self._ports = contextlib.ExitStack()
        self._watchers: list[asyncio.Future[None]] = []

    @property
    def base_url(self) -> str:
        """The base URL of the provider without a name."""
        return self.url()

    def url(self, provider: str = "") -> str:
        """The base URL of a provider, which may have any name without a `/`."""
        return f"http://{self._host}:{self.port}{'/' + provider if provider else ''}/v1"

    def refusing_url(self) -> str:
        """A base URL that refuses connections as long as the simulator runs: the port is taken, nobody listens."""
        return f"http://127.0.0.1:{self._port(socket.socket()).getsockname()[1]}/v1"

    def silent_url(self) -> str:
        """A base URL that answers no attempt to connect, as a host that is gone: its queue is full (Linux)."""
        server = self._port(socket.socket())
        server.listen(0)
        for _ in range(2):  # one that is accepted by the kernel, one that waits; further ones are not answered
            waiting = self._ports.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"

    def script(self, scripts: Mapping[str, Scripted]) -> None:
        """Add or replace scripts; see `Playbook.put`."""
        self.playbook.put(scripts)

    def rewind(self) -> None:
        """Begin anew: every script at its first step, ids too, and an empty log."""
        self.playbook.rewind()
        self.log.clear()

    async def until(self, happened: Callable[[Log], object], within_s: float = 5.0) -> None:
        """Wait until the log says so; it is asked when a call has come or is over.

        Raises:
            TimeoutError: It did not within so many seconds.
        """
        async with asyncio.timeout(within_s):
            while not happened(self.log):
                watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._watchers.append(watcher)
                await watcher

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                await connection.stop()
            await self._server.wait_closed()
            self._server = None
        self._ports.close()

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _port(self, server: socket.socket) -> socket.socket:
        server = self._ports.enter_context(server)
        server.bind(("127.0.0.1", 0))
        return server

    def _connection(self) -> Connection:
        self._made += 1
        connection = Connection(self._made, self._clock, self._answer, self._connections.discard)
        self._connections.add(connection)
        return connection

    def _changed(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def _answer(self, connection: Connection, request: Request) -> None:
        path = request.path.partition("?")[0]
        if path.endswith(CHAT) and request.method == "POST":
            await self._call(connection, request)
        else:
            connection.write(*self._other(request.method, path, request.body))

    async def _call(self, connection: Connection, request: Request) -> None:
        book = self.playbook
        provider = book.provider_of(request.path)
        method, path, headers, body = request.method, request.path, request.headers, request.body
        turn = book.turn(provider, method, path, headers, body, self._clock.wall())
        entry = self.log.open(provider, turn.model, turn.name, method, path, headers, body)
        entry.connection = connection.number
        entry.nth = connection.requests
        entry.began = request.began
        entry.arrived = request.arrived
        self._changed()
        try:
            await connection.play(turn, entry)
        finally:
            self._changed()

    def _other(self, method: str, path: str, body: bytes) -> tuple[str, bytes]:
        """Everything that is no simulated call: status and JSON body."""
        match method, path:
            case "GET", "/log":
                return "200 OK", encoded({"entries": [entry.told() for entry in self.log]})
            case "DELETE", "/log":
                self.log.clear()
                return "200 OK", b"{}"
            case "GET", "/scripts":
                return "200 OK", encoded(self._told())
            case "POST", "/scripts":
                return self._put(body)
            case "POST", "/rewind":
                self.rewind()
                return "200 OK", b"{}"
        before, models, name = path.partition("/v1/models")
        if models and method == "GET" and (not name or name.startswith("/")):
            return self._models(before.strip("/"), name[1:])
        if path.endswith((CHAT, "/v1/models")):
            hint = "Perhaps you meant to make your request using a different HTTP method?"
            return "405 Method Not Allowed", _error(f"Not allowed to {method} on {path}. (HINT: {hint})")
        return "404 Not Found", _error(f"Invalid URL ({method} {path})")

    def _told(self) -> dict[str, object]:
        return {
            name: {"steps": [describe(step) for step in script.steps], "again": script.again}
            for name, script in self.playbook.scripts.items()
        }

    def _put(self, body: bytes) -> tuple[str, bytes]:
        try:
            scripts = json.loads(body)
            if not isinstance(scripts, dict):
                raise ScriptError("the body is a table of names and scripts")
            self.script(scripts)
        except (ScriptError, ValueError) as exc:
            return "400 Bad Request", _error(str(exc))
        return "200 OK", encoded(self._told())

    def _models(self, provider: str, name: str) -> tuple[str, bytes]:
        """The scripted models of a provider; any name is there, as any is answered."""
        names = [key.removeprefix(f"{provider}/") for key in self.playbook.scripts if not key.endswith("*")]
        models = [{"id": key, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"} for key in names]
        if name:
            return "200 OK", encoded({"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"})
        return "200 OK", encoded({"object": "list", "data": models})


def _error(message: str) -> bytes:
    return encoded({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}})
