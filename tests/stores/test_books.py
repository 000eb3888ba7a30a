"""The books add up: what is missing, who counts it, what was exposed by a kill, what came twice. No servers here."""

from __future__ import annotations

from tests.stores.books import Books, Try
from tests.stores.collector_losses import Life, _sum, dropped, redelivered
from tests.stores.span_ids import span_ids
from tests.stores.traffic import Asked, Kind, S
from tests.telemetry.made import success
from tracegate.telemetry.otlp import Encoder, Envelope
from tracegate.telemetry.spans import spans

KIND = Kind("plain", 3)


def test_what_is_missing_is_what_was_sent_and_not_found() -> None:
    """A span that is there twice is there once; each count of a loss is in the sum."""
    books = Books(
        [Asked("1", KIND, 0, 0, 1_000_000, 200, "t"), Asked("2", KIND, 0, 9_000, 3_000_000, 200, "u")],
        found={"t": ["a", "b", "b"]},
        gateway={"traces_queue_full": 1, "render_failed": 0},
        lives=[Life(0, 9, 6, 2)],
        dropped=1,
    )
    assert (books.sent, len(books.arrived), books.twice, books.lost, books.counted) == (6, 2, 1, 4, 4)
    assert (books.took_ms(0.5), books.took_ms(0.99), books.late_ms(0.99)) == (1, 3, 0.009)
    assert "6 sent, 2 found, 4 lost" in books.said("a minute")


def test_a_kill_exposes_what_was_held_and_what_was_acknowledged_since() -> None:
    """From what the Collector said last to its end; the queue time is how long ago the first of them was."""
    tries = [
        Try(1 * S, 200, "", ["a"] * 10),
        Try(2 * S, 200, "", ["b"] * 10),
        Try(3 * S, None, "Unanswered", ["c"] * 10),
        Try(4 * S, 200, "", ["d"] * 10),
        Try(6 * S + 1, 200, "", ["e"] * 10),
    ]
    gone, lives_on = Life(told=3 * S, accepted=20, sent=10, failed=1, ended=5 * S), Life(7 * S, 10, 0, 0)
    books = Books(tries=tries, lives=[gone, lives_on])
    assert books.exposed == 9 + 10
    assert books.queue_s() == [3]


def test_what_was_sent_again_though_it_may_have_arrived_is_seen() -> None:
    """A refusal leaves no doubt; each time behind a try without an answer counts."""
    ends = ["ConnectionRefusedError", "Unanswered", "ConnectionRefusedError", ""]
    tries = [Try(n, 200 if not end else None, end, ["a", "b"]) for n, end in enumerate(ends)]
    assert Books(tries=tries).resent == 4


def test_a_collectors_log_tells_what_it_dropped_at_its_end() -> None:
    """Of traces to Jaeger, behind the beginning of its end; what it found on disk is told apart."""
    jaeger = '{"otelcol.component.id": "otlp_grpc/jaeger", "dropped_items": 7, "numberOfItems": 3}'
    other = jaeger.replace("otlp_grpc/jaeger", "otlp_http/victorialogs")
    drop, moved = (
        "x\terror\ty\tExporting failed. Dropping data.\t",
        "x\tinfo\ty\tMoved items for dispatching back to queue\t",
    )
    lines = [
        drop + jaeger,
        "Starting shutdown...",
        drop + jaeger,
        drop + other,
        "Starting otelcol-tracegate...",
        drop + jaeger,
    ]
    assert dropped("\n".join(lines)) == 7
    assert redelivered("\n".join([moved + jaeger, moved + other])) == 3


def test_a_metric_is_summed_over_its_series() -> None:
    """Those of one exporter, where one is named."""
    text = '# TYPE a_total counter\na_total{exporter="x"} 2\na_total{exporter="y",b="c"} 3\na_total_b{exporter="x"} 9\n'
    assert (_sum(text, "a_total"), _sum(text, "a_total", "y"), _sum(text, "none")) == (5, 3, 0)


def test_spans_of_an_export_are_known_by_their_ids() -> None:
    """In their order."""
    views = spans(success())
    body = Envelope({"service.name": "t"}).wrap([Encoder().spans(views)])
    assert list(span_ids(body)) == [view.span.hex() for view in views]
