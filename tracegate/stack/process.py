"""Processes that outlive the command that started them, and are only ever ended when they are still the same.

A process is known by its id and its birth: an id alone is given to another process one day.
No `subprocess`, whose objects want to be waited for by the process that made them. Source of birth and state:
`/proc/PID/stat` of Linux (proc_pid_stat(5), fields 3 and 22), `ps` elsewhere.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracegate.clock import Clock
from tracegate.stack.parts import StackError

PROC = Path("/proc")
_EVERY_NS = 10_000_000


@dataclass(slots=True)
class Process:
    """One process.

    Args:
        pid: Its id.
        birth: When it began, in the words of the system.
        code: Its exit code, once it ended and we are its parent; minus the signal that ended it.
    """

    pid: int
    birth: str
    code: int | None = None

    def alive(self) -> bool:
        """Whether it still runs; takes its exit code when it is our child and has ended."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return birth_of(self.pid) == self.birth
        if pid == 0:
            return True
        self.code = os.waitstatus_to_exitcode(status)
        return False

    def send(self, signal: int) -> None:
        """Send it a signal, unless it ended or its id belongs to another by now."""
        if self.alive():
            os.kill(self.pid, signal)

    async def ended(self, by: int, clock: Clock) -> bool:
        """Wait until it has ended; `False` when it still runs at monotonic nanosecond `by`."""
        while self.alive():
            now = clock.now()
            if now >= by:
                return False
            await clock.sleep_until(min(by, now + _EVERY_NS))
        return True


def spawn(command: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    """Start a program in a session of its own, so that no terminal's Ctrl-C reaches it; its output is added to `log`.

    Raises:
        StackError: It can't be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        pid = os.posix_spawn(command[0], list(command), env, file_actions=actions, setsid=True)
    except OSError as exc:
        raise StackError(f"can't start `{command[0]}`: {exc.strerror}") from exc
    birth = _told(pid, PROC)[1]
    return Process(pid, birth)


def birth_of(pid: int, proc: Path = PROC) -> str | None:
    """When a running process began; `None` when there is none of that id, or only what is left of one."""
    state, birth = _told(pid, proc)
    return None if state in ("", "Z") else birth


def _told(pid: int, proc: Path) -> tuple[str, str]:
    """State and birth of a process, both empty when there is none."""
    if proc.is_dir():
        try:
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()  # its name may have blanks
        except OSError:
            return "", ""
        return fields[0], fields[19]
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split(maxsplit=1)  # noqa: S603  # ps, wherever it is
    return (told[0][0], told[1].strip()) if told else ("", "")
