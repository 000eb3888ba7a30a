"""Over sockets: what is sent, byte by byte, and what the log says of it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from tests.testing.calling import MS, body_of
from tracegate.testing.script import ScriptError, Step
from tracegate.testing.simulator import Simulator
from tracegate.testing.simulator_log import Entry, Log

Main = Callable[[], Coroutine[Any, Any, None]]
SOON_S = 5.0


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    """Runs a coroutine on one of the two loops that the simulator runs on."""

    def run(main: Main) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    return run


class Caller:
    """A bare connection to the simulator."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, model: str, *, stream: bool = False, path: str = "/v1/chat/completions", fields: str = "") -> None:
        """Send a request."""
        body = body_of(model, stream=stream)
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
        self.writer.write(head.encode() + body)

    async def head(self) -> str:
        """Read a head."""
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SOON_S)).decode("latin-1")

    async def answer(self) -> tuple[str, bytes]:
        """Read an answer that has a length."""
        head = await self.head()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        return head, await asyncio.wait_for(self.reader.readexactly(int(fields["content-length"])), SOON_S)

    async def rest(self) -> bytes | None:
        """Everything up to the end of the connection; `None` when it is a reset."""
        try:
            return await asyncio.wait_for(self.reader.read(), SOON_S)
        except ConnectionResetError:
            return None

    async def alive(self) -> bool:
        """Whether the connection answers."""
        try:
            self.ask("gpt")
            return "200 OK" in await self.head()
        except (ConnectionError, asyncio.IncompleteReadError, RuntimeError):  # uvloop refuses to write by the last
            return False


@asynccontextmanager
async def calling(sim: Simulator) -> AsyncIterator[Caller]:
    """A connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


def over(log: Log) -> bool:
    """Whether there are calls and all are over."""
    return len(log) > 0 and all(entry.over for entry in log)


def times(entry: Entry) -> list[int]:
    """The times of an answered call, in the order in which they must be."""
    found = [entry.began, entry.arrived, entry.first_sent, entry.first_body, entry.last_sent, entry.ended]
    assert all(at is not None for at in found)
    return [at for at in found if at is not None]


def test_calls_are_answered_and_logged(loop: Callable[[Main], None]) -> None:
    """With times of the machine's clock, in order, and the request as it came."""

    async def main() -> None:
        before = time.monotonic_ns()
        body = b""
        async with Simulator({"gpt": "503:ok"}, seed=1, created=7) as sim, calling(sim) as caller:
            for status in ("503 Service Unavailable", "200 OK"):
                caller.ask("gpt", path="/azure/v1/chat/completions", fields="X-Own: 1\r\n")
                head, body = await caller.answer()
                assert head.startswith(f"HTTP/1.1 {status}\r\n")
            assert json.loads(body)["created"] == 7
            await sim.until(over)
            first, second = sim.log
            assert [(entry.connection, entry.nth, entry.provider) for entry in sim.log] == [
                (1, 1, "azure"),
                (1, 2, "azure"),
            ]
            assert (first.step, second.step, second.status, second.size) == ("503", "ok", 200, len(body))
            assert (first.header("x-own"), first.body, first.hung_up) == ("1", body_of("gpt"), None)
            stamps = [before, *times(first), *times(second), time.monotonic_ns()]
            assert stamps == sorted(stamps)

    loop(main)


def test_a_stream_is_chunked_event_by_event(loop: Callable[[Main], None]) -> None:
    """And its pauses are kept."""

    async def main() -> None:
        async with Simulator() as sim, calling(sim) as caller:
            caller.ask("sim-text=a b+pace=10ms", stream=True)
            assert "transfer-encoding: chunked" in await caller.head()
            sizes = []
            while size := int(await caller.reader.readuntil(b"\r\n"), 16):
                data = await caller.reader.readexactly(size + 2)
                sizes.append(size)
                assert data.endswith(b"\n\n\r\n")
            await sim.until(over)
            entry = sim.log[0]
            assert (entry.events, entry.size) == (5, sum(sizes))
            assert entry.first_body is not None
            assert entry.last_sent is not None
            assert entry.last_sent - entry.first_body >= 35 * MS  # four pauses, less what timers round off

    loop(main)


