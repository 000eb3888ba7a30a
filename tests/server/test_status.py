"""What a client gets when there is no answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any, get_args

import pytest

from tests.server.case import ANTHROPIC, AZURE, BROKEN, OPENAI, Case, named, parsed
from tracegate.errors import (
    Broken,
    ConfigError,
    Denied,
    Failed,
    NothingTried,
    Refused,
    Rejected,
    Skip,
    TimedOut,
    Unavailable,
    Unreachable,
)
from tracegate.facts import ErrorClass, SkipReason
from tracegate.server.headers import GatewayFacts, HeaderWriter
from tracegate.server.status import Answered, answered, error_answer, error_body, error_event

S = 1_000_000_000


def _refused(class_: ErrorClass, status: int | None = None, wait: int | None = None, **more: Any) -> Refused:
    return Refused(class_, None, "no", status=status, retry_after_ns=wait, **more)


@pytest.mark.parametrize(
    ("exc", "told"),
    [
        (_refused("rate_limit", 429), Answered(429)),
        (_refused("rate_limit", 429, 1), Answered(429, 1)),
        (_refused("overloaded", 503), Answered(503)),
        (_refused("overloaded", 529, 2 * S), Answered(503, 2)),
        (_refused("overloaded", 408), Answered(503)),
        (_refused("server_error", 500, 2 * S), Answered(502)),
        (_refused("auth", 401), Answered(502, None, False)),
        (_refused("auth", 403), Answered(502, None, False)),
        (_refused("quota", 402), Answered(502, None, False)),
        (_refused("quota", 429, 9 * S), Answered(502, None, False)),
        (_refused("quota", 429, should_retry=True), Answered(502, None, False)),
        (_refused("residency", None), Answered(403)),
        (_refused("not_found", 404), Answered(404)),
        (_refused("not_found", 400), Answered(400)),
        (_refused("not_found", 200), Answered(404)),
        (_refused("too_large", 413), Answered(413)),
        (_refused("too_large"), Answered(413)),
        (_refused("context_length", 400), Answered(400)),
        (_refused("context_length", 413), Answered(413)),
        (_refused("context_length", 200), Answered(400)),
        (_refused("context_length", 500), Answered(400)),
        (_refused("content_filter", 200), Answered(400)),
        (_refused("content_filter", 403), Answered(403)),
        (_refused("invalid_request", 422), Answered(422)),
        (_refused("invalid_request", 401), Answered(400)),
        (_refused("invalid_request"), Answered(400)),
        (_refused("rate_limit", 429, should_retry=False), Answered(429, None, False)),
        (_refused("rate_limit", 429, should_retry=True), Answered(429, None, True)),
        (Unreachable("connection_refused", "no"), Answered(502)),
        (Broken("http_protocol_error", "no", status=200), Answered(502)),
        (TimedOut("connect", "no"), Answered(504)),
        (TimedOut("attempt", "no"), Answered(504)),
        (TimedOut("deadline", "no"), Answered(504, None, False)),
        (Rejected(413, "too_large", "no"), Answered(413)),
        (Rejected(429, "rate_limit", "no", retry_after_ns=1_500_000_000), Answered(429, 2)),
        (Denied("no"), Answered(403)),
        (Unavailable("no"), Answered(503)),
        (Unavailable("no", retry_after_ns=S), Answered(503, 1)),
        (ConfigError("no"), Answered(500)),
        (ValueError("no"), Answered(500)),
    ],
)
def test_the_last_failure_decides(exc: Exception, told: Answered) -> None:
    """Ruling 11, and who should retry (ruling 59); never a provider's 401."""
    assert answered(exc, [], 0) == told


