"""A trace as a picture for people: one line per hop with provider, model, region, latency, cost and error.

```
POST /v1/chat/completions                                                       842 ms  $0.0042
└─ route default                                                                841 ms  $0.0042
   ├─ chat gpt-x     initial   azure.ai.openai                eastus2  12.5 ms  429 rate_limit
   └─ chat claude-y  fallback  anthropic        claude-y-2    us       827 ms   $0.0042
```

`span_tree` is for tests and has no times; this has them. What is unknown is blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tracegate.telemetry import names
from tracegate.testing.tree import SpanLike, node_of, walk


@dataclass(frozen=True, slots=True)
class HopRow:
    """One hop of a trace, ready to be laid out; a blank text is unknown or does not apply.

    `branch` is the line drawing before the name. `state` is `ok`, `error` or `cancelled`.
    """

    branch: str
    name: str
    kind: str
    provider: str
    model: str
    region: str
    latency: str
    cost: str
    error: str
    state: Literal["ok", "error", "cancelled"]


def hop_rows(spans: Sequence[SpanLike]) -> list[HopRow]:
    """The hops of one trace or several, in the order of their trees."""
    by_key = {node_of(span, "").key: span for span in spans}
    said = (span.attributes.get(names.TRACEGATE_COST_CURRENCY) for span in spans)
    currency = str(next(filter(None, said), "USD"))  # totals don't repeat the currency of what they add up
    places = walk([node_of(span, "") for span in spans])
    return [_row(by_key[node.key], _branch(last), currency) for node, last, _ in places]


def picture(spans: Sequence[SpanLike]) -> str:
    """The hops as aligned lines, without colour."""
    table = [
        (row.branch + row.name, row.kind, row.provider, row.model, row.region, row.latency, row.cost, row.error)
        for row in hop_rows(spans)
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True) if width).rstrip()
        for line in table
    )
    return "".join(f"{line}\n" for line in lines)


def duration(ns: int) -> str:
    """Nanoseconds for people, three digits: `0.84 ms`, `12.5 ms`, `842 ms`, `3.07 s`."""
    ms = ns / 1e6
    for limit, form in ((9.995, "{:.2f} ms"), (99.95, "{:.1f} ms"), (999.5, "{:.0f} ms")):
        if ms < limit:
            return form.format(ms)
    return f"{ms / 1000:.2f} s"


def money(micros: int, currency: str = "USD") -> str:
    """Integer micro-units for people, exact: `$0.0042`, `0.31 EUR`, `$0`."""
    whole, rest = divmod(micros, 1_000_000)
    amount = f"{whole}.{rest:06}".rstrip("0").rstrip(".")
    return f"${amount}" if currency == "USD" else f"{amount} {currency}"


def _branch(last: tuple[bool, ...]) -> str:
    if len(last) == 1:
        return ""
    return "".join("   " if end else "│  " for end in last[1:-1]) + ("└─ " if last[-1] else "├─ ")


def _row(span: SpanLike, branch: str, currency: str) -> HopRow:
    said = span.attributes

    def text(name: str) -> str:
        return str(said.get(name, ""))

    micros = said.get(names.TRACEGATE_COST_MICROS, said.get(names.TRACEGATE_TOTAL_COST_MICROS))
    waited = said.get(names.TRACEGATE_ATTEMPT_BACKOFF_MS)
    outcome = said.get(names.TRACEGATE_OUTCOME)
    failed = outcome == "error" or span.status == "error"
    state: Literal["ok", "error", "cancelled"] = "cancelled" if outcome == "cancelled" else "error" if failed else "ok"
    causes = {
        "ok": (),
        "error": (text(names.ERROR_TYPE), text(names.TRACEGATE_ERROR_CLASS) or text(names.TRACEGATE_OUTCOME_REASON)),
        "cancelled": ("cancelled", text(names.TRACEGATE_OUTCOME_REASON)),
    }[state]
    return HopRow(
        branch=branch,
        name=span.name,
        kind=text(names.TRACEGATE_ATTEMPT_KIND) + (f" after {waited} ms" if waited else ""),
        provider=text(names.GEN_AI_PROVIDER_NAME),
        model=text(names.GEN_AI_RESPONSE_MODEL),
        region=text(names.TRACEGATE_TARGET_REGION),
        latency=duration(span.end - span.start),
        cost=money(micros, text(names.TRACEGATE_COST_CURRENCY) or currency) if isinstance(micros, int) else "",
        error=" ".join(dict.fromkeys(cause for cause in causes if cause)),
        state=state,
    )
