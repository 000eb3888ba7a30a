"""The server's own sections."""

from __future__ import annotations

import pytest

from tests.config.reading import ENV, configured, draft, whats
from tracegate.config import serving
from tracegate.config.model import DEFAULT, Limits, ResponseHeaders

HEAD = "providers: {openai: {}}\n"


def test_limits_have_units() -> None:
    """Every key of the table."""
    text = (
        "limits: {body: 1MB, header: 8KiB, header_time: 2s, keep_alive: 1m, requests: '${N}', attempts: 3, answer: 2MB}"
    )
    assert configured(HEAD).limits == Limits()
    assert configured(HEAD + text, {**ENV, "N": "5"}).limits == Limits(
        10**6, 8192, 2 * 10**9, 60 * 10**9, 5, 3, 2 * 10**6
    )


def test_headers_tell_all_unless_said_otherwise() -> None:
    """Every key of the table."""
    text = "headers: {detail: public, traceresponse: false, comments: false, cors: ['https://a.example']}"
    assert configured(HEAD).headers == ResponseHeaders()
    assert configured(HEAD + text).headers == ResponseHeaders("public", False, False, ("https://a.example",))


@pytest.mark.parametrize(
    ("text", "direct"),
    [
        ("", True),
        ("targets: {a: openai/m}", False),
        ("routes: {a: openai/m}", False),
        ("targets: {a: openai/m}\ndirect: true", True),
        ("direct: false", False),
        ("direct: '${YES}'", True),
    ],
)
def test_clients_may_name_models_while_there_is_nothing_else_to_name(text: str, direct: bool) -> None:
    """Or where the file says so."""
    assert configured(HEAD + text, {**ENV, "YES": "true"}).direct is direct


def test_direct_is_a_boolean() -> None:
    """`on` is text."""
    assert whats(f"{HEAD}direct: on") == ["direct: `on` is not a boolean"]


def test_every_value_knows_where_it_came_from() -> None:
    """File or default; `public` takes the node away."""
    found = serving.origins(
        draft("limits: {body: 1MB}\nlisten: a:1\nheaders: {detail: public}\nprices: {currency: EUR}")
    )
    assert str(found["limits.body"]) == "file t.yaml:1:16"
    assert str(found["listen.address"]) == "file t.yaml:2:9"
    assert str(found["prices.currency"]) == "file t.yaml:4:20"
    assert found["gateway.node"] == found["headers.detail"]
    assert found["limits.header"] is found["direct"] is DEFAULT
    assert serving.origins(draft("listen: {address: a:1}"))["listen.address"].at == "t.yaml:1:19"
    assert serving.origins(draft("headers: {detail: full}"))["gateway.node"] is DEFAULT
