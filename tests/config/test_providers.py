"""Providers: a built-in row, and what the file says over it."""

from __future__ import annotations

import pytest

from tests.config.reading import ENV, configured, notes, problems
from tracegate.config.model import DEFAULT, Auth, ClientTls, Origin, Pool, Provider
from tracegate.config.secret import Secret
from tracegate.facts import Timeouts
from tracegate.policies.settings import Retry


def one(text: str, env: dict[str, str] | None = None) -> Provider:
    """The only provider of a text."""
    (provider,) = configured(f"providers: {text}", ENV if env is None else env).providers.values()
    return provider


def test_a_row_alone_is_a_provider() -> None:
    """`{}` takes everything from it, the key from its variable."""
    provider = one("{openai: {}}")
    assert (provider.id, provider.name, provider.row, provider.dialect) == ("openai", "openai", "openai", "openai")
    assert (provider.scheme, provider.host, provider.port, provider.path) == ("https", "api.openai.com", 443, "/v1")
    assert provider.key == Secret("sk-openai-0000000000", "env", "OPENAI_API_KEY")
    assert provider.auth == Auth("authorization", "Bearer ")
    assert (provider.region, provider.region_observed, provider.headers) == (None, None, ())
    assert (provider.propagate, provider.via, provider.usage_in_stream) == (False, True, True)
    assert (provider.transport, provider.proxy, provider.tls, provider.pool) == ("auto", "env", None, Pool())
    assert (provider.instrument, provider.disabled) == (False, False)
    assert (provider.timeouts, provider.retry) == (Timeouts(), Retry())
    assert provider.origins["base_url"] == Origin("row", "openai")
    assert provider.origins["name"] == Origin("row", "openai")
    assert provider.origins["key"] == Origin("env", "OPENAI_API_KEY")
    assert provider.origins["via"] is DEFAULT


def test_what_a_row_says_can_be_said_otherwise() -> None:
    """Every key of it."""
    provider = one(
        "{mine: {row: mistral, name: my.name, dialect: other, base_url: 'https://h.example:8443/x/', key: none, "
        "auth: 'header:X-Key', region: eu-1, headers: {X-Team: a}, propagate: traceparent, via: false, "
        "usage_in_stream: ask, transport: httpx, proxy: none, pool: {connections: 5, idle: 1s, waiting: 0}, "
        "instrument: true, disabled: true, timeouts: {attempt: 1m}, retry: 0}}"
    )
    assert (provider.name, provider.row, provider.dialect) == ("my.name", "mistral", "other")
    assert (provider.host, provider.port, provider.path) == ("h.example", 8443, "/x")
    assert (provider.key, provider.auth) == (None, Auth("x-key", ""))
    assert (provider.region, provider.headers) == ("eu-1", (("x-team", "a"),))
    assert (provider.propagate, provider.via, provider.usage_in_stream) == (True, False, True)
    assert (provider.transport, provider.proxy, provider.pool) == ("httpx", "none", Pool(5, 10**9, 0))
    assert (provider.instrument, provider.disabled) == (True, True)
    assert (provider.timeouts.attempt, provider.retry.times) == (60 * 10**9, 0)
    assert provider.origins["timeouts.attempt"].level == "provider"
    assert provider.origins["auth"].kind == "file"


def test_a_provider_needs_no_row() -> None:
    """Its id is its name then, and no key is noted."""
    text = "providers: {own: {dialect: openai, base_url: 'http://llm:8000'}}"
    provider = configured(text).providers["own"]
    assert (provider.name, provider.row, provider.key, provider.path) == ("own", None, None, "")
    assert provider.usage_in_stream is True
    assert notes(text) == ["note providers.own: no `key`: no credentials are sent; `key: none` says so"]
    assert notes(text.replace("8000'", "8000', key: none")) == []


def test_a_server_of_ones_own_may_stand_in_a_variable() -> None:
    """The file wins over it, and it over the row."""
    env = {"VLLM_BASE_URL": "http://10.0.0.9:9000/v1"}
    assert one("{vllm: {}}", env).host == "10.0.0.9"
    assert one("{vllm: {}}", env).origins["base_url"] == Origin("env", "VLLM_BASE_URL")
    assert one("{vllm: {base_url: 'http://gpu:1'}}", env).host == "gpu"
    assert one("{vllm: {}}", {}).host == "127.0.0.1"
    assert problems("providers: {vllm: {}}", {"VLLM_BASE_URL": "gpu"}) == [
        f"environment  VLLM_BASE_URL: `gpu` is not an http or https URL | {URL}"
    ]


