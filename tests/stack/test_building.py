"""What is built is what the sources say, once, and whatever fails is loud."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.repository import ROOT
from tests.stack import pretended
from tracegate.stack import building, toolchain
from tracegate.stack.building import Workshop
from tracegate.stack.parts import PARTS, StackError
from tracegate.testing import FakeClock

COLLECTOR, PROMETHEUS = PARTS["collector"], PARTS["prometheus"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the sources of all parts."""
    for part in PARTS.values():
        folder = tmp_path / "checkout" / part.source
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {part.name}\n")
    return tmp_path / "checkout"


def _shop(checkout: Path, go: Path, said: list[str], clock: FakeClock | None = None) -> Workshop:
    return Workshop(checkout, checkout.parent / "cache", toolchain.asked(go), said.append, clock or FakeClock())


def test_what_is_missing_is_built_and_told_first(checkout: Path, tmp_path: Path) -> None:
    """What will be built and how long it takes stands before anything is done; nothing else is left in the cache."""
    said: list[str] = []
    shop = _shop(checkout, pretended.go(tmp_path), said)
    shop.build([COLLECTOR, PROMETHEUS])
    assert said == [
        "to build: the Tracegate Collector (OpenTelemetry Collector 0.161.0), about 3 min on two cores"
        " with nothing cached",
        "to build: Prometheus 3.16.0 with promtool, about 4 min on two cores with nothing cached",
        f"in all about 7 min with go1.26.8, into {tmp_path / 'cache'}, once",
        "collector: 3 packages to compile",
        "collector: done in 0:00, 0 MB",
        "prometheus: 3 packages to compile",
        "prometheus: done in 0:00, 0 MB",
    ]
    for name in ("otelcol-tracegate", "prometheus", "promtool"):
        assert shop.program(name).read_text() == "made"
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "cache" / "programs").iterdir()) == [
        "collector",
        "prometheus",
    ]


def test_what_is_built_is_not_built_again(checkout: Path, tmp_path: Path) -> None:
    """Nothing is said and no Go is run; a program that somebody took is made again."""
    said: list[str] = []
    shop = _shop(checkout, pretended.go(tmp_path), said)
    shop.build([PROMETHEUS])
    before = (tmp_path / "asked.txt").read_text()
    said.clear()
    shop.build([PROMETHEUS])
    assert (said, (tmp_path / "asked.txt").read_text()) == ([], before)
    shop.program("promtool").unlink()
    assert shop.missing([PROMETHEUS, COLLECTOR]) == [PROMETHEUS, COLLECTOR]
    shop.build([PROMETHEUS])
    assert shop.program("promtool").is_file()


