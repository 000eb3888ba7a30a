"""Who calls, and whether at all: refusals before the body is read, trust in what came along."""

from __future__ import annotations

import asyncio

import pytest

from tests.agreement.house import PATH, House
from tests.server.opened import CALL, KEY, KEYS, SECRET, config, got, opened, trees

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-00"


def test_no_key_and_a_wrong_key_are_refused_alike() -> None:
    """401 `invalid_api_key` with a request id and no record: nobody knows who asked (rulings 24, 55 and 60)."""

    async def asked(house: House) -> None:
        for headers in ({}, {"authorization": "Bearer tg-key-wrong"}, {"authorization": "Basic abc"}):
            answer = await got(house.app, headers=headers, body=CALL)
            assert (401, "invalid_api_key") == (answer.status, answer.error["code"])
            assert answer.header("www-authenticate") == "Bearer"
            assert answer.header("x-request-id") == house.view.requests[-1].request_id
            assert answer.header("tracegate-record") is None
            assert "record" not in answer.error
            assert answer.header("x-served-by") == 'tracegate;node="node-1";v="0.1.0"'
            assert "tg-key-wrong" not in str(answer)

    house = opened(config("sim-ok", more=KEYS), asked)
    assert trees(house) == ["\nPOST /v1/chat/completions error 401\n"] * 3
    (request, *_) = house.view.requests
    assert ("auth", None, None) == (request.server.reason, request.inbound.tenant, request.inbound.key)


@pytest.mark.parametrize("name", ["authorization", "api-key", "x-api-key"])
def test_a_key_comes_in_any_of_three_fields(name: str) -> None:
    """And its id and tenant are recorded (ruling 62)."""
    value = f"bEARER {KEY}" if name == "authorization" else KEY

    async def asked(house: House) -> None:
        assert (await got(house.app, headers={name: value}, body=CALL)).status == 200

    house = opened(config("sim-ok", more=KEYS), asked)
    inbound = house.view.requests[0].inbound
    assert ("acme", "app", True) == (inbound.tenant, inbound.key, inbound.recorded)


def test_over_the_limit_of_open_requests_nobody_is_asked_who_they_are() -> None:
    """503 with `Retry-After: 1`, before authentication, so without a record."""

    async def asked(house: House) -> None:
        async with house.post(headers={"api-key": KEY}) as first:
            await asyncio.sleep(0)
            answer = await got(house.app, headers={"api-key": KEY}, body=CALL)
            assert (503, "1") == (answer.status, answer.header("retry-after"))
            assert (answer.error["type"], answer.error["code"]) == ("server_error", "overloaded")
            assert answer.header("tracegate-record") is None
            assert house.view.requests[-1].inbound.key is None
            assert await first.head() == 200
            await first.read()
        assert (await got(house.app, headers={"api-key": KEY}, body=CALL)).status == 200

    opened(config("sim-ok+wait=1s", more=KEYS + "limits: {requests: 1}\n"), asked)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "BREW"])
def test_another_method_is_not_allowed(method: str) -> None:
    """405 with `Allow`, in OpenAI's shape (ruling 60); no key is asked for, no record left."""

    async def asked(house: House) -> None:
        answer = await got(house.app, method, PATH)
        assert (405, "POST") == (answer.status, answer.header("allow"))
        assert answer.header("tracegate-record") is None
        assert answer.header("x-request-id") is not None
        if method != "HEAD":
            assert answer.error["code"] == "method_not_allowed"

    opened(config("sim-ok", more=KEYS), asked)


def test_the_query_of_a_client_is_accepted_and_goes_nowhere() -> None:
    """Some clients send `?api-version=…` (ruling 62); a key in it is never recorded."""

    async def asked(house: House) -> None:
        answer = await got(house.app, path=f"{PATH}?api-version=1&key={KEY}", body=CALL)
        assert answer.status == 200

    house = opened(config("sim-ok"), asked)
    assert house.exchange.log[0].path == "/v1/chat/completions"
    assert house.view.requests[0].inbound.path == PATH


@pytest.mark.parametrize("via", ["1.1 tracegate-test", "1.0 cdn, 1.1 tracegate-test, 1.1 other"])
def test_a_request_that_came_through_us_before_is_a_loop(via: str) -> None:
    """502 `proxy_loop_detected`, with a record of its own."""

    async def asked(house: House) -> None:
        answer = await got(house.app, headers={"via": via}, body=CALL)
        assert (502, "proxy_loop_detected") == (answer.status, answer.error["code"])
        assert answer.header("proxy-status") == "tracegate;error=proxy_loop_detected"
        assert answer.header("tracegate-record") is not None
        assert (await got(house.app, headers={"via": "1.1 other"}, body=CALL)).status == 200

    house = opened(config("sim-ok"), asked)
    assert len(house.exchange.log) == 1


