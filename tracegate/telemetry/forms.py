"""Forms: requests of one shape are rendered by filling in what is each one's own.

Nearly all that a gateway tells of a request it has told before, of others with the same target, route, key and end. A
form keeps those bytes and label sets; what is left to do for a request of a known shape is a list of values and one
join. A form is made from what the usual way makes of a request, and only where filling it in gives the very same bytes
and amounts; whatever has no form goes the usual way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TypeAlias

from tracegate.record import Recorder
from tracegate.telemetry import names
from tracegate.telemetry.aggregate import Aggregator, Bound, Counted
from tracegate.telemetry.asked import ENTRY, Asked
from tracegate.telemetry.events import events, events_of
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.model import SpanView
from tracegate.telemetry.otlp import ERROR, FLAGS, JOINED, KINDS, OWN, Encoder
from tracegate.telemetry.parameters import ATTRIBUTES
from tracegate.telemetry.protobuf import field, key_value, text_field, varint
from tracegate.telemetry.shape import (
    ASKED,
    ATTEMPT,
    PARENT,
    ROUTE,
    SAID,
    SERVER,
    SPAN,
    TIMES,
    TRACE,
    Key,
    Shape,
    shape_of,
)
from tracegate.telemetry.spans import spans

Source: TypeAlias = tuple[int, int | None, int | None]
"""A part of a value: which value, and from where to where."""

Pick: TypeAlias = Callable[[Sequence[bytes]], tuple[bytes, ...]]

Filled: TypeAlias = tuple[bytes, bytes, int]
"""Entries of `ScopeSpans.spans`, entries of `ScopeLogs.log_records`, and how many of the latter."""

START, END = (1, 9), (10, 18)
"""Where both times stand in the value of `TIMES`."""

WHOLE = (None, None)

KEPT = 512
"""Forms that are kept, about 5 MB, and shapes that are counted; when full they are forgotten and begin anew."""

OFTEN = 8
"""How often a shape must have come for a form to be made of it: that takes as long as rendering eight requests."""


class Form:
    """What all requests of one shape have in common.

    Args:
        parts: The bytes of their spans, with every other place left for a value.
        bound: The series that their amounts are added to, of each span that has any.
        told: Their log events, as `parts`.
        cuts: Parts of values that stand there; whole values do, too.
        pick: Which of both stand there, out of all values and those parts behind them.
        events: How many log events they have.
        held: What the key knows by its identity only.
    """

    __slots__ = ("bound", "cuts", "events", "held", "parts", "pick", "told", "waiting")

    def __init__(
        self,
        parts: list[bytes],
        bound: Sequence[tuple[list[Bound], list[int]]],
        told: list[bytes],
        cuts: Sequence[tuple[int, slice]],
        pick: Pick,
        events: int,
        held: object,
    ) -> None:
        self.parts = parts
        self.bound = bound
        self.told = told
        self.cuts = cuts
        self.pick = pick
        self.events = events
        self.held = held
        self.waiting: list[list[Counted]] = []  # amounts of requests that were filled in and not added up


class Forms:
    """The forms of one renderer.

    Args:
        measurements: As the usual way makes them.
        aggregator: Where the amounts of a request are added; `None`: nothing is measured.
        encoder: The renderer's own: what it keeps serves both ways.
    """

    __slots__ = ("_aggregator", "_asked", "_encoder", "_filled", "_forms", "_measurements", "_seen")

    def __init__(self, measurements: Measurements, aggregator: Aggregator | None, encoder: Encoder) -> None:
        self._measurements = measurements
        self._aggregator = aggregator
        self._encoder = encoder
        self._asked = Asked()
        self._forms: dict[Key, Form | None] = {}
        self._seen: dict[Key, int] = {}
        self._filled: list[Form] = []

    def fill(self, recorder: Recorder) -> Filled | None:
        """Write a closed request, which is measured with the next `count`.

        Returns:
            Its bytes; `None` where there is no form, and nothing was done.
        """
        shape = shape_of(recorder, self._asked)
        if shape is None:
            return None
        key, values, amounts = shape
        try:
            form = self._forms[key]
        except KeyError:
            form = self._made(recorder, shape)
        if form is None:
            return None
        parts = form.parts
        parts[1::2] = values
        spans = b"".join(parts)
        waiting = form.waiting
        if not waiting:
            self._filled.append(form)
        waiting.append(amounts)
        if not form.events:
            return spans, b"", 0
        told = form.told
        told[1::2] = form.pick(values + [values[at][cut] for at, cut in form.cuts])
        return spans, b"".join(told), form.events

    def count(self) -> None:
        """Add up what was filled in since the last call."""
        aggregator, filled, self._filled = self._aggregator, self._filled, []
        for form in filled:
            waiting, form.waiting = form.waiting, []  # first: what fails is not tried again
            if aggregator is not None:
                for (bound, ones), counted in zip(form.bound, zip(*waiting, strict=True), strict=True):
                    if ones:
                        for amounts, _, _, _ in counted:
                            amounts += ones
                    aggregator.count(bound, counted)

    def _made(self, recorder: Recorder, shape: Shape) -> Form | None:
        """The form of a shape, once that came often."""
        key, seen = shape.key, self._seen
        count = seen.get(key, 0) + 1
        if count < OFTEN:
            if len(seen) >= KEPT:
                seen.clear()
            seen[key] = count
            return None
        seen.pop(key, None)
        try:
            form = self._form(recorder, shape)
        except KeyError:  # the first of them was not measured yet, or there is no room for one of its label sets
            return None
        if len(self._forms) >= KEPT:
            self._forms.clear()
        self._forms[key] = form
        return form

    def _form(self, recorder: Recorder, shape: Shape) -> Form | None:
        bound: list[tuple[list[Bound], list[int]]] = []
        if self._aggregator is not None:
            made = self._measurements(recorder)
            for own, when, _, span in shape.amounts:
                of = [measurement for measurement in made if measurement.span == span]
                ones = [1] * (len(of) - len(own))
                if [(m.amount, m.time) for m in of] != [(amount, when) for amount in own + ones]:
                    return None
                bound.append(([self._aggregator.bound(m) for m in of], ones))
        parts = parts_of(spans(recorder), shape.values, self._encoder)
        if parts is None:
            return None
        told = told_of(recorder, shape.values, self._encoder)
        if told is None:
            return None
        held = [record.about for record in recorder.records], [attempt.target for attempt in recorder.attempts]
        pieces, sources, count = told
        return Form(parts, bound, pieces, *picked(sources, len(shape.values)), count, held)


def parts_of(views: Sequence[SpanView], values: Sequence[bytes], encoder: Encoder) -> list[bytes] | None:
    """The bytes of some spans, every other part a value; `None` where the values do not stand in them like that."""
    parts = [b""]
    left = list(values)
    for view, slots in zip(views, [SERVER, ROUTE, *[ATTEMPT] * (len(views) - 2)], strict=True):
        own, left = left[: len(slots)], left[len(slots) :]
        cut = _Cut(slots, own)
        try:
            between = cut.between(view)
        except ValueError:
            return None
        size = sum(map(len, between)) + sum(map(len, own))
        parts[-1] += b"\x12" + varint(size) + between[0]
        for value, behind in zip(own, between[1:], strict=True):
            parts += (value, behind)
    return parts if b"".join(parts) == encoder.spans(views) else None


def told_of(
    recorder: Recorder, values: Sequence[bytes], encoder: Encoder
) -> tuple[list[bytes], list[Source], int] | None:
    """The bytes of a request's log events, every other part taken from a value; how many events there are.

    `None` where their bytes are not made of the values like that.
    """
    parts, sources, count = [b""], list[Source](), 0
    spans = {record.span: at for record, at in zip(recorder.records, _firsts(recorder), strict=True)}
    for record in recorder.records:
        first = spans[record.span]
        for view in events_of(recorder, record):
            count += 1
            time = START if view.name == names.EVENT_TRACEGATE_ROUTE_FALLBACK else END
            pieces: list[tuple[bytes, Source]] = [(b"\x09", (first + 3, *time))]
            since = b"\x10" + varint(view.severity) + text_field(0x1A, view.severity_text)
            for key, value in view.attributes.items():
                entry = field(0x32, key_value(key, value))
                slot = {names.TRACEGATE_REQUEST_ID: 5, names.EXCEPTION_MESSAGE: len(ATTEMPT) - 1}.get(key)
                if slot is None:
                    since += entry
                else:
                    at = first + slot
                    pieces.append((since + entry[: len(entry) - len(values[at])], (at, *WHOLE)))
                    since = b""
            pieces += (
                (since + FLAGS + b"\x4a\x10", (0, *WHOLE)),
                (b"\x52\x08", (spans[view.span] + 1, *WHOLE)),
                (b"\x59", (first + 3, *time)),
            )
            last = text_field(0x62, view.name)
            size = len(last)
            for before, (at, start, end) in pieces:
                size += len(before) + len(values[at][start:end])
            parts[-1] += b"\x12" + varint(size)
            for before, source in pieces:
                parts[-1] += before
                parts += (values[source[0]][source[1] : source[2]], b"")
                sources.append(source)
            parts[-1] += last
    return (parts, sources, count) if b"".join(parts) == encoder.logs(events(recorder)) else None


def picked(sources: Sequence[Source], values: int) -> tuple[list[tuple[int, slice]], Pick]:
    """The parts of values among some sources, each once, and how all sources are picked out of values and parts."""
    cuts = list(dict.fromkeys(source for source in sources if source[1:] != WHOLE))
    places = [values + cuts.index(source) if source in cuts else source[0] for source in sources]
    return [(at, slice(start, end)) for at, start, end in cuts], itemgetter(*places) if places else tuple


def _firsts(recorder: Recorder) -> list[int]:
    """Where the values of each record begin."""
    below = len(SERVER) + len(ROUTE)
    return [0, len(SERVER), *range(below, below + len(ATTEMPT) * len(recorder.attempts), len(ATTEMPT))]


class _Cut:
    """Cuts the bytes of one span at its slots.

    Args:
        slots: Their names, in order.
        values: Their bytes; those of a slot that is absent are empty.
    """

    def __init__(self, slots: Sequence[str], values: Sequence[bytes]) -> None:
        self._slots = slots
        self._values = values
        self._between: list[bytes] = []
        self._since = b""  # the last slot

    def between(self, view: SpanView) -> list[bytes]:
        """What stands before, between and behind the slots.

        Raises:
            ValueError: Its slots are not in this order, or one has no value.
        """
        self._slot(TRACE, b"\x0a\x10")
        self._slot(SPAN, b"\x12\x08")
        if view.parent:
            self._slot(PARENT, b"\x22\x08")
        self._since += text_field(0x2A, view.name) + KINDS[view.kind]
        self._slot(TIMES, b"")
        asked = False
        for key, value in view.attributes.items():
            entry = field(ENTRY, key_value(key, value))
            if key in ATTRIBUTES:
                if not asked:
                    self._slot(ASKED, b"")
                asked = True  # one slot holds all of them
            elif key in self._slots:
                payload = len(self._values[self._slots.index(key)])
                self._slot(key, entry[: len(entry) - payload])
            else:
                self._since += entry
        if view.status == "error":
            said = text_field(0x12, view.description) if view.description else b""
            head = field(0x7A, said + ERROR)
            if view.description:
                payload = len(self._values[-1])
                self._slot(SAID, head[: len(head) - len(ERROR) - payload])
                self._since += ERROR
            else:
                self._since += head
        while len(self._between) < len(self._slots):
            self._next()
        return [*self._between, self._since + (JOINED if view.parent_remote else OWN)]

    def _slot(self, name: str, head: bytes) -> None:
        """A slot is here, with its beginning; those before it that did not come are absent."""
        at = self._slots.index(name, len(self._between))
        if not self._values[at]:
            raise ValueError(name)  # what stands here is its own, and would be every other's
        while len(self._between) < at:
            self._next()
        self._since += head
        self._next()

    def _next(self) -> None:
        self._between.append(self._since)
        self._since = b""