def test_go_is_asked_for_a_repeatable_build(checkout: Path, tmp_path: Path) -> None:
    """Paths and sums do not depend on the folder or on what a proxy says today."""
    shop = _shop(checkout, pretended.go(tmp_path), [])
    shop.build([PROMETHEUS])
    _, listing, build = (tmp_path / "asked.txt").read_text().splitlines()
    flags = "-trimpath -buildvcs=false -mod=readonly -ldflags=-s -w -tags=remove_all_sd,netgo"
    packages = "github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool"
    assert listing == f"list {flags} -deps -f {{{{if .Stale}}}}{{{{.ImportPath}}}}{{{{end}}}} {packages}"
    assert build.startswith(f"build {flags} -v -o {tmp_path}/cache/programs/prometheus-making-")
    assert build.endswith(f"/ {packages}")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "go.sum").write_text("sum"),
        lambda folder: (folder / "main.go").write_text("package main"),
        lambda folder: (folder / "go.mod").write_text("module other"),
    ],
)
def test_other_sources_are_another_program(checkout: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    """The key covers sources and sums, the Go version, and nothing else that lies there."""
    shop = _shop(checkout, pretended.go(tmp_path), [])
    folder = checkout / COLLECTOR.source
    digest = shop.digest(COLLECTOR)
    (folder / "README.md").write_text("words")
    assert shop.digest(COLLECTOR) == digest
    assert _shop(checkout, pretended.go(tmp_path / "other", "go1.26.9"), []).digest(COLLECTOR) != digest
    change(folder)
    assert shop.digest(COLLECTOR) != digest


def test_progress_is_told_now_and_then(checkout: Path, tmp_path: Path) -> None:
    """Not for each package; while compiling it says of how many."""

    class Hurried(FakeClock):
        def now(self) -> int:
            self.advance(6_000_000_000)
            return super().now()

    said: list[str] = []
    _shop(checkout, pretended.go(tmp_path), said, Hurried()).build([COLLECTOR])
    assert [line for line in said if "downloading" in line or "compiling" in line] == [
        "collector: downloading, 1 so far, 0:12",
        "collector: downloading, 1 so far, 0:24",
        "collector: compiling, 2 of 3 packages, 0:12",
    ]


def test_a_build_that_fails_is_loud_and_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    """The part, the place and Go's own words."""
    shop = _shop(checkout, pretended.go(tmp_path, fails="undefined: x"), [])
    with pytest.raises(
        StackError, match=r"(?s)Prometheus 3.16.0 .*`go build` in `tests/stores/prometheus` .*undefined: x"
    ):
        shop.build([PROMETHEUS])
    assert list((tmp_path / "cache" / "programs").iterdir()) == []


def test_one_build_at_a_time(checkout: Path, tmp_path: Path) -> None:
    """A second one says that it waits, and finds built what the first one made."""
    go, cache = pretended.go(tmp_path), tmp_path / "cache"
    cache.mkdir()
    first, second = _shop(checkout, go, []), [""]
    waits = threading.Event()

    def say(text: str) -> None:
        second.append(text)
        waits.set()

    with (cache / "build.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        other = Workshop(checkout, cache, toolchain.asked(go), say, FakeClock())
        thread = threading.Thread(target=other.build, args=([PROMETHEUS],))
        thread.start()
        assert waits.wait(10)
        first._one(PROMETHEUS)
    thread.join(10)
    assert second[1:] == [f"another build runs on this machine ({cache / 'build.lock'}); waiting for it"]


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a Go that makes nothing, for this very checkout."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pretended.go(tmp_path / "path")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path / "cache" / "tracegate"


def test_a_program_that_is_missing_is_told_with_what_to_run(cached: Path) -> None:
    """Loudly: by the command that makes it."""
    with pytest.raises(StackError, match=r"(?s)not built: Prometheus.*Run `collector/build prometheus` .*about 4 min"):
        building.programs(["promtool", "prometheus"])
    assert building.main(["prometheus"]) == 0
    found = building.programs(["promtool"])
    assert found["promtool"].parent.parent == cached / "programs"


def test_the_command_prints_where_programs_are(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Progress is on standard error, so that what it prints can be read by a program."""
    assert building.main(["jaeger"]) == 0
    out, err = capsys.readouterr()
    name, path = out.split()
    assert (name, Path(path).read_text()) == ("jaeger", "made")
    assert err.startswith("to build: Jaeger 1.62.0")
    assert building.main(["tempo"]) == 1
    assert "there is no part `tempo`" in capsys.readouterr().err


def test_without_go_nothing_is_downloaded_behind_ones_back(cached: Path, tmp_path: Path) -> None:
    """Asking where programs are is no order to fetch a toolchain."""
    old = pretended.go(tmp_path, "go1.20")
    with pytest.raises(StackError, match=r"(?s)nothing is built yet: .* is go1.20; needed.*Run `collector/build`"):
        building.workshop(lambda text: None, download_go=False, among=[old])
    assert not cached.exists()


def test_the_script_needs_no_installation() -> None:
    """It is run by a Python that has none of our dependencies."""
    command = [sys.executable, "-S", str(ROOT / "collector" / "build"), "tempo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("there is no part `tempo`; there are `collector`")


class _Interrupting(FakeClock):
    """A clock during whose third reading, which is while Go works, Ctrl-C comes."""

    def __init__(self) -> None:
        super().__init__()
        self._read = 0

    def now(self) -> int:
        self._read += 1
        if self._read == 3:
            raise KeyboardInterrupt
        return super().now()


def test_an_interrupted_build_ends_go_and_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    """What was built before stays; the half of a program does not."""
    shop = _shop(checkout, pretended.go(tmp_path), [], _Interrupting())
    with pytest.raises(KeyboardInterrupt):
        shop.build([PROMETHEUS])
    assert list((tmp_path / "cache" / "programs").iterdir()) == []
    assert shop.missing([PROMETHEUS]) == [PROMETHEUS]
