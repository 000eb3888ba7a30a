"""From configuration to the audit log of a process: where it is kept, who writes, what runs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.agreement.house import loaded
from tests.server.opened import config
from tracegate.audit.control import ask
from tracegate.audit.opening import InUse
from tracegate.audit.retention import Retention
from tracegate.build.audit import Keeping, gateway_of, keeping_of, settings_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.model import Config
from tracegate.custody import DAY_NS
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds


def configured(folder: Path, text: str = "", more: str = "") -> Config:
    """A configuration whose log is in a folder."""
    return loaded(config("sim-ok", more=f"audit: {{dir: '{folder}', replica: r1{text}}}\n{more}"))


def kept(config: Config, asked: Callable[[Keeping], Awaitable[None]]) -> None:
    """Keep a log while something is asked of it."""

    async def main() -> None:
        keeping = keeping_of(config, SystemClock(), RandomIds())
        assert keeping is not None
        await keeping.start()
        try:
            await asked(keeping)
        finally:
            await keeping.close()

    asyncio.run(main())


def test_the_settings_are_those_of_the_configuration(tmp_path: Path) -> None:
    """The wait is meant for one mode; a preset is the class of its leaves, which stay as long as it says."""
    found = settings_of(configured(tmp_path))
    assert found is not None
    assert (found.home.root, found.home.replica, found.home.shared) == (tmp_path, "r1", False)
    assert (found.mode, found.wait_ns, found.retention, found.sign_path) == ("strict", 10**9, Retention(), True)
    text = ", mode: available, wait: 7ms, retention: pci, sign_path: false, ship: 'http://localhost:4319'"
    found = settings_of(configured(tmp_path, text), workers=2)
    assert found is not None
    assert (found.mode, found.wait_ns, found.sign_path) == ("available", 7_000_000, False)
    assert found.retention == Retention("pci", 365 * DAY_NS, ships=True)
    assert found.home.shared
    assert settings_of(configured(tmp_path, ", mode: off")) is None


def test_leaves_say_who_wrote_them(tmp_path: Path) -> None:
    """The node has a name there even where answers don't tell it; nothing says that it is unknown."""
    one = configured(tmp_path)
    one = replace(one, gateway=replace(one.gateway, node="n1", region="eu-1"))
    found = gateway_of(one, FakeClock(), SeededIds(1))
    assert (found.node, found.region, found.config_digest) == ("n1", "eu-1", one.digest)
    hidden = replace(one, gateway=replace(one.gateway, node=None, region="unknown"))
    found = gateway_of(hidden, FakeClock(), SeededIds(1))
    assert (found.node, found.region) == ("r1", None)


def test_no_log_is_kept_where_it_is_off(tmp_path: Path) -> None:
    """And nothing is made."""
    assert keeping_of(configured(tmp_path / "a", ", mode: off"), FakeClock(), SeededIds(1)) is None
    assert not (tmp_path / "a").exists()


def test_commands_reach_it(tmp_path: Path) -> None:
    """While it is kept; nothing is left then."""

    async def asked(keeping: Keeping) -> None:
        said = {"do": "read", "by": "ann", "what": "find", "record_ids": [], "count": 3}
        told = await asyncio.to_thread(ask, tmp_path / "private", "r1", said)
        assert told == {"log": keeping.audit.epoch.origin, "index": 2}
        with pytest.raises(InUse):
            keeping_of(configured(tmp_path), SystemClock(), RandomIds())

    kept(configured(tmp_path), asked)
    assert ask(tmp_path / "private", "r1", {}) is None
    checkpoint = next(tmp_path.glob("r1/*/checkpoint")).read_text()
    assert checkpoint.splitlines()[1] == "4"


def test_a_gateway_that_no_command_can_reach_serves_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a file system has no sockets, say."""
    (tmp_path / "private" / "r1.sock" / "in the way").mkdir(parents=True)

    async def asked(keeping: Keeping) -> None:
        assert keeping.audit.epoch.log.failing is None

    kept(configured(tmp_path), asked)
    assert "No command will reach this gateway" in caplog.text


def test_leaves_are_shipped_where_the_configuration_says(tmp_path: Path) -> None:
    """From the start to the end; nobody is there, so they wait in the log."""

    async def asked(keeping: Keeping) -> None:
        assert keeping.audit.numbers().unshipped is not None

    kept(configured(tmp_path, ", ship: 'http://127.0.0.1:9'", "telemetry: {otlp: none, shutdown: 100ms}\n"), asked)
