"""From providers of a configuration to the ways to them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from msgspec import structs

from tests.agreement.house import loaded
from tests.upstream.served import OK, TLS, answering, asked, go, outgoing, serving, tls_server
from tracegate.build.exchanges import exchanges
from tracegate.clock import SystemClock
from tracegate.config.model import Config
from tracegate.config.secret import Secret
from tracegate.errors import ConfigError
from tracegate.upstream import transport
from tracegate.upstream.exchange import Exchange
from tracegate.upstream.fast import exchange as fast
from tracegate.upstream.fast.exchange import FastExchange, fast_exchange
from tracegate.upstream.httpx import HttpxExchange
from tracegate.upstream.origin import TransportSettings
from tracegate.upstream.transport import Maker, Wrap, httpx_exchange

TEXT = 'providers: {{p: {{dialect: openai, base_url: "{url}", key: none{more}}}}}\n'


def config(url: str = "http://127.0.0.1:9/v1", more: str = "") -> Config:
    """A configuration with one provider."""
    return loaded(TEXT.format(url=url, more=f", {more}" if more else ""))


def changed(config: Config, **changes: object) -> Config:
    """The same with other settings of its provider, as if what they name were installed."""
    providers = {id: structs.replace(one, **changes) for id, one in config.providers.items()}
    return structs.replace(config, providers=providers)


Given = tuple[TransportSettings, int, Maker | None, Wrap | None]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Given]:
    """What exchanges are made of, over either transport."""
    given: list[Given] = []

    def spied(
        settings: TransportSettings, clock: SystemClock, *, waiting: int, maker: Maker | None, wrap: Wrap | None
    ) -> Exchange:
        given.append((settings, waiting, maker, wrap))
        return httpx_exchange(settings, clock, waiting=waiting, maker=maker, wrap=wrap)

    def spied_fast(settings: TransportSettings, clock: SystemClock, *, waiting: int) -> Exchange:
        given.append((settings, waiting, None, None))
        return fast_exchange(settings, clock, waiting=waiting)

    monkeypatch.setattr(transport, "httpx_exchange", spied)
    monkeypatch.setattr(fast, "fast_exchange", spied_fast)
    return given


def test_every_setting_reaches_the_transport(seen: list[Given]) -> None:
    """Nothing that a file says is dropped on the way."""
    key = f"{{file: {TLS / 'client.key'}}}"
    more = (
        f"tls: {{ca: {TLS / 'ca.pem'}, cert: {TLS / 'client.pem'}, key: {key}}}, "
        'proxy: "http://user:secret@proxy:3128", pool: {connections: 7, idle: 3s, waiting: 11}'
    )
    made = exchanges(config("https://api.example.com:8443/v1", more), SystemClock())
    assert made.keys() == {"p"}
    ((settings, waiting, maker, wrap),) = seen
    assert settings == TransportSettings(
        scheme="https",
        host="api.example.com",
        port=8443,
        connections=7,
        idle_ns=3_000_000_000,
        proxy="http://user:secret@proxy:3128",
        ca=str(TLS / "ca.pem"),
        cert=str(TLS / "client.pem"),
        key=(TLS / "client.key").read_text().strip(),
    )
    assert (waiting, maker, wrap) == (11, None, None)


def test_what_a_file_does_not_say_is_the_default(seen: list[Given]) -> None:
    """The environment's proxy, the system's trust, and the pool's own numbers."""
    exchanges(config(), SystemClock())
    ((settings, waiting, _, _),) = seen
    assert settings == TransportSettings(scheme="http", host="127.0.0.1", port=9, proxy="env")
    assert waiting == 1000


