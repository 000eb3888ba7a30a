"""A leaf against what the client was told: each fact, changed on either side."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.audit.leaves import FINAL, SERVED, TRIED
from tests.audit.vectors import LEAVES, STREAM_RESPONSE, UNARY_RESPONSE
from tracegate.audit.agreement import closing_faults, head_faults
from tracegate.audit.closing import split
from tracegate.audit.kinds import Cached, ClockState, Final, LeafUsage, Omitted
from tracegate.audit.leaf import read
from tracegate.audit.saved import parse_saved


def _final(index: int) -> Final:
    leaf = read(LEAVES[index]).leaf
    assert isinstance(leaf, Final)
    return leaf


replace = msgspec.structs.replace
UNARY, STREAM = _final(2), _final(4)
HEAD, OPENED = parse_saved(UNARY_RESPONSE).fields, parse_saved(STREAM_RESPONSE)
LINES = dict((split(OPENED.body)[1] or pytest.fail("no comment")).lines)
FULL = {
    "served-by": 'openai;model="gpt-5.5-2026-08-07";src=asserted;region="eu";region-src=observed;'
    f"attempt=0;status=200;error=http_protocol_error;record={SERVED.record};age=60, "
    'tracegate;node="n";region="eu";v="1"',
    "attempts": "openai;status=200;error=http_protocol_error;dur=0.002;ttft=0.001;kind=hedge;wait=0.003",
    "usage": "input=1, output=2, cache-read=3, cache-write=4, reasoning=5",
    "cost": "7;unit=micros;currency=USD;basis=local",
    "outcome": "error;error=broken_answer;chunks=2",
}
ALL = replace(FINAL, attempts_omitted=None)


def test_the_vectors_agree() -> None:
    """A whole answer's head, a stream's head at its commit, and its closing comment."""
    assert list(head_faults(UNARY, 200, HEAD, whole=True)) == []
    assert list(head_faults(STREAM, 200, OPENED.fields, whole=False)) == []
    assert list(closing_faults(STREAM, LINES)) == []


def test_every_fact_at_once_agrees() -> None:
    """The comment says all that this leaf knows."""
    assert list(closing_faults(ALL, FULL)) == []


@pytest.mark.parametrize(
    ("field", "old", "new", "says"),
    [
        ("content-type", "json", "xml", "content type"),
        ("x-served-by", "openai", "mistral", "provider `mistral`"),
        ("x-served-by", "gpt-5.5", "gpt-5.4", "model"),
        ("x-served-by", "asserted", "observed", "src"),
        ("x-served-by", '"eu"', '"us"', "region"),
        ("x-served-by", "attempt=1", "attempt=0", "attempt"),
        ("x-served-by", "attempt=1", "attempt", "attempt"),
        ("x-served-by", "attempt=1", "attempt=1;later=1", "later"),
        ("x-served-by", "tg-7f9c", "tg-7f9d", "node"),
        ("x-served-by", "0.1.0", "0.1.1", "gateway: v"),
        ("x-served-by", "tracegate", "other", "no gateway of ours"[3:]),
        ("x-served-by", "openai;", "openai, openai;", "2 served; the leaf says 1"),
        ("tracegate-attempts", "azure.ai", "azure.bi", "attempt 0: provider"),
        ("tracegate-attempts", "429", "428", "attempt 0: status"),
        ("tracegate-attempts", "184.2", "184.3", "attempt 0: dur"),
        ("tracegate-attempts", "184.2", '"184.2"', "attempt 0: dur"),
        ("tracegate-attempts", "fallback", "retry", "attempt 1: kind"),
        ("tracegate-attempts", "kind=initial", "kind=initial;cancelled", "attempt 0: cancelled"),
        ("tracegate-attempts", ", openai", ", omitted;count=3, openai", "5 attempts; the leaf says 2"),
        ("tracegate-attempts", "azure", "openai;kind=initial, azure", "attempt 2; the leaf has 2"),
        ("tracegate-cost", "4213", "4214", "cost: micros"),
        ("tracegate-cost", "USD", "EUR", "cost: currency"),
        ("tracegate-cost", "unit=micros", "unit=cents", "cost: unit"),
        ("tracegate-cost", ";basis=local", "", "basis is not said"),
    ],
)
def test_a_head_that_says_something_else_is_found(field: str, old: str, new: str, says: str) -> None:
    """Each of its facts, by name."""
    assert old in HEAD[field]
    faults = list(head_faults(UNARY, 200, {**HEAD, field: HEAD[field].replace(old, new, 1)}, whole=True))
    assert any(says in fault for fault in faults), faults


def test_a_whole_answer_has_the_head_that_its_leaf_asks_for() -> None:
    """Another status; attempts or cost that are missing."""
    less = {name: value for name, value in HEAD.items() if not name.startswith("tracegate-")}
    faults = list(head_faults(UNARY, 201, less, whole=True))
    assert faults == [
        "status 201; the leaf says 200",
        "no `Tracegate-Attempts`; the leaf has some",
        "the cost is said here and not there",
    ]
    assert list(head_faults(replace(UNARY, cost=None), 200, HEAD, whole=True)) == [
        "the cost is said here and not there"
    ]


def test_a_head_may_say_less() -> None:
    """A setting leaves names out, and a long head leaves out attempts in the middle."""
    tried = [replace(TRIED, n=n) for n in range(7)]
    leaf = replace(
        UNARY, attempts=tried[:2] + tried[4:], attempts_omitted=Omitted(count=2, digest=SERVED.provider * 11)
    )
    head = {
        **HEAD,
        "x-served-by": "openai, tracegate",
        "tracegate-attempts": "openai;kind=hedge, omitted;count=5, openai;status=200",
    }
    assert list(head_faults(leaf, 200, head, whole=True)) == []
    more = {**head, "tracegate-attempts": ", ".join(["openai;kind=hedge"] * 7)}  # than the leaf had room for
    assert list(head_faults(leaf, 200, more, whole=True)) == []
    bare = {name: value for name, value in head.items() if name != "x-served-by"}
    assert list(head_faults(leaf, 200, bare, whole=True)) == []
    none = {name: value for name, value in HEAD.items() if name != "tracegate-attempts"}
    assert list(head_faults(replace(UNARY, attempts=[]), 200, none, whole=True)) == []


def test_what_the_head_of_a_stream_says_is_in_the_leaf() -> None:
    """The leaf may know of more who served, and of later attempts; the head may not."""
    more = replace(STREAM, served=[replace(SERVED, provider="first", attempt=None), *STREAM.served])
    more = replace(more, attempts=[*STREAM.attempts, replace(TRIED, n=1)])
    assert list(head_faults(more, 200, OPENED.fields, whole=False)) == []
    other = replace(STREAM, served=[replace(STREAM.served[0], provider="mistral")])
    assert len(list(head_faults(other, 200, OPENED.fields, whole=False))) == 1


def test_a_cache_that_took_part_is_said_on_both_sides() -> None:
    """Another's cache is not ours."""
    hit = replace(UNARY, cache=Cached(hit=True))
    for leaf, value, faults in (
        (UNARY, "tracegate;fwd=miss, cdn;hit", 0),
        (UNARY, "tracegate;hit", 1),
        (hit, "tracegate;hit", 0),
        (hit, "cdn;hit", 1),
    ):
        assert len(list(head_faults(leaf, 200, {**HEAD, "cache-status": value}, whole=True))) == faults


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        ("served-by", ';region="eu"', ""),
        ("served-by", "age=60", "age=61"),
        ("attempts", ";ttft=0.001", ""),
        ("attempts", "wait=0.003", "wait=0.004"),
        ("usage", "output=2", "output=3"),
        ("usage", ", reasoning=5", ""),
        ("usage", "input=1", "input=1;x"),
        ("usage", "input=1", "input=(1)"),
        ("usage", "input", "inputs"),
        ("cost", "7;", "8;"),
        ("outcome", "broken_answer", "timeout"),
        ("outcome", ";error=broken_answer", ""),
        ("outcome", "error;", "ok;"),
        ("outcome", "chunks=2", "chunks=3"),
        ("outcome", ";chunks=2", ""),
        ("outcome", "chunks=2", "chunks=2;finish=stop"),
    ],
)
def test_a_closing_comment_that_says_something_else_is_found(line: str, old: str, new: str) -> None:
    """Also what it leaves out, for it is told when all is known."""
    assert old in FULL[line]
    assert list(closing_faults(ALL, {**FULL, line: FULL[line].replace(old, new, 1)}))


@pytest.mark.parametrize("line", ["attempts", "usage", "cost"])
def test_a_line_is_there_when_the_leaf_has_its_fact(line: str) -> None:
    """And only then."""
    assert list(closing_faults(ALL, {name: text for name, text in FULL.items() if name != line}))
    without: dict[str, Any] = {"attempts": [], "usage": None, "cost": None}
    assert list(closing_faults(replace(ALL, **{line: without[line]}), FULL))


def test_a_stream_without_attempts_and_usage_has_no_lines_of_them() -> None:
    """As where a cache answered."""
    leaf = replace(STREAM, attempts=[], usage=LeafUsage(), clock=ClockState())
    assert list(closing_faults(leaf, {name: text for name, text in LINES.items() if name != "attempts"})) == []
