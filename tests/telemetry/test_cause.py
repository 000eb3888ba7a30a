"""Why a record is an error, as every view says it."""

from __future__ import annotations

import asyncio

import pytest

from tests.telemetry.made import Made
from tracegate.errors import (
    Broken,
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
from tracegate.telemetry.cause import TERMINATED, error_class, error_type, message, server_error_type


@pytest.mark.parametrize(
    ("error", "kind", "class_", "text"),
    [
        (Refused("rate_limit", None, "slow down", status=429), "429", "rate_limit", "slow down"),
        (Unreachable("connection_refused", "no"), "connection_refused", "connection", "no"),
        (TimedOut("idle", "silent", status=200), "connection_read_timeout", "timeout", "silent"),
        (Broken("http_protocol_error", "no JSON", status=200), "http_protocol_error", "broken_answer", "no JSON"),
        (Failed("residency", None, "not here"), "residency", "residency", "not here"),
        (asyncio.CancelledError("deadline"), "http_response_timeout", "timeout", "The total deadline of"),
        (NothingTried([Skip("a", "cooldown", 1, "rate_limit")]), "rate_limit", "rate_limit", "no candidate could be"),
        (NothingTried([Skip("a", "cooldown")]), "overloaded", "overloaded", "no candidate could be"),
        (NothingTried([Skip("a", "budget")]), "denied", None, "no candidate could be"),
        (Denied("no", reason="residency"), "residency", "residency", "no"),
        (Unavailable("disk", reason="audit_unavailable"), "audit_unavailable", None, "disk"),
        (ValueError("secret inside"), "server_error", "server_error", ""),
    ],
)
def test_errors_are_told_by_type_class_and_text(error: BaseException, kind: str, class_: str, text: str) -> None:
    """The status, else the token, else the class; the text of a fault of our own stays inside."""
    made = Made()
    route = made.route()
    made.close(route, error)
    assert (error_type(route), error_class(route)) == (kind, class_)
    assert message(route).startswith(text)
    assert bool(message(route)) is bool(text)


@pytest.mark.parametrize("error", [None, asyncio.CancelledError("client_disconnect")])
def test_what_is_no_error_has_no_cause(error: BaseException | None) -> None:
    """Cancelled is an outcome of its own."""
    made = Made()
    route = made.route()
    made.close(route, error)
    assert (error_type(route), error_class(route), message(route)) == (None, None, "")


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (None, 200, None),
        (Rejected(404, "model_not_found", "no"), 404, None),
        (Refused("invalid_request", None, "no", status=400), 400, None),
        (Refused("server_error", None, "no", status=500), 502, "502"),
        (NothingTried([Skip("a", "cooldown")]), 503, "503"),
        (Broken("http_response_incomplete", "cut", status=200), 200, "http_response_incomplete"),
        (Refused("server_error", None, "resumed in vain", status=500), 200, "server_error"),
        (asyncio.CancelledError("deadline"), 200, "http_response_timeout"),
        (ValueError("a fault"), 200, "server_error"),
        (asyncio.CancelledError("client_disconnect"), None, TERMINATED),
        (asyncio.CancelledError("client_disconnect"), 200, TERMINATED),
        (ValueError("a fault"), None, "server_error"),
    ],
)
def test_the_server_span_says_what_the_client_saw(
    error: BaseException | None, status: int | None, expected: str | None
) -> None:
    """A 5xx by its status, a broken stream by its token, a client that left; nothing at 4xx."""
    made = Made()
    made.end(error, status)
    assert expected == server_error_type(made.recorder)
