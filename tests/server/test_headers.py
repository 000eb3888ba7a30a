"""What every response says in its head."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

import pytest

from tests.server.case import ANTHROPIC, AZURE, BROKEN, OPENAI, Case, costs, named, parsed
from tests.work import functions_entered
from tracegate.errors import (
    Broken,
    Denied,
    Failed,
    NothingTried,
    Refused,
    Rejected,
    Skip,
    TimedOut,
    TracegateError,
    Unavailable,
    Unreachable,
)
from tracegate.facts import Cost, Target
from tracegate.server.headers import LIMIT, WHOLE, Fields, GatewayFacts, HeaderWriter

WRITER = HeaderWriter(GatewayFacts("tracegate-5c1f09ab", node="tg-7f9c", traceresponse=False))
PUBLIC = HeaderWriter(
    GatewayFacts("tracegate-5c1f09ab", "0.4.1", "tg-7f9c", "eu-central-1", detail="public", traceresponse=False)
)
RECORD = "01941f29-7c00-7265-a4d3-"


def _said(fields: Fields) -> dict[str, str]:
    """Fields by name without ids; every structured one was read and written again by an independent parser."""
    texts = named(fields)
    for name in (
        "x-served-by",
        "tracegate-attempts",
        "tracegate-record",
        "tracegate-cost",
        "proxy-status",
        "server-timing",
    ):
        if name in texts:
            parsed(texts[name])
    request_id = texts.pop("x-request-id")
    if "tracegate-record" in texts:
        assert texts["tracegate-record"] == f"tg-{request_id}"
        texts["tracegate-record"] = "tg-…"
    assert texts.pop("via") == "1.1 tracegate-5c1f09ab"
    return texts


def test_unary_success() -> None:
    """One attempt, closed: everything is final."""
    case = Case()
    case.after(1.3)
    case.answered()
    assert _said(WRITER.success(case.recorder, case.now)) == {
        "x-served-by": 'openai;model="gpt-5.5-2026-08-07";src=asserted;target="openai-eu";attempt=0, '
        'tracegate;node="tg-7f9c"',
        "tracegate-attempts": 'openai;status=200;dur=812.3;kind=initial;target="openai-eu"',
        "tracegate-record": "tg-…",
        "tracegate-cost": "4213;unit=micros;currency=USD;basis=local",
        "proxy-status": 'tracegate;next-hop="api.openai.com";next-protocol=h2;received-status=200',
        "server-timing": 'gateway;dur=1.3, upstream;dur=812.3;desc="openai"',
    }


def test_the_region_comes_with_the_class_of_its_evidence() -> None:
    """Observed beats asserted beats configured; no region is said where none is proven."""
    served = []
    for observed, asserted, configured in (
        ("eu", "us", "de"),
        (None, "us", "de"),
        (None, None, "de"),
        (None, None, None),
    ):
        case = Case()
        record = case.begin(replace(OPENAI, region_observed=observed, region=configured))
        case.commit(record, region=asserted)
        case.end(record)
        fields = _said(PUBLIC.success(case.recorder, case.now))
        served.append(fields["x-served-by"].removeprefix('openai;model="gpt-5.5-2026-08-07";src=asserted'))
    tail = ';attempt=0, tracegate;region="eu-central-1";v="0.4.1"'
    assert served == [
        ';region="eu";region-src=observed' + tail,
        ';region="us";region-src=asserted' + tail,
        ';region="de";region-src=configured' + tail,
        tail,
    ]


def test_a_provider_that_names_no_model_is_said_to_have_served_the_requested_one() -> None:
    """With `configured` (ruling 49)."""
    case = Case()
    record = case.begin()
    case.commit(record, model=None)
    case.end(record)
    served = _said(WRITER.success(case.recorder, case.now))["x-served-by"]
    assert served.startswith('openai;model="gpt-5.5";src=configured;')


def _fallback() -> Case:
    case = Case()
    case.after(1)
    first = case.begin(AZURE)
    case.end(first, Refused("rate_limit", None, "slow down", status=429), after=184.2, status=429)
    second = case.begin(AZURE, kind="retry", reason="rate_limit", waited=800, cost=BROKEN)
    case.end(second, TimedOut("attempt", "too slow"), after=2000)
    third = case.begin(ANTHROPIC, kind="fallback", reason="timeout", cost=costs(10))
    case.commit(third, after=830.4, model="claude-opus-5-20260801")
    case.end(third)
    return case


def test_fallback_that_succeeded() -> None:
    """Cost is absent, because the second attempt broke after it was accepted."""
    case = _fallback()
    assert _said(WRITER.success(case.recorder, case.now)) == {
        "x-served-by": 'anthropic;model="claude-opus-5-20260801";src=asserted;target="claude";attempt=2, '
        'tracegate;node="tg-7f9c"',
        "tracegate-attempts": 'azure.ai.openai;status=429;dur=184.2;kind=initial;target="gpt-azure", '
        'azure.ai.openai;error=connection_read_timeout;dur=2000.0;kind=retry;wait=800.0;target="gpt-azure", '
        'anthropic;status=200;dur=830.4;kind=fallback;target="claude"',
        "tracegate-record": "tg-…",
        "proxy-status": 'tracegate;next-hop="api.anthropic.com";next-protocol=h2;received-status=200',
        "server-timing": 'gateway;dur=1.0, upstream;dur=3014.6;desc="anthropic", backoff;dur=800.0',
    }


def test_public_detail_drops_nodes_next_hops_and_target_ids() -> None:
    """What is left says who served, not how we are built."""
    case = _fallback()
    fields = PUBLIC.success(case.recorder, case.now)
    said = _said(fields)
    assert said["x-served-by"] == (
        'anthropic;model="claude-opus-5-20260801";src=asserted;attempt=2, tracegate;region="eu-central-1";v="0.4.1"'
    )
    assert said["proxy-status"] == "tracegate;next-protocol=h2;received-status=200"
    text = b"".join(value for _, value in fields)
    assert not any(
        secret in text for secret in (b"tg-7f9c", b"gpt-azure", b'"claude"', b"api.anthropic.com", b"target")
    )


def test_every_target_failed() -> None:
    """The provider whose error the client gets; 0 is a known cost, for both refused before they generated."""
    case = Case()
    first = case.begin(OPENAI)
    case.end(first, Unreachable("connection_refused", "refused"), after=3.1)
    second = case.begin(ANTHROPIC, kind="fallback", reason="connection")
    error = Refused("overloaded", None, "busy", status=503)
    case.end(second, error, after=95, status=503)
    assert _said(PUBLIC.failure(case.recorder, error, 503, case.now)) == {
        "x-served-by": 'anthropic;status=503;attempt=1, tracegate;region="eu-central-1";v="0.4.1"',
        "tracegate-attempts": "openai;error=connection_refused;dur=3.1;kind=initial, "
        "anthropic;status=503;dur=95.0;kind=fallback",
        "tracegate-record": "tg-…",
        "tracegate-cost": "0;unit=micros;currency=USD;basis=local",
        "proxy-status": "tracegate;received-status=503",
        "server-timing": 'gateway;dur=0.0, upstream;dur=98.1;desc="anthropic"',
    }


@pytest.mark.parametrize(
    ("error", "status", "served", "tried", "proxy"),
    [
        (
            TimedOut("connect", "too slow"),
            None,
            "error=connection_timeout",
            "error=connection_timeout",
            "error=connection_timeout",
        ),
        (
            Broken("http_response_incomplete", "cut", status=200),
            200,
            "error=http_response_incomplete",
            "status=200;error=http_response_incomplete",
            "error=http_response_incomplete;received-status=200",
        ),
        (
            Refused("rate_limit", "http_protocol_error", "an error in a 200", status=200),
            200,
            "error=http_protocol_error",
            "status=200;error=http_protocol_error",
            "error=http_protocol_error;received-status=200",
        ),
        (Refused("server_error", None, "oops", status=500), 500, "status=500", "status=500", "received-status=500"),
        (Failed("overloaded", None, "nothing came"), None, "error=overloaded", "error=overloaded", "error=overloaded"),
        (Failed("overloaded", "a token\r\nX: y", "hostile"), None, "", "", ""),
    ],
)
def test_status_and_error_of_a_failed_attempt(
    error: Failed, status: int | None, served: str, tried: str, proxy: str
) -> None:
    """A status when one came, a token when none came or the body broke, both for a 200 that broke (ruling 7)."""
    case = Case()
    record = case.begin()
    case.end(record, error, after=1, status=status)
    said = _said(PUBLIC.failure(case.recorder, error, 502, case.now))

    def after(text: str) -> str:
        return f";{text}" if text else ""

    assert said["x-served-by"].split(", ")[0] == f"openai{after(served)};attempt=0"
    assert said["tracegate-attempts"] == f"openai{after(tried)};dur=1.0;kind=initial"
    assert said["proxy-status"] == f"tracegate{after(proxy)}"


@pytest.mark.parametrize(
    ("cancel", "error"),
    [(asyncio.CancelledError("deadline"), "http_response_timeout"), (KeyError("x"), "server_error")],
)
def test_an_attempt_that_no_provider_broke(cancel: BaseException, error: str) -> None:
    """The backstop of the deadline, and a fault of our own, by the names that the span uses."""
    case = Case()
    record = case.begin(cost=BROKEN)
    case.end(record, cancel, after=1)
    said = _said(PUBLIC.failure(case.recorder, cancel, 500, case.now))
    assert said["tracegate-attempts"] == f"openai;error={error};dur=1.0;kind=initial"
    assert said["x-served-by"].startswith("tracegate;")
    assert said["proxy-status"] == "tracegate;error=proxy_internal_error"


def test_a_deadline_between_two_attempts_is_nobody_s_error() -> None:
    """Only this gateway is named; the attempts are still listed."""
    case = Case()
    case.end(case.begin(), Refused("overloaded", None, "busy", status=503), after=1, status=503)
    said = _said(PUBLIC.failure(case.recorder, TimedOut("deadline", "passed"), 504, case.now))
    assert said["x-served-by"] == 'tracegate;region="eu-central-1";v="0.4.1"'
    assert said["proxy-status"] == "tracegate;error=http_response_timeout"
    assert said["tracegate-attempts"] == "openai;status=503;dur=1.0;kind=initial"


@pytest.mark.parametrize(
    ("exc", "status", "proxy"),
    [
        (Denied("no"), 403, "error=http_request_denied"),
        (
            Rejected(404, "model_not_found", "no"),
            404,
            'error=http_request_error;status-code=404;status-phrase="Not Found"',
        ),
        (Rejected(499, "odd", "no"), 499, "error=http_request_error;status-code=499"),
        (Rejected(502, "proxy_loop_detected", "a circle"), 502, "error=proxy_loop_detected"),
        (NothingTried([Skip("a", "cooldown")]), 503, "error=destination_unavailable"),
        (NothingTried([Skip("a", "cooldown", cause="rate_limit")]), 429, "error=destination_unavailable"),
        (NothingTried([Skip("a", "residency")]), 403, "error=http_request_denied"),
        (Unavailable("too many"), 503, "error=proxy_internal_response"),
        (Failed("overloaded", None, "before any attempt"), 503, "error=proxy_internal_error"),
        (TracegateError("odd"), 500, "error=proxy_internal_error"),
        (RuntimeError("a secret"), 500, "error=proxy_internal_error"),
    ],
)
def test_what_the_gateway_refused_itself(exc: Exception, status: int, proxy: str) -> None:
    """Nothing was sent upstream: no provider, no attempts, no cost."""
    case = Case()
    case.after(0.4)
    assert _said(WRITER.failure(case.recorder, exc, status, case.now)) == {
        "x-served-by": 'tracegate;node="tg-7f9c"',
        "tracegate-record": "tg-…",
        "proxy-status": f"tracegate;{proxy}",
        "server-timing": "gateway;dur=0.4",
    }


def test_a_record_that_could_not_be_kept_is_not_promised() -> None:
    """Strict audit failure."""
    case = Case()
    case.inbound.lost = True
    exc = Unavailable("the log is full", reason="audit_unavailable")
    assert _said(WRITER.failure(case.recorder, exc, 503, case.now)) == {
        "x-served-by": 'tracegate;node="tg-7f9c"',
        "proxy-status": "tracegate;error=proxy_internal_error",
        "server-timing": "gateway;dur=0.0",
    }


def test_the_time_that_the_log_took_is_the_gateways() -> None:
    """Whatever else the field says stays, and so does every other field."""
    case = Case()
    case.answered(100)
    before = WRITER.success(case.recorder, case.now)
    case.after(2.5)
    assert WRITER.retimed(before, case.recorder, case.now) == WRITER.success(case.recorder, case.now)
    alone = [(b"server-timing", b"gateway;dur=0.0")]
    assert WRITER.retimed(alone, case.recorder, case.now) == [(b"server-timing", b"gateway;dur=2.5")]


def test_only_authenticated_inference_has_a_record() -> None:
    """Not a wrong key, not a list of models (ruling 24); the request id is always there."""
    for case in (Case(authenticated=False), Case(api=None)):
        fields = named(WRITER.failure(case.recorder, Rejected(401, "invalid_api_key", "no"), 401, case.now))
        assert "tracegate-record" not in fields
        assert fields["x-request-id"] == case.recorder.request_id


def test_an_answer_of_our_own_names_only_this_gateway() -> None:
    """The list of models, or what the router answers without any record."""
    case = Case(api=None)
    assert _said(WRITER.success(case.recorder, case.now)) == {
        "x-served-by": 'tracegate;node="tg-7f9c"',
        "server-timing": "gateway;dur=0.0",
    }
    assert named(WRITER.bare("01-2")) == {
        "x-served-by": 'tracegate;node="tg-7f9c"',
        "via": "1.1 tracegate-5c1f09ab",
        "x-request-id": "01-2",
    }


def test_a_stream_at_its_commit() -> None:
    """A snapshot: no duration, no cost, no upstream time; the time to the first event is there."""
    case = Case(stream=True)
    case.after(0.9)
    record = case.begin(cost=costs(5))
    case.commit(record, after=213.9)
    assert _said(PUBLIC.success(case.recorder, case.now)) == {
        "x-served-by": 'openai;model="gpt-5.5-2026-08-07";src=asserted;attempt=0, '
        'tracegate;region="eu-central-1";v="0.4.1"',
        "tracegate-attempts": "openai;status=200;ttft=213.9;kind=initial",
        "tracegate-record": "tg-…",
        "proxy-status": "tracegate;next-protocol=h2;received-status=200",
        "server-timing": "gateway;dur=0.9, ttft;dur=214.8",
    }


def test_a_hedge_s_loser_is_cancelled_not_failed() -> None:
    """What stopped it was us."""
    case = Case()
    slow = case.begin(AZURE)
    case.after(50)
    quick = case.begin(OPENAI, kind="hedge", reason="slow", cost=costs(7))
    case.commit(quick, after=10)
    case.end(quick)
    case.end(slow, asyncio.CancelledError("superseded"))
    said = _said(PUBLIC.success(case.recorder, case.now))
    assert said["tracegate-attempts"] == (
        "azure.ai.openai;cancelled;dur=60.0;kind=initial, openai;status=200;dur=10.0;kind=hedge"
    )
    assert said["x-served-by"].startswith("openai;")
    assert said["server-timing"] == 'gateway;dur=0.0, upstream;dur=60.0;desc="openai"'


def test_cost_names_its_currency_and_who_said_it() -> None:
    """`provider` only if every part that is not 0 is (ruling 43)."""
    case = Case()
    record = case.begin(cost=Cost(12, "EUR", "provider"))
    case.commit(record)
    case.end(record)
    assert _said(WRITER.success(case.recorder, case.now))["tracegate-cost"] == (
        "12;unit=micros;currency=EUR;basis=provider"
    )


def test_unknown_cost_is_absent_and_never_zero() -> None:
    """No price, so no header."""
    case = Case()
    case.answered(cost=None)
    assert "tracegate-cost" not in _said(WRITER.success(case.recorder, case.now))


def test_traceresponse_names_our_server_span() -> None:
    """Version, trace id, span id, and the flag that says it is recorded."""
    case = Case()
    fields = named(HeaderWriter(GatewayFacts("t")).success(case.recorder, case.now))
    recorder = case.recorder
    assert fields["traceresponse"] == f"00-{recorder.trace.hex()}-{recorder.server.span.hex()}-01"


HOSTILE = [
    'gpt"; evil="1',
    "gpt\\",
    "gpt\r\nX-Evil: 1",
    "gpt\nX-Evil: 1",
    "gpt, openai;attempt=9",
    "模型",
    "\ud83d",
    "",
    "a" * 5000,
    "gpt\0",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_model_can_neither_break_nor_inject(text: str) -> None:
    """It is quoted whole, or dropped together with its class (ruling 28)."""
    case = Case()
    record = case.begin(cost=costs(1))
    case.commit(record, model=text, region=text, protocol=text)
    case.end(record)
    said = _said(WRITER.success(case.recorder, case.now))
    served = parsed(said["x-served-by"])
    assert [str(member.value) for member in served] == ["openai", "tracegate"]
    params = served[0].params
    assert set(params) - {"model", "src", "region", "region-src"} == {"target", "attempt"}
    assert params.get("model", text) == text
    assert ("model" in params) == ("src" in params) == ("region" in params) == ("region-src" in params)
    assert ("model" in params) == (text.isprintable() and text.isascii() and 0 < len(text) < 5000)
    assert "next-protocol" not in parsed(said["proxy-status"])[0].params


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_our_own_can_neither_break_nor_inject(text: str) -> None:
    """Provider, target, host, node and region are ours, and still only sent where they fit."""
    writer = HeaderWriter(GatewayFacts("t", text, text, text))
    case = Case()
    case.answered(target=Target(text, "own-id", text, "m", host=text))
    said = named(writer.success(case.recorder, case.now))
    served = parsed(said["x-served-by"])
    name = str(served[0].value)
    fits = text.isprintable() and text.isascii() and 0 < len(text) < 5000
    assert name == (text if fits else "own-id")
    assert len(served) == 2
    assert [str(member.value) for member in parsed(said["tracegate-attempts"])] == [name]
    parsed(said["proxy-status"])
    parsed(said["server-timing"])


def test_a_provider_without_any_name_that_fits_is_still_a_provider() -> None:
    """The member can't be left out: attempts are counted by position."""
    case = Case()
    case.answered(target=Target("t", "ö", "ö", "m"))
    assert _said(PUBLIC.success(case.recorder, case.now))["tracegate-attempts"].startswith("provider;status=200")


