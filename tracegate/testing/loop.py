"""Virtual time: an asyncio event loop whose clock jumps to the next timer when nothing is ready.

An hour of back-off takes no time and ends on the exact nanosecond. It knows no threads: a run in which nothing is
ready, no timer is armed and no socket is watched can never go on, and fails at once, as does one that leaks.
Real sockets work, but virtual time does not wait for them while a timer is armed.
"""

from __future__ import annotations

import asyncio
import selectors
import traceback
import weakref
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from tracegate.testing.clock import EPOCH, START, FakeClock, Timeline

__all__ = ["EPOCH", "START", "Deadlock", "FakeClock", "Leaked", "VirtualLoop", "run"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LIMIT_NS = 86_400_000_000_000
"""A run that has not ended after one virtual day is taken for one that never ends."""

TURNS = 1_000_000
"""Turns of the loop without time moving after which the run is taken for one that spins."""

IO_WAIT_S = 10.0
"""Real seconds to wait for a watched socket when nothing else can happen."""


class Deadlock(AssertionError):
    """Nothing can ever happen again, or time never moves, or never ends."""


class Leaked(AssertionError):
    """The run left tasks, timers or errors behind that nobody looked at."""


class _LoopTimer(asyncio.TimerHandle):
    """What `loop.call_at` promises to return; the timeline's timer does the work."""

    def __init__(
        self,
        ns: int,
        callback: Callable[..., object],
        args: tuple[object, ...],
        loop: VirtualLoop,
        context: Context | None,
    ) -> None:
        super().__init__(ns / 1e9, callback, args, loop, context)
        self._timer = loop.timeline.arm(ns, callback, args, context, watched=False)

    def cancel(self) -> None:
        super().cancel()
        self._timer.cancel()


class _TimeSelector(selectors.DefaultSelector):
    """Asks the timeline where a selector would sleep; the real selector only while sockets are watched."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self.loop.turn(timeout)

    def poll(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]]:
        """The real thing; the loop's own wake-up pipe alone is not worth a system call."""
        return super().select(timeout) if len(self.get_map()) > 1 else []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop of `run`; use that."""

    def __init__(self, timeline: Timeline, limit_ns: int = LIMIT_NS) -> None:
        selector = _TimeSelector()
        super().__init__(selector)
        selector.loop = self
        self._selects = selector
        self.timeline = timeline
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._end = timeline.now + limit_ns
        self._turns = 0
        self._draining = False

    def time(self) -> float:
        """Virtual seconds; exact nanoseconds are `timeline.now`."""
        return self.timeline.now / 1e9

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See `asyncio`; rounded to the nanosecond, exact for times below 2^51 ns (26 days)."""
        return _LoopTimer(round(when * 1e9), callback, args, self, context)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """See `asyncio`; remembers the task, so that `run` can look at what became of it."""
        task: asyncio.Task[T] = super().create_task(coro, name=name, context=context)
        self.tasks.add(task)
        return task

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Refused: virtual time can't know how long a thread takes."""
        raise RuntimeError(f"`run_in_executor({func})` under virtual time: it knows no threads; use asyncio.run")

    def drain(self) -> None:
        """Let what is ready run until nothing is; time stands still."""
        self._draining, self._turns = True, 0
        self.run_forever()

    def turn(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        """Called where a loop would sleep: fire what is due; if nothing is to do, move time to the next timer.

        Raises:
            Deadlock: When nothing can ever happen again, or time does not move, or passed the limit.
        """
        events = self._selects.poll(0)
        due = self.timeline.due()
        self._turns += 1
        if not due and not events and timeout is None:
            if self._draining:
                self.stop()
                return []
            when = self.timeline.next()
            if when is None:
                return self._wait_for_io()
            if when > self._end:
                raise Deadlock(f"the run had not ended when its virtual time was over\n{waiting(self)}")
            self.timeline.now = when
            self._turns = 0
            due = self.timeline.due()
        elif self._turns > TURNS:
            raise Deadlock(f"{TURNS} turns of the loop and time has not moved: something spins\n{waiting(self)}")
        for timer in due:
            self.call_soon(timer.fire, context=timer.context)
        return events

    def _wait_for_io(self) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._selects.poll(IO_WAIT_S)
        if not events:
            raise Deadlock(f"nothing is ready, no timer is armed, no socket speaks\n{waiting(self)}")
        return events


def run(
    main: Callable[[], Coroutine[Any, Any, T]] | Coroutine[Any, Any, T],
    *,
    seed: int = 0,
    clock: FakeClock | None = None,
    limit_ns: int = LIMIT_NS,
    leave_timers: bool = False,
) -> T:
    """Run a coroutine, or what a function without arguments makes, to its end in virtual time.

    A `FakeClock()` made inside has the loop's time. Costs about 0.1 ms beyond what is run.

    Args:
        main: What to run; its exception is raised as it is.
        seed: 0 fires timers of the same nanosecond as they were armed, another number in an order drawn from it.
        clock: A clock made outside, to run on its time (which has its own order); else time starts at `START`.
        limit_ns: Virtual nanoseconds after which the run is taken for one that never ends.
        leave_timers: Whether timers of a fake clock may still be armed at the end.

    Raises:
        Deadlock: When nothing can ever happen again.
        Leaked: When tasks are pending at the end, an error was never looked at, or a fake clock's timer is armed.
    """
    timeline = Timeline(seed) if clock is None else clock.timeline
    loop = VirtualLoop(timeline, limit_ns)
    unseen: list[str] = []
    loop.set_exception_handler(lambda _, context: unseen.append(_told(context)))
    timeline.loop = loop
    try:
        result = loop.run_until_complete(main if asyncio.iscoroutine(main) else main())
        loop.drain()
        leaks = _leaks(loop, unseen, leave_timers)
    except Deadlock as exc:
        for text in unseen:
            exc.add_note(f"before that, an error that nobody looked at: {text}")
        raise
    finally:
        timeline.loop = None
        _close(loop)
        timeline.disarm()
    if leaks:
        raise Leaked("\n".join(["the run left behind:", *leaks]))
    return result


def waiting(loop: asyncio.AbstractEventLoop) -> str:
    """The pending tasks of a loop, one a line, each with where it waits."""
    lines = sorted(_where(task) for task in asyncio.all_tasks(loop))
    return "\n".join(f"  {line}" for line in lines)


def _leaks(loop: VirtualLoop, unseen: list[str], leave_timers: bool) -> list[str]:
    leaks = [f"  task pending: {_where(task)}" for task in asyncio.all_tasks(loop)]
    for task in list(loop.tasks):
        if task.done() and task._log_traceback:  # asyncio's own mark; waiting for its destructor would need a costly gc
            leaks.append(f"  error never looked at: {_where(task)}: {task.exception()!r}")
    leaks += [f"  error never looked at: {text}" for text in unseen]
    if not leave_timers:
        leaks += [f"  timer armed for {t.when} ns: {t.fn!r}" for t in loop.timeline.left()]
    return sorted(leaks)


def _close(loop: VirtualLoop) -> None:
    """Cancel what is left and close; what it says while dying was said already."""
    loop.set_exception_handler(lambda _, context: None)
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.drain()
    loop.run_until_complete(loop.shutdown_asyncgens())
    for task in list(loop.tasks):
        if task.done() and not task.cancelled():
            task.exception()  # marks it as looked at
    loop.close()


def _where(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack()
    place = traceback.format_list(traceback.extract_stack(frames[-1], limit=1))[0].strip() if frames else "not started"
    return f"{task.get_name()} {task.get_coro()!r}: {' '.join(place.split())}"


def _told(context: Mapping[str, Any]) -> str:
    error = context.get("exception")
    return f"{context.get('message')}: {error!r}"
