"""What was counted, by labels: sums over calls and requests in the form in which Prometheus has them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from dashboards.check.truth import Call, Request

Labels = frozenset[tuple[str, str]]

USD = "USD"

LABELS: Mapping[str, Callable[[Call], str | None]] = {
    "gen_ai_provider_name": lambda call: call.provider,
    "gen_ai_request_model": lambda call: call.target.model,
    "gen_ai_response_model": lambda call: call.model,
    "tracegate_target_id": lambda call: call.target.id,
    "tracegate_target_region": lambda call: call.region,
    "tracegate_target_region_evidence": lambda call: call.evidence,
    "tracegate_outcome": lambda call: call.outcome,
    "tracegate_attempt_kind": lambda call: call.kind,
    "tracegate_error_class": lambda call: call.error_class,
    "error_type": lambda call: call.error_type,
    "tracegate_cost_currency": lambda call: USD,
    "tracegate_cost_unknown_reason": lambda call: call.unknown,
    "tracegate_fallback_from": lambda call: call.led.target.id if call.led else None,
    "tracegate_fallback_to": lambda call: call.target.id,
    "tracegate_fallback_reason": lambda call: call.led.error_class if call.led else None,
}
"""A call's labels, named as in Prometheus."""


def labels_of(call: Call, by: Iterable[str]) -> Labels:
    """Those labels of a call that apply to it."""
    values = ((name, LABELS[name](call)) for name in by)
    return frozenset((name, value) for name, value in values if value is not None)


def sums(items: Iterable[tuple[Call, float]], by: Sequence[str]) -> dict[Labels, float]:
    """Amounts of calls added up by labels."""
    found: dict[Labels, float] = defaultdict(float)
    for call, amount in items:
        found[labels_of(call, by)] += amount
    return dict(found)


def tokens(calls: Iterable[Call], kind: int) -> list[tuple[Call, float]]:
    """Tokens of one kind, as `Call.tokens` has them; those that were not reported, or 0, make no series."""
    return [(call, call.tokens[kind]) for call in calls if call.tokens is not None and call.tokens[kind]]


def shares(calls: Iterable[Call]) -> dict[Labels, float]:
    """The share of calls that failed, by provider."""
    every, failed = Counter[str](), Counter[str]()
    for call in calls:
        every[call.provider] += 1
        failed[call.provider] += call.error_class is not None
    return {frozenset({("gen_ai_provider_name", name)}): failed[name] / count for name, count in every.items()}


def outcomes(requests: Iterable[Request]) -> dict[Labels, float]:
    """Requests by route and by how they ended."""
    return dict(
        Counter(
            frozenset({("tracegate_route_name", request.route), ("tracegate_outcome", request.outcome)})
            for request in requests
        )
    )


def in_flight(requests: Iterable[Request]) -> dict[Labels, float]:
    """The highest and the last number of open requests that an export saw, by route; all begin at `none`."""
    highest = Counter[str]({"none": 0})
    for request in requests:
        highest[request.route] += request.held
    return {
        frozenset({("tracegate_route_name", route), ("level", level)}): value
        for route, most in highest.items()
        for level, value in (("highest", most), ("last", 0))
    }


def fell_back(requests: Iterable[Request]) -> dict[Labels, float]:
    """The routes that fell back, each as a row of what its span says; how often each row comes."""
    found = Counter[Labels]()
    for request in requests:
        calls = request.calls
        last = next((call for call in reversed(calls) if call.led is not None), None)
        if last is None or last.led is None:
            continue
        served = calls[-1] if calls[-1].committed else None
        row: dict[str, str | None] = {
            "tracegate.route.name": request.route,
            "tracegate.fallback.from": last.led.target.id,
            "tracegate.fallback.to": last.target.id,
            "tracegate.fallback.reason": last.led.error_class,
            "tracegate.served_by.provider": served.provider if served else None,
            "tracegate.served_by.model": _model(served),
            "tracegate.served_by.region": _region(served),
            "tracegate.attempts.count": str(len(calls)),
            "tracegate.outcome": request.outcome,
        }
        found[frozenset((name, value) for name, value in row.items() if value is not None)] += 1
    return dict(found)


def _model(served: Call | None) -> str | None:
    """Ruling 49: who is not told takes the requested model."""
    return None if served is None else served.target.model if served.model == "unknown" else served.model


def _region(served: Call | None) -> str | None:
    return None if served is None or served.region == "unknown" else served.region