def test_a_target_that_changed_is_said_anew() -> None:
    """The same id after a reload; and the words that are kept stay bounded."""
    writer = HeaderWriter(GatewayFacts("t"))
    for name in ("one", "two"):
        case = Case()
        case.answered(target=replace(OPENAI, provider_name=name))
        assert named(writer.success(case.recorder, case.now))["x-served-by"].startswith(f"{name};")
    for number in range(5000):
        case = Case()
        case.answered(target=replace(OPENAI, id=f"t{number}"))
        named(writer.success(case.recorder, case.now))
    assert len(writer._members._words) <= 4096


def test_invented_model_names_do_not_fill_the_memory() -> None:
    """Each is said, few are kept."""
    for number in range(200):
        case = Case()
        record = case.begin()
        case.commit(record, model=f"m{number}")
        case.end(record)
        said = _said(WRITER.success(case.recorder, case.now))["x-served-by"]
        assert said.startswith(f'openai;model="m{number}";src=asserted;')
    assert len(WRITER._members.words(OPENAI).said) <= 64
    assert len(WRITER._members.words(OPENAI).plain) <= 64


def _many(count: int, *, id_length: int = 1, model: str = "m") -> tuple[Case, Failed]:
    case = Case()
    error = Refused("overloaded", None, "busy", status=503)
    for index in range(count - 1):
        target = replace(OPENAI, id=f"{index:0{id_length}}")
        case.end(case.begin(target, kind="fallback"), error, after=1.001, status=503)
    record = case.begin(OPENAI, kind="fallback", cost=costs(5))
    case.commit(record, model=model)
    case.end(record)
    return case, error


