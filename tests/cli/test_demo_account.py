"""What a client was told, out of headers, comments and bodies."""

from __future__ import annotations

import pytest

from tracegate.cli.demo_account import Account, Served, Try, heard, members, trace_of, used, walk
from tracegate.cli.demo_client import Seen

HEADERS = {
    "x-served-by": 'openai;model="gpt";src=asserted;region="us";target="t";attempt=1, tracegate;node="n"',
    "tracegate-attempts": 'azure;status=503;dur=1.2;kind=initial;target="b", '
    'openai;status=200;kind=fallback;target="t"',
    "tracegate-cost": "168;unit=micros;currency=USD;basis=local",
    "traceresponse": "00-b9fda56b15c9ccb5b6b3bda1bad6c851-45e66d97a535aa4d-01",
}
FAILED = Try("azure", "b", "initial", 503, None)


def test_a_whole_answer_tells_in_its_headers() -> None:
    """Attempts, who served, the cost, the trace."""
    seen = Seen(200, HEADERS, ["{", ' "usage": {"prompt_tokens": 12, "completion_tokens": 24}', "}"])
    told = heard(seen)
    assert told == Account(
        (FAILED, Try("openai", "t", "fallback", 200, None)), Served("openai", "gpt", "us", "t", 1), 168
    )
    assert list(told.parts()) == ["azure 503 → openai 200", "gpt", "us", "$0.000168"]
    assert used(seen) == (12, 24)
    assert trace_of(seen) == "b9fda56b15c9ccb5b6b3bda1bad6c851"


def test_a_stream_tells_in_its_comments() -> None:
    """They win, for the head could not know the end; a cost that is not there is unknown."""
    comments = [
        ': tracegate-served-by openai;model="gpt-2";target="t";attempt=0, tracegate',
        ': tracegate-attempts openai;status=200;error=http_response_incomplete;kind=initial;target="t"',
        ": tracegate-usage input=12, output=24, cache-read=0",
    ]
    seen = Seen(200, HEADERS, ["data: {}", *comments])
    told = heard(seen)
    assert told.tries == (Try("openai", "t", "initial", 200, "http_response_incomplete"),)
    assert told.served == Served("openai", "gpt-2", None, "t", 0)
    assert list(told.parts()) == ["openai http_response_incomplete", "gpt-2", "region unknown", "cost unknown"]
    assert used(seen) == (12, 24)


def test_where_nobody_served_nobody_is_named() -> None:
    """The first member is who failed last, without a model; there is no usage either."""
    headers = {**HEADERS, "x-served-by": 'azure;target="b";status=503;attempt=0, tracegate'}
    seen = Seen(503, headers, ['{"error": {}}'])
    assert heard(seen).served is None
    assert "nobody served" in heard(seen).parts()
    assert used(seen) is None


@pytest.mark.parametrize("lines", [[], ["data: {}"]])
def test_usage_that_was_not_told_is_unknown(lines: list[str]) -> None:
    """As of a stream that the client left."""
    assert used(Seen(200, HEADERS, lines, left=True)) is None


@pytest.mark.parametrize(
    ("one", "failed", "result"),
    [
        (FAILED, True, "503"),
        (Try("a", "t", "initial", 200, None), False, "200"),
        (Try("a", "t", "initial", None, "connection_reset"), True, "connection_reset"),
        (Try("a", "t", "initial", None, None), False, "no answer"),
    ],
)
def test_an_attempt_fails_by_its_error_or_its_status(one: Try, failed: bool, result: str) -> None:
    """What is told of it is the error where there is one."""
    assert (one.failed, one.result) == (failed, result)


def test_members_of_a_list_are_taken_apart() -> None:
    """Commas and escapes inside of strings are text; a parameter without a value is there."""
    assert members('a;x="1, \\"2\\"";y, b;z=3') == [("a", {"x": '1, "2"', "y": ""}), ("b", {"z": "3"})]
    assert members("") == []


def test_attempts_are_told_on_one_line() -> None:
    """Those at one provider together, unless one was a fallback."""
    tried = [("a", "503", False), ("a", "200", False), ("a", "500", True), ("b", "200", True)]
    assert walk(tried) == "a 503 200 → a 500 → b 200"
