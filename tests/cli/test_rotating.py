"""`tracegate audit rotate`, as a person types it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.audit.commanding import while_open
from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tests.audit.stored import ORIGIN, T
from tests.cli.archived import archive, ran, told
from tracegate.audit.asked import answered
from tracegate.audit.control import Control
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.lane import ThreadLane
from tracegate.audit.opening import Place, open_log
from tracegate.audit.process import Settings
from tracegate.audit.succession import Home
from tracegate.clock import RandomIds, SystemClock


def test_a_running_gateway_gets_another_key(tmp_path: Path) -> None:
    """Twice: once for a person, once for a program; each log that ended is sound, and its key is gone."""

    async def main() -> tuple[list[str], Result, Any]:
        audit = await running(Settings(Home(tmp_path, "localhost", "test", "r1")), GATEWAY, SystemClock(), RandomIds())
        control = Control(audit.home.private, audit.replica, ThreadLane(), partial(answered, audit))
        await control.start()
        keys = [audit.epoch.signer.key.vkey]
        said = await asyncio.to_thread(ran, "rotate", "--dir", str(tmp_path))
        keys.append(audit.epoch.signer.key.vkey)
        turned = await asyncio.to_thread(told, "rotate", "--dir", str(tmp_path))
        keys.append(audit.epoch.signer.key.vkey)
        await control.close()
        await audit.close()
        return keys, said, turned

    keys, said, turned = asyncio.run(main())
    logs = Directory(tmp_path).logs()
    assert [log.key.vkey for log in sorted(logs, key=lambda log: log.origin)] == keys
    origins = [key.split("+")[0] for key in keys]
    assert (said.exit_code, said.stdout.splitlines()) == (
        0,
        [
            f"Ended      {origins[0]}: its key is destroyed; what it signed stays valid.",
            f"Began      {origins[1]}; its key, to pin beside the other:",
            f"           {keys[1]}",
        ],
    )
    assert turned == {"v": 1, "code": 0, "turned": [{"ended": origins[1], "log": origins[2], "vkey": keys[2]}]}
    assert len(list(tmp_path.glob("keys/r1/*.key"))) == 1
    for log in logs:
        assert [check for check in fsck(Folder(log.folder), log.key).checks if check.result != "pass"] == []


def test_without_a_gateway_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, with another exit status."""
    monkeypatch.chdir(tmp_path)
    archive(tmp_path / "tracegate-audit")
    result = ran("rotate")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "No gateway has a log open: a key is changed while one runs.\n"
    assert told("rotate") == {"v": 1, "code": 3, "turned": []}


def test_a_log_that_a_process_holds_ends_with_4(tmp_path: Path) -> None:
    """Where it does not answer."""
    directory = archive(tmp_path)
    held = open_log(Disk(), Place(directory.root, ORIGIN), T // 1_000_000)
    result = ran("rotate", "--dir", str(tmp_path))
    held.let_go(Disk())
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("in use: ")


def test_a_gateway_that_refuses_ends_with_1(tmp_path: Path) -> None:
    """With what it says."""
    directory = archive(tmp_path)
    said = {"error": "a record of the epoch before this one is still open"}
    result, asked = while_open(directory, "r1-w0", lambda: ran("rotate", "--dir", str(tmp_path)), said)
    assert (result.exit_code, result.stdout, asked) == (1, "", [{"do": "rotate"}])
    assert "is still open" in result.stderr