def _size(fields: Fields) -> int:
    return sum(len(name) + len(value) + 4 for name, value in fields)


def test_beyond_the_limit_optional_parameters_go_first() -> None:
    """Sixty attempts with long ids fit once the ids are gone."""
    case, error = _many(60, id_length=60)
    fields = WRITER.success(case.recorder, case.now)
    said = _said(fields)
    assert len(parsed(said["tracegate-attempts"])) == 60
    assert "target" not in said["tracegate-attempts"] + said["x-served-by"]
    assert "next-hop" not in said["proxy-status"]
    assert "desc" not in said["server-timing"]
    assert _size(fields) <= LIMIT
    failed = _said(WRITER.failure(case.recorder, Rejected(404, "x", "y"), 404, case.now))
    assert failed["proxy-status"] == "tracegate;error=http_request_error;status-code=404"
    assert _said(WRITER.failure(case.recorder, error, 503, case.now))["x-served-by"].startswith(
        "openai;status=503;attempt"
    )


def test_beyond_the_limit_the_middle_attempts_are_counted() -> None:
    """The first and the last stay, as many as fit."""
    case, _ = _many(300, id_length=60)
    fields = WRITER.success(case.recorder, case.now)
    members = parsed(_said(fields)["tracegate-attempts"])
    (at,) = [index for index, member in enumerate(members) if str(member.value) == "omitted"]
    assert members[at].params["count"] + len(members) - 1 == 300
    assert LIMIT - 100 < _size(fields) <= LIMIT
    assert abs(at - (len(members) - 1 - at)) <= 1
    assert "cancelled" not in members[-1].params
    assert members[-1].params["status"] == 200


