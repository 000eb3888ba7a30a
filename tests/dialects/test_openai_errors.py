"""Errors as the providers write them, each with its one class (ruling 6)."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.recordings import FOLDER
from tracegate.dialects import openai_errors
from tracegate.dialects.openai_errors import error_object, refusal, refused_within
from tracegate.errors import Broken, Refused
from tracegate.facts import ErrorClass

NOW = 1_761_000_000


CASES: list[dict[str, Any]] = json.loads((FOLDER / "errors.json").read_bytes())


@pytest.mark.parametrize("case", CASES, ids=[case["who"] for case in CASES])
def test_recorded_errors_have_their_class(case: dict[str, Any]) -> None:
    """By code, status and text; with the provider's own message, not prefixed (ruling 58)."""
    body = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])

    failed = refusal(case["status"], (), body.encode(), NOW)

    assert isinstance(failed, Refused)
    assert (case["class"], case["code"], case["message"]) == (failed.class_, failed.code, failed.message)
    assert (case["status"], None, None, None) == (
        failed.status,
        failed.token,
        failed.retry_after_ns,
        failed.should_retry,
    )


@pytest.mark.parametrize("status", [300, 301, 304, 307])
def test_a_redirect_is_no_answer(status: int) -> None:
    """It is never followed, and the client is not at fault."""
    failed = refusal(status, (("location", "https://elsewhere"),), b"", NOW)

    assert isinstance(failed, Broken)
    assert ("broken_answer", status, str(status)) == (failed.class_, failed.status, failed.error_type)


def test_the_error_object_is_kept_with_all_its_members() -> None:
    """Unknown ones and nulls too; a text or a number becomes an object with a message."""
    error = {"message": "m", "type": None, "param": "p", "code": 3, "x": [1.5, {"y": None}]}

    assert error == refusal(400, (), json.dumps({"error": error}).encode(), NOW).body
    assert {"code": "c", "message": "m"} == refusal(400, (), b'{"code":"c","error":"m"}', NOW).body
    assert {"detail": "d", "message": "d"} == refusal(400, (), b'{"detail":"d"}', NOW).body
    assert {"message": "m", "code": 4} == refusal(400, (), b'{"object":"error","message":"m","code":4}', NOW).body
    assert refusal(400, (), b"text", NOW).body is None


def test_the_error_object_can_be_written_again() -> None:
    """Half surrogate pairs and numbers of any size pass (ruling 58); infinity and any depth break nothing."""
    body = b'{"error":{"message":"\\ud83d m","\\ud83d":NaN,"x":[1E400,123456789012345678901234567890,"\\udead"],"deep":'
    failed = refusal(400, (), body + b"[" * 200 + b"1" + b"]" * 200 + b"}}", NOW)

    assert failed.message == "� m"
    assert failed.body is not None
    written = json.loads(json.dumps(failed.body, allow_nan=False).encode("ascii"))
    assert {"message": "� m", "\ud83d": None, "x": [None, 123456789012345678901234567890, "\udead"]} == {
        name: value for name, value in written.items() if name != "deep"
    }


@pytest.mark.parametrize(("digits", "kept"), [(19, int), (300, int), (301, float), (309, float), (310, type(None))])
def test_integers_keep_their_digits_as_far_as_they_are_bounded(digits: int, kept: type) -> None:
    """One that is longer becomes a double, and null where it is too large for that."""
    body = refusal(400, (), b'{"error":{"message":"m","x":%b}}' % (b"1" * digits), NOW).body

    assert body is not None
    assert type(body["x"]) is kept
    assert kept is not int or body["x"] == int("1" * digits)


def test_waits_and_advice_are_read() -> None:
    """`Retry-After` and `x-should-retry` go with the failure."""
    failed = refusal(503, (("retry-after", "3"), ("x-should-retry", "false")), b"", NOW)

    assert (3_000_000_000, False) == (failed.retry_after_ns, failed.should_retry)


def test_a_long_text_is_cut() -> None:
    """What is no error object is somebody's page."""
    assert len(refusal(502, (), b"x" * 100_000, NOW).message) == 1000
    assert len(refusal(502, (), b"<p>" + b"x" * 100_000, NOW).message) == 1000
    assert len(refusal(400, (), json.dumps({"error": {"detail": ["x" * 5000]}}).encode(), NOW).message) == 1000


