"""Lives under strace: what they do, and what became of their log when a system call failed or was the last one.

A life begins with a copy of one log: what a run left that was killed, with open intents and half a frame at its end, so
that its recovery is interfered with too; or with nothing, and makes a log. `strace` and the right to trace are needed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Literal

import msgspec

from tests.audit.failing import FaultyDisk, SlowLane, final, intent
from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tests.house.repository import ROOT
from tests.torture.judged import Today, faults_of, heads_of, reopened
from tests.torture.life import settings_in
from tests.torture.power import Drive
from tests.torture.traced import FILES, WHOLE, Call, calls_of
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run

LEFT = 253
"""Leaves of the log that was left: a life fills its bundle."""

S = 1_000_000_000
PATIENCE_S = 60.0

How = Literal["EIO", "ENOSPC", "KILL"]
HOWS: tuple[How, ...] = ("EIO", "ENOSPC", "KILL")
UNOPENED = frozenset({"rename", "unlink", "unlinkat", "rmdir", "mkdir"})
"""Calls that name their files."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a life.

    Args:
        call: By its name.
        nth: Which of a thread, from 1.
        how: The error that it returns, or that it is the last one.
        lasting: Whether all that follow fail as well.
        new: Whether there is no log before it.
    """

    call: str
    nth: int
    how: How
    lasting: bool = False
    new: bool = False

    @property
    def injected(self) -> str:
        """As strace takes it."""
        what = "signal=KILL" if self.how == "KILL" else f"error={self.how}"
        return f"inject={self.call}:{what}:when={self.nth}{'+' if self.lasting else ''}"

    def __str__(self) -> str:
        """`write 3 EIO`."""
        more = [said for said, is_so in (("and all after it", self.lasting), ("of a new log", self.new)) if is_so]
        return " ".join([self.call, str(self.nth), self.how, *more])


@dataclass(frozen=True, slots=True)
class Lived:
    """What a life said, and what is wrong with its log.

    Args:
        said: Its lines.
        met: Whether the fault came.
        faults: Of the log, after the next start; none is right.
    """

    said: Sequence[str]
    met: bool
    faults: Sequence[str]


class Lives:
    """Makes lives; a context manager. Several threads may ask it."""

    def __init__(self) -> None:
        self._numbers = count()
        self._asking = Lock()
        self._folder = Path()
        self._kept: tempfile.TemporaryDirectory[str] | None = None
        self._forks: subprocess.Popen[str] | None = None

    def __enter__(self) -> Lives:
        self._kept = tempfile.TemporaryDirectory(prefix="tracegate-lives-")
        self._folder = Path(self._kept.name)
        left_behind(self._folder / "left", LEFT)
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._forks is not None
        assert self._kept is not None
        with self._forks:
            piped(self._forks.stdin).close()
        self._kept.cleanup()

    def traced(self, *, new: bool = False) -> tuple[Drive, list[Call]]:
        """A life that nothing happens to: its disk as it was before, and what it asked of the system."""
        with self._life(new) as folder:
            drive = Drive(folder)
            out, said = self._under(folder, [])
            assert said[-1] == "closed", said
            return drive, calls_of(out)

    def under(self, fault: Fault) -> Lived:
        """A life that something happens to, and the next start of its log."""
        with self._life(fault.new) as folder:
            out, said = self._under(folder, ["-e", fault.injected])
            met = "(INJECTED)" in out if fault.how != "KILL" else "+++ killed by SIGKILL +++" in out
            heads = heads_of(folder)
            found = reopened(settings_in(folder)) or faults_of(folder, heads, said)
            if fault.how != "KILL" and not fault.lasting and said[-1:] != ["closed"]:
                found.append(f"it did not recover by itself: {said[-1:]}")
            return Lived(said, met, found)

    @contextmanager
    def _life(self, new: bool) -> Iterator[Path]:
        folder = self._folder / str(next(self._numbers))
        if new:
            folder.mkdir()
        else:
            shutil.copytree(self._folder / "left", folder)
        yield folder
        shutil.rmtree(folder)

    def _under(self, folder: Path, what: Sequence[str]) -> tuple[str, list[str]]:
        """Live under strace; returns what it wrote, and what the life said."""
        out, to = folder.with_suffix(".trace"), folder.with_suffix(".socket")
        command = ["strace", "-f", "-yy", "-s", str(WHOLE), "-e", f"trace={FILES},sendto", "-o", str(out), *what]
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(to))
            listening.listen()
            process = self._forked(f"{folder} {to}")
            with subprocess.Popen([*command, "-p", str(process)], stderr=subprocess.PIPE, text=True) as strace:
                told = piped(strace.stderr).readline()
                assert "attached" in told, told
                os.kill(process, signal.SIGCONT)
                listening.settimeout(PATIENCE_S)
                heard, _ = listening.accept()
                with heard, heard.makefile() as lines:
                    said = lines.read()
                piped(strace.stderr).read()
        text = out.read_text("latin-1")
        out.unlink()
        to.unlink()
        return text, said[: said.rfind("\n") + 1].splitlines()

    def _forked(self, line: str) -> int:
        assert self._forks is not None
        with self._asking:  # or two threads take each other's answer, and each interferes with the other's life
            piped(self._forks.stdin).write(f"{line}\n")
            return int(piped(self._forks.stdout).readline())


def faults(calls: Sequence[Call], *, new: bool = False) -> Iterator[Fault]:
    """Every fault that can come to a life, as it was traced; and some that last."""
    files = [call for call in calls if call.on.startswith("/") or call.name in UNOPENED]
    counts = Counter(call.name for call in files if call.name not in ("sendto", "openat"))
    for name, most in counts.items():
        for nth in range(1, most + 1):
            yield from (Fault(name, nth, how, new=new) for how in HOWS)
        yield from (Fault(name, nth, "ENOSPC", lasting=True, new=new) for nth in {1, most // 2 + 1})


def left_behind(folder: Path, size: int) -> None:
    """A log of so many leaves, as a process leaves it that is killed: two intents open, and half a frame at the end."""

    async def go() -> None:
        clock = Today()
        made = folder.with_suffix(".made")
        lanes = SlowLane(clock), SlowLane(clock)
        audit = await running(
            settings_in(made), GATEWAY, clock, SeededIds(1), lane=lanes[0], beside=lanes[1], disk=FaultyDisk()
        )
        log, origin = audit.epoch.log, audit.epoch.origin
        for n in range((size - log.size) // 2 - 1):
            at = await log.append(msgspec.structs.replace(intent(n), log=origin), S, r=audit.ids.secret())
            await log.append(msgspec.structs.replace(final(n, at), log=origin), S)
        await clock.sleep_until(clock.now() + 2 * S)
        for n in range(size - log.size):
            await log.append(msgspec.structs.replace(intent(size + n), log=origin), S, r=audit.ids.secret())
        shutil.copytree(made, folder)
        await audit.close()

    run(go)
    (segment,) = folder.glob("*/*/segments/*.seg")
    with segment.open("ab") as file:
        file.write(b"\0\0\3\0torn")


def piped(stream: IO[str] | None) -> IO[str]:
    """A stream of a process that was started with pipes for all of them."""
    assert stream is not None
    return stream
