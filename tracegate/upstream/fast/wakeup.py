"""What one task waits for, again and again: when it is woken it goes on at once, in the turn of the loop that woke it.

A future of asyncio's lets the loop come round once more before whoever waits for it goes on. With every chunk of every
stream that would be another look at all sockets, and a future. This speaks the same protocol, that of an object that
is like a future (see `asyncio.isfuture`), to one task only; the task can be cancelled as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context


class Wakeup:
    """See the module; made by the task that waits, or by anybody on its loop."""

    __slots__ = ("_asyncio_future_blocking", "_cancelled", "_context", "_go_on", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asyncio_future_blocking = False
        self._go_on: Callable[[Wakeup], object] | None = None  # of the task, while it waits
        self._context: Context | None = None
        self._cancelled: asyncio.CancelledError | None = None

    def __await__(self) -> Generator[Wakeup, None, None]:
        """Wait until it is woken."""
        self._asyncio_future_blocking = True
        return iter((self,))  # type: ignore[return-value]  # `await` takes any iterator; a generator costs more

    def wake(self) -> None:
        """Let the task go on, where it waits: at once, unless another task is at work here, for two can't be."""
        go_on, self._go_on = self._go_on, None
        if go_on is None:
            return
        assert self._context is not None  # noqa: S101  # it came with `go_on`
        if asyncio.current_task(self._loop) is None:
            self._context.run(go_on, self)
        else:
            self._loop.call_soon(go_on, self, context=self._context)

    # What a task calls

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """See `asyncio.Future`."""
        return self._loop

    def add_done_callback(self, fn: Callable[[Wakeup], object], *, context: Context) -> None:
        """See `asyncio.Future`; what is given wakes the task."""
        self._go_on = fn
        self._context = context

    def cancel(self, msg: object = None) -> bool:
        """See `asyncio.Future`."""
        go_on, self._go_on = self._go_on, None
        if go_on is None:
            return False  # it is about to go on, and learns it then
        self._cancelled = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self._loop.call_soon(go_on, self, context=self._context)
        return True

    def result(self) -> None:
        """See `asyncio.Future`."""
        if self._cancelled is not None:
            cancelled, self._cancelled = self._cancelled, None
            raise cancelled
