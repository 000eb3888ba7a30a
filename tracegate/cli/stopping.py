"""Ending a command from outside while it has servers of its own: what was started is ended whole, whatever comes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite kill, a terminal that was closed."""


class Stopping:
    """Cancels a task on the first signal; on no other, and on none once the task is `ending`.

    Args:
        task: What is cancelled.
    """

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.ending = False
        self._task = task

    def __call__(self) -> None:
        """A signal came."""
        if not self.ending:
            self.ending = True
            self._task.cancel()


@contextmanager
def stoppable() -> Iterator[Stopping]:
    """Take the signals that end a program, for the running task; one that is ignored, as by `nohup`, stays ignored."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  # inside a coroutine there is one
    stopping = Stopping(task)
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, stopping)
    try:
        yield stopping
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