@pytest.mark.parametrize(
    ("script", "status", "reset", "closed"),
    [
        ("reset-before-head", None, True, "reset"),
        ("close-before-head", None, False, "close"),
        ("reset-after-head", 200, True, "reset"),
        ("close-after-head", 200, False, "close"),
        ("cut=2+reset", 200, True, "reset"),
        ("cut=2", 200, False, "close"),
        ("cut=mid-head", None, False, "close"),
        ("not-http", None, False, "close"),
        ("bad-frame=1", 200, False, "close"),
        ("no-keep-alive", 200, False, "close"),
        ("framing=close", 200, False, "close"),
    ],
)
def test_a_connection_ends_by_close_or_reset(
    loop: Callable[[Main], None], script: str, status: int | None, reset: bool, closed: str
) -> None:
    """As the step says; the caller did not leave."""

    async def main() -> None:
        async with Simulator() as sim, calling(sim) as caller:
            caller.ask(f"sim-{script}", stream=True)
            got = await caller.rest()
            assert (got is None) is reset
            await sim.until(over)
            entry = sim.log[0]
            assert (entry.status, entry.closed, entry.hung_up) == (status, closed, None)
            if script == "bad-frame=1":
                assert got is not None
                assert got.endswith(b"\n\n\r\nthis is no chunk size\r\n")
            if script == "cut=mid-head":
                assert got is not None
                assert got.startswith(b"HTTP/1.1 200 OK\r\n")
                assert b"\r\n\r\n" not in got

    loop(main)


@pytest.mark.parametrize(
    "script", ["silence", "stall=mid-head", "stall=head", "stall=1", "pace=20ms+words=500", "head-drip=1b@20ms"]
)
@pytest.mark.parametrize("leave", ["close", "reset", "half"])
def test_it_is_noticed_at_once_that_a_caller_leaves(loop: Callable[[Main], None], script: str, leave: str) -> None:
    """Whatever the simulator is doing, and however it goes."""

    async def main() -> None:
        async with Simulator() as sim, calling(sim) as caller:
            caller.ask(f"sim-{script}", stream=True)
            await sim.until(lambda log: len(log) == 1)
            if script == "stall=1":
                await caller.reader.readuntil(b"\n\n\r\n")
            left = time.monotonic_ns()
            match leave:
                case "close":
                    caller.writer.close()
                case "reset":
                    connected = caller.writer.get_extra_info("socket")
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    caller.writer.transport.abort()
                case "half":
                    caller.writer.write_eof()
            await sim.until(over)
            entry = sim.log[0]
            assert entry.ended is None
            assert entry.hung_up is not None
            assert 0 <= entry.hung_up - left < 1_000 * MS

    loop(main)


def test_a_caller_that_does_not_read_is_waited_for_and_may_leave(loop: Callable[[Main], None]) -> None:
    """Bytes count as sent when the kernel has them all."""

    async def main() -> None:
        async with Simulator({"big": Step(body="x" * 20_000_000)}) as sim:
            async with calling(sim) as caller:
                caller.ask("big")
                await caller.head()
                assert sim.log[0].last_sent is None
                _, body = "", await caller.reader.readexactly(20_000_000)
                assert len(body) == 20_000_000
                await sim.until(over)
                assert sim.log[0].size == 20_000_000
            async with calling(sim) as caller:
                caller.ask("big")
                await caller.head()
            await sim.until(over)
            assert (sim.log[1].ended, sim.log[1].hung_up is not None) == (None, True)
            async with calling(sim) as caller:
                caller.ask("big")
                await caller.head()
                caller.writer.write_eof()
                await sim.until(over)
                assert await caller.rest()  # what the kernel had taken, and asyncio's buffer
            assert (sim.log[2].ended, sim.log[2].hung_up is not None) == (None, True)

    loop(main)


