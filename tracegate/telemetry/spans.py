"""From the records of a request to its spans: the tree, times, statuses and links.

Pure: the same records give the same spans, whichever renderer takes them. What a span says is in `attributes`;
statuses are ruling 10, trust in an inbound trace context is ruling 30.
"""

from __future__ import annotations

from collections.abc import Collection

from tracegate.inbound import Remote
from tracegate.record import Record, Recorder
from tracegate.telemetry import cause
from tracegate.telemetry.attributes import METHODS, Sums, of_hop, of_route, of_server
from tracegate.telemetry.attributes_attempt import of_attempt
from tracegate.telemetry.model import Link, SpanKind, SpanView

CLIENT: SpanKind = "client"
INTERNAL: SpanKind = "internal"
NO_LINKS: tuple[Link, ...] = ()

_new = tuple.__new__  # half the cost of calling the class


def spans(recorder: Recorder, without: Collection[Record] = ()) -> list[SpanView]:
    """The spans of a request, SERVER first, in the order the hops began.

    Args:
        recorder: Of a request whose SERVER record is closed.
        without: Records that were still open when the request was handed over; each comes later, by `span`. A record
            that is open now has no span yet.
    """
    whole = Sums(recorder.request_id, recorder.attempts)
    return [
        _server(recorder, whole) if record.kind == "server" else span(recorder, record, whole)
        for record in recorder.records
        if record.outcome is not None and record not in without
    ]


def span(recorder: Recorder, record: Record, whole: Sums | None = None) -> SpanView:
    """The span of one closed hop below the SERVER; `whole` are the request's sums where they are known."""
    attempt, name, kind, start, end = record.attempt, record.name, INTERNAL, record.start, record.end
    if attempt is not None:
        kind, attributes = CLIENT, of_attempt(recorder, record, attempt)
    elif record.kind == "route":
        sums = Sums(recorder.request_id, recorder.attempts) if whole is None else whole
        name, attributes = f"route {name}", of_route(recorder, record, sums)
    else:
        attributes = of_hop(recorder, record)
    error = record.outcome == "error"
    above, wall = record.parent, recorder.wall - recorder.origin
    return _new(
        SpanView,
        (
            name,
            kind,
            recorder.trace,
            record.span,
            b"" if above is None else above.span,
            wall + start,
            wall + (start if end is None else end),
            attributes,
            "error" if error else "unset",
            cause.message(record) if error else "",
            NO_LINKS,
            "",
            False,
        ),
    )


def _server(recorder: Recorder, whole: Sums) -> SpanView:
    inbound, record = recorder.inbound, recorder.server
    error = cause.server_error_type(recorder)
    remote = inbound.remote
    joined = remote if inbound.trust == "parent" else None
    wall, start, end = recorder.wall - recorder.origin, record.start, record.end
    return _new(
        SpanView,
        (
            f"{inbound.method if inbound.method in METHODS else 'HTTP'} {inbound.route}",
            "server",
            recorder.trace,
            record.span,
            b"" if joined is None else joined.span,
            wall + start,
            wall + (start if end is None else end),
            of_server(recorder, whole, error),
            "unset" if error is None else "error",
            "" if error is None else cause.message(record),
            (_link(remote),) if remote is not None and inbound.trust == "link" else NO_LINKS,
            "" if joined is None else joined.tracestate,
            joined is not None,
        ),
    )


def _link(remote: Remote) -> Link:
    """A link to the caller's span; its `tracestate` is the caller's text and is dropped."""
    return Link(remote.trace, remote.span, remote.flags)
