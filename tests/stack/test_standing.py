"""A stack for a while: the one that is up stays, one of one's own leaves nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import pretended
from tracegate.clock import SystemClock
from tracegate.stack import commands, state
from tracegate.stack.parts import StackError
from tracegate.stack.standing import found_up, standing


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Path]:
    """A folder for a stack, which is ended after the test in any case."""
    folder = tmp_path / "stack"
    yield folder
    asyncio.run(commands.down(lambda text: None, at=folder))


def _up(at: Path, **how: str) -> state.State:
    programs = pretended.servers(at.parent / "programs", **how)
    asyncio.run(commands.up(lambda text: None, at=at, programs=programs))
    found = found_up(at)
    assert found is not None
    return found


def test_the_one_that_is_up_is_used_and_stays(at: Path) -> None:
    """At its own ports."""
    up = _up(at)

    async def main() -> None:
        async with standing(at) as stores:
            assert (stores.ports, stores.own) == (up.ports, False)
            assert stores.otlp_http == f"http://127.0.0.1:{up.ports['otlp_http']}"
            assert stores.jaeger.url == f"http://127.0.0.1:{up.ports['jaeger']}"
            assert stores.prometheus.url == f"http://127.0.0.1:{up.ports['prometheus']}"
            assert stores.victorialogs.url == f"http://127.0.0.1:{up.ports['victorialogs']}"

    asyncio.run(main())
    assert len(up.alive()) == 4


def test_where_none_is_up_one_is_started_and_ended(at: Path, tmp_path: Path) -> None:
    """Elsewhere, so that `tracegate stack` has its folder to itself."""

    async def main() -> None:
        async with standing(at, programs=pretended.servers(tmp_path / "programs")) as stores:
            assert stores.own
            assert found_up(at) is None

    asyncio.run(main())
    assert found_up(at) is None


def test_one_that_is_not_well_is_not_used(at: Path) -> None:
    """Nor is it ended: the text says what to do."""
    up = _up(at)
    clock = SystemClock()

    async def main() -> None:
        up.processes["prometheus"].send(signal.SIGKILL)
        assert await up.processes["prometheus"].ended(clock.now() + 10_000_000_000, clock)
        async with standing(at):
            pytest.fail("it is not well")

    with pytest.raises(StackError, match=r"not well: prometheus[.] See `tracegate stack status`"):
        asyncio.run(main())
    assert len(up.alive()) == 3


def test_what_ended_by_itself_is_not_up(at: Path) -> None:
    """Its state file is left, and means nothing."""
    at.mkdir()
    state.write(at, state.State({}, {}))
    assert found_up(at) is None
