"""The gateway that outages are tried on, in a process of its own: `python -m tests.stores.traffic_gateway FILE`.

It is the gateway that `tracegate serve` runs, over the exchange in memory, with an audit log where that is shipped.
It writes down what became of every export of traces, which the test compares with the answers and with the store. It
says its port, serves until its standard input ends, sends what it still has, and then says what it wrote down.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from dataclasses import dataclass

import uvloop

from tests.bench.child import until_stdin_ends
from tests.stores.span_ids import span_ids
from tracegate.build.audit import keeping_of
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.telemetry.post import Answer, Headers, Poster
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.simulator_log import Log

CREATED = 1_700_000_000  # of every answer, so that the exchange in memory plans each kind once


@dataclass(slots=True)
class _Try:
    """One export: when its answer came, or the connection was lost, and its status, if it had one."""

    body: bytes
    at: int = 0
    status: int | None = None
    error: str = ""


class Noting:
    """A `Post` that notes what became of exports of traces; a poster for each signal, as in service.

    Args:
        clock: Says when an answer came.
    """

    def __init__(self, clock: SystemClock) -> None:
        self.tries: list[_Try] = []
        self._clock = clock
        self._posters: dict[str, Poster] = {}

    async def __call__(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """See `Post`."""
        poster = self._posters.setdefault(url, Poster())
        if not url.endswith("/v1/traces"):
            return await poster(url, headers, body, timeout_ns)
        self.tries.append(one := _Try(body))
        try:
            answer = await poster(url, headers, body, timeout_ns)
            one.status = answer.status
            return answer
        except BaseException as exc:
            one.error = type(exc).__name__
            raise
        finally:
            one.at = self._clock.now()

    def told(self) -> list[tuple[int, int | None, str, str]]:
        """Time, status, error and the ids of all spans of each try."""
        known: dict[int, str] = {}  # a body that is tried again is the same object
        return [
            (one.at, one.status, one.error, known.setdefault(id(one.body), "".join(span_ids(one.body))))
            for one in self.tries
        ]


async def main(file: str) -> None:
    """Serve until the input ends."""
    config = load(file, os.environ)
    clock, ids = SystemClock(), RandomIds()
    noting = Noting(clock)
    telemetry = telemetry_of(config, clock, ids, os.environ, post=noting)
    exchange = MemoryExchange(clock, log=Log(keep=1), created=CREATED)
    ways = dict.fromkeys(config.providers, exchange)
    shipped = config.audit.ship is not None
    keeping = keeping_of(config, clock, ids, resource=telemetry.resource) if shipped else None
    made = assemble(
        config,
        telemetry.view,
        active=telemetry.active,
        clock=clock,
        ids=ids,
        exchanges=ways,
        audit=None if keeping is None else keeping.audit,
        beside=keeping,
    )
    gc.collect()
    gc.freeze()  # as `worker` does
    sock = bind(config.listen)
    async with serving(made.app, sock, config):
        _tell({"port": sock.getsockname()[1]})
        await until_stdin_ends()
    _tell({"tries": noting.told()})


def _tell(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