def test_the_base_url_of_openai_is_never_read_from_the_environment() -> None:
    """On a developer's machine it names this gateway."""
    assert one("{openai: {}}", {**ENV, "OPENAI_BASE_URL": "http://127.0.0.1:4000/v1"}).host == "api.openai.com"


def test_a_disabled_provider_needs_no_key() -> None:
    """It is skipped."""
    assert one("{openai: {disabled: true}}", {}).key is None


def test_a_proxy_may_hold_credentials() -> None:
    """They are a secret of their own, and shown nowhere."""
    config = configured("providers: {openai: {proxy: 'http://user:hunter22@proxy:3128'}}")
    proxy = config.providers["openai"].proxy
    assert isinstance(proxy, Secret)
    assert proxy.value == "http://user:hunter22@proxy:3128"
    assert str(proxy) == "[literal http://proxy]"
    assert "hunter22" in {secret.value for secret in config.secrets}
    assert "hunter22" not in repr(config)


def test_a_client_certificate_is_read() -> None:
    """Paths stand relative to the file; its key is a secret."""
    text = "providers: {openai: {tls: {ca: ca.pem, cert: c.pem, key: {file: k.pem}}}}"
    config = configured(text, files={"ca.pem": "x", "c.pem": "x", "k.pem": "PRIVATE"})
    tls = config.providers["openai"].tls
    assert isinstance(tls, ClientTls)
    assert (tls.ca or "").endswith("/ca.pem")
    assert tls.key is not None
    assert tls.key.value == "PRIVATE"
    assert "PRIVATE" in {secret.value for secret in config.secrets}


def test_regions_that_the_host_proves_are_noted() -> None:
    """Unless the configuration says the same; observed wins over configured (ruling 2)."""
    base = "providers: {openai: {base_url: 'https://eu.api.openai.com/v1'%s}}"
    assert notes(base % "") == ["note providers.openai: no `region`; its host proves `eu` (observed)"]
    assert notes(base % ", region: eu") == []
    assert notes(base % ", region: us") == [
        "warning providers.openai.region: `us` is configured, but the host proves `eu`: "
        "observed wins, each attempt says so"
    ]
    assert configured(base % ", region: us").providers["openai"].region_observed == "eu"


def test_literal_secrets_are_warned_of() -> None:
    """They end up in a repository."""
    text = "providers: {openai: {key: sk-1, tls: {cert: c.pem, key: PEM}}}"
    literal = "the key is written out here; use `${VAR}`, `{env: VAR}` or `{file: PATH}`"
    assert notes(text, files={"c.pem": "x"}) == [
        f"warning providers.openai.key: {literal}",
        f"warning providers.openai.tls.key: {literal}",
    ]


def test_credentials_among_headers_are_known_to_the_redactor() -> None:
    """By the name of the field; others are plain."""
    config = configured("providers: {openai: {headers: {X-Subscription-Key: abc123, X-Team: a}}}")
    assert {"abc123"} <= {secret.value for secret in config.secrets}
    assert "a" not in {secret.value for secret in config.secrets}
    assert "abc123" not in repr(config.providers)


