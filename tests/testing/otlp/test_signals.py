"""Decoded items know which view they came from and which series they belong to."""

from __future__ import annotations

from dataclasses import replace

from tracegate.telemetry.model import Link, SpanView
from tracegate.testing.otlp.signals import Origin, Point, Span, frozen

TRACE = b"t" * 16


def test_a_span_gives_back_its_view() -> None:
    """Remote only where it has a parent and its flags say so."""
    link = Link(TRACE, b"l" * 8)
    span = Span(
        "s", "client", TRACE, b"s" * 8, b"p" * 8, 1, 2, {"a": ("x",)}, "error", "why", (link,), tracestate="k=v"
    )
    view = SpanView(
        "s", "client", TRACE, b"s" * 8, b"p" * 8, 1, 2, {"a": ("x",)}, "error", "why", (link,), "k=v", False
    )
    assert span.view() == view
    assert replace(span, parent_remote=True).view() == view._replace(parent_remote=True)
    assert replace(span, parent_remote=True, parent=b"").view() == view._replace(parent=b"")


def test_a_series_is_its_origin_metric_and_labels() -> None:
    """Time and value do not count; the order of labels does not either."""
    point = Point("m", "s", "sum", {"a": 1, "b": 2}, 10, value=1, origin=Origin({"service.name": "g"}, "scope"))
    assert replace(point, time=20, value=2, labels={"b": 2, "a": 1}).series == point.series
    others = [
        replace(point, metric="n"),
        replace(point, labels={"a": 1}),
        replace(point, origin=Origin({"service.name": "h"}, "scope")),
        replace(point, origin=Origin({"service.name": "g"}, "other")),
    ]
    assert len({other.series for other in [point, *others]}) == 5


def test_frozen_values_keep_their_types_apart() -> None:
    """`1`, `1.0` and `True` are equal in Python and not the same label."""
    values = [1, 1.0, True, "1", (1,), (1.0,), {"a": 1}, {"a": True}, b"1"]
    assert len({frozen(value) for value in values}) == len(values)
    assert frozen({"a": (1,), "b": 2}) == frozen({"b": 2, "a": (1,)})
