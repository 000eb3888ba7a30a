"""A provider that costs next to nothing: `python -m tests.bench.provider CERT KEY`, ended by its standard input.

It reads each request to its end and answers with bytes that were made before, by the first part of the path
(`/paced/v1/…`). It listens three times: plainly, behind TLS 1.3, and where every answer is a 429. It says its ports in
a line of JSON, and to `GET /counts` what it answered. It is no simulator: what a provider can do wrong is the matter of
`tracegate.testing`.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from queue import SimpleQueue

from tests.bench.child import until_stdin_ends
from tests.bench.work import KINDS, answer

FIELDS = (
    "date: Tue, 24 Nov 2026 10:00:00 GMT\r\nx-request-id: req_0123456789abcdef0123456789abcdef\r\n"
    "openai-processing-ms: 12\r\nopenai-version: 2020-10-01\r\n"
)
MS = 1000


class Prepared:
    """One kind of answer as it stands on the wire: a head, then pieces with a pause between two of them.

    Args:
        pieces: A whole body, or events.
        stream: Which of both.
        every_ms: The pause; 0 for none, then each is written as soon as the loop comes by again.
        after_ms: Before the answer.
    """

    __slots__ = ("after_ms", "every_ms", "later", "writes")

    def __init__(self, pieces: Sequence[bytes], *, stream: bool, every_ms: int, after_ms: int) -> None:
        self.every_ms, self.after_ms = every_ms, after_ms
        pause_ms = after_ms or every_ms
        self.later = Later(pause_ms / MS) if pause_ms else None
        """For the first pause, which clients measure."""
        if stream:
            head = _head("200 OK", "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n")
            writes = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
            writes = [head + writes[0], *writes[1:-1], writes[-1] + b"0\r\n\r\n"]
            self.writes = writes
        else:
            self.writes = [_whole("200 OK", pieces[0])]


def _head(status: str, fields: str) -> bytes:
    return f"HTTP/1.1 {status}\r\n{FIELDS}{fields}\r\n".encode()


def _whole(status: str, body: bytes) -> bytes:
    return _head(status, f"content-type: application/json\r\ncontent-length: {len(body)}\r\n") + body


LIMITED = _whole(
    "429 Too Many Requests",
    b'{"error": {"message": "Rate limit reached", "type": "requests", "param": null, "code": "rate_limit_exceeded"}}',
)


class Later:
    """Lets connections write after a pause that is exact to a twentieth of a millisecond.

    The loop's own timers go by whole milliseconds: what a gateway adds before the provider's next one would be lost.

    Args:
        pause_s: Of all of them, so that who came first is due first.
    """

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._due = SimpleQueue[tuple[float, Connection]]()
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, connection: Connection) -> None:
        """Let it write its next piece after the pause."""
        self._due.put((time.monotonic() + self._pause_s, connection))

    def _run(self) -> None:
        never = threading.Event()
        while True:
            due, connection = self._due.get()
            never.wait(max(0.0, due - time.monotonic()))
            if self._loop.is_closed():
                return
            self._loop.call_soon_threadsafe(connection.write)


class Wheel:
    """What is to be written later, by the millisecond; turned only while something waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[int, list[Connection]] = {}
        self._at = self._now()
        self._turning = False

    def _now(self) -> int:
        return int(self._loop.time() * MS)

    def put(self, connection: Connection, in_ms: int) -> None:
        """Let a connection write its next piece so long after now, or after when its last one was due."""
        at = self._at if self._turning else self._now()
        self._due.setdefault(at + in_ms, []).append(connection)
        if not self._turning:
            self._at, self._turning = at, True
            self._loop.call_later(1 / MS, self._turn)

    def _turn(self) -> None:
        now = self._now()
        while self._at < now:
            self._at += 1
            for connection in self._due.pop(self._at, ()):
                connection.write()
        if self._due:
            self._loop.call_later(1 / MS, self._turn)
        else:
            self._turning = False


class Connection(asyncio.Protocol):
    """One connection, with one request at a time.

    Args:
        answers: By the first part of the path.
        counts: What was answered.
        wheel: For what comes later.
        limited: Whether every answer is a 429.
    """

    def __init__(self, answers: Mapping[bytes, Prepared], counts: Counter[str], wheel: Wheel, limited: bool) -> None:
        self._answers, self._counts, self._wheel, self._limited = answers, counts, wheel, limited
        self._soon = asyncio.get_running_loop().call_soon
        self._got = b""
        self._answer: Prepared | None = None
        self._next = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a TCP one

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._answer = None

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`; clients wait for their answer, so there is one request at most."""
        got = self._got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return
        head = got[:end].lower()
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        if len(got) < end + 4 + int(length or 0):
            return
        self._got = b""
        path = head.split(b" ", 2)[1]
        if path == b"/counts":
            self._transport.write(_whole("200 OK", json.dumps(self._counts).encode()))
        elif self._limited:
            self._counts["limited"] += 1
            self._transport.write(LIMITED)
        else:
            self._counts["answered"] += 1
            self._begin(self._answers[path.split(b"/", 2)[1]])

    def _begin(self, answer: Prepared) -> None:
        self._answer, self._next = answer, 0
        if answer.after_ms and answer.later is not None:
            answer.later.put(self)
        else:
            self.write()

    def write(self) -> None:
        """Write the next piece, unless the client has gone."""
        answer = self._answer
        if answer is None:
            return
        self._transport.write(answer.writes[self._next])
        self._next += 1
        if self._next == len(answer.writes):
            return
        if self._next == 1 and answer.later is not None:
            answer.later.put(self)
        elif answer.every_ms:
            self._wheel.put(self, answer.every_ms)
        else:
            self._soon(self.write)


async def main(cert: str, key: str) -> None:
    """Listen, say where, answer until the input ends."""
    answers = {
        name.encode(): Prepared(await answer(kind), stream=kind.stream, every_ms=kind.every_ms, after_ms=kind.after_ms)
        for name, kind in KINDS.items()
    }
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(cert, key)
    loop, counts, wheel = asyncio.get_running_loop(), Counter[str](), Wheel()
    ports = {}
    for name, tls in (("plain", None), ("tls", context), ("limited", None)):
        limited = name == "limited"
        server = await loop.create_server(
            lambda limited=limited: Connection(answers, counts, wheel, limited),
            "127.0.0.1",
            0,
            ssl=tls,
            backlog=1024,
        )
        ports[name] = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await until_stdin_ends()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:3]))