@pytest.mark.parametrize(
    ("skips", "told"),
    [
        (
            [Skip("a", "cooldown", 5 * S, "rate_limit"), Skip("b", "cooldown", 3 * S + 1, "rate_limit")],
            Answered(429, 3),
        ),
        ([Skip("a", "cooldown", 5 * S, "rate_limit"), Skip("b", "cooldown", 9 * S, "overloaded")], Answered(503, 4)),
        ([Skip("a", "cooldown", 5 * S, "rate_limit"), Skip("b", "disabled")], Answered(503, 4)),
        ([Skip("a", "disabled")], Answered(503)),
        ([Skip("a", "circuit_open", 2 * S)], Answered(503, 1)),
        ([Skip("a", "cooldown", 1, "overloaded")], Answered(503, 1)),
        ([Skip("a", "residency"), Skip("b", "capability", 5 * S)], Answered(403)),
        ([Skip("a", "residency"), Skip("b", "cooldown", 5 * S, "rate_limit")], Answered(503, 4)),
        ([], Answered(503)),
    ],
)
def test_nothing_was_tried(skips: list[Skip], told: Answered) -> None:
    """429 when rate limits put all of them to rest, 403 when policy skipped them, else 503; the smallest wait."""
    assert answered(NothingTried(skips), [], S) == told


def test_the_smallest_known_wait_is_told() -> None:
    """Counted from now, of each target its last word; what is unknown does not count."""
    case = Case()
    for target, wait, ms in ((OPENAI, 1, 0), (OPENAI, 30, 0), (AZURE, 20, 500)):
        case.end(case.begin(target), _refused("rate_limit", 429, wait * S), after=ms, status=429)
    last = _refused("rate_limit", 429)
    case.end(case.begin(ANTHROPIC), last, status=429)
    case.after(2100)
    assert answered(last, case.recorder.attempts, case.now) == Answered(429, 18)
    case.after(60_000)
    assert answered(last, case.recorder.attempts, case.now) == Answered(429, 1)


def test_a_wait_of_an_attempt_that_has_not_ended_counts_from_now() -> None:
    """Its record is closed after the exception passed."""
    case = Case()
    attempt = case.begin().attempt
    assert attempt is not None
    attempt.error = exc = _refused("overloaded", 503, 7 * S)
    case.after(1000)
    assert answered(exc, case.recorder.attempts, case.now) == Answered(503, 7)


def _error(body: bytes) -> dict[str, Any]:
    assert body.isascii()
    decoded = json.loads(body)
    assert list(decoded) == ["error"]
    error: dict[str, Any] = decoded["error"]
    return error


def test_the_error_object_is_the_provider_s_own() -> None:
    """`type`, `code`, `param` and unknown members kept, the record and every attempt inside (ruling 58)."""
    case = Case()
    case.end(case.begin(AZURE), TimedOut("attempt", "too slow"), after=2000)
    body = {
        "message": "Slow down, 快",
        "type": "tokens",
        "param": None,
        "code": "rate_limit_exceeded",
        "odd": {"a": [1]},
    }
    exc = Refused("rate_limit", None, "Slow down", status=429, retry_after_ns=12 * S, body=body)
    case.end(case.begin(OPENAI, kind="fallback", waited=1.5), exc, after=95.25, status=429)
    status, headers, raw = error_answer(exc, case.recorder, case.now)
    assert status == 429
    assert headers == [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(raw)).encode()),
        (b"retry-after", b"12"),
    ]
    assert _error(raw) == {
        **body,
        "record": f"tg-{case.recorder.request_id}",
        "attempts": [
            {"provider": "azure.ai.openai", "error": "connection_read_timeout", "dur": 2000.0, "kind": "initial"},
            {"provider": "openai", "status": 429, "dur": 95.25, "kind": "fallback", "wait": 1.5},
        ],
    }


def test_an_error_object_is_completed_and_its_record_is_ours() -> None:
    """A provider that leaves members out, or uses our names."""
    case = Case()
    exc = Refused("invalid_request", None, "text", status=400, body={"record": "tg-forged", "attempts": "forged"})
    case.end(case.begin(), exc, status=400)
    error = _error(error_body(exc, case.recorder))
    assert error["record"] == f"tg-{case.recorder.request_id}"
    assert [attempt["provider"] for attempt in error["attempts"]] == ["openai"]
    assert {key: error[key] for key in ("message", "type", "param", "code")} == {
        "message": "text",
        "type": None,
        "param": None,
        "code": None,
    }