@pytest.mark.parametrize("stream", [False, True])
def test_writes_are_as_small_as_the_step_says(loop: Callable[[Main], None], stream: bool) -> None:
    """Head and framing included; together they are the same bytes."""

    async def main() -> None:
        async with Simulator({"a/gpt": "no-keep-alive", "b/gpt": "no-keep-alive+split=3"}, created=7) as sim:
            got = []
            for provider in "ab":
                async with calling(sim) as caller:
                    caller.ask("gpt", stream=stream, path=f"/{provider}/v1/chat/completions")
                    got.append(await caller.rest())
            whole, split = (answer.partition(b"\r\n\r\n")[2] for answer in got if answer is not None)
            assert len(whole) == len(split)
            assert sim.log[0].size == sim.log[1].size

    loop(main)


def test_heads_and_bodies_drip(loop: Callable[[Main], None]) -> None:
    """In so many pieces, with pauses."""

    async def main() -> None:
        script = {"gpt": Step(body="12345", headers=(("server", None),))}
        async with Simulator(script) as sim, calling(sim) as caller:
            caller.ask("sim-head-drip=200b@10ms+body=12345+body-drip=2b@5ms")
            begun = time.monotonic()
            _, body = await caller.answer()
            assert body == b"12345"
            assert time.monotonic() - begun >= 0.035
            await sim.until(over)
            assert sim.log[0].size == 5

    loop(main)


@pytest.mark.parametrize(
    ("script", "alive"),
    [
        ("ok", True),
        ("503", True),
        ("idle=reset", False),
        ("idle=close", False),
        ("idle=next", False),
        ("idle=close+idle-after=60m", True),
        ("linger=1ms", True),
    ],
)
def test_a_kept_connection_may_die(loop: Callable[[Main], None], script: str, alive: bool) -> None:
    """At once, later, or when it is used; a request that it dies of is not logged."""

    async def main() -> None:
        async with Simulator() as sim, calling(sim) as caller:
            caller.ask(f"sim-{script}")
            await caller.answer()
            await sim.until(over)
            if script in ("idle=reset", "idle=close"):
                assert await caller.rest() in (None, b"")
                assert not await caller.alive()
            else:
                assert await caller.alive() is alive
            assert len(sim.log) == (2 if alive else 1)

    loop(main)


@pytest.mark.parametrize("after", ["", "+garbage-after=5ms"])
def test_garbage_may_stand_behind_an_answer(loop: Callable[[Main], None], after: str) -> None:
    """With it or later."""

    async def main() -> None:
        async with Simulator() as sim, calling(sim) as caller:
            caller.ask(f"sim-garbage=HTTP%2F1.1 200 OK{after}")
            await caller.answer()
            got = await asyncio.wait_for(caller.reader.readexactly(15), SOON_S)
            assert got == b"HTTP/1.1 200 OK"
            assert await caller.alive()

    loop(main)


def test_requests_are_answered_one_after_the_other(loop: Callable[[Main], None]) -> None:
    """Also when they are sent together; the end of the connection is the caller's to say."""

    async def main() -> None:
        async with Simulator() as sim, calling(sim) as caller:
            caller.ask("sim-503+wait=5ms")
            caller.ask("gpt", fields="Connection: close\r\n")
            heads = [(await caller.answer())[0][:12] for _ in range(2)]
            assert heads == ["HTTP/1.1 503", "HTTP/1.1 200"]
            assert await caller.rest() == b""

    loop(main)


def test_a_request_may_wait_for_permission_or_be_no_http(loop: Callable[[Main], None]) -> None:
    """100 says go on, 400 ends the connection."""

    async def main() -> None:
        async with Simulator() as sim:
            async with calling(sim) as caller:
                caller.ask("gpt", fields="Expect: 100-continue\r\n")
                assert await caller.head() == "HTTP/1.1 100 Continue\r\n\r\n"
                assert "200 OK" in await caller.head()
            async with calling(sim) as caller:
                caller.writer.write(b"\x16\x03\x01 no http\r\n\r\n")
                assert await caller.rest() == (
                    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )

    loop(main)


def test_stopping_ends_what_is_going_on(loop: Callable[[Main], None]) -> None:
    """Calls are left in the log as calls that were left."""

    async def main() -> None:
        sim = Simulator()
        await sim.stop()
        await sim.start()
        async with calling(sim) as caller:
            caller.ask("sim-silence")
            await sim.until(lambda log: len(log) == 1)
            await sim.stop()
            assert await caller.rest() in (None, b"")
        assert sim.log[0].hung_up is not None

    loop(main)