@pytest.mark.parametrize(
    ("answer", "class_"),
    [
        ({"error": {"message": "m", "code": "rate_limit_exceeded"}}, "rate_limit"),
        ({"error": {"message": "m", "type": "rate_limit_error"}}, "rate_limit"),
        ({"error": {"message": "m", "code": 503}}, "overloaded"),
        ({"error": {"message": "m", "code": "529"}}, "overloaded"),
        ({"error": {"message": "m", "type": "overloaded_error"}}, "overloaded"),
        ({"error": {"message": "m", "code": "invalid_api_key"}}, "auth"),
        ({"error": {"message": "m", "status": "RESOURCE_EXHAUSTED"}}, "rate_limit"),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, "invalid_request"),
        ({"error": {"message": "maximum context length", "type": "invalid_request_error"}}, "context_length"),
        ({"error": {"message": "maximum context length"}}, "context_length"),
        ({"error": {"message": "m", "code": "insufficient_quota"}}, "quota"),
        ({"error": {"message": "m", "code": 200}}, "server_error"),
        ({"error": {"message": "m", "code": True}}, "server_error"),
        ({"error": {"message": "m"}}, "server_error"),
        ({"error": "model crashed"}, "server_error"),
        ({"choices": [{}, 7, {"error": {"code": 429, "message": "m"}}]}, "rate_limit"),
        ({"choices": [], "x_groq": {"error": "over"}}, "server_error"),
        ({"choices": [{}]}, "server_error"),
        ([], "server_error"),
    ],
)
def test_an_error_inside_a_200_is_classified_by_its_own_code(answer: Any, class_: str) -> None:
    """With the token that says so (ruling 47)."""
    failed = refused_within(200, answer)

    assert (class_, "http_protocol_error", 200) == (failed.class_, failed.token, failed.status)
    assert failed.error_type == "http_protocol_error"
    assert failed.body is not None
    assert failed.message == failed.body["message"]


def test_an_answer_without_a_word_has_no_object() -> None:
    """What a caller makes of that is its own."""
    nothing: list[Any] = [{}, [], [{}], None, 7, "", {"choices": []}, {"object": "error"}]

    assert [error_object(answer) for answer in nothing] == [None] * len(nothing)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8)
    | st.sampled_from(["code", "message", "error", "429", "context_length_exceeded"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "message",
                    "code",
                    "type",
                    "status",
                    "detail",
                    "object",
                    "choices",
                    "metadata",
                    "raw",
                    "innererror",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(JSON, st.integers(400, 599))
def test_any_error_body_has_one_class_and_a_message(body: Any, status: int) -> None:
    """Nothing that a provider writes can break the classification, or what is written of it."""
    failed = refusal(status, (), json.dumps(body).encode(), NOW)

    assert failed.class_ in get_args(ErrorClass)
    assert failed.message
    json.dumps(failed.body, allow_nan=False, ensure_ascii=False).encode()


@given(st.binary(max_size=60), st.integers(400, 599))
def test_any_bytes_have_one_class_and_a_message(body: bytes, status: int) -> None:
    """Text, markup, half a JSON."""
    failed = refusal(status, (), body, NOW)

    assert failed.class_ in get_args(ErrorClass)
    assert failed.message


def test_what_a_busy_provider_says_is_read_once() -> None:
    """Of any other refusal nothing is kept: it may name what the client sent, or a key."""
    busy = b'{"error": {"message": "Read once.", "type": "requests", "code": "rate_limit_exceeded"}}'
    kept = openai_errors._known.cache_info().currsize
    for status in (401, 400, 500, 404):
        refusal(status, (), busy, 0)
    refusal(429, (), busy.replace(b"once", b"x" * 2000), 0)
    assert openai_errors._known.cache_info().currsize == kept
    for status in (429, 503, 529):
        first, second = refusal(status, (), busy, 0), refusal(status, (("retry-after", "1"),), busy, 0)
        assert first.body is second.body is not None
        assert (first.class_, first.message, first.code) == (second.class_, second.message, second.code)
        assert (first.retry_after_ns, second.retry_after_ns) == (None, 1_000_000_000)
