"""Forms: requests of one shape are rendered by filling in what is each one's own.

Nearly all that a gateway tells of a request it has told before, of others with the same target, route, key and end. A
form keeps those bytes and label sets; what is left to do for a request of a known shape is a list of values and one
join. A form is made from what the usual way makes of a request, and only where filling it in gives the very same bytes
and amounts; whatever has no form goes the usual way.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracegate.record import Recorder
from tracegate.telemetry.aggregate import Aggregator, Bound, Counted
from tracegate.telemetry.asked import ENTRY, Asked
from tracegate.telemetry.events import events
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.model import SpanView
from tracegate.telemetry.otlp import ERROR, JOINED, KINDS, OWN, Encoder
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

KEPT = 512
"""Forms that are kept, and shapes that were seen once; when they are full they are forgotten and begin anew."""


class Form:
    """What all requests of one shape have in common.

    Args:
        parts: The bytes of their spans, with every other place left for a value.
        bound: The series that their amounts are added to, of each span that has any.
        tells: Whether they have log events.
        held: What the key knows by its identity only.
    """

    __slots__ = ("bound", "held", "parts", "tells", "waiting")

    def __init__(
        self, parts: list[bytes], bound: Sequence[tuple[list[Bound], list[int]]], tells: bool, held: object
    ) -> None:
        self.parts = parts
        self.bound = bound
        self.tells = tells
        self.held = held
        self.waiting: list[list[Counted]] = []  # amounts of requests that were filled in and not added up


class Forms:
    """The forms of one renderer.

    Args:
        measurements: As the usual way makes them.
        aggregator: Where the amounts of a request are added; `None`: nothing is measured.
    """

    __slots__ = ("_aggregator", "_asked", "_filled", "_forms", "_measurements", "_once")

    def __init__(self, measurements: Measurements, aggregator: Aggregator | None) -> None:
        self._measurements = measurements
        self._aggregator = aggregator
        self._asked = Asked()
        self._forms: dict[Key, Form | None] = {}
        self._once: set[Key] = set()
        self._filled: list[Form] = []

    def fill(self, recorder: Recorder) -> tuple[bytes, bool] | None:
        """Write the spans of a closed request as entries of `ScopeSpans.spans`; it is measured with the next `count`.

        Returns:
            The bytes, and whether the request has log events; `None` where there is no form, and nothing was done.
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
        data = b"".join(parts)
        waiting = form.waiting
        if not waiting:
            self._filled.append(form)
        waiting.append(amounts)
        return data, form.tells

    def count(self) -> None:
        """Add up what was filled in since the last call."""
        aggregator = self._aggregator
        for form in self._filled:
            if aggregator is not None:
                for (bound, ones), counted in zip(form.bound, zip(*form.waiting, strict=True), strict=True):
                    if ones:
                        for amounts, _, _, _ in counted:
                            amounts += ones
                    aggregator.count(bound, counted)
            form.waiting.clear()
        self._filled.clear()

    def _made(self, recorder: Recorder, shape: Shape) -> Form | None:
        """The form of a shape that is seen for the second time: what comes only once is not worth one."""
        key = shape.key
        if key not in self._once:
            if len(self._once) >= KEPT:
                self._once.clear()
            self._once.add(key)
            return None
        try:
            form = self._form(recorder, shape)
        except KeyError:  # the first of them was not measured yet, or there is no room for one of its label sets
            self._once.discard(key)
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
        parts = parts_of(spans(recorder), shape.values)
        if parts is None:
            return None
        held = [record.about for record in recorder.records], [attempt.target for attempt in recorder.attempts]
        return Form(parts, bound, bool(events(recorder)), held)


def parts_of(views: Sequence[SpanView], values: Sequence[bytes]) -> list[bytes] | None:
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
    return parts if b"".join(parts) == Encoder().spans(views) else None


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
            ValueError: Its slots are not in this order.
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
        while len(self._between) < at:
            self._next()
        self._since += head
        self._next()

    def _next(self) -> None:
        self._between.append(self._since)
        self._since = b""
