"""The dashboard "Chain of custody": how long each audit log is, whether all of it is kept, shipped and still there.

Every number is the gateway's own count of its log, but the gaps: those come from `tracegate audit reconcile`, which
compares what the sink has with the signed tree. A gateway can't know what a store lost after it had acknowledged it.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardCursorSync, Panel

from dashboards.frame import gateways, others, source, starts
from dashboards.panel import Ask, Place, graph, growth, laid_out, number, ranking, words
from dashboards.query import highest, label, last_told, legend, level, select, total
from tracegate.telemetry import names as n

PURPOSE = """\
**Is the record whole, and is it still there?** Each worker of a gateway keeps a log of its own: a tree of leaves, whose
head it signs every second or so. A record is an intent before a provider is called, and a final before the answer is
let go.

*Gaps* and *Answers without a record* must be 0. Gaps are not counted by a gateway: `tracegate audit reconcile`, run at
least once an hour, compares the sink with the signed tree. What is counted here is a view; the log is the evidence,
and `tracegate audit fsck` reads it.
"""

JOB, LOG, MODE = "job", n.TRACEGATE_AUDIT_LOG, n.TRACEGATE_AUDIT_MODE
RECORDS = select(n.METRIC_TRACEGATE_AUDIT_RECORDS)
FAILURES = select(n.METRIC_TRACEGATE_AUDIT_FAILURES)
ABORTED = select(n.METRIC_TRACEGATE_AUDIT_ABORTED)
PAUSES = select(n.METRIC_TRACEGATE_AUDIT_PAUSES)
ERASURES = select(n.METRIC_TRACEGATE_AUDIT_ERASURES)
READS = select(n.METRIC_TRACEGATE_AUDIT_READS)
HEARTBEATS = select(n.METRIC_TRACEGATE_AUDIT_HEARTBEATS)
ANCHORS = select(n.METRIC_TRACEGATE_AUDIT_ANCHORS)
UNANCHORED = select(n.METRIC_TRACEGATE_AUDIT_UNANCHORED)
OPEN = select(n.METRIC_TRACEGATE_AUDIT_INTENTS_OPEN)
LEAVES = select(n.METRIC_TRACEGATE_AUDIT_LEAVES)
PUBLISHED = select(n.METRIC_TRACEGATE_AUDIT_PUBLISHED)
UNSHIPPED = select(n.METRIC_TRACEGATE_AUDIT_UNSHIPPED)
SHIP_LAG = select(n.METRIC_TRACEGATE_AUDIT_SHIP_LAG)
MODES = select(n.METRIC_TRACEGATE_AUDIT_MODE)
GAPS = select(n.METRIC_TRACEGATE_AUDIT_GAPS)

NOT_SHIPPED = "Nothing is shipped: `audit.ship` is not set."


def dashboard() -> Dashboard:
    """The whole dashboard."""
    whole = (
        build.Dashboard("Chain of custody")
        .uid("tracegate-chain-of-custody")
        .description("How long each audit log is, what is on its way to the sink, and what is missing there.")
        .tags(["tracegate", "llm"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .timezone("browser")
        .refresh("1m")
        .build()
    )
    whole.templating.list_val = [source("datasource", "Metrics", "prometheus"), gateways()]
    whole.annotations.list_val = [starts()]
    whole.links = [others()]
    whole.panels = laid_out((("", _glance()), ("The logs", _logs()), ("To the sink", _sink()), ("Events", _events())))
    return whole


def _glance() -> Sequence[Panel]:
    """What must be seen first."""

    def counted(title: str, description: str, metric: str, *, zero: bool = False, rare: bool = False) -> Panel:
        # Shown only while the gateway reports: an old zero says nothing about now.
        ask = Ask(f"{total(metric, [JOB])} and on (job) {level(metric, [JOB])}", legend([JOB]))
        return number(Place(title, description, 4, 4), ask, "short", zero=zero, rare=rare)

    return (
        words(
            Place("What this is for", "What the dashboard answers, and where its numbers come from.", 24, 5), PURPOSE
        ),
        number(
            Place(
                "Gaps",
                "Leaves that the sink acknowledged and does not have as they are, by the last reconciliation. Must be "
                "0. NO SIGNAL: nobody has reconciled for an hour.",
                4,
                4,
            ),
            Ask(last_told(GAPS, [JOB]), legend([JOB])),
            "short",
            zero=True,
        ),
        counted(
            "Answers without a record",
            "Answers whose leaf was not durable in time: refused in strict mode, let go without a record in available "
            "mode. Must be 0. NO SIGNAL: nobody knows.",
            FAILURES,
            zero=True,
        ),
        counted("Records", "Records that were closed by a final.", RECORDS),
        counted(
            "Aborted intents", "Records that were closed without a final: after a crash or a stop.", ABORTED, rare=True
        ),
        counted(
            "Pauses", "Times in which requests were served without a record, each told by a leaf.", PAUSES, rare=True
        ),
        number(
            Place("Open intents", "Requests that are begun and not closed now.", 4, 4),
            Ask(level(OPEN, [JOB]), legend([JOB])),
            "short",
        ),
    )


def _logs() -> Sequence[Panel]:
    """How long they are, and how they are kept."""
    heads = {JOB: "gateway", LOG: "log"}
    return (
        graph(
            Place("Tree size", "Durable leaves of each log. It grows by a heartbeat every 30 seconds, at least.", 12),
            [Ask(highest(LEAVES, [LOG]), legend([LOG]))],
            "short",
        ),
        graph(
            Place(
                "Published head", "Leaves under the last signed checkpoint of each log, a second behind at most.", 12
            ),
            [Ask(highest(PUBLISHED, [LOG]), legend([LOG]))],
            "short",
        ),
        ranking(
            Place("Heads", "The last checkpoint of each log: everything below it can be proved.", 16, 6),
            Ask(highest(PUBLISHED, list(heads))),
            "short",
            {label(name): heading for name, heading in heads.items()},
            "leaves",
        ),
        ranking(
            Place(
                "Mode by gateway",
                "`strict` answers nothing without a record, `available` does for a while, `off` keeps none.",
                8,
                6,
            ),
            Ask(level(MODES, [JOB, MODE])),
            "short",
            {JOB: "gateway", label(MODE): "mode"},
            "processes",
        ),
    )


def _sink() -> Sequence[Panel]:
    """What of them has arrived where they are shipped to."""
    return (
        graph(
            Place("Leaves shipped", "Durable leaves that the sink acknowledged, in all logs.", 8),
            [Ask(f"sum by (job) ({highest(LEAVES, [JOB, LOG])}) - {level(UNSHIPPED, [JOB])}", legend([JOB]))],
            "short",
            empty=NOT_SHIPPED,
        ),
        graph(
            Place("Leaves not shipped yet", "Durable leaves that the sink has not acknowledged.", 8),
            [Ask(level(UNSHIPPED, [JOB]), legend([JOB]))],
            "short",
            empty=NOT_SHIPPED,
        ),
        graph(
            Place("Shipping lag", "How long the oldest of them has waited; the log keeps it as long as that takes.", 8),
            [Ask(highest(SHIP_LAG, [JOB]), legend([JOB]))],
            "s",
            empty=NOT_SHIPPED,
        ),
    )


def _events() -> Sequence[Panel]:
    """What happened, in each interval."""
    told = (
        ("Records by gateway", "Records that were closed by a final.", RECORDS),
        ("Answers without a record, by gateway", "Answers whose leaf was not durable in time. Must be 0.", FAILURES),
        ("Heartbeats", "One every 30 seconds of each process, while its log can be written.", HEARTBEATS),
        ("Aborted intents, by gateway", "Records that were closed without a final.", ABORTED),
        ("Erasures", "Times that the content of records was made unprovable, each told by a leaf.", ERASURES),
        ("Reads", "Times that somebody read the log, each told by a leaf.", READS),
    )
    heads = (
        ("Anchors", "Heads that a witness, an authority or a store holds, each told by a leaf.", ANCHORS),
        ("Heads that nobody took", "Heads that a witness, an authority or a store was told of in vain.", UNANCHORED),
    )
    return [
        growth(Place(title, description, width), metric, [JOB])
        for width, panels in ((8, told), (12, heads))
        for title, description, metric in panels
    ]
