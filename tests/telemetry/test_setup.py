"""Settings decide which view runs, and where it sends what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.telemetry.made import AZURE, MISTRAL, fallback, success
from tracegate import __version__
from tracegate.clock import SystemClock
from tracegate.errors import ConfigError
from tracegate.telemetry import names
from tracegate.telemetry.direct import Direct
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Active, Losses
from tracegate.telemetry.post import Answer, Headers
from tracegate.telemetry.sdk import Replay
from tracegate.telemetry.setup import Off, Otlp, TelemetrySettings, resource_of, views
from tracegate.telemetry.view import View
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen

TLS = Path(__file__).parent / "tls"
SOON = 5_000_000_000


def settings(base: str = "http://127.0.0.1:1", **changes: Any) -> TelemetrySettings:
    """All three signals at one place."""
    signals: dict[str, Any] = {signal: Otlp(f"{base}/v1/{signal}") for signal in ("traces", "metrics", "logs")}
    return replace(TelemetrySettings(**signals), **changes)


def made(chosen: TelemetrySettings, **parts: Any) -> View:
    """The view of some settings, on a fake clock."""
    return views(chosen, parts.pop("clock", FakeClock()), SeededIds(1), Measurements((AZURE, MISTRAL)), **parts)


def bounded(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a real loop."""

    async def within() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(within())


def test_plain_otlp_is_written_directly_over_sockets() -> None:
    """All three signals reach a receiver, with resource and scope; flushing leaves no connection open."""
    receiver = Receiver()
    losses = Losses()

    async def main() -> None:
        async with listen(receiver) as listening:
            clock = SystemClock()
            chosen = settings(listening.url, service="shop", resource=(("deployment.environment.name", "test"),))
            view = made(chosen, clock=clock, losses=losses)
            assert isinstance(view, Direct)
            view.add(success())
            view.add(fallback_of(2))
            await view.flush(clock.now() + SOON)
            for _ in range(100):  # the server sees them end a few turns later
                await asyncio.sleep(0)
            assert listening.connections == 0

    bounded(main)
    receiver.check()
    assert len(receiver.spans) == 8
    assert receiver.total(names.METRIC_TRACEGATE_ATTEMPTS) == 4
    assert not any(count for _, count in losses.counts())
    resource = receiver.spans[0].origin.resource
    assert resource["service.name"] == "shop"
    assert resource["service.version"] == __version__
    assert resource["deployment.environment.name"] == "test"
    assert (resource["telemetry.sdk.name"], resource["telemetry.sdk.language"]) == ("tracegate", "python")
    assert {point.origin.resource["service.instance.id"] for point in receiver.points} == {
        resource["service.instance.id"]
    }
    assert {(span.origin.scope, span.origin.schema_url) for span in receiver.spans} == {(names.SCOPE, names.SCHEMA_URL)}


def fallback_of(seed: int) -> Any:
    """A fallback whose ids differ from those of the other requests here."""
    recorder = fallback().end()
    recorder.trace = bytes([seed]) * 16
    for number, record in enumerate(recorder.records):
        record.span = bytes([seed, number]) * 4
    return recorder


def test_a_dead_receiver_costs_no_more_than_the_flush() -> None:
    """Nobody listens: flushing ends in its time, and what was lost is counted."""
    losses = Losses()

    async def main() -> None:
        clock = SystemClock()
        view = made(settings(), clock=clock, losses=losses)
        assert isinstance(view, Direct)
        view.add(success())
        began = clock.now()
        await view.close(began + 300_000_000)
        assert clock.now() - began < SOON

    bounded(main)
    lost = {str(labels[0][1]): count for labels, count in losses.counts() if count}
    assert lost == {names.LOST_TRACES_EXPORT: 3, names.LOST_METRICS_EXPORT: 1}


