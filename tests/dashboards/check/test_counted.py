"""Calls and requests add up by labels as Prometheus has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dashboards.check.counted import fell_back, in_flight, labels_of, outcomes, shares, sums, tokens
from dashboards.check.scenes import TARGETS
from dashboards.check.truth import Call, Request, Span

TARGET = {target.id: target for target in TARGETS}
NO_TIME = Span(0, 0)
GOOD = Call(
    TARGET["gpt"],
    "initial",
    None,
    "ok",
    None,
    None,
    committed=True,
    model="gpt-5-1",
    region="eu",
    evidence="configured",
    conflict=False,
    tokens=(3, 2, 1, 0, 0),
    micros=22,
    unknown=None,
    duration=NO_TIME,
    first=None,
)
FAILED = replace(
    GOOD,
    target=TARGET["busy"],
    outcome="error",
    error_type="503",
    error_class="overloaded",
    committed=False,
    model="unknown",
    tokens=None,
)
NEXT = replace(GOOD, kind="fallback", led=FAILED)


def _request(calls: Sequence[Call], route: str = "good", outcome: str = "ok", *, held: bool = False) -> Request:
    return Request("job", route, outcome, tuple(calls), NO_TIME, NO_TIME, late=True, held=held)


def test_labels_that_do_not_apply_are_left_out() -> None:
    """A call that did not fail has no class."""
    assert labels_of(GOOD, ("gen_ai_provider_name", "tracegate_error_class")) == {("gen_ai_provider_name", "openai")}
    assert labels_of(NEXT, ("tracegate_fallback_from", "tracegate_fallback_to", "tracegate_fallback_reason")) == {
        ("tracegate_fallback_from", "busy"),
        ("tracegate_fallback_to", "gpt"),
        ("tracegate_fallback_reason", "overloaded"),
    }


def test_amounts_add_up_by_labels() -> None:
    """An amount of 0 makes a row."""
    by_target = sums([(GOOD, 1), (NEXT, 1), (FAILED, 0)], ["tracegate_target_id"])
    assert by_target == {
        frozenset({("tracegate_target_id", "gpt")}): 2,
        frozenset({("tracegate_target_id", "busy")}): 0,
    }


@pytest.mark.parametrize(("kind", "counts"), [(0, [3]), (1, [2]), (2, [1]), (3, []), (4, [])])
def test_tokens_that_were_not_reported_make_no_row(kind: int, counts: list[int]) -> None:
    """Nor do those that were 0."""
    assert [count for _, count in tokens([GOOD, FAILED], kind)] == counts


def test_shares_are_of_each_provider() -> None:
    """0 where none failed."""
    assert shares([GOOD, FAILED, replace(GOOD, target=TARGET["small"])]) == {
        frozenset({("gen_ai_provider_name", "openai")}): 0,
        frozenset({("gen_ai_provider_name", "mistral_ai")}): 0.5,
    }


def test_requests_are_counted_by_route_and_outcome() -> None:
    """Each once."""
    rows = outcomes([_request([GOOD]), _request([GOOD]), _request([], "none", "error")])
    assert rows == {
        frozenset({("tracegate_route_name", "good"), ("tracegate_outcome", "ok")}): 2,
        frozenset({("tracegate_route_name", "none"), ("tracegate_outcome", "error")}): 1,
    }


def test_what_was_open_during_an_export_is_in_flight() -> None:
    """Every route that was asked has a row, and so has `none`, where all begin."""
    rows = in_flight([_request([GOOD]), _request([GOOD], "abandoned", "cancelled", held=True)])
    assert {(dict(row)["tracegate_route_name"], dict(row)["level"]): value for row, value in rows.items()} == {
        ("none", "highest"): 0,
        ("none", "last"): 0,
        ("good", "highest"): 0,
        ("good", "last"): 0,
        ("abandoned", "highest"): 1,
        ("abandoned", "last"): 0,
    }


def test_a_fallback_is_a_row_of_what_its_route_says() -> None:
    """The last one of it, with who served in the end; where nobody did, nobody is named."""
    twice = _request([FAILED, replace(NEXT, target=TARGET["cut"]), replace(NEXT, model="unknown", region="unknown")])
    rows = fell_back(
        [_request([GOOD]), twice, twice, _request([FAILED, replace(FAILED, led=GOOD)], "hopeless", "error")]
    )
    assert sorted(rows.values()) == [1, 2]
    served, unserved = (dict(row) for row, _ in sorted(rows.items(), key=lambda item: -item[1]))
    assert served == {
        "tracegate.route.name": "good",
        "tracegate.fallback.from": "busy",
        "tracegate.fallback.to": "gpt",
        "tracegate.fallback.reason": "overloaded",
        "tracegate.served_by.provider": "openai",
        "tracegate.served_by.model": "gpt-5",
        "tracegate.attempts.count": "3",
        "tracegate.outcome": "ok",
    }
    assert not [name for name in unserved if "served_by" in name]
