"""The algebra of routes: a hop takes a call and commits to a reply, or raises.

```
Hop    = async (Call) -> Reply
policy = over hops, a hop          fallback([retry(target), retry(target)])
```

- `Call` goes down, immutable; `Reply` comes up, read once.
- A hop returns when the first event with output exists (the commit point); before that it may be asked again.
- A limit is an exception from inside, a cancel comes from outside: `CancelledError` always means cancelled, and its
  message is the reason.
- Closing is synchronous, so nothing can be cancelled in the middle of closing.
- Events are read through plain objects, never generators: nothing is suspended in a `yield`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from tracegate.clock import Clock, Ids
from tracegate.errors import Failed
from tracegate.events import Event, Final
from tracegate.facts import INITIAL, Attempt, Cancel, Why
from tracegate.record import Record, Recorder
from tracegate.wire.body import Body


class Call:
    """What goes down the tree; immutable by convention, copied by `but`.

    Args:
        body: The client's request.
        recorder: Of this request.
        parent: The nearest recorded hop above.
        deadline: Monotonic nanoseconds; bounds everything below.
        why: What the parent decided: kind, reason, back-off of the next attempt.
        clock: The only time there is.
        ids: The only randomness there is.
    """

    __slots__ = ("body", "clock", "deadline", "ids", "parent", "recorder", "why")

    def __init__(
        self,
        body: Body,
        recorder: Recorder,
        parent: Record,
        deadline: int,
        clock: Clock,
        ids: Ids,
        why: Why = INITIAL,
    ) -> None:
        self.body = body
        self.recorder = recorder
        self.parent = parent
        self.deadline = deadline
        self.clock = clock
        self.ids = ids
        self.why = why

    def but(self, *, parent: Record | None = None, why: Why | None = None, deadline: int | None = None) -> Call:
        """A copy with some fields replaced; a deadline can only be lowered."""
        return Call(
            self.body,
            self.recorder,
            self.parent if parent is None else parent,
            self.deadline if deadline is None else min(deadline, self.deadline),
            self.clock,
            self.ids,
            self.why if why is None else why,
        )

    def note(self, what: str, **facts: str | int) -> None:
        """Write a decision onto the nearest recorded hop, e.g. `note("skipped", target="a", reason="cooldown")`."""
        self.parent.notes = (*self.parent.notes, (what, facts))


class Source(Protocol):
    """What a reply reads: an upstream answer, a buffer, a cache."""

    async def next(self) -> Event:
        """The next event; a `Final` is the last one. Raises `Failed` when the answer breaks."""

    def abort(self) -> None:
        """Stop at once; synchronous and idempotent."""


Settled = Callable[[BaseException | None], None]


class Reply:
    """A committed answer: read once, inside `async with`, to its `Final`.

    It settles exactly once: when the final passes, when reading fails, or when it is closed early. What was
    registered by `on_settle` then runs, inner first, before anybody above sees the event.

    Args:
        attempt: The committed attempt.
        source: Where the events come from.
        whole: The final is already here: `next` will not wait.
    """

    __slots__ = ("_settled", "_source", "_waiting", "attempt", "whole")

    def __init__(self, attempt: Attempt, source: Source, whole: bool) -> None:
        self.attempt = attempt
        self.whole = whole
        self._source = source
        self._settled = False
        self._waiting: list[Settled] = []

    def on_settle(self, fn: Settled) -> None:
        """Call `fn(None)` at the final, `fn(error)` on failure or cancel; inner hops register first."""
        self._waiting.append(fn)

    def through(self, wrap: Callable[[Source], Source]) -> None:
        """Read through another source from here on, one that sees what passes."""
        self._source = wrap(self._source)

    async def next(self) -> Event:
        """The next event. After the `Final` it must not be called again."""
        try:
            event = await self._source.next()
        except BaseException as exc:
            self._source.abort()
            self._settle(exc)
            raise
        if event.__class__ is Final:
            self._settle(None)
        return event

    def close(self, why: Cancel) -> None:
        """Stop early, for the reason given; nothing happens if the reply has settled."""
        if not self._settled:
            self._source.abort()
            self._settle(asyncio.CancelledError(why))

    def _settle(self, exc: BaseException | None) -> None:
        if not self._settled:
            self._settled = True
            for fn in self._waiting:
                fn(exc)

    async def __aenter__(self) -> Reply:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._settled:
            self._source.abort()
            known = isinstance(exc, asyncio.CancelledError | Failed)
            self._settle(exc if known else asyncio.CancelledError("superseded"))


class Hop(Protocol):
    """One step of a route."""

    async def __call__(self, call: Call) -> Reply:
        """Commit to a reply, or raise."""