@pytest.mark.parametrize(
    "chosen",
    [settings(disabled=True), TelemetrySettings(), settings(traces=None, metrics=None, logs=None)],
)
def test_nothing_to_export_is_off(chosen: TelemetrySettings) -> None:
    """The view takes requests and forgets them."""
    view = made(chosen)
    assert isinstance(view, Off)
    recorder = success()
    view.add(recorder)
    view.late(recorder, recorder.records[1])
    view.start()
    run(lambda: view.flush(0))
    run(lambda: view.close(0))


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_each_signal_has_its_own_settings(signal: str) -> None:
    """Address, headers, compression, time-out; what is off is not posted."""
    to = Otlp(f"http://elsewhere/{signal}", headers=(("api-key", "k"),), timeout_ns=7)
    posted: list[tuple[str, dict[str, str], int]] = []

    async def post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        posted.append((url, dict(headers), timeout_ns))
        return Answer(200, (), b"")

    async def main() -> None:
        clock = FakeClock()
        only: dict[str, Any] = {"traces": None, "metrics": None, "logs": None, signal: to}
        view = made(settings(**only), clock=clock, post=post)
        view.add(fallback().end())
        await view.flush(clock.now() + SOON)

    run(main)
    headers = {"Content-Type": "application/x-protobuf", "api-key": "k"}
    assert posted == [(f"http://elsewhere/{signal}", headers, 7)]


def test_bodies_are_compressed_where_asked() -> None:
    """The receiver reads them all the same."""
    receiver = Receiver()

    async def main() -> None:
        async with listen(receiver) as listening:
            clock = SystemClock()
            to = Otlp(f"{listening.url}/v1/traces", compression="gzip")
            view = made(TelemetrySettings(traces=to), clock=clock)
            view.add(success())
            await view.flush(clock.now() + SOON)

    bounded(main)
    receiver.check()
    assert receiver.requests[0].header("content-encoding") == "gzip"
    assert len(receiver.spans) == 3


def test_tallies_and_series_at_zero_are_exported() -> None:
    """Requests in flight, what was lost, and the few series that must exist from the start."""
    receiver = Receiver(FakeClock())
    measurements = Measurements((AZURE, MISTRAL), ("chat",))
    active = Active(measurements.names)
    active.begin("chat")

    async def post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        answer = await receiver.post("/v1/metrics", headers, body)
        return Answer(answer.status, tuple(answer.headers), answer.body)

    async def main() -> None:
        clock = FakeClock()
        chosen = TelemetrySettings(metrics=Otlp("http://c/v1/metrics"))
        view = views(chosen, clock, SeededIds(1), measurements, tallies=(active,), post=post)
        await view.flush(clock.now() + SOON)

    run(main)
    receiver.check()
    assert receiver.total(names.METRIC_TRACEGATE_REQUESTS_ACTIVE, tracegate__route__name="chat") == 1
    assert receiver.total(names.METRIC_TRACEGATE_TELEMETRY_ERRORS) == 0
    assert receiver.total(names.METRIC_TRACEGATE_ATTEMPTS, tracegate__target__id="large") == 0


def test_the_queue_is_shared_by_spans_and_log_events() -> None:
    """One part in eight is for log events."""
    view = made(settings(queue=8000))
    assert isinstance(view, Direct)
    channels = view._channels
    assert [channel and channel._limit for channel in (channels.traces, channels.logs)] == [7000, 1000]


def test_text_values_are_cut_where_asked() -> None:
    """`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`."""
    view = made(settings(value_limit=4))
    assert isinstance(view, Direct)
    assert view._encoder._span_attributes._limit == 4


def test_variables_that_mean_nothing_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """With what would make them mean something."""
    with caplog.at_level(logging.WARNING):
        made(settings(unread=("OTEL_BSP_SCHEDULE_DELAY", "OTEL_SPAN_LINK_COUNT_LIMIT")))
    (record,) = caplog.records
    assert "OTEL_BSP_SCHEDULE_DELAY, OTEL_SPAN_LINK_COUNT_LIMIT" in record.getMessage()
    assert "`renderer: sdk`" in record.getMessage()