async def asked(sim: Simulator, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """Status and decoded body of a plain request."""
    async with calling(sim) as caller:
        caller.writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        head, answer = await caller.answer()
        return int(head[9:12]), json.loads(answer)


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("GET", "/v1/models", 200, ["gpt", "azure/own"]),
        ("GET", "/azure/v1/models", 200, ["gpt", "own"]),
        ("GET", "/v1/models/meta/llama", 200, "meta/llama"),
        ("POST", "/v1/models", 405, "Not allowed to POST on /v1/models."),
        ("GET", "/v1/chat/completions", 405, "Not allowed to GET on /v1/chat/completions."),
        ("GET", "/v1/modelsx", 404, "Invalid URL (GET /v1/modelsx)"),
        ("POST", "/v1/embeddings", 404, "Invalid URL (POST /v1/embeddings)"),
    ],
)
def test_what_is_no_call_is_answered_as_openai_does(method: str, path: str, status: int, told: object) -> None:
    """Models, and words for what is not there; nothing of it is logged."""

    async def main() -> None:
        async with Simulator({"gpt": "ok", "azure/own": "ok", "*": "503"}) as sim:
            found, answer = await asked(sim, method, path)
            assert found == status
            if status == 200:
                ids = [model["id"] for model in answer["data"]] if "data" in answer else answer["id"]
                assert ids == told
            else:
                assert answer["error"]["message"].startswith(told)
                assert answer["error"]["type"] == "invalid_request_error"
            assert len(sim.log) == 0

    asyncio.run(main())


def test_it_is_controlled_over_http() -> None:
    """The log is read and cleared, scripts are put and rewound."""

    async def main() -> None:
        async with Simulator() as sim:
            assert await asked(sim, "POST", "/scripts", b'{"gpt": "503:ok"}') == (
                200,
                {"gpt": {"steps": ["503", "ok"], "again": False}},
            )
            call = body_of("gpt")
            assert (await asked(sim, "POST", "/v1/chat/completions", call))[0] == 503
            assert (await asked(sim, "POST", "/v1/chat/completions", call))[0] == 200
            _, told = await asked(sim, "GET", "/log")
            assert [entry["status"] for entry in told["entries"]] == [503, 200]
            assert (await asked(sim, "DELETE", "/log"), len(sim.log)) == ((200, {}), 0)
            assert await asked(sim, "POST", "/rewind") == (200, {})
            assert (await asked(sim, "POST", "/v1/chat/completions", call))[0] == 503
            assert (await asked(sim, "GET", "/scripts"))[1]["gpt"]["steps"] == ["503", "ok"]
            for wrong in (b"[]", b"{", b'{"a": "foo"}'):
                status, answer = await asked(sim, "POST", "/scripts", wrong)
                assert status == 400
                assert answer["error"]["message"]
            with pytest.raises(ScriptError):
                sim.script({"a": "fault=dns_error"})

    asyncio.run(main())


def test_urls_name_providers() -> None:
    """And two that lead nowhere: one is refused, one never answered."""

    async def main() -> None:
        async with Simulator() as sim:
            assert sim.base_url == f"http://127.0.0.1:{sim.port}/v1"
            assert sim.url("azure") == f"http://127.0.0.1:{sim.port}/azure/v1"
            refusing, silent = (int(url.split(":")[2].split("/")[0]) for url in (sim.refusing_url(), sim.silent_url()))
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", refusing)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await asyncio.open_connection("127.0.0.1", silent)

    asyncio.run(main())


def test_waiting_for_the_log_ends() -> None:
    """When it does not say so."""

    async def main() -> None:
        async with Simulator() as sim, calling(sim) as caller:
            waiting = asyncio.create_task(sim.until(lambda log: log.count == 2, within_s=0.05))
            caller.ask("gpt")
            await caller.answer()
            with pytest.raises(TimeoutError):
                await waiting
            caller.ask("gpt")
            await sim.until(lambda log: log.count == 2)

    asyncio.run(main())