def test_headers_of_ours_that_a_client_sends_have_no_effect() -> None:
    """And none of its credentials, cookies or trace context reach the provider (rulings 59 and 63)."""
    sent = {
        "authorization": f"Bearer {KEY}",
        "cookie": "session=1",
        "openai-organization": "org-1",
        "openai-beta": "assistants=v2",
        "idempotency-key": "once",
        "traceparent": PARENT,
        "tracestate": "vendor=1",
        "baggage": "user=alice",
        "x-served-by": "forged",
        "tracegate-record": "tg-forged",
        "tracegate-cost": "0",
        "x-request-id": "mine",
    }

    async def asked(house: House) -> None:
        answer = await got(house.app, headers=sent, body=CALL)
        assert answer.status == 200
        assert "forged" not in str(answer.headers)
        assert answer.header("x-request-id") != "mine"

    house = opened(config("sim-ok", more=KEYS), asked)
    (entry,) = house.exchange.log
    assert {name: value for name, value in entry.headers if name not in ("host", "content-length")} == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {SECRET}",
        "content-type": "application/json",
        "openai-beta": "assistants=v2",
        "user-agent": "tracegate/0.1.0",
        "via": "1.1 tracegate-test",
    }
    assert house.view.requests[0].inbound.client_request_id == "mine"


def test_without_keys_everybody_is_authenticated() -> None:
    """Tenant `default`, key id `none`, and a record (ruling 24)."""

    async def asked(house: House) -> None:
        answer = await got(house.app, headers={"authorization": "Bearer anything"}, body=CALL)
        assert answer.header("tracegate-record") is not None

    house = opened(config("sim-ok"), asked)
    inbound = house.view.requests[0].inbound
    assert ("default", "none", True) == (inbound.tenant, inbound.key, inbound.authenticated)


def test_no_record_is_promised_where_the_audit_log_is_off() -> None:
    """Neither in the head nor in an error (ruling 24)."""

    async def asked(house: House) -> None:
        assert (await got(house.app, body=CALL)).header("tracegate-record") is None
        refused = await got(house.app, body=b"{}")
        assert "record" not in refused.error

    opened(config("sim-ok", more="audit: {mode: off}\n"), asked)


@pytest.mark.parametrize("mode", ["parent", "link", "ignore"])
def test_a_callers_trace_is_joined_linked_or_ignored(mode: str) -> None:
    """As its tenant says; `sampled=0` changes nothing."""
    more = f"{KEYS}tenants: {{acme: {{inbound: {mode}}}}}\n"

    async def asked(house: House) -> None:
        answer = await got(house.app, headers={"api-key": KEY, "traceparent": PARENT, "tracestate": "v=1"}, body=CALL)
        assert ((answer.header("traceresponse") or "").split("-")[1] == TRACE) is (mode == "parent")
        assert (answer.header("traceresponse") or "").endswith("-01")

    request = opened(config("sim-ok", more=more), asked).view.requests[0]
    assert (request.trace.hex() == TRACE) is (mode == "parent")
    assert (request.inbound.remote is not None) is (mode != "ignore")
    assert request.inbound.trust == mode


@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", PARENT.upper())],
        [("traceparent", PARENT), ("traceparent", PARENT)],
        [("traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01")],
        [("traceparent", "")],
    ],
)
def test_a_malformed_trace_context_is_none(headers: list[tuple[str, str]]) -> None:
    """As is one that was sent twice."""

    async def asked(house: House) -> None:
        assert (await got(house.app, headers=headers, body=CALL)).status == 200

    assert opened(config("sim-ok"), asked).view.requests[0].inbound.remote is None


def test_a_caller_that_nobody_knows_joins_no_trace() -> None:
    """What is not authenticated can't put spans into a trace of others."""

    async def asked(house: House) -> None:
        assert (await got(house.app, headers={"traceparent": PARENT}, body=CALL)).status == 401

    request = opened(config("sim-ok", more=KEYS), asked).view.requests[0]
    assert request.trace.hex() != TRACE
    assert request.inbound.trust == "ignore"
