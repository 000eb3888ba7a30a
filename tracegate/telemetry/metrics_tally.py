"""Running counts that do not come from records: requests in flight, and what telemetry itself lost.

A tally is the count itself; both renderers read it when they collect, so it is right however late they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Protocol

from tracegate.telemetry import names
from tracegate.telemetry.metrics_labels import NO_ROUTE, Labels, Names

_SPANS = frozenset((names.LOST_TRACES_QUEUE, names.LOST_TRACES_EXPORT, names.LOST_TRACES_REJECTED))


class Counts(Protocol):
    """What is kept elsewhere and read whenever a renderer collects; any thread may ask."""

    @property
    def instrument(self) -> str:
        """Its name in `INSTRUMENTS`."""

    def counts(self) -> Sequence[tuple[Labels, int | float]]:
        """Label set and value of each series."""


class Tally:
    """A sum per value of one label.

    Args:
        instrument: A counter or an up-down counter of `INSTRUMENTS`.
        label: The label's key.
        known: Values that exist at 0 from the start (ruling 42).
    """

    __slots__ = ("_counts", "_lock", "instrument", "label")

    def __init__(self, instrument: str, label: str, known: Iterable[str] = ()) -> None:
        self.instrument = instrument
        self.label = label
        self._counts = dict.fromkeys(known, 0)
        self._lock = Lock()  # export threads count what they lose

    def add(self, value: str, amount: int = 1) -> None:
        """Add to the sum of a label value, which must come from code or configuration; any thread may."""
        with self._lock:
            self._counts[value] = self._counts.get(value, 0) + amount

    def counts(self) -> list[tuple[Labels, int]]:
        """Label set and sum, in the order the values first came; any thread may ask."""
        with self._lock:
            return [(((self.label, value),), count) for value, count in self._counts.items()]


class Losses(Tally):
    """`tracegate.telemetry.errors`: what telemetry lost, by where (`names.LOST`)."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(names.METRIC_TRACEGATE_TELEMETRY_ERRORS, names.TRACEGATE_TELEMETRY_WHERE, names.LOST)

    def spans(self) -> int:
        """Spans that were lost on their way; any thread may ask."""
        return sum(count for (((_, where),), count) in self.counts() if where in _SPANS)


class Repeats(Tally):
    """`tracegate.telemetry.repeated`: what was sent again though it may have arrived, by signal."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(names.METRIC_TRACEGATE_TELEMETRY_REPEATED, names.TRACEGATE_TELEMETRY_SIGNAL)


class Active(Tally):
    """`tracegate.requests.active`: requests in flight, by route; counted by the event loop alone, so without a lock.

    Args:
        known: The names that may become labels.
    """

    __slots__ = ("_known",)

    def __init__(self, known: Names) -> None:
        super().__init__(names.METRIC_TRACEGATE_REQUESTS_ACTIVE, names.TRACEGATE_ROUTE_NAME)
        self._known = known

    def begin(self, route: str | None) -> str:
        """A request begins on a route, or on none; returns the label to end it with."""
        label = NO_ROUTE if route is None else self._known.label(route)
        counts = self._counts
        counts[label] = counts.get(label, 0) + 1
        return label

    def move(self, label: str, route: str) -> str:
        """The request that began with `label` is on a route; returns the label to end it with."""
        to, counts = self._known.label(route), self._counts
        counts[label] -= 1
        counts[to] = counts.get(to, 0) + 1
        return to

    def end(self, label: str) -> None:
        """The request that began with `label` is over."""
        self._counts[label] -= 1

    def counts(self) -> list[tuple[Labels, int]]:
        """See `Tally.counts`; an export thread gets a copy that is made in one step."""
        return [(((self.label, value),), count) for value, count in self._counts.copy().items()]