URL = "write a URL such as `https://api.example.com/v1`."
LINE = "providers: {p: {row: openai, %s}}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "providers: {opnai: {row: opnai}}",
            "1:26  providers.opnai.row: unknown row `opnai` | did you mean `openai`? Rows: openai, xai, openrouter, ",
        ),
        (
            "providers: {azure: {key: none}}",
            f"1:13  providers.azure: `base_url` is missing: every account of `azure` has its own | {URL}",
        ),
        (
            LINE % "base_url: 'http://api.example.com/v1'",
            "1:40  providers.p.base_url: `http://api.example.com/v1` would",
        ),
        (LINE % "base_url: 'https://a:b@c.example'", "1:40  providers.p.base_url: a URL with user info | take it out"),
        (LINE % "dialect: opnai", "1:39  providers.p.dialect: unknown dialect `opnai` | allowed: openai, other."),
        (LINE % "key: 'a b'", "1:35  providers.p.key: the key has blanks or characters that can't be sent | look at"),
        (LINE % "key: {file: none}", "1:30  providers.p.key: `"),
        (
            LINE % "auth: query",
            "1:36  providers.p.auth: `query` is not allowed here | write `bearer` or `header:NAME`; never in a query.",
        ),
        (
            LINE % "auth: {aws: {}}",
            "1:30  providers.p.auth: credentials beyond keys are not in this version | write `bearer` or",
        ),
        (LINE % "auth: {x: 1}", "1:30  providers.p.auth: a map is not allowed here | write `bearer`"),
        (LINE % "auth: 'header:a b'", "1:36  providers.p.auth: `a b` is not a token | use letters"),
        (LINE % "auth: 'header:Host'", "1:36  providers.p.auth: `host` can't carry a key | write the header"),
        (LINE % "auth: 'header:traceparent'", "1:36  providers.p.auth: `traceparent` can't carry a key | write"),
        (LINE % "proxy: 'socks5://x:1'", "1:37  providers.p.proxy: not a proxy | write `http://host:port`, `env` or"),
        (LINE % "proxy: 'http://[x'", "1:37  providers.p.proxy: not a proxy | write `http://host:port`, `env` or"),
        (LINE % "proxy: 'http://h:99999'", "1:37  providers.p.proxy: not a proxy | write `http://host:port`, `env` or"),
        (
            LINE % "transport: other",
            "1:41  providers.p.transport: unknown transport `other` | Allowed: auto, fast, httpx, special.",
        ),
        (
            LINE % "transport: htpx",
            "1:41  providers.p.transport: unknown transport `htpx` | did you mean `httpx`? Allowed: auto,",
        ),
        (
            LINE % "instrument: true",
            "1:42  providers.p.instrument: `instrument` needs `transport: httpx` | write it beside `instrument`.",
        ),
        (
            LINE % "tls: {key: '${KEY}'}",
            "1:30  providers.p.tls: a client certificate needs `cert` and `key` | write both, or neither.",
        ),
        (
            LINE % "base_url: 'http://h', tls: {}",
            "1:52  providers.p.tls: `tls` has no effect on `http://` | write `https://`, or take it out.",
        ),
        (
            LINE % "headers: {Authorization: x}",
            "1:40  providers.p.headers.Authorization: `authorization` is not for `headers` | take it out; a key stands",
        ),
        (LINE % "headers: {Content-Length: '5'}", "1:40  providers.p.headers.Content-Length: `content-length` is not"),
        (LINE % "headers: {Upgrade: x}", "1:40  providers.p.headers.Upgrade: `upgrade` is not for `headers` | take"),
        (
            LINE % "auth: 'header:api-key', headers: {Api-Key: x}",
            "1:64  providers.p.headers.Api-Key: `api-key` is not for `headers` | take it out; a key stands",
        ),
        (
            LINE % "headers: {baggage: x}",
            "1:40  providers.p.headers.baggage: `baggage` is not for `headers` | see the key `propagate`.",
        ),
        (LINE % "headers: {Via: x}", "1:40  providers.p.headers.Via: `via` is not for `headers` | see the key `via`."),
        (LINE % "headers: {A: x, a: y}", "1:46  providers.p.headers.a: `a` stands here twice | field names"),
        ("providers: {a/b: {}}", "1:13  providers.a/b: `a/b` is no id | an id is 1 to 64 letters"),
        ("providers: []", "1:1  providers: a list is not a map | write one id a line"),
    ],
)
def test_what_can_not_be_used_is_refused(text: str, why: str) -> None:
    """At its place, with what is allowed."""
    assert [line.startswith(why) for line in problems(text)] == [True], problems(text)


def test_a_provider_without_a_row_needs_an_address_and_a_dialect() -> None:
    """Both are said at once, with the rows that it may have meant."""
    found = problems("providers: {opnai: {key: none}}")
    start = "1:13  providers.opnai: `base_url` is missing: it is no built-in row, and names none as `row` | "
    assert found[0].startswith(f"{start}write a URL such as `https://api.example.com/v1`. Rows: openai, ")
    assert found[1:] == [
        "1:13  providers.opnai: `dialect` is missing | write it, or name a `row`. Dialects: openai, other."
    ]


def test_a_missing_variable_of_a_row_is_an_error() -> None:
    """With what can be written instead, and names that are alike."""
    assert problems("providers: {openai: {}}", {"OPENAI_KEY": "x"}) == [
        "1:13  providers.openai: the variable OPENAI_API_KEY is not set | "
        "set it, or write `key: …` (`none` sends no credentials). Set and similar: OPENAI_KEY."
    ]
    assert problems("providers: {openai: {}}", {}) == [
        "1:13  providers.openai: the variable OPENAI_API_KEY is not set | "
        "set it, or write `key: …` (`none` sends no credentials)."
    ]


def test_the_fast_transport_knows_no_proxies() -> None:
    """`auto` takes httpx where one is set."""
    text = "providers: {openai: {transport: fast, proxy: 'http://proxy:3128'}}"
    assert [line.partition(" | ")[0] for line in problems(text)] == [
        "1:46  providers.openai.proxy: the transport `fast` knows no proxies",
    ]