def test_the_resource_is_this_process() -> None:
    """Each process has an id of its own; what is configured wins."""
    clock, ids = FakeClock(), SeededIds(1)
    one, other = (resource_of(settings(), clock, ids) for _ in range(2))
    assert one["service.name"] == "tracegate"
    assert one["service.instance.id"] != other["service.instance.id"]
    fixed = settings(resource=(("service.instance.id", "pod-7"), ("host.name", "h")))
    assert resource_of(fixed, clock, ids) == {
        "service.name": "tracegate",
        "service.version": __version__,
        "service.instance.id": "pod-7",
        "host.name": "h",
    }


def test_https_takes_its_files_at_the_start() -> None:
    """What can't be used is an error of the configuration, not of the first export."""
    files = {"ca": str(TLS / "ca.pem"), "cert": str(TLS / "client.pem"), "key": str(TLS / "client.key")}
    assert isinstance(made(TelemetrySettings(traces=Otlp("https://c/v1/traces", **files))), Direct)  # type: ignore[arg-type]  # paths of every kind
    with pytest.raises(ConfigError, match=r"can't use `/nowhere/ca\.pem`"):
        made(TelemetrySettings(traces=Otlp("https://c/v1/traces", ca="/nowhere/ca.pem")))


def test_the_systems_trust_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then that is said."""

    def broken(*paths: object) -> None:
        raise OSError("no store")

    monkeypatch.setattr("tracegate.telemetry.setup.tls_context", broken)
    with pytest.raises(ConfigError, match="can't use the certificates of the system: no store"):
        made(TelemetrySettings(traces=Otlp("https://c/v1/traces")))


@pytest.mark.parametrize(
    "header", [("a", "b\r\nX: y"), ("a b", "XYZ"), ("a:", "XYZ"), ("", "XYZ"), ("a", "é"), ("a\n", "XYZ")]
)
def test_a_header_that_can_not_be_sent_is_refused(header: tuple[str, str]) -> None:
    """Nothing is smuggled into a request; its value is not shown."""
    with pytest.raises(ConfigError, match=r"telemetry\.otlp\.headers") as caught:
        made(TelemetrySettings(traces=Otlp("http://c/v1/traces", headers=(header,))))
    assert header[1] not in str(caught.value)


def test_settings_show_no_headers() -> None:
    """They may hold keys."""
    assert "secret" not in repr(settings(traces=Otlp("http://c", headers=(("api-key", "secret"),))))


def test_the_sdk_replays_where_it_is_asked_for() -> None:
    """The same requests, the same spans, through the SDK's exporters."""
    receiver = Receiver()

    async def main() -> None:
        async with listen(receiver) as listening:
            clock = SystemClock()
            view = made(settings(listening.url, renderer="sdk", service="shop"), clock=clock)
            assert isinstance(view, Replay)
            view.add(success())
            await view.close(clock.now() + SOON)

    bounded(main)
    receiver.check()
    assert len(receiver.spans) == 3
    assert receiver.spans[0].origin.resource["service.name"] == "shop"


def test_the_sdk_leaves_out_what_is_off() -> None:
    """A signal without a place is not exported."""

    async def main() -> None:
        clock = SystemClock()
        view = made(settings(renderer="sdk", traces=None, metrics=None, logs=None, disabled=False), clock=clock)
        assert isinstance(view, Off)
        view = made(settings(renderer="sdk", metrics=None, logs=None), clock=clock)
        assert isinstance(view, Replay)
        assert (view._replays.metrics, view._replays.logs) == (None, None)
        await view.close(clock.now() + SOON)

    bounded(main)


def test_a_configuration_file_of_the_sdk_needs_its_package() -> None:
    """It is told which one."""
    with pytest.raises(ConfigError, match="OTEL_CONFIG_FILE"):
        made(settings(renderer="sdk"), environ={"OTEL_CONFIG_FILE": "otel.yaml"})