@pytest.mark.parametrize(
    ("more", "environment", "type_"),
    [
        ("", {}, FastExchange),
        ("transport: auto", {}, FastExchange),
        ("transport: fast", {}, FastExchange),
        ("transport: httpx", {}, HttpxExchange),
        ("", {"HTTPS_PROXY": "http://proxy:1"}, HttpxExchange),
        ("", {"https_proxy": "http://proxy:1"}, HttpxExchange),
        ("", {"ALL_PROXY": "http://proxy:1"}, HttpxExchange),
        ("", {"HTTP_PROXY": "http://proxy:1"}, FastExchange),
        ("", {"ALL_PROXY": "http://proxy:1", "NO_PROXY": "api.example.com"}, FastExchange),
        ("", {"ALL_PROXY": "http://proxy:1", "NO_PROXY": "example.org"}, HttpxExchange),
        ("proxy: none", {"ALL_PROXY": "http://proxy:1"}, FastExchange),
        ("proxy: none, transport: fast", {"ALL_PROXY": "http://proxy:1"}, FastExchange),
        ("proxy: 'http://proxy:1'", {}, HttpxExchange),
    ],
)
def test_the_fast_transport_is_the_way_where_no_proxy_is(
    monkeypatch: pytest.MonkeyPatch, more: str, environment: dict[str, str], type_: type[Exchange]
) -> None:
    """Whoever names it; the environment and the file decide, per host."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert type(exchanges(config("https://api.example.com/v1", more), SystemClock())["p"]) is type_


def test_a_proxy_of_the_environment_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names `fast` all the same is told."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@proxy:1")
    with pytest.raises(ConfigError, match=r"^providers\.p: `transport`: the environment names a proxy") as caught:
        exchanges(config(more="transport: fast"), SystemClock())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("more", "loaded"), [("", False), (", transport: httpx", True)])
def test_httpx_is_loaded_only_where_it_is_needed(tmp_path: Path, more: str, loaded: bool) -> None:
    """It is large."""
    file = tmp_path / "tracegate.yaml"
    file.write_text(TEXT.format(url="http://127.0.0.1:9/v1", more=more))
    code = (
        "import sys; from tracegate.build import exchanges, plugins; from tracegate.clock import SystemClock; "
        "from tracegate.config.load import load; exchanges.exchanges(load(sys.argv[1], {}), SystemClock()); "
        "print('httpx' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{loaded}\n"


def test_only_providers_that_ask_for_it_are_instrumented(seen: list[Given]) -> None:
    """And only where somebody can."""
    told: list[bool] = []

    def instrument(propagate: bool) -> Wrap:
        told.append(propagate)
        return lambda transport: transport

    asking = config(more="instrument: true, transport: httpx, propagate: traceparent")
    exchanges(asking, SystemClock(), instrument)
    exchanges(asking, SystemClock())
    exchanges(config(), SystemClock(), instrument)
    assert told == [True]
    assert [wrap is not None for _, _, _, wrap in seen] == [True, False, False]


def test_an_exchange_reaches_its_provider() -> None:
    """Over TLS with the authority that the file names."""

    async def main() -> None:
        async with serving(answering(OK), tls_server()) as port:
            made = exchanges(config(f"https://localhost:{port}/v1", f"tls: {{ca: {TLS / 'ca.pem'}}}"), SystemClock())
            assert (await asked(made["p"], outgoing(port, scheme="https", host="localhost"))).body == b"ok"
            await made["p"].close()

    go(main)


def test_all_that_can_not_be_made_is_told_at_once() -> None:
    """Each with its provider; no secret is shown."""
    one = config("https://127.0.0.1:9/v1").providers["p"]
    tls = config("https://127.0.0.1:9/v1", f"tls: {{ca: {TLS / 'client.key'}}}").providers["p"]
    proxy = structs.replace(one, proxy=Secret("socks5://user:secret@proxy", "literal"))
    both = structs.replace(config(), providers={"a": tls, "b": one, "c": proxy})
    with pytest.raises(ConfigError) as caught:
        exchanges(both, SystemClock())
    first, second = str(caught.value).split("\n")
    assert first.startswith("providers.a: `tls.ca`: ")
    assert second.startswith("providers.c: the URL of the proxy can't be used")
    assert "secret" not in str(caught.value)


# Transports of other packages


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path, makers: Mapping[str, str]) -> None:
    """A package that gives transports."""
    info = folder / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in makers.items()]
    (info / "entry_points.txt").write_text("\n".join(["[tracegate.transports]", *lines]))
    monkeypatch.syspath_prepend(folder)


def mock(settings: TransportSettings) -> httpx.AsyncBaseTransport:
    """A transport that answers by itself."""
    return httpx.MockTransport(lambda request: httpx.Response(200, text=f"{settings.host} by mock"))


def wrong(settings: TransportSettings) -> object:
    """No transport at all."""
    return settings


def test_a_transport_comes_in_by_an_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is given all that is said of the way."""
    installed(monkeypatch, tmp_path, {"mock": f"{__name__}:mock"})
    assert __name__ in sys.modules

    async def main() -> None:
        made = exchanges(changed(config(), transport="mock"), SystemClock())
        assert (await asked(made["p"], outgoing(9))).body == b"127.0.0.1 by mock"
        await made["p"].close()

    go(main)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "other",
            "no installed package gives `other` to `tracegate.transports`. "
            "Allowed: auto, fast, httpx, gone, lost, wrong.",
        ),
        ("gone", "`nowhere_to_be_found:x`, which is `gone`, can't be loaded: No module named"),
        ("lost", "which is `lost`, can't be loaded: module .* has no attribute 'nothing'"),
        ("wrong", "made TransportSettings, which is no httpx.AsyncBaseTransport"),
    ],
)
def test_a_transport_that_can_not_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, told: str
) -> None:
    """With what is allowed, or why."""
    makers = {"gone": "nowhere_to_be_found:x", "lost": f"{__name__}:nothing", "wrong": f"{__name__}:wrong"}
    installed(monkeypatch, tmp_path, makers)
    with pytest.raises(ConfigError, match=rf"^providers\.p: `transport`: .*{told}"):
        exchanges(changed(config(), transport=name), SystemClock())
