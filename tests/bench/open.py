"""How many bytes Python allocates for a stream that is open: `python -m tests.bench.open` prints it.

Counted is everything between the socket of the client and that of the provider, which is the test kit's: the protocol
of the connection, the request, its records and the tasks. Nothing of it depends on how busy the machine is.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tracemalloc
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from tests.bench.calls import configured
from tests.bench.work import KEY, PATH, QUESTION, ROUTE
from tracegate.alarms import Alarms
from tracegate.build.telemetry import telemetry_of
from tracegate.server.assemble import assemble
from tracegate.server.limits import WIRE, Wire
from tracegate.server.protocol import LimitedProtocol
from tracegate.telemetry.post import Answer, Headers
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.script import Step
from tracegate.testing.simulator_log import Log

STREAMS = 100
S = 1_000_000_000


class Transport(asyncio.Transport):
    """That of a client who takes everything; most of it is the event loop's, and not counted."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`: it has no socket."""
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        self.sent += len(data)

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return False

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""


async def bytes_open() -> float:
    """Of one stream, on average."""
    clock, ids = FakeClock(), SeededIds(1)
    config = configured()
    telemetry = telemetry_of(config, clock, ids, {}, post=_post)
    exchange = MemoryExchange(clock, {"long/*": Step(words=50, pace=S)}, log=Log(keep=1))
    ways = dict.fromkeys(config.providers, exchange)
    app = assemble(config, telemetry.view, active=telemetry.active, clock=clock, ids=ids, exchanges=ways).app
    settings = uvicorn.Config(cast("Any", app), ws="none", lifespan="off", proxy_headers=False, log_config=None)
    settings.load()
    state, wire = ServerState(), Wire(alarms=Alarms(clock))

    def opened() -> tuple[LimitedProtocol, Transport]:
        protocol, transport = LimitedProtocol(settings, state, {WIRE: wire}), Transport()
        protocol.connection_made(transport)
        protocol.data_received(_request())
        return protocol, transport

    warm = [opened() for _ in range(STREAMS)]
    await clock.sleep_until(clock.now() + 5 * S)
    gc.collect()
    tracemalloc.start()
    try:
        kept = [opened() for _ in range(STREAMS)]
        await clock.sleep_until(clock.now() + 5 * S // 2)  # each has sent two words, and nobody is at work
        gc.collect()
        found, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(transport.sent > 0 and protocol._running is not None for protocol, transport in kept)
    for protocol, _ in warm + kept:
        protocol.connection_lost(None)
    await clock.sleep_until(clock.now() + S)
    assert not state.tasks
    await telemetry.view.close(clock.now() + S)
    return found / STREAMS


async def _post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
    return Answer(200, (), b"")


def _request() -> bytes:
    asked = {"model": f"{ROUTE}-long", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    body = json.dumps(asked).encode()
    fields = f"host: 127.0.0.1\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    return f"POST {PATH} HTTP/1.1\r\n{fields}content-length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    sys.stdout.write(f"{run(bytes_open()):.0f}\n")