def test_beyond_the_limit_a_long_model_goes_last() -> None:
    """With long names of providers and the gateway, nothing else is left to drop."""
    long = "n" * 600
    writer = HeaderWriter(GatewayFacts("t", long, long, long))
    case = Case()
    target = replace(OPENAI, provider_name="p" * 600)
    for kind in ("initial", "fallback", "fallback"):
        assert kind in ("initial", "fallback")
        record = case.begin(target, cost=costs(5))
        case.commit(record, model="m" * 1000)
        case.end(record)
    fields = writer.success(case.recorder, case.now)
    assert "model" not in named(fields)["x-served-by"]


@pytest.mark.parametrize("detail", ["full", "public"])
@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("priced", [True, False])
def test_a_plain_answer_says_what_every_other_says(
    detail: Literal["full", "public"], traced: bool, priced: bool
) -> None:
    """The short way to its fields, and the long one, come to the same."""
    writer = HeaderWriter(GatewayFacts("tracegate-5c1f09ab", "0.4.1", "tg-7f9c", detail=detail, traceresponse=traced))
    for target, region in (
        (OPENAI, None),
        (AZURE, "swedencentral"),
        (replace(OPENAI, provider_name='"odd" one'), None),
    ):
        for _ in range(2):
            case = Case()
            case.recorder.inbound.audited = priced
            case.after(1.25)
            record = case.begin(target)
            case.commit(record, region=region)
            case.end(record)
            assert record.attempt is not None
            if not priced:
                record.attempt.cost = None
            case.after(0.5)
            short = writer.success(case.recorder, case.now)
            assert short == writer._fields(case.recorder, record.attempt, None, case.now, WHOLE)
            took = (record.attempt.end or 0) - record.attempt.start
            assert short == writer._plain(case.recorder, record.attempt, took, case.now)


