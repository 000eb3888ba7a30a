"""The gateway exports to a Collector that wants TLS, a client's certificate and a header, by `OTEL_EXPORTER_OTLP_*`.

Over gRPC, which is the SDK's way, and over HTTP, which is the direct renderer's; each time it is `tracegate serve` as a
process. What that Collector does not let in is lost, counted, and no client's affair.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.agreement.cases import CASES
from tests.agreement.check import Times, agree, agree_in_sum
from tests.agreement.client import Answer
from tests.agreement.socket_client import ask
from tests.server.processes import Process, serving
from tests.stores.collector_log import complaints
from tests.stores.guarded import ANOTHER_AUTHORITY, PASSWORD, TLS, TOKEN, USER, Guarded, guarded
from tests.stores.read_back import SERVICE, Kept, logs_of, points_of, spans_of
from tracegate.clock import RandomIds
from tracegate.stack.stack import Stack
from tracegate.testing.simulator import Simulator
from tracegate.testing.simulator_log import Entry
from tracegate.testing.tree import span_tree

pytestmark = pytest.mark.stores

IDS = RandomIds()
CASE = CASES[0]
SPANS, LOGS = 6, 4
"""What the gateway says of `CASE`: server, route, four attempts; three failures and a fallback."""

SECOND = 1_000_000_000
"""So far apart times may be here: whether they are right to the millisecond is another test's question."""

PREFIX = "OTEL_EXPORTER_OTLP_"
BASIC = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (TOKEN, PASSWORD, BASIC)

WAYS: Mapping[str, tuple[str, str]] = {"grpc": ("grpc", f"Bearer {TOKEN}"), "http": ("http/protobuf", f"Basic {BASIC}")}
"""Protocol and `authorization`, by the way."""

RENDERERS = {"grpc": "sdk", "http": "direct"}

FAULTS = {
    "another authority": {f"{PREFIX}CERTIFICATE": str(ANOTHER_AUTHORITY)},
    "no header": {f"{PREFIX}HEADERS": ""},
    "no certificate of its own": {f"{PREFIX}CLIENT_CERTIFICATE": "", f"{PREFIX}CLIENT_KEY": ""},
}
"""What an operator gets wrong, as variables that differ."""

WHY = {
    "another authority": {"grpc": "CERTIFICATE_VERIFY_FAILED", "http": "CERTIFICATE_VERIFY_FAILED"},
    "no header": {"grpc": "StatusCode.UNAUTHENTICATED", "http": "status 401"},
    "no certificate of its own": {"grpc": "StatusCode.UNAVAILABLE", "http": "CERTIFICATE_REQUIRED"},
}
"""What an operator reads then, by the way."""

GIVES_UP: Mapping[str, Mapping[str, str]] = {"grpc": {f"{PREFIX}TIMEOUT": "1000"}, "http": {}}
ENDS = {"grpc": "10s", "http": "3s"}
"""How long a gateway tries at its end, and for how long the SDK tries an export: a part of that."""


@dataclass(frozen=True)
class Asked:
    """What one gateway process was asked for and what it said."""

    instance: str
    id: str
    answer: Answer
    entries: list[Entry]
    process: Process


def variables(way: str, to: Guarded) -> dict[str, str]:
    """What an operator sets."""
    protocol, authorization = WAYS[way]
    return {
        f"{PREFIX}PROTOCOL": protocol,
        f"{PREFIX}ENDPOINT": getattr(to, way),
        f"{PREFIX}CERTIFICATE": str(TLS / "ca.pem"),
        f"{PREFIX}CLIENT_CERTIFICATE": str(TLS / "client.pem"),
        f"{PREFIX}CLIENT_KEY": str(TLS / "client.key"),
        f"{PREFIX}HEADERS": f"authorization={quote(authorization)}",
    }


async def asked(environ: Mapping[str, str], file: Path, shutdown: str = "10s") -> Asked:
    """Serve with some variables, ask once, and stop."""
    instance = id = IDS.trace().hex()
    env = {**os.environ, **environ, "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={instance}"}
    async with Simulator() as simulator:
        text = CASE.config(simulator.base_url.removesuffix("/v1"), "sk-planted-key-0123456789")
        await asyncio.to_thread(file.write_text, f"{text}telemetry: {{metrics_every: 1h, shutdown: {shutdown}}}\n")
        async with serving("--config", str(file), "--port", "0", env=env) as process:
            body = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
            answer = await ask(process.port, body, headers={"x-request-id": id})
            assert await process.end(signal.SIGTERM) == 0
        return Asked(instance, id, answer, list(simulator.log), process)


async def losses(stack: Stack, instance: str) -> dict[str, float]:
    """What a gateway counted as lost, by where."""
    points = await points_of(stack, [instance])
    told = [point for point in points if point.metric == "tracegate.telemetry.errors"]
    return {str(point.labels["tracegate.telemetry.where"]): point.value for point in told if point.value}


@pytest.fixture(scope="module")
def collector(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The Collector that lets in only some."""
    with guarded(stack, tmp_path_factory.mktemp("guarded")) as one:
        yield one


@pytest.mark.parametrize("way", WAYS)
def test_every_signal_arrives_over_tls_with_a_header(
    stack: Stack, collector: Guarded, tmp_path: Path, way: str
) -> None:
    """In its store, whole; nothing is lost, and no secret is told."""

    async def main() -> None:
        before = len(collector.log.read_text())
        one = await asked(variables(way, collector), tmp_path / "tracegate.yaml")
        trace = (one.answer.header("traceresponse") or "").split("-")[1]
        spans = await spans_of(stack, trace, SPANS)
        points, logs = await points_of(stack, [one.instance]), await logs_of(stack, [one.instance], LOGS)
        assert await losses(stack, one.instance) == {}
        assert RENDERERS[way] in one.process.greeting[-1]
        assert span_tree(spans) == CASE.tree
        offset = time.time_ns() - time.monotonic_ns()
        agree(one.answer, spans, one.entries, Times(offset, lambda start, end: SECOND))
        agree_in_sum(Kept(trace, {}, spans, points, [], logs), spans)
        assert complaints(collector.log.read_text()[before:]) == []
        said = "".join([*one.process.greeting, one.process.out, one.process.err])
        assert [secret for secret in SECRETS if secret in said] == []

    asyncio.run(main())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_let_in_is_counted_and_fails_no_request(
    stack: Stack, collector: Guarded, tmp_path: Path, fault: str, way: str
) -> None:
    """Spans and log events, each; the count arrives over another way, and the operator reads why."""

    async def main() -> None:
        another = {
            f"{PREFIX}METRICS_ENDPOINT": f"{stack.otlp_http}/v1/metrics",
            f"{PREFIX}METRICS_PROTOCOL": "http/protobuf",
        }
        environ = {**variables(way, collector), **another, **GIVES_UP[way], **FAULTS[fault]}
        one = await asked(environ, tmp_path / "tracegate.yaml", ENDS[way])
        assert one.answer.status == 200
        assert b'"finish_reason"' in one.answer.body
        lost = await losses(stack, one.instance)
        assert lost == {"traces_export_failed": SPANS, "logs_export_failed": LOGS}, one.process.err
        assert await stack.jaeger.search(SERVICE, {"tracegate.client.request_id": one.id}) == {}
        assert WHY[fault][way] in one.process.err
        assert [secret for secret in SECRETS if secret in one.process.err] == []

    asyncio.run(main())
