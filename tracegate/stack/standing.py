"""A stack for a while: the one that is up, or one that is started here and ended afterwards, leaving nothing.

Nothing is built here. What is up was started by `tracegate stack up`, and stays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tracegate.stack import state
from tracegate.stack.fetch import Unreached, ask
from tracegate.stack.parts import StackError
from tracegate.stack.readers import Jaeger, Prometheus, VictoriaLogs
from tracegate.stack.servers import ORDER, health
from tracegate.stack.stack import Stack


@dataclass(frozen=True, slots=True)
class Stores:
    """Where to send to, and what to read back from.

    Args:
        ports: Port by name, as `ports.USUAL` names them.
        own: Whether they were started for their user, and end with it.
    """

    ports: Mapping[str, int]
    own: bool

    @property
    def otlp_http(self) -> str:
        """Where the Collector takes OTLP over HTTP."""
        return self._url("otlp_http")

    @property
    def jaeger(self) -> Jaeger:
        """Traces."""
        return Jaeger(self._url("jaeger"))

    @property
    def prometheus(self) -> Prometheus:
        """Metrics."""
        return Prometheus(self._url("prometheus"))

    @property
    def victorialogs(self) -> VictoriaLogs:
        """Log events."""
        return VictoriaLogs(self._url("victorialogs"))

    def _url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"


def found_up(at: Path) -> state.State | None:
    """The state of the stack of that folder when any of it runs; raises `StackError` when it can't be read."""
    found = state.read(at)
    return found if found is not None and found.alive() else None


@asynccontextmanager
async def standing(at: Path, *, programs: Mapping[str, Path] | None = None) -> AsyncIterator[Stores]:
    """The stack that is up, or one of one's own on any free ports, in a temporary folder.

    Args:
        at: Folder of the stack that may be up.
        programs: As `Stack` takes them.

    Raises:
        StackError: The one that is up is not well, or none can be started: then nothing is left.
    """
    if (up := found_up(at)) is not None:
        await _check(up.ports)
        yield Stores(up.ports, own=False)
        return
    async with Stack(programs=programs) as stack:
        yield Stores(stack.plan.ports, own=True)


async def _check(ports: Mapping[str, int]) -> None:
    sick = [name for name in ORDER if not await _well(name, ports)]
    if sick:
        raise StackError(
            f"a stack is up, but of it not well: {', '.join(sick)}. See `tracegate stack status`, then"
            " `tracegate stack down`."
        )


async def _well(name: str, ports: Mapping[str, int]) -> bool:
    try:
        return (await ask(health(name, ports))).status == 200
    except Unreached:
        return False
