"""Answers that leave no record: unknown paths, what never became a request, the probes."""

from __future__ import annotations

import json
import logging

import pytest

from tests.agreement.house import House
from tests.server.opened import KEYS, config, got, opened
from tracegate.errors import Rejected
from tracegate.server.unrecorded import on_the_wire


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/v1", "/v1/chat/completions/", "/v1/chat", "//", "/%FF", "/readyz/"])
def test_an_unknown_path_is_a_404_in_openais_shape(method: str, path: str) -> None:
    """A slash more is another path: a POST is never redirected (ruling 60). No key is asked for."""

    async def asked(house: House) -> None:
        answer = await got(house.app, method, f"{path}?key=secret")
        assert (404, "unknown_url") == (answer.status, answer.error["code"])
        known = ("POST /v1/chat/completions", "GET /v1/models", "GET /v1/receipts/{record_id}", "GET /v1/audit/keys")
        assert [path for path in known if path not in answer.error["message"]] == []
        assert "secret" not in str(answer)
        assert answer.header("tracegate-record") is None
        assert answer.header("x-served-by") == 'tracegate;node="node-1";v="0.1.0"'
        assert answer.header("via") == "1.1 tracegate-test"
        assert len(answer.header("x-request-id") or "") == 36

    assert opened(config("sim-ok", more=KEYS), asked).view.requests == []


def test_the_path_in_the_text_is_bounded() -> None:
    """It is the client's text."""

    async def asked(house: House) -> None:
        assert len((await got(house.app, "GET", "/" + "x" * 5000)).body) < 500

    opened(config("sim-ok"), asked)


def test_unknown_paths_leave_a_line_where_somebody_wants_it(caplog: pytest.LogCaptureFixture) -> None:
    """Ruling 24; nothing in it can end a line."""
    caplog.set_level(logging.INFO, "tracegate.server")

    async def asked(house: House) -> None:
        answer = await got(house.app, "GET", "/a%0Ab")
        assert [record.getMessage() for record in caplog.records] == [
            f"GET '/a\\nb' 404 {answer.header('x-request-id')}"
        ]

    opened(config("sim-ok"), asked)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_no_key_and_are_read_only(path: str) -> None:
    """And count as no request."""

    async def asked(house: House) -> None:
        house.assembled.gateway.not_ready.clear()
        house.assembled.gateway.request_limit = 0
        for method in ("GET", "HEAD"):
            assert (await got(house.app, method, path)).status == 200
        answer = await got(house.app, "POST", path)
        assert (405, "GET, HEAD", "method_not_allowed") == (answer.status, answer.header("allow"), answer.error["code"])

    assert opened(config("sim-ok", more=KEYS), asked).view.requests == []


def test_readiness_names_what_is_not_ready() -> None:
    """In the order of the alphabet; telemetry is never among them."""

    async def asked(house: House) -> None:
        waiting = house.assembled.gateway.not_ready
        waiting.clear()
        assert (await got(house.app, "GET", "/readyz")).json == {"ready": True, "not_ready": []}
        waiting |= {"shutting_down", "another"}
        answer = await got(house.app, "GET", "/readyz")
        assert answer.status == 503
        assert answer.json == {"ready": False, "not_ready": ["another", "shutting_down"]}

    opened(config("sim-ok"), asked)


def test_liveness_says_that_this_process_answers() -> None:
    """Whatever is not ready."""

    async def asked(house: House) -> None:
        house.assembled.gateway.not_ready.add("shutting_down")
        answer = await got(house.app, "GET", "/healthz")
        assert (200, b"alive\n") == (answer.status, answer.body)

    opened(config("sim-ok"), asked)


def test_what_never_became_a_request_gets_a_whole_answer() -> None:
    """Head and body at once; the connection ends with it."""

    async def asked(house: House) -> None:
        said = on_the_wire(house.assembled.gateway, Rejected(431, "header_too_large", "Too large."))
        head, _, body = said.partition(b"\r\n\r\n")
        status, *fields = head.split(b"\r\n")
        assert status == b"HTTP/1.1 431 Request Header Fields Too Large"
        named = dict(field.split(b": ", 1) for field in fields)
        assert named.pop(b"x-request-id").count(b"-") == 4
        assert named == {
            b"content-type": b"application/json",
            b"content-length": b"%d" % len(body),
            b"connection": b"close",
            b"x-served-by": b'tracegate;node="node-1";v="0.1.0"',
            b"via": b"1.1 tracegate-test",
        }
        assert json.loads(body)["error"]["code"] == "header_too_large"

    opened(config("sim-ok"), asked)
