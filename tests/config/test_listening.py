"""Where the server listens, and the rule that an open address needs keys."""

from __future__ import annotations

import pytest

from tests.config.reading import ENV, configured, problems, whats
from tracegate.config.listening import moved
from tracegate.config.model import Listen, ServerTls
from tracegate.errors import ConfigError

HEAD = "providers: {openai: {}}\n"
KEYS = "keys: {a: {key: '${KEY}'}}\n"
ANYWHERE = "0.0.0.0"  # noqa: S104  # a text in a configuration, nothing listens here


def test_the_server_listens_on_loopback() -> None:
    """Unless the file says otherwise, in either form."""
    assert configured(HEAD).listen == Listen("127.0.0.1", 4000, None, False)
    assert configured(f"{HEAD}listen: '[::1]:0'").listen == Listen("::1", 0)
    assert configured(f"{HEAD}{KEYS}listen: {{address: '{ANYWHERE}:80'}}").listen == Listen(ANYWHERE, 80)
    assert configured(f"{HEAD}listen: 'localhost:${{P}}'", {**ENV, "P": "81"}).listen == Listen("localhost", 81)


def test_a_certificate_stands_relative_to_the_file() -> None:
    """Both files must be there."""
    text = f"{HEAD}listen: {{tls: {{cert: c.pem, key: k.pem}}}}"
    tls = configured(text, files={"c.pem": "x", "k.pem": "x"}).listen.tls
    assert isinstance(tls, ServerTls)
    assert tls.cert.endswith("/c.pem")
    assert tls.key.endswith("/k.pem")
    assert whats(text, files={"c.pem": "x"}) == ["listen.tls.key: there is no file `k.pem`"]


def test_an_open_address_needs_keys() -> None:
    """Or a word that something in front checks callers."""
    assert problems(f"listen: {{address: {ANYWHERE}:4000}}\n{HEAD}") == [
        f"1:19  listen.address: {ANYWHERE}:4000 is open to the network and there are no `keys` | "
        "add `keys`, listen on 127.0.0.1, or write `without_keys: true` if something in front checks callers."
    ]
    assert whats(f"listen: {ANYWHERE}:4000\n{HEAD}keys: {{}}") == [
        f"listen: {ANYWHERE}:4000 is open to the network and there are no `keys`"
    ]
    assert configured(f"{HEAD}listen: {{address: '{ANYWHERE}:80', without_keys: true}}").listen.without_keys


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("listen: 4000", "listen: `4000` is not text"),
        ("listen: localhost", "listen: `localhost` is not an address with a port"),
        ("listen: {adress: 'x:1'}", "listen.adress: unknown key `adress`"),
    ],
)
def test_what_is_no_address_is_refused(text: str, why: str) -> None:
    """At its place."""
    assert whats(f"{HEAD}{text}") == [why]


def test_a_command_may_move_the_server() -> None:
    """By `--host` and `--port`, which win."""
    config = configured(HEAD)
    assert moved(config, None, None) == config
    assert moved(config, "::1", None).listen == Listen("::1", 4000)
    assert moved(config, None, 0).listen == Listen("127.0.0.1", 0)
    assert moved(configured(HEAD + KEYS), ANYWHERE, 80).listen == Listen(ANYWHERE, 80)


def test_a_command_can_not_open_what_the_file_keeps_closed() -> None:
    """Keys, and long ones, are needed all the same."""
    with pytest.raises(ConfigError, match=r"0:4000 is open to the network and there are no `keys`\n    add `keys`"):
        moved(configured(HEAD), ANYWHERE, None)
    short = configured(HEAD + KEYS, {**ENV, "KEY": "short"})
    with pytest.raises(ConfigError, match=r"0:4000 is open to the network and `keys.a` has less than 16 characters"):
        moved(short, ANYWHERE, None)
    assert moved(short, "localhost", None).listen.host == "localhost"
