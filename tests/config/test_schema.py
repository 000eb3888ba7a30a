"""The models of the file: keys, defaults, short forms, and what is reserved."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.reading import draft, said
from tracegate.config import schema
from tracegate.config.fields import Around
from tracegate.config.form import Form
from tracegate.config.validate import validate

AROUND = Around({}, Path())


def test_retry_has_a_short_form() -> None:
    """`retry: 2` is `{times: 2}`, and 0 turns it off."""
    assert schema.Retry.model_validate(2, context=AROUND).times == 2
    assert schema.Retry.model_validate(0, context=AROUND).model_fields_set == {"times"}


def test_retry_may_be_for_fewer_classes() -> None:
    """Any of the five."""
    assert schema.Retry.model_validate({"when": ["overloaded"]}, context=AROUND).when == frozenset({"overloaded"})
    assert schema.Retry.model_validate({"when": []}, context=AROUND).when == frozenset()


def test_listen_and_otlp_have_short_forms() -> None:
    """An address, and a URL."""
    assert schema.Listen.model_validate("localhost:1", context=AROUND).address == "localhost:1"
    assert schema.Listen.model_validate({"without_keys": True}, context=AROUND).address == "127.0.0.1:4000"
    assert schema.Otlp.model_validate("http://c:4318", context=AROUND).endpoint == "http://c:4318"
    assert schema.Otlp.model_validate({"compression": "gzip"}, context=AROUND).endpoint is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "retry: {when: [rate_limit, timeout]}",
            "1:9  retry.when: `timeout` is never retried: a silent target is left, not asked again | "
            "allowed: rate_limit, overloaded, server_error, connection, broken_answer.",
        ),
        (
            "retry: {when: [auth]}",
            "1:9  retry.when: `auth` is never retried: the same key would be refused again | "
            "allowed: rate_limit, overloaded, server_error, connection, broken_answer.",
        ),
        (
            "retry: {when: [oops]}",
            "1:9  retry.when: `oops` is not an error class that can be retried | "
            "allowed: rate_limit, overloaded, server_error, connection, broken_answer.",
        ),
        (
            "retry: {when: [7]}",
            "1:9  retry.when: `7` is not an error class that can be retried | "
            "allowed: rate_limit, overloaded, server_error, connection, broken_answer.",
        ),
        (
            "retry: {when: rate_limit}",
            "1:15  retry.when: `rate_limit` is not a list | "
            "write a list of rate_limit, overloaded, server_error, connection, broken_answer.",
        ),
        ("retry: 11", "1:8  retry: `11` is out of range | write a number from 0 to 10."),
        ("retry: yes", "1:8  retry: `yes` is not a whole number | write a number from 0 to 10."),
    ],
)
def test_what_is_never_retried_is_refused_with_the_reason(text: str, why: str) -> None:
    """Only five classes can be better the second time (ruling 38)."""
    one = draft(text)
    assert validate(one, ("retry",), schema.Retry) is None
    assert said(one) == [why]


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (schema.Provider, "health"),
        (schema.Target, "health"),
        (schema.Target, "require"),
        (schema.Beside, "hedge"),
        (schema.Top, "cheapest"),
        (schema.Top, "cache"),
        (schema.Key, "rate"),
        (schema.Tenant, "budget"),
        (schema.Prices, "feed"),
    ],
)
def test_a_reserved_key_is_refused_as_such(model: type[Form], key: str) -> None:
    """Its place is fixed; it is never ignored."""
    one = draft(f"s: {{{key}: {{}}, provider: a, model: b}}")
    validate(one, ("s",), model)
    assert f"1:5  s.{key}: `{key}` is not in this version | take it out." in said(one)


@pytest.mark.parametrize(
    ("model", "key", "fix"),
    [
        (
            schema.Timeouts,
            "deadline",
            "it bounds a whole request: write it at the top of a route, or in the file's own `timeouts`.",
        ),
        (schema.Beside, "delivery", "it holds for a whole route: write it at the top."),
    ],
)
def test_a_key_that_stands_somewhere_else_is_shown_the_way(model: type[Form], key: str, fix: str) -> None:
    """People look for it here."""
    one = draft(f"s: {{{key}: 1s}}")
    validate(one, ("s",), model)
    assert said(one) == [f"1:5  s.{key}: `{key}` does not stand here | {fix}"]


def test_the_defaults_are_those_of_the_reference() -> None:
    """Tables 3, 5, 8, 9 and 10."""
    provider, top, limits, telemetry = schema.Provider(), schema.Top(), schema.Limits(), schema.Telemetry()
    assert (provider.propagate, provider.via, provider.transport, provider.proxy) == ("none", True, "auto", "env")
    assert (provider.pool.connections, provider.pool.idle, provider.pool.waiting) == (200, 20 * 10**9, 1000)
    assert (provider.instrument, provider.disabled) == (False, False)
    assert (top.on_stream_failure, top.delivery, top.on_malformed_event) == ("error", "live", "break")
    assert (schema.Key(hash="x").tenant, schema.Key(hash="x").routes) == ("default", ("*",))
    assert (limits.body, limits.header, limits.answer) == (32_000_000, 32_000, 64_000_000)
    assert (limits.header_time, limits.keep_alive) == (10 * 10**9, 75 * 10**9)
    assert (limits.requests, limits.attempts) == (2000, 12)
    assert (telemetry.renderer, telemetry.inbound, telemetry.content) == ("auto", "parent", "none")
    assert (telemetry.queue, telemetry.shutdown) == (16_000_000, 3 * 10**9)
    assert schema.AllTimeouts().deadline == 600 * 10**9
    assert schema.Prices().currency == "USD"
