"""What can only be judged when everything is there: parents, times, references, series.

Each function returns its findings as sentences, none when all is well; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracegate.testing.otlp.signals import LogRecord, Point, Span

FOREIGN_SLACK_NS = 5_000_000
"""Between spans of two instrumentations, which read different clocks, a child may stick out by so much."""


def misplaced(spans: Sequence[Span], *, lost: bool = False) -> list[str]:
    """Spans twice there, without their parent, or outside its time.

    Args:
        spans: All there are.
        lost: Some are known to be lost, so a missing parent is no finding.
    """
    found: list[str] = []
    known: dict[tuple[bytes, bytes], Span] = {}
    for span in spans:
        if known.setdefault((span.trace, span.span), span) is not span:
            found.append(f"{named(span)} came twice")
    for span in spans:
        parent = known.get((span.trace, span.parent))
        if parent is not None:
            slack = 0 if parent.origin.scope == span.origin.scope else FOREIGN_SLACK_NS
            early, late = parent.start - span.start, span.end - parent.end
            if early > slack:
                found.append(f"{named(span)} starts {early} ns before its parent {named(parent)}")
            if late > slack:
                found.append(f"{named(span)} ends {late} ns after its parent {named(parent)}")
            if span.parent_remote:
                found.append(f"{named(span)} says that its parent {named(parent)} is remote")
        elif span.parent and not span.parent_remote and not lost:
            found.append(f"{named(span)} is an orphan: its parent {span.parent.hex()} never came")
    return found


def dangling(spans: Iterable[Span], points: Iterable[Point], logs: Iterable[LogRecord]) -> list[str]:
    """Log records and exemplars that point at a span nobody sent."""
    known = {(span.trace, span.span) for span in spans}
    pointing = [(f"log record `{log.name}`", log.trace, log.span) for log in logs if log.span]
    pointing += [(f"an exemplar of `{p.metric}`", e.trace, e.span) for p in points for e in p.exemplars if e.span]
    lost = dict.fromkeys(where for where in pointing if where[1:] not in known)
    return [f"{what} points at the span {trace.hex()}-{span.hex()}, which never came" for what, trace, span in lost]


def contradictory(points: Sequence[Point]) -> list[str]:
    """Series that go back, overlap, or change their kind, in the order they came."""
    found: list[str] = []
    kinds: dict[tuple[str, str], tuple[object, ...]] = {}
    latest: dict[tuple[object, ...], Point] = {}
    for point in points:
        kind = (point.kind, point.unit, point.cumulative, point.monotonic)
        if kinds.setdefault((point.origin.scope, point.metric), kind) != kind:
            found.append(f"metric `{point.metric}` changed its kind, unit or temporality")
        before = latest.get(point.series)
        latest[point.series] = point
        if before is None:
            continue
        if point.time <= before.time:
            found.append(f"{series(point)} has two points, the later one not later in time")
        elif point.cumulative and point.start == before.start and _fell(before, point):
            found.append(f"{series(point)} went back")
        elif point.cumulative is not None and before.start < point.start < before.time:
            found.append(f"{series(point)} counts some time twice")
    return found


def named(span: Span) -> str:
    """A span in a message."""
    return f"span `{span.name}` {span.span.hex()}"


def series(point: Point) -> str:
    """A series in a message."""
    labels = ", ".join(f"{key}={value}" for key, value in sorted(point.labels.items()))
    return f"metric `{point.metric}` {{{labels}}}"


def _fell(before: Point, point: Point) -> bool:
    if point.count is not None and before.count is not None:
        return point.count < before.count
    return bool(point.monotonic) and (point.value or 0) < (before.value or 0)
