"""Processes are started apart, known by their birth, and ended only when they are still the same."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from tracegate.clock import SystemClock
from tracegate.stack.parts import StackError
from tracegate.stack.process import Process, birth_of, spawn

S = 1_000_000_000
CLOCK = SystemClock()
WAITS = "import sys; print(sys.stdin.read() + 'up', flush=True); import signal; signal.pause()"


def _ended(one: Process, within: int = 10 * S) -> bool:
    return asyncio.run(one.ended(CLOCK.now() + within, CLOCK))


def test_a_process_runs_apart_and_ends_by_its_signal(tmp_path: Path) -> None:
    """In a session of its own, without input; it leaves its code, and no child that nobody waited for."""
    one = spawn([sys.executable, "-c", WAITS], {}, tmp_path / "logs" / "one.log")
    assert one.alive()
    assert os.getsid(one.pid) == one.pid != os.getsid(0)
    one.send(signal.SIGTERM)
    assert _ended(one)
    assert one.code == -signal.SIGTERM
    with pytest.raises(ChildProcessError):
        os.waitpid(one.pid, os.WNOHANG)
    assert not one.alive()
    one.send(signal.SIGKILL)  # to nobody


def test_its_output_is_added_to_its_log(tmp_path: Path) -> None:
    """Both streams, over several starts, readable by its owner alone."""
    log = tmp_path / "one.log"
    says = "import os, sys; print('out', os.environ['NAME']); sys.stdout.flush(); sys.exit('err')"
    for name in ("first", "second"):
        one = spawn([sys.executable, "-c", says], {"NAME": name}, log)
        assert _ended(one)
        assert one.code == 1
    assert log.read_text() == "out first\nerr\nout second\nerr\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_one_that_does_not_end_in_time_still_runs(tmp_path: Path) -> None:
    """Waiting is bounded."""
    one = spawn([sys.executable, "-c", WAITS], {}, tmp_path / "one.log")
    assert not _ended(one, within=S // 20)
    one.send(signal.SIGKILL)
    assert _ended(one)
    assert one.code == -signal.SIGKILL


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(StackError, match=r"can't start `.*/nothing`: No such file"):
        spawn([str(tmp_path / "nothing")], {}, tmp_path / "one.log")


def test_a_process_of_another_birth_is_left_alone() -> None:
    """Its id was given to another: to us, in this test, who would die of it."""
    other = Process(os.getpid(), "another time")
    assert not other.alive()
    other.send(signal.SIGKILL)


def test_there_is_no_birth_of_nobody() -> None:
    """Ids end at 2^22 on Linux."""
    assert birth_of(2**22 + 1) is None


def test_where_there_is_no_proc_ps_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and birth stand in its two columns; it says nothing of a process that is not there."""
    ps = tmp_path / "ps"
    ps.write_text(
        '#!/bin/sh\n[ "$4" = 7 ] && echo "Ss+  Mon Nov 23 10:00:00 2026 "\n[ "$4" = 8 ] && echo "Z+ Mon"\n:\n'
    )
    ps.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [birth_of(pid, tmp_path / "no-proc") for pid in (7, 8, 9)] == ["Mon Nov 23 10:00:00 2026", None, None]