def test_a_plain_answer_that_says_too_much_is_made_shorter() -> None:
    """As any other."""
    case = Case()
    record = case.begin(replace(OPENAI, id="t" * 1000, host="h" * 1000, provider_name="p" * 1000))
    case.commit(record, model="m" * 1000)
    case.end(record)
    for _ in range(2):
        fields = WRITER.success(case.recorder, case.now)
        assert sum(len(name) + len(value) + 4 for name, value in fields) <= LIMIT
        assert "target" not in named(fields)["tracegate-attempts"]


def test_a_plain_answer_is_little_work() -> None:
    """About 10 µs for nine fields; counted in functions, because tests share their machine."""
    case = Case()
    case.answered()
    now = case.now
    WRITER.success(case.recorder, now)
    assert functions_entered(lambda: WRITER.success(case.recorder, now)) <= 30


def test_an_answer_after_failures_says_what_every_other_says() -> None:
    """Kept texts are those of answers and attempts that went the same way, whatever came before."""
    writer = HeaderWriter(GatewayFacts("tracegate-5c1f09ab", "0.4.1", "tg-7f9c"))
    fresh = HeaderWriter(GatewayFacts("tracegate-5c1f09ab", "0.4.1", "tg-7f9c"))
    busy, broken = Refused("overloaded", None, "busy", status=503), Broken("http_protocol_error", "no", status=200)
    for number, (first, error) in enumerate([(OPENAI, busy), (AZURE, broken), (OPENAI, broken), (AZURE, busy)] * 3):
        case = Case(stream=number % 3 == 2)
        case.end(case.begin(first), error, after=1.001, status=error.status)
        if number % 2:
            case.end(case.begin(first, kind="retry", waited=5.0), busy, after=2.5, status=503)
        record = case.begin(AZURE, kind="fallback")
        case.commit(record, region=("swedencentral", None)[number % 2], model=f"m{number % 5}")
        if number % 4:
            case.end(record)
        said = writer.success(case.recorder, case.now)
        fresh._members._words.clear()
        assert said == fresh._fields(case.recorder, record.attempt, None, case.now, WHOLE)
    for number in range(70):
        case = Case()
        case.end(case.begin(OPENAI), busy, status=400 + number)
        record = case.begin(OPENAI, kind="fallback")
        case.commit(record, model=f"m{number}")
        case.end(record)
        assert f'"m{number}"' in named(writer.success(case.recorder, case.now))["x-served-by"]
    words = writer._members.words(OPENAI)
    assert (len(words.heads), len(words.ends)) == (64, 64)