def test_without_an_object_of_the_provider_ours_says_what_happened() -> None:
    """The provider's code, else the token, else the class."""
    codes = [
        _error(error_body(exc))["code"]
        for exc in (
            Refused("server_error", None, "oops", status=500, code="E17"),
            Unreachable("connection_refused", "oops"),
            Refused("server_error", None, "oops", status=500),
        )
    ]
    assert codes == ["E17", "connection_refused", "server_error"]
    assert _error(error_body(Unreachable("connection_refused", "oops"))) == {
        "message": "oops",
        "type": "upstream_error",
        "param": None,
        "code": "connection_refused",
    }


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (
            Rejected(404, "model_not_found", "Unknown model.", param="model"),
            {"message": "Unknown model.", "type": "invalid_request_error", "param": "model", "code": "model_not_found"},
        ),
        (
            Denied("Only in the EU.", reason="residency"),
            {"message": "Only in the EU.", "type": "permission_error", "param": None, "code": "residency"},
        ),
        (
            Unavailable("Too many requests are open."),
            {"message": "Too many requests are open.", "type": "server_error", "param": None, "code": "overloaded"},
        ),
    ],
)
def test_our_own_refusals_have_the_same_shape(exc: Exception, expected: dict[str, Any]) -> None:
    """Without attempts, for none was made."""
    case = Case()
    assert _error(error_body(exc, case.recorder)) == {**expected, "record": f"tg-{case.recorder.request_id}"}
    assert _error(error_body(exc)) == expected


@pytest.mark.parametrize(
    ("reasons", "cause", "type_", "code"),
    [
        (["cooldown", "disabled", "cooldown"], None, "server_error", "overloaded"),
        (["cooldown"], "rate_limit", "rate_limit_error", "rate_limit"),
        (["residency", "capability"], None, "permission_error", "denied"),
    ],
)
def test_why_nothing_was_tried_names_no_target(
    reasons: list[SkipReason], cause: ErrorClass | None, type_: str, code: str
) -> None:
    """Reasons are counted; the ids of targets are ours."""
    exc = NothingTried([Skip(f"secret-{reason}", reason, None, cause) for reason in reasons])
    error = _error(error_body(exc))
    assert (error["type"], error["code"]) == (type_, code)
    assert "secret" not in error["message"]
    assert f"of the {len(reasons)} candidates" in error["message"]
    assert all(f"{reason} ({reasons.count(reason)})" in error["message"] for reason in reasons)


def test_an_empty_route_says_so() -> None:
    """No candidate at all."""
    assert "it has none" in _error(error_body(NothingTried([])))["message"]


@pytest.mark.parametrize("exc", [ValueError("secret"), ConfigError("secret"), asyncio.CancelledError("secret")])
def test_an_unexpected_exception_tells_nothing(exc: BaseException) -> None:
    """500 without a detail."""
    case = Case()
    status, _, body = error_answer(exc, case.recorder, case.now)
    assert status == 500
    assert b"secret" not in body
    assert _error(body)["code"] == "internal_error"


def test_no_record_is_promised_that_is_not_kept() -> None:
    """Neither for a wrong key nor when the log failed."""
    assert "record" not in _error(error_body(Rejected(401, "x", "y"), Case(authenticated=False).recorder))
    case = Case()
    case.inbound.lost = True
    assert "record" not in _error(error_body(Unavailable("x", reason="audit_unavailable"), case.recorder))


def test_should_retry_is_told() -> None:
    """In both directions."""
    case = Case()
    stop = error_answer(_refused("auth", 401), case.recorder, case.now)[1]
    again = error_answer(_refused("rate_limit", 429, should_retry=True), case.recorder, case.now)[1]
    assert (b"x-should-retry", b"false") in stop
    assert (b"x-should-retry", b"true") in again


