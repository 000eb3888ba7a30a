"""Rows of "Who served what" that say who answered: the glance, the answers, the fallbacks before them, their cost."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards.panel import Ask, Place, found, graph, growth, number, ranking, words
from dashboards.query import counts, label, legend, level, part_of, select, total
from dashboards.traces import Traces, explore
from tracegate.telemetry import names as n

PURPOSE = """\
**Who answered, and can we prove it?** Every answer is counted by the provider, the model and the region that served it.
What failed before, what it cost and what of the telemetry was lost stand beside it: a number is evidence only while
*Telemetry lost* and *Region conflicts* are 0.

Counts are exact, from the first event on; shares and percentiles are estimates. A point of a graph leads to its traces,
and so does every row of *The last fallbacks*. A line on the graphs marks the start of a gateway, which is when a new
configuration or version begins to hold.
"""

PROVIDER, MODEL, REGION = n.GEN_AI_PROVIDER_NAME, n.GEN_AI_RESPONSE_MODEL, n.TRACEGATE_TARGET_REGION
EVIDENCE, OUTCOME = n.TRACEGATE_TARGET_REGION_EVIDENCE, n.TRACEGATE_OUTCOME
FALLBACK = (n.TRACEGATE_FALLBACK_FROM, n.TRACEGATE_FALLBACK_TO, n.TRACEGATE_FALLBACK_REASON)
MICROS = "1e6"
NONE = "None was counted."
"""What a panel says without series that appear with their first event; whether anything is counted says the glance."""

SERVED = select(n.METRIC_TRACEGATE_RESPONSES_SERVED)
FALLBACKS = select(n.METRIC_TRACEGATE_FALLBACKS)
ATTEMPTS = select(n.METRIC_TRACEGATE_ATTEMPTS)
FAILED = select(n.METRIC_TRACEGATE_ATTEMPTS, f'{label(n.TRACEGATE_ERROR_CLASS)}!=""')
COST = select(n.METRIC_TRACEGATE_COST_MICROS)
COST_UNKNOWN = select(n.METRIC_TRACEGATE_COST_UNKNOWN)
# A call that failed or was given up has no report of its cost; a good answer without a cost is a gap in the books.
UNPRICED = select(n.METRIC_TRACEGATE_COST_UNKNOWN, f'{label(n.TRACEGATE_COST_UNKNOWN_REASON)}!~"broken|cancelled"')
LOST = select(n.METRIC_TRACEGATE_TELEMETRY_ERRORS)
CONFLICTS = select(n.METRIC_TRACEGATE_REGION_CONFLICTS)


def glance() -> Sequence[Panel]:
    """What must be seen first."""
    return (
        words(
            Place("What this is for", "What the dashboard answers, and how far its numbers can be trusted.", 24, 4),
            PURPOSE,
        ),
        number(
            Place("Answers", "Answers that a provider committed to, whatever became of them afterwards.", 4, 4),
            Ask(total(SERVED)),
            "short",
        ),
        number(
            Place("Fallbacks", "Attempts at another target because one had failed.", 3, 4),
            Ask(part_of(FALLBACKS, ATTEMPTS)),
            "short",
        ),
        number(
            Place("Failed attempts", "Calls to providers that failed; most of them nobody noticed.", 3, 4),
            Ask(part_of(FAILED, ATTEMPTS)),
            "short",
        ),
        number(
            Place(
                "Known cost",
                "Cost of all attempts that have a known one, in units of the currency. Too low by what is unpriced.",
                5,
                4,
            ),
            Ask(f"{total(COST, [n.TRACEGATE_COST_CURRENCY])} / {MICROS}", legend([n.TRACEGATE_COST_CURRENCY])),
            "short",
            decimals=4,
        ),
        number(
            Place(
                "Unpriced answers",
                "Good answers whose cost is not known, for want of a price or of a report of usage. Should be 0.",
                3,
                4,
            ),
            Ask(total(UNPRICED)),
            "short",
            rare=True,
        ),
        number(
            Place(
                "Telemetry lost",
                "Spans, log events and exports of metrics that a gateway had to drop. Must be 0. It exists at 0 from a "
                "gateway's start on, so no data is no zero: NO SIGNAL means that nobody knows.",
                3,
                4,
            ),
            # Shown only while the gateway reports: an old zero says nothing about now.
            Ask(f"{total(LOST, ['job'])} and on (job) {level(LOST, ['job'])}", legend(["job"])),
            "short",
            zero=True,
        ),
        number(
            Place(
                "Region conflicts",
                "Attempts with evidence of another region than the configured one. Must be 0. NO SIGNAL: nobody knows.",
                3,
                4,
            ),
            Ask(f"{total(CONFLICTS, ['job'])} and on (job) {level(CONFLICTS, ['job'])}", legend(["job"])),
            "short",
            zero=True,
        ),
    )


def served(traces: Traces) -> Sequence[Panel]:
    """Who answered."""
    columns = {
        PROVIDER: "provider",
        MODEL: "model served",
        REGION: "region",
        EVIDENCE: "region known by",
        OUTCOME: "outcome",
    }

    def over_time(title: str, description: str, by: Sequence[str], attribute: str) -> Panel:
        link = explore(traces, {n.TRACEGATE_ATTEMPT_COMMITTED: True}, [attribute])
        return growth(Place(title, description, 8), SERVED, by, link=link)

    return (
        over_time(
            "Answers by provider", "Answers in each interval, by the provider that gave them.", [PROVIDER], PROVIDER
        ),
        over_time(
            "Answers by model served",
            "By the model that the provider says it used, which is not always what it was asked for. A new line is a "
            "new version; `unknown` means that the provider named none.",
            [MODEL],
            MODEL,
        ),
        over_time(
            "Answers by region",
            "By the region where the model ran and how that is known: observed from the connection, asserted by the "
            "provider, configured, or inferred by a documented rule.",
            [REGION, EVIDENCE],
            REGION,
        ),
        ranking(
            Place("Who served what", "All answers of the range: provider, model, region, and how they ended.", 24, 8),
            Ask(f"{total(SERVED, list(columns))} > 0"),
            "short",
            {label(name): heading for name, heading in columns.items()},
            "answers",
        ),
    )


def fallbacks(traces: Traces) -> Sequence[Panel]:
    """What was asked next, and why."""
    return (
        growth(
            Place("Fallbacks by reason", "Attempts at another target, by the class of the error that led to them.", 12),
            FALLBACKS,
            [n.TRACEGATE_FALLBACK_REASON],
            empty=NONE,
        ),
        growth(
            Place(
                "Fallbacks from → to", "Attempts at another target, by the target left and the target asked next.", 12
            ),
            FALLBACKS,
            FALLBACK[:2],
            between=" → ",
            link=explore(traces, {n.TRACEGATE_FALLBACK_USED: True}, FALLBACK[:2]),
            empty=NONE,
        ),
        ranking(
            Place("Fallbacks of the range", "All fallbacks: from which target to which, and why.", 8),
            Ask(f"{total(FALLBACKS, FALLBACK)} > 0"),
            "short",
            dict(zip(map(label, FALLBACK), ("from", "to", "reason"), strict=True)),
            "fallbacks",
            empty=NONE,
        ),
        last_fallbacks(traces),
    )


def last_fallbacks(traces: Traces) -> Panel:
    """The newest routes that fell back, each with a link to its trace."""
    shown = (
        n.TRACEGATE_ROUTE_NAME,
        *FALLBACK,
        n.TRACEGATE_SERVED_BY_PROVIDER,
        n.TRACEGATE_SERVED_BY_MODEL,
        n.TRACEGATE_SERVED_BY_REGION,
        n.TRACEGATE_ATTEMPTS_COUNT,
        n.TRACEGATE_OUTCOME,
    )
    description = (
        "The newest routes that went to another target; a trace's id leads to the trace, which says all of it. "
        "Traces are not filtered by gateway and provider above."
    )
    return found(Place("The last fallbacks", description, 16), traces, {n.TRACEGATE_FALLBACK_USED: True}, shown)


def money() -> Sequence[Panel]:
    """What was used, and what it cost."""
    by = [PROVIDER, MODEL]

    def tokens(metric: str, what: str) -> Ask:
        return Ask(counts(select(metric), by), f"{legend(by)} · {what}")

    priced = [PROVIDER, n.GEN_AI_REQUEST_MODEL, n.TRACEGATE_COST_CURRENCY]
    # By model too there would be four lines for each, from the start on.
    unpriced, silent = [PROVIDER, n.TRACEGATE_COST_UNKNOWN_REASON], [PROVIDER]
    usage = select(n.METRIC_TRACEGATE_USAGE_UNKNOWN)
    return (
        graph(
            Place("Tokens", "Tokens that providers reported, in each interval, by the model served.", 12),
            [
                tokens(n.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS, "input"),
                tokens(n.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS, "output"),
            ],
            "short",
            counted=True,
        ),
        graph(
            Place("Cached and reasoning tokens", "Parts of the tokens beside, where a provider reports them.", 12),
            [
                tokens(n.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_READ_INPUT_TOKENS, "read from cache"),
                tokens(n.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_WRITE_INPUT_TOKENS, "written to cache"),
                tokens(n.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_REASONING_OUTPUT_TOKENS, "reasoning"),
            ],
            "short",
            counted=True,
            empty="No provider reported any.",
        ),
        graph(
            Place(
                "Cost", "Known cost in each interval, in units of the currency, by the model that was asked for.", 12
            ),
            [Ask(f"{counts(COST, priced)} / {MICROS}", legend(priced))],
            "short",
            counted=True,
            empty="None is known.",
        ),
        graph(
            Place(
                "Calls of unknown cost",
                "Calls that the cost beside does not contain, and why; answers whose provider reported no usage.",
                12,
            ),
            [
                Ask(counts(COST_UNKNOWN, unpriced), legend(unpriced)),
                Ask(counts(usage, silent), f"{legend(silent)} · usage unknown"),
            ],
            "short",
            counted=True,
        ),
    )
