"""What can only be judged as a whole is found: orphans, times, references, series."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracegate.testing.otlp.check import FOREIGN_SLACK_NS, contradictory, dangling, misplaced
from tracegate.testing.otlp.signals import Exemplar, LogRecord, Origin, Point, Span

TRACE = b"t" * 16
OURS = Origin({"service.name": "g"}, "tracegate")
THEIRS = Origin({"service.name": "g"}, "httpx")


def span(number: int, parent: int = 0, start: int = 100, end: int = 200, origin: Origin = OURS) -> Span:
    """A span whose id is a number."""
    above = bytes([parent]) * 8 if parent else b""
    return Span(f"s{number}", "internal", TRACE, bytes([number]) * 8, above, start, end, {}, origin=origin)


def test_a_tree_in_order_has_no_findings() -> None:
    """Children may fill their parent's time exactly."""
    assert misplaced([span(2, 1), span(1), span(3, 2, 150, 150)]) == []


def test_a_span_that_came_twice_is_found() -> None:
    """Even if the two differ."""
    assert misplaced([span(1), span(1, end=300)]) == ["span `s1` 0101010101010101 came twice"]


def test_an_orphan_is_found_unless_some_are_lost() -> None:
    """A parent in another trace is no parent; a remote one need not be there."""
    lonely = replace(span(2, 1), trace=b"u" * 16)
    said = "span `s2` 0202020202020202 is an orphan: its parent 0101010101010101 never came"
    assert misplaced([span(1), lonely]) == [said]
    assert misplaced([span(1), lonely], lost=True) == []
    assert misplaced([replace(lonely, parent_remote=True)]) == []


def test_a_local_parent_that_is_called_remote_is_found() -> None:
    """Such a span would hide that it is an orphan."""
    [said] = misplaced([span(1), replace(span(2, 1), parent_remote=True)])
    assert "says that its parent span `s1` 0101010101010101 is remote" in said


def test_a_child_outside_its_parent_is_found() -> None:
    """To the nanosecond within one scope."""
    found = misplaced([span(1), span(2, 1, 99, 201)])
    assert [text.partition("s2` 0202020202020202 ")[2].partition(" its parent")[0] for text in found] == [
        "starts 1 ns before",
        "ends 1 ns after",
    ]


@pytest.mark.parametrize(("excess", "count"), [(FOREIGN_SLACK_NS, 0), (FOREIGN_SLACK_NS + 1, 1)])
def test_another_clock_is_allowed_a_little(excess: int, count: int) -> None:
    """A span of another instrumentation below ours reads the clock by itself."""
    assert len(misplaced([span(1), span(2, 1, 100, 200 + excess, THEIRS)])) == count


def test_references_to_spans_that_never_came_are_found() -> None:
    """From log records and exemplars, each once; what points nowhere is fine."""
    kept = (Exemplar(TRACE, b"\1" * 8, 1, 1), Exemplar(TRACE, b"\3" * 8, 1, 1), Exemplar(b"", b"", 1, 1))
    point = Point("m", "s", "sum", {}, 2, 1, True, True, 1, exemplars=kept)
    here, there, nowhere = (
        LogRecord("l", 9, "", 1, 0, TRACE if number else b"", bytes([number]) * 8 if number else b"", None, {})
        for number in (1, 2, 0)
    )
    never = f"points at the span {TRACE.hex()}-"
    assert dangling([span(1)], [point, point], [here, there, nowhere]) == [
        f"log record `l` {never}{'02' * 8}, which never came",
        f"an exemplar of `m` {never}{'03' * 8}, which never came",
    ]


def point(value: int = 1, time: int = 200, start: int = 100, cumulative: bool = True, **labels: object) -> Point:
    """A point of the counter `c`."""
    return Point("c", "{x}", "sum", labels, time, start, cumulative, True, value, origin=OURS)


def test_series_that_go_on_have_no_findings() -> None:
    """Growing, restarted, by deltas, of several labels, and gauges."""
    gauges = [Point("g", "s", "gauge", {}, time, value=1.0) for time in (1, 2)]
    growing = [point(1), point(1, 300), point(5, 400), point(1, 500, 450)]
    deltas = [replace(point(n, 200 + n, 199 + n, cumulative=False), metric="d") for n in (3, 4)]
    assert contradictory([*growing, *deltas, point(0, label="other"), *gauges]) == []


def histogram(count: int, time: int) -> Point:
    """A point of the histogram `h`."""
    return Point("h", "s", "histogram", {}, time, 100, True, count=count, origin=OURS)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([point(2, a="x"), point(1, 300, a="x")], "metric `c` {a=x} went back"),
        ([histogram(2, 200), histogram(1, 300)], "metric `h` {} went back"),
        ([point(), point()], "metric `c` {} has two points, the later one not later in time"),
        ([point(), point(1, 300, 150)], "metric `c` {} counts some time twice"),
        ([point(), replace(point(a=1), unit="s")], "metric `c` changed its kind, unit or temporality"),
    ],
)
def test_a_series_that_contradicts_itself_is_found(points: list[Point], said: str) -> None:
    """The finding names metric and labels."""
    assert contradictory(points) == [said]


def test_a_sum_that_may_fall_is_not_called_back() -> None:
    """Only counters and histograms must grow."""
    points = [replace(point(value, time), monotonic=False) for value, time in ((5, 200), (1, 300))]
    assert contradictory(points) == []