def test_attempts_say_what_the_header_says() -> None:
    """A loser of a hedge, one that still runs, one that broke."""
    case = Case()
    lost = case.begin(AZURE)
    running = case.begin(ANTHROPIC, kind="hedge")
    broken = case.begin(OPENAI, kind="fallback", cost=BROKEN)
    exc = Broken("http_response_incomplete", "cut", status=200)
    case.end(broken, exc, after=1, status=200)
    case.end(lost, asyncio.CancelledError("superseded"))
    assert _error(error_body(exc, case.recorder))["attempts"] == [
        {"provider": "azure.ai.openai", "cancelled": True, "dur": 1.0, "kind": "initial"},
        {"provider": "anthropic", "kind": "hedge"},
        {"provider": "openai", "status": 200, "error": "http_response_incomplete", "dur": 1.0, "kind": "fallback"},
    ]
    assert running.outcome is None


def test_attempts_take_as_long_as_the_header_says() -> None:
    """To the last digit, where a duration is no whole number of microseconds."""
    case = Case()
    case.end(case.begin(), _refused("overloaded", 503), after=1.001999, status=503)
    exc = _refused("overloaded", 503)
    case.end(case.begin(AZURE, kind="retry", waited=0.751999), exc, after=2.999999, status=503)
    attempts = _error(error_body(exc, case.recorder))["attempts"]
    assert [(attempt["dur"], attempt.get("wait")) for attempt in attempts] == [(1.001, None), (2.999, 0.751)]
    fields = HeaderWriter(GatewayFacts("t")).failure(case.recorder, exc, 503, case.now)
    said = [member.params for member in parsed(named(fields)["tracegate-attempts"])]
    assert [(float(params["dur"]), float(params.get("wait", 0))) for params in said] == [(1.001, 0), (2.999, 0.751)]


def _event(data: bytes) -> dict[str, Any]:
    assert data.startswith(b"data: ")
    assert data.endswith(b"\n\n")
    assert data.count(b"\n") == 2
    return _error(data.removeprefix(b"data: "))


def test_in_band_an_error_is_one_event() -> None:
    """`type` `upstream_error`, `code` the token, and the record."""
    case = Case(stream=True)
    exc = Broken("http_response_incomplete", "The answer was cut.\r\n\r\ndata: x", status=200)
    case.end(case.begin(), exc, status=200)
    assert _event(error_event(exc, case.recorder)) == {
        "message": "The answer was cut.\r\n\r\ndata: x",
        "type": "upstream_error",
        "param": None,
        "code": "http_response_incomplete",
        "record": f"tg-{case.recorder.request_id}",
    }


def test_in_band_a_code_is_the_class_where_there_is_no_token() -> None:
    """Never the text of a status."""
    assert _event(error_event(_refused("overloaded", code="E1"), Case().recorder))["code"] == "overloaded"


def test_in_band_a_provider_s_own_error_is_kept() -> None:
    """Redacted where it arose."""
    exc = Refused("server_error", "http_protocol_error", "x", status=200, body={"message": "x", "code": 7, "type": "t"})
    error = _event(error_event(exc, Case().recorder))
    assert (error["code"], error["type"]) == (7, "t")


def test_in_band_a_fault_of_ours_tells_nothing() -> None:
    """As before the head."""
    assert _event(error_event(ValueError("secret"), Case().recorder))["code"] == "internal_error"


def test_any_text_of_a_provider_can_be_said_or_is_left_out() -> None:
    """Half surrogate pairs and big integers pass; what is no JSON does not."""
    circle: list[object] = []
    circle.append(circle)
    body = {"message": "\ud83d", "code": 10**30, "n": float("nan"), "i": float("inf"), "o": object(), "c": circle}
    error = _error(error_body(Refused("invalid_request", None, "x", status=400, body=body)))
    assert error == {"message": "\ud83d", "code": 10**30, "type": None, "param": None}


def test_every_class_has_a_status() -> None:
    """None falls through."""
    for class_ in get_args(ErrorClass):
        assert 400 <= answered(Failed(class_, None, "x"), [], 0).status < 600
