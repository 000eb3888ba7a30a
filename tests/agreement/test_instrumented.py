"""OpenTelemetry's own httpx instrumentation as an option of a provider, in a gateway as it is served."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.agreement.socket_client import ask
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen
from tracegate.testing.simulator import Simulator
from tracegate.testing.tree import span_tree

TRACEGATE = str(Path(sys.executable).parent / "tracegate")
KEY = "sk-planted-0123456789abcdef"
CONFIG = """
listen: 127.0.0.1:0
providers:
  plain: {{dialect: openai, base_url: "{origin}/plain/v1", key: "{key}", transport: httpx, instrument: true}}
  own:   {{dialect: openai, base_url: "{origin}/own/v1", key: none, transport: httpx, instrument: true,
          propagate: traceparent}}
targets: {{first: {{provider: plain, model: sim-503}}, second: {{provider: own, model: sim-ok}}}}
routes: {{chat: {{fallback: [first, second], retry: 0}}}}
telemetry: {{otlp: "{otlp}"}}
"""


async def served(file: Path, text: str) -> None:
    """Serve a configuration as a user does, and send one request to it."""
    await asyncio.to_thread(file.write_text, text)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    process = await asyncio.create_subprocess_exec(
        TRACEGATE, "serve", "--config", str(file), env=environ, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        greeting = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        port = int(greeting.rsplit(":", 1)[1].split("/")[0])
        headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "baggage": "user=ada"}
        answer = await ask(port, {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}, headers=headers)
        assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


def test_each_attempt_has_one_http_span_below_it(tmp_path: Path) -> None:
    """Context reaches only who opted in, from the HTTP span; no key and no baggage anywhere."""

    async def main() -> None:
        receiver = Receiver(registry=Registry.ours())
        async with listen(receiver) as listening, Simulator() as simulator:
            origin = simulator.base_url.removesuffix("/v1")
            await served(tmp_path / "tracegate.yaml", CONFIG.format(origin=origin, key=KEY, otlp=listening.url))
            receiver.check()
            assert (
                span_tree(receiver.spans)
                == """
POST /v1/chat/completions ok 200
  route chat
    chat sim-503 attempt=0 initial error 503
      POST error 503
    chat sim-ok  attempt=1 fallback ok
      POST
"""
            )
            below = [span for span in receiver.spans if span.origin.scope.startswith("opentelemetry.instrumentation")]
            first, second = list(simulator.log)
            assert first.header("traceparent") is None
            assert second.header("traceparent") == f"00-{below[1].trace.hex()}-{below[1].span.hex()}-01"
            assert [entry.header("baggage") for entry in (first, second)] == [None, None]
            assert receiver.found(KEY, "user=ada") == []

    asyncio.run(main())
