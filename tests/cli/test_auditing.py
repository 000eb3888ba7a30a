"""`tracegate audit`, as a person types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.audit.made import OTHER, log_files
from tests.audit.vectors import CHECKPOINT, LEAVES, ORIGIN, VKEY
from tracegate.cli import main
from tracegate.testing.clock import FakeClock
from tracegate.testing.stamp_authority import StampAuthority


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log on disk, beside which the command runs."""
    monkeypatch.chdir(tmp_path)
    for name, raw in log_files(LEAVES).items():
        (tmp_path / "log" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "log" / name).write_bytes(raw)
    (tmp_path / "keys").write_text(f"{OTHER.key.vkey}\n{VKEY}\n")
    (tmp_path / "head").write_text(CHECKPOINT)
    return tmp_path / "log"


def ran(*args: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["audit", "fsck", *args])


@pytest.mark.parametrize("key", [VKEY, "keys"])
def test_a_sound_log_is_told(key: str) -> None:
    """By its key, or the one among several that is its own."""
    result = ran("log", "--key", key, "--against", "head")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == f"pass    log.json          {ORIGIN}"
    assert result.stdout.endswith("Sound: every file is what the leaves give, and the leaves make sense.\n")


def test_what_is_altered_is_told_with_its_file(folder: Path) -> None:
    """For people and for programs."""
    (folder / "tile" / "0" / "000.p" / "6").write_bytes(bytes(192))
    result = ran("log", "--key", VKEY)
    assert result.exit_code == 1
    assert "fail    tiles             tile/0/000.p/6: it is another than the leaves give" in result.stdout
    said = json.loads(ran("log", "--key", VKEY, "--json").stdout)
    assert [check["file"] for check in said["checks"] if check["result"] == "fail"] == ["tile/0/000.p/6"]
    assert (said["code"], said["verdict"], said["size"]) == (1, "refused", 6)


def test_a_segment_that_is_torn_is_told_with_its_leaf(folder: Path) -> None:
    """Nothing is false; the last write was not whole."""
    with (folder / "segments" / "00000000000000000000.seg").open("ab") as segment:
        segment.write(b"x")
    result = ran("log", "--key", VKEY)
    assert result.exit_code == 3
    assert "segments/00000000000000000000.seg: leaf 6: its last frame is not whole" in result.stdout


def test_time_stamps_are_checked_with_what_is_pinned(folder: Path) -> None:
    """A log that has none can't be proved to have been there at a time."""
    Path("root.pem").write_text(StampAuthority(FakeClock()).root_pem)
    result = ran("log", "--key", VKEY, "--authority", "root.pem")
    assert result.exit_code == 3
    assert "missing time stamps       no leaf has one" in result.stdout
    result = ran("log", "--key", VKEY, "--authority", "keys")
    assert (result.exit_code, result.stderr) == (
        2,
        "can't be read: no certificates of time-stamp authorities in PEM\n",
    )


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.delitem(sys.modules, "tracegate.audit.timestamp", raising=False)
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    result = ran("log", "--key", VKEY, "--authority", "keys")
    assert result.exit_code == 2
    assert "install `tracegate[rfc3161]`" in result.stderr


def test_without_a_key_it_is_incomplete(folder: Path) -> None:
    """A log that vouches for itself is not green; one without `log.json` can't even do that."""
    assert ran("log").exit_code == 3
    (folder / "log.json").unlink()
    assert ran("log").exit_code == 1
    assert ran("log", "--key", VKEY).exit_code == 1


@pytest.mark.parametrize(
    "args", [("nowhere", "--key", VKEY), ("log", "--key", "x"), ("log", "--key", VKEY, "--against", "nothing")]
)
def test_what_can_not_be_read_ends_with_2(args: tuple[str, ...]) -> None:
    """Told on stderr."""
    result = ran(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("can't be read: ")
