"""Builds the programs of the parts, once, into the cache: `collector/build [PART …]`.

The cache is keyed by the digest of what a part was built from: its committed sources and sums, the command, the Go
version and the platform. A program that is there is the one these sources make; nothing else is asked.
One build at a time runs on a machine, because the linkers take up to 3 GB each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, cast

from tracegate.clock import Clock, SystemClock
from tracegate.stack import places, toolchain
from tracegate.stack.alone import alone
from tracegate.stack.parts import Part, StackError, chosen, maker, source

FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w")
"""The same sources give the same program in any folder; symbols for a debugger are left out."""

REPORT_NS = 10_000_000_000

Say = Callable[[str], None]


class Workshop:
    """Where parts are built, and what was built.

    Args:
        checkout: Holds the sources.
        cache: Holds what was made.
        go: The toolchain.
        say: Told of progress, a line at a time.
    """

    def __init__(self, checkout: Path, cache: Path, go: toolchain.Go, say: Say, clock: Clock | None = None) -> None:
        self._checkout = checkout
        self._cache = cache
        self._go = go
        self._say = say
        self._clock = clock or SystemClock()

    def digest(self, part: Part) -> str:
        """What a part would be built from, as 16 hex digits."""
        folder = source(part, self._checkout)
        summed = hashlib.sha256()
        for told in (self._go.version, self._go.platform, part.tags, *FLAGS, *part.programs, *part.programs.values()):
            summed.update(f"{told}\0".encode())
        for path in sorted(folder.iterdir()):
            if path.suffix in (".go", ".mod", ".sum"):
                summed.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
        return summed.hexdigest()[:16]

    def program(self, name: str) -> Path:
        """Where a program is, or will be, once its part is built."""
        part = maker(name)
        return self._cache / "programs" / f"{part.name}-{self.digest(part)}" / name

    def missing(self, parts: Sequence[Part]) -> list[Part]:
        """The parts that are not built."""
        return [part for part in parts if not all(self.program(name).is_file() for name in part.programs)]

    def build(self, parts: Sequence[Part]) -> None:
        """Build those parts that are missing; says first what, and about how long that takes.

        Raises:
            StackError: One can't be built; those before it are.
        """
        if not self.missing(parts):
            return
        lock = self._cache / "build.lock"
        with alone(lock, lambda: self._say(f"another build runs on this machine ({lock}); waiting for it")):
            missing = self.missing(parts)  # another may have built them while we waited
            for part in missing:
                self._say(f"to build: {part.what}, about {part.minutes:g} min on two cores with nothing cached")
            if missing:
                minutes = sum(part.minutes for part in missing)
                self._say(f"in all about {minutes:g} min with {self._go.version}, into {self._cache}, once")
            for part in missing:
                self._one(part)

    def _one(self, part: Part) -> None:
        began = self._clock.now()
        target = self.program(next(iter(part.programs))).parent
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{part.name}-making-", dir=target.parent))
        try:
            packages = self._listed(part)
            self._compiled(part, made, packages)
            for name, package in part.programs.items():
                # Go names a program after its package, and a main module's after its module.
                written = made / (package.rpartition("/")[2] if package != "." else "otelcol")
                written.rename(made / name)
            shutil.rmtree(target, ignore_errors=True)  # there is one when somebody took a program out of it
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        size = sum(path.stat().st_size for path in target.iterdir()) / 1e6
        self._say(f"{part.name}: done in {_clocked(self._clock.now() - began)}, {size:.0f} MB")

    def _listed(self, part: Part) -> int:
        """Download what is missing and count the packages that have to be compiled."""
        command = ["list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"]
        out = self._go_says(part, command, "downloading", lambda line: line.startswith("go: downloading "), None)
        return sum(1 for line in out if line and not line.startswith("go: "))

    def _compiled(self, part: Part, made: Path, packages: int) -> None:
        self._say(f"{part.name}: {packages} packages to compile")
        command = ["build", "-v", "-o", f"{made}{os.sep}"]
        self._go_says(part, command, "compiling", lambda line: not line.startswith(("go: ", "#", " ", "\t")), packages)

    def _go_says(
        self, part: Part, command: Sequence[str], doing: str, counts: Callable[[str], bool], of: int | None
    ) -> list[str]:
        """Run Go in the part's folder, telling now and then how far it is; returns its lines."""
        tags = [f"-tags={part.tags}"] if part.tags else []
        whole = [str(self._go.program), command[0], *FLAGS, *tags, *command[1:], *part.programs.values()]
        env = {**toolchain.alone(), "CGO_ENABLED": "0", "GOPROXY": self._go.proxy}
        lines: list[str] = []
        began = told = self._clock.now()
        done = 0
        with subprocess.Popen(  # noqa: S603  # the Go that was found, with our arguments
            whole,
            cwd=source(part, self._checkout),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                for line in cast(IO[str], process.stdout):
                    lines.append(line.rstrip("\n"))
                    done += counts(line)
                    now = self._clock.now()
                    if now - told >= REPORT_NS:
                        told = now
                        share = f"{done} of {of} packages" if of else f"{done} so far"
                        self._say(f"{part.name}: {doing}, {share}, {_clocked(now - began)}")
            except BaseException:  # Ctrl-C reaches Go by itself, another signal of ours does not
                process.send_signal(signal.SIGINT)
                raise
        if process.returncode:
            tail = "\n".join(f"  {line}" for line in lines[-20:])
            raise StackError(
                f"{part.what} can't be built: `go {command[0]}` in `{part.source}` ended with"
                f" {process.returncode} and said\n{tail}"
            )
        return lines


def _clocked(ns: int) -> str:
    """A duration as minutes and seconds."""
    seconds = ns // 1_000_000_000
    return f"{seconds // 60}:{seconds % 60:02}"


def workshop(say: Say, *, download_go: bool, among: Iterable[Path | None] | None = None) -> Workshop:
    """The workshop of this checkout and this machine.

    Args:
        say: Told of progress.
        download_go: Get Go where this machine has none; else that is an error.
        among: Where Go is looked for; see `toolchain.found`.

    Raises:
        StackError: There is no checkout, or no Go.
    """
    checkout = places.checkout()
    cache = places.cache(os.environ)
    if download_go:
        return Workshop(checkout, cache, toolchain.get(cache, say, among), say)
    try:
        return Workshop(checkout, cache, toolchain.found(cache, among), say)
    except toolchain.NoGo as exc:
        raise StackError(
            f"nothing is built yet: {exc}.\nRun `collector/build` in the checkout, which gets it."
        ) from exc


def programs(names: Sequence[str]) -> dict[str, Path]:
    """Where programs of this checkout are.

    Raises:
        StackError: One is not built; the text says how to build it.
    """
    shop = workshop(_to_nobody, download_go=False)
    missing = shop.missing(list({maker(name).name: maker(name) for name in names}.values()))
    if missing:
        parts = " ".join(part.name for part in missing)
        minutes = sum(part.minutes for part in missing)
        raise StackError(
            f"not built: {', '.join(part.what for part in missing)}.\n"
            f"Run `collector/build {parts}` in the checkout (about {minutes:g} min on two cores, once)."
        )
    return {name: shop.program(name) for name in names}


def _to_nobody(text: str) -> None:
    """Nothing is built, so there is no progress to tell."""


def main(arguments: Sequence[str]) -> int:
    """Build the parts of those names, all without one, and print where each program is; returns an exit status."""

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    try:
        parts = chosen(arguments)
        shop = workshop(say, download_go=True)
        shop.build(parts)
    except StackError as exc:
        say(str(exc))
        return 1
    for part in parts:
        for name in part.programs:
            sys.stdout.write(f"{name}  {shop.program(name)}\n")
    return 0
