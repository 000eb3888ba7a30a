"""The pipeline of content has its own end, and says so."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.telemetry.content_receiving import serving, taken
from tests.telemetry.made import success
from tracegate.clock import SystemClock
from tracegate.errors import ConfigError
from tracegate.telemetry import names
from tracegate.telemetry.content import Content
from tracegate.telemetry.content_kept import Kept
from tracegate.telemetry.content_setup import content_view
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.post import Answer, Headers
from tracegate.telemetry.setup import Otlp, TelemetrySettings
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen

TLS = Path(__file__).parent / "tls"
SOON = 5_000_000_000
BODY = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "x" * 100}]}).encode()


def made(to: Otlp, *, clock: Any = None, **parts: Any) -> Content:
    """The view of some settings."""
    settings = parts.pop("settings", TelemetrySettings())
    resource = {"service.name": "shop"}
    return content_view(to, settings, clock or FakeClock(), SeededIds(1), Kept(), Losses(), resource, **parts)


def bounded(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a real loop."""

    async def within() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(within())


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_content_leaves_over_http(compression: Any, caplog: pytest.LogCaptureFixture) -> None:
    """With the process's resource and its own headers; that it does is told at the start."""
    receiver = Receiver()

    async def main() -> None:
        async with listen(receiver) as listening:
            clock = SystemClock()
            to = Otlp(f"{listening.url}/v1/logs", headers=(("x-key", "1"),), compression=compression)
            view = made(to, clock=clock)
            view.add(success(BODY))
            await view.close(clock.now() + SOON)

    with caplog.at_level(logging.WARNING):
        bounded(main)
    (request,) = receiver.requests
    assert request.header("x-key") == "1"
    (log,) = receiver.logs
    assert log.origin.resource["service.name"] == "shop"
    assert log.origin.resource["telemetry.sdk.name"] == "tracegate"
    assert "Prompts and answers are exported" in caplog.text


def test_content_leaves_over_grpc() -> None:
    """Compressed by gRPC and not before."""

    async def main() -> None:
        clock = SystemClock()
        view = made(Otlp(url, "grpc", compression="gzip"), clock=clock)
        view.add(success(BODY))
        await view.close(clock.now() + SOON)

    with serving(taken) as (url, got):
        bounded(main)
    (request,) = got.requests
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert record.event_name == names.EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS
    assert "content-encoding" not in got.metadata


def test_texts_are_as_long_as_the_environment_allows() -> None:
    """`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` holds for content, too."""
    receiver = Receiver(FakeClock())

    async def post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        answer = await receiver.post("/v1/logs", headers, body)
        return Answer(answer.status, (), answer.body)

    async def main() -> None:
        view = made(Otlp("http://content/v1/logs"), settings=TelemetrySettings(value_limit=10), post=post)
        view.add(success(BODY))
        await view.close(FakeClock().now() + SOON)

    run(main)
    messages: Any = receiver.logs[0].attributes[names.GEN_AI_INPUT_MESSAGES]
    assert messages[0]["parts"][0]["content"] == "x" * 10


@pytest.mark.parametrize(
    "to",
    [
        Otlp("https://content/v1/logs", ca="/nowhere/ca.pem"),
        Otlp("https://content:4317", "grpc", ca="/nowhere/ca.pem"),
        Otlp("http://content/v1/logs", headers=(("x-key", "line\nend"),)),
    ],
)
def test_what_can_not_be_used_is_said_with_its_key(to: Otlp) -> None:
    """So that the operator finds it in the file."""
    with pytest.raises(ConfigError, match=r"^telemetry\.content_otlp") as refused:
        made(to)
    assert "line" not in str(refused.value).replace("line ends", "")
