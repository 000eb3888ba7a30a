"""The view that a configuration asks for."""

from __future__ import annotations

import pytest

from tests.agreement.house import House, loaded
from tracegate.build import telemetry
from tracegate.build.telemetry import telemetry_of
from tracegate.config.model import Otlp as Configured
from tracegate.telemetry.content import Beside
from tracegate.telemetry.direct import Direct
from tracegate.telemetry.post import Answer, Headers
from tracegate.telemetry.sdk import Replay
from tracegate.telemetry.setup import Off, Otlp, TelemetrySettings, views
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run

PROVIDER = 'providers: {p: {dialect: openai, base_url: "http://127.0.0.1:9/p/v1", key: none}}\n'


def config(text: str) -> str:
    """A configuration with a section `telemetry`."""
    return PROVIDER + f"telemetry: {text}\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{otlp: none}", Off),
        ('{otlp: "http://127.0.0.1:9"}', Direct),
        ('{otlp: "http://127.0.0.1:9", renderer: sdk}', Replay),
        (
            '{otlp: "http://127.0.0.1:9", content: events, content_otlp: "http://127.0.0.1:8"}',
            Beside,
        ),
    ],
)
def test_the_configuration_chooses_the_view(text: str, kind: type) -> None:
    """None, direct, replay; with content, a pipeline of its own beside."""
    built = telemetry_of(loaded(config(text)), FakeClock(), SeededIds(1), {})
    assert isinstance(built.view, kind)
    assert (built.keep is not None) == (kind is Beside)


def test_every_setting_reaches_the_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a file says is dropped on the way."""
    seen: list[TelemetrySettings] = []

    def spied(settings: TelemetrySettings, *args: object, **kwargs: object) -> object:
        seen.append(settings)
        return views(settings, *args, **kwargs)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(telemetry, "views", spied)
    text = """
  otlp: {endpoint: "http://127.0.0.1:9", headers: {x-token: "planted-token-1234"}, compression: gzip, timeout: 3s}
  logs: false
  metrics_every: 7s
  service: shop
  resource: {team: payments}
  queue: 1MB
"""
    environ = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "99"}
    built = loaded(config(text), environ)
    telemetry_of(built, FakeClock(), SeededIds(1), environ)
    (settings,) = seen
    to = Otlp("http://127.0.0.1:9/v1/traces", "http/protobuf", (("x-token", "planted-token-1234"),), "gzip", 3 * 10**9)
    assert settings.traces == to
    assert settings.metrics is not None
    assert settings.metrics.endpoint == "http://127.0.0.1:9/v1/metrics"
    assert settings.logs is None
    assert (settings.metrics_every_ns, settings.service, settings.queue) == (7 * 10**9, "shop", 1_000_000)
    assert settings.resource == (("team", "payments"),)
    assert settings.value_limit == 99
    assert "planted-token-1234" not in repr(settings)
    assert "planted-token-1234" not in repr(Configured("e", headers=built.telemetry.traces.headers))  # type: ignore[union-attr]  # it is configured above


def test_open_requests_are_counted_by_route() -> None:
    """The count is exported beside what records tell."""
    posted: list[bytes] = []

    async def post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        posted.append(body)
        return Answer(200, (), b"")

    async def main() -> None:
        clock, ids = FakeClock(), SeededIds(1)
        built = loaded(config('{otlp: "http://127.0.0.1:9"}'))
        running = telemetry_of(built, clock, ids, {}, post=post)
        house = House(built, None, running.view)
        label = running.active.begin(None)
        await house.ask("p/sim-ok")
        await house.close()
        await running.view.close(clock.now() + 10**9)
        running.active.end(label)

    run(main)
    assert any(b"tracegate.requests.active" in body for body in posted)
