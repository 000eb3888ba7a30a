"""The audit directory that a command is about, and what it leaves in a log of itself."""

from __future__ import annotations

import pwd
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.audit.commanding import while_open
from tests.audit.stored import NAME, ORIGIN, T, closed, opened, put, store
from tests.cli.archived import ONE, archive, last, ran
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.events import Opened, Read
from tracegate.audit.opening import Place, open_log

CONFIG = """
providers: {p: {dialect: openai, name: p, base_url: "http://127.0.0.1:1/v1", key: none}}
targets: {t: {provider: p, model: m}}
routes: {chat: t}
audit: {dir: logs}
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """An audit directory where only its name finds it."""
    monkeypatch.chdir(tmp_path)
    return archive(tmp_path / "logs")


def test_it_is_named_or_found_by_the_gateway_s_configuration(tmp_path: Path) -> None:
    """The file of the folder where the command runs, or one that is named; else where a gateway without one has it."""
    assert ran("show", ONE).exit_code == 2
    assert ran("show", ONE, "--dir", "logs").exit_code == 0
    put(tmp_path / "tracegate.yaml", CONFIG.encode())
    assert ran("show", ONE).exit_code == 0
    put(tmp_path / "other" / "gateway.yaml", CONFIG.replace("dir: logs", "dir: ../logs").encode())
    assert ran("show", ONE, "--config", "other/gateway.yaml").exit_code == 0
    assert ran("show", ONE, "--config", "nothing.yaml").exit_code == 2
    shutil.copytree("logs", "tracegate-audit")
    Path("tracegate.yaml").unlink()
    assert ran("show", ONE).exit_code == 0


def test_who_read_is_told_by_the_name_of_his_user(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no name for him, by his number."""
    ran("show", ONE, "--dir", "logs")

    def nobody(user: int) -> Any:
        raise KeyError(user)

    by = pwd.getpwuid(Path("logs").stat().st_uid).pw_name
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    ran("show", ONE, "--dir", "logs")
    assert [read.by for read in last(directory, Read)] == [by, str(Path("logs").stat().st_uid)]
    assert [opened.reason for opened in last(directory, Opened)] == ["new", "tool", "tool"]


def test_a_copy_is_read_without_a_trace(directory: Directory) -> None:
    """Its signing keys are elsewhere, and so is the log that could take the leaf; the command says so."""
    shutil.rmtree(directory.root / "keys")
    result = ran("show", ONE, "--dir", "logs")
    assert result.exit_code == 0
    assert result.stderr == "This read stands in no log: the signing keys of these logs are not here.\n"
    assert not (directory.root / NAME / "lock").exists()


def test_what_a_gateway_has_open_is_noted_by_it(directory: Directory) -> None:
    """Where it does not answer, nothing is shown."""
    held = open_log(Disk(), Place(directory.root, ORIGIN), T // 1_000_000)
    result = ran("show", ONE, "--dir", "logs")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("in use: ")
    result, asked = while_open(directory, "r1-w0", lambda: ran("show", ONE, "--dir", "logs"), {"index": 1})
    assert (result.exit_code, [said["what"] for said in asked]) == (0, ["show"])
    result, _ = while_open(directory, "r1-w0", lambda: ran("show", ONE, "--dir", "logs"), {"error": "it is full"})
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "refused: the gateway that has `r1-w0/2026-11` open: it is full\n"
    held.let_go(Disk())


def test_a_log_that_must_not_be_continued_is_not_read(directory: Directory) -> None:
    """For nobody could tell of it."""
    archive(directory.root)
    with (directory.root / "keys" / f"{NAME}.key").open("w") as key:
        key.write("x")
    result = ran("show", ONE, "--dir", "logs")
    assert (result.exit_code, result.stdout) == (1, "")
    store(directory.root, [opened(), closed(T, "rotate")])
    result = ran("show", "0", "--dir", "logs")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has ended" in result.stderr
