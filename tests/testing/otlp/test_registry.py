"""Names, types and values are held against a registry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracegate.errors import Refused
from tracegate.facts import Target
from tracegate.inbound import Inbound
from tracegate.record import Recorder
from tracegate.telemetry.otlp import Encoder, Envelope
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.otlp.check import misplaced
from tracegate.testing.otlp.decode import decode_traces
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import LogRecord, Origin, Point, Span

OURS = Origin(scope="tracegate")
REGISTRY = Registry.of(
    {
        "scope": {"name": "tracegate"},
        "attributes": {
            "a.text": "s",
            "a.int": "i",
            "a.double": "d",
            "a.flag": "b",
            "a.list": "S",
            "a.any": "any",
            "a.one": "s",
        },
        "closed": ["a.", "b."],
        "enums": {"a.one": ["x", "y"]},
        "metrics": {
            "m.c": ["counter", "{x}"],
            "m.u": ["updowncounter", "{x}"],
            "m.h": ["histogram", "s"],
            "m.g": ["gauge", "s"],
        },
        "events": {"e": 13},
        "attempt_required": ["a.text"],
        "server_required": ["a.int"],
        "deprecated": ["old.name", "a.old"],
    }
)


def span(said: dict[str, object], kind: str = "internal") -> Span:
    """A span that says something."""
    return Span("s", kind, b"t" * 16, b"s" * 8, b"", 1, 2, said, origin=OURS)  # type: ignore[arg-type]  # a kind as text


def point(metric: str, kind: str, unit: str, *, monotonic: bool | None = None, **labels: object) -> Point:
    """A point of a metric."""
    said = {name.replace("__", "."): value for name, value in labels.items()}
    return Point(metric, unit, kind, said, 2, monotonic=monotonic, origin=OURS)  # type: ignore[arg-type]  # a kind as text


def test_what_is_registered_has_no_findings() -> None:
    """Right types, allowed values, names below no closed prefix, and foreign scopes."""
    right: dict[str, object] = {"a.text": "", "a.int": 1, "a.double": 1.0, "a.flag": True, "a.list": ("x",)}
    right_spans = [
        span(right | {"a.any": b"", "a.one": "y", "free": 1}),
        span({"a.text": ""}, "client"),
        span({"a.int": 1}, "server"),
        replace(span({"a.nobody": 1}), origin=Origin(scope="httpx")),
    ]
    points = [
        point("m.c", "sum", "{x}", monotonic=True),
        point("m.u", "sum", "{x}", monotonic=False, a__one="unknown"),
        point("m.h", "histogram", "s"),
        point("m.h", "exponential_histogram", "s"),
        point("m.g", "gauge", "s"),
        replace(point("other", "gauge", "s"), origin=Origin(scope="sdk")),
    ]
    log = LogRecord("e", 13, "WARN", 1, 1, b"", b"", None, {"a.text": "x"}, OURS)
    logs = [log, replace(log, name="other", origin=Origin(scope="app"))]
    assert REGISTRY.findings(right_spans, points, logs) == []


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ({"a.nobody": 1}, "span `s`: `a.nobody` is not registered"),
        ({"old.name": 1}, "span `s`: `old.name` is no longer used"),
        ({"a.old": 1}, "span `s`: `a.old` is no longer used"),
        ({"a.text": 1}, "span `s`: `a.text` is 1, registered as s"),
        ({"a.int": True}, "span `s`: `a.int` is True, registered as i"),
        ({"a.double": 1}, "span `s`: `a.double` is 1, registered as d"),
        ({"a.list": "x"}, "span `s`: `a.list` is 'x', registered as S"),
        ({"a.list": (1,)}, "span `s`: `a.list` is (1,), registered as S"),
        ({"a.one": "z"}, "span `s`: `a.one` is 'z', must be one of x, y"),
        ({"a.one": "unknown"}, "span `s`: `a.one` is 'unknown', must be one of x, y"),
    ],
)
def test_an_attribute_that_is_not_as_registered_is_found(said: dict[str, object], finding: str) -> None:
    """Once, however many spans have it."""
    assert REGISTRY.findings([span(said), span(said)], [], []) == [finding]


def test_a_span_without_what_its_kind_must_say_is_found() -> None:
    """Attempts and servers have their required names."""
    assert REGISTRY.findings([span({}, "client"), span({}, "server")], [], []) == [
        "span `s` 7373737373737373 lacks `a.text`",
        "span `s` 7373737373737373 lacks `a.int`",
    ]


@pytest.mark.parametrize(
    ("bad", "finding"),
    [
        (point("m.x", "gauge", "s"), "metric `m.x` is not registered"),
        (
            point("m.c", "sum", "{x}", monotonic=False),
            "metric `m.c` is ('updowncounter', '{x}'), registered as ('counter', '{x}')",
        ),
        (point("m.h", "histogram", "ms"), "metric `m.h` is ('histogram', 'ms'), registered as ('histogram', 's')"),
        (point("m.g", "gauge", "s", b__label=1), "metric `m.g`: `b.label` is not registered"),
    ],
)
def test_a_metric_that_is_not_as_registered_is_found(bad: Point, finding: str) -> None:
    """Its name, kind, unit and labels."""
    assert REGISTRY.findings([], [bad], []) == [finding]


def test_a_log_record_that_is_not_as_registered_is_found() -> None:
    """Its name, severity and attributes."""
    log = LogRecord("e", 9, "INFO", 1, 1, b"", b"", None, {"a.nobody": 1}, OURS)
    assert REGISTRY.findings([], [], [log, replace(log, name="x", attributes={})]) == [
        "log record `e`: `a.nobody` is not registered",
        "log record `e` has severity 9, registered with 13",
        "log record `x` is not registered",
    ]


def test_what_tracegate_renders_passes_its_own_registry() -> None:
    """From records over bytes back to plain values: the same views, in place, with registered names only."""
    clock = FakeClock()
    recorder = Recorder(Inbound(authenticated=True), clock, SeededIds())
    route = recorder.open("route", "default", recorder.server)
    attempt = recorder.open("attempt", "chat gpt-x", route, target=Target("a", "p", "openai", "gpt-x"))
    clock.advance(10)
    recorder.close(attempt, Refused("rate_limit", None, "slow down", status=429))
    recorder.close(route, attempt.error)
    recorder.inbound.status = 429
    recorder.close(recorder.server, attempt.error)
    views = spans(recorder)
    found = decode_traces(Envelope({"service.name": "g"}).wrap([Encoder().spans(views)]))
    assert [span.view() for span in found] == views
    assert misplaced(found) == []
    assert Registry.ours().findings(found, [], []) == []
