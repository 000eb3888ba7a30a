"""A real Collector between us and real stores: what is sent comes back from each.

These tests need what `collector/build` makes, and fail loudly without it: `python -m pytest tests/stores -m stores`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from typing import Any

import grpc  # type: ignore[import-untyped]  # it ships no types
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from tests.stores.collector_log import complaints
from tests.stores.sent import S, Sent, post
from tests.stores.stored import as_kept
from tracegate.clock import RandomIds, SystemClock
from tracegate.stack import building
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack
from tracegate.testing.otlp.decode import decode_traces
from tracegate.testing.otlp.jaeger import spans_of

pytestmark = pytest.mark.stores

SCHEMA = "https://opentelemetry.io/schemas/1.37.0"

CLOCK, IDS = SystemClock(), RandomIds()


@pytest.fixture
def sent() -> Sent:
    """New ids, now."""
    trace = IDS.trace().hex()
    return Sent(trace, IDS.span().hex(), CLOCK.wall(), f"chatcmpl-{trace[:12]}")


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _wide(sent: Sent) -> Any:
    """A span with something in every field."""
    request: Any = ExportTraceServiceRequest()  # generated classes have half their types
    outer = request.resource_spans.add(schema_url=SCHEMA)
    outer.resource.attributes.append(_text("service.name", "tracegate"))
    inner = outer.scope_spans.add(schema_url=SCHEMA)
    inner.scope.name, inner.scope.version = "tracegate.tests", "1"
    span = inner.spans.add(name="chat gpt-5", kind=3, trace_state="a=b", flags=0x301)  # CLIENT
    span.trace_id, span.span_id, span.parent_span_id = (bytes.fromhex(sent.trace), bytes.fromhex(sent.span), IDS.span())
    span.start_time_unix_nano, span.end_time_unix_nano = sent.at, sent.at + S
    span.attributes.append(_text("gen_ai.response.id", sent.response))
    for key, value in (
        ("gen_ai.usage.input_tokens", AnyValue(int_value=2**53 + 1)),
        ("tracegate.cost.micros", AnyValue(int_value=0)),
        ("gen_ai.request.temperature", AnyValue(double_value=2)),
        ("gen_ai.request.stream", AnyValue(bool_value=False)),
        ("empty", AnyValue(string_value="")),
        ("gen_ai.response.finish_reasons", AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="<stop>")]))),
    ):
        span.attributes.append(KeyValue(key=key, value=value))
    span.events.add(name="exception", time_unix_nano=sent.at + 5).attributes.append(_text("exception.type", "timeout"))
    link = span.links.add(trace_id=IDS.trace(), span_id=IDS.span(), trace_state="c=d", flags=0x301)
    link.attributes.append(_text("tracegate.link.kind", "cache"))
    span.status.code, span.status.message = 2, "broken"  # ERROR
    return request


def test_a_trace_comes_back_from_jaeger_as_it_was_sent(stack: Stack, sent: Sent) -> None:
    """By its id, whole but for what `stored` says this Jaeger does not keep; over gRPC."""
    request = _wide(sent)
    with grpc.insecure_channel(stack.otlp_grpc.removeprefix("http://")) as channel:
        answer = TraceServiceStub(channel).Export(request, timeout=10)  # type: ignore[no-untyped-call]  # generated code
    assert answer.partial_success.rejected_spans == 0
    got = asyncio.run(found(lambda: stack.jaeger.trace(sent.trace)))
    assert spans_of(got) == [as_kept(span) for span in decode_traces(request.SerializeToString())]


def test_traces_are_found_by_attribute(stack: Stack, sent: Sent) -> None:
    """And only those; over HTTP."""

    async def main() -> None:
        await post(stack.otlp_http, "traces", sent.traces())
        await found(lambda: stack.jaeger.trace(sent.trace))
        assert list(await stack.jaeger.search("tracegate", {"gen_ai.response.id": sent.response})) == [sent.trace]
        assert await stack.jaeger.search("tracegate", {"gen_ai.response.id": "another"}) == {}
        assert "tracegate" in await stack.jaeger.services()

    asyncio.run(main())


def test_a_metric_comes_back_from_prometheus_and_leads_to_its_trace(stack: Stack, sent: Sent) -> None:
    """Names are those of the way over the Collector; the exemplar has the ids of the span."""

    async def main() -> None:
        await post(stack.otlp_http, "traces", sent.traces())
        await post(stack.otlp_http, "metrics", sent.metrics())
        of = f'gen_ai_provider_name="openai",service_name="tracegate",service_instance_id="{sent.trace}"'
        counted = f"tracegate_cost_micros_total{{{of}}}"
        (series,) = await found(lambda: stack.prometheus.query(counted))
        assert series["value"][1] == "7"
        assert (series["metric"]["job"], series["metric"]["instance"]) == ("tracegate", sent.trace)
        bucket = f'gen_ai_client_operation_duration_seconds_bucket{{{of},le="2"}}'
        (series,) = await found(lambda: stack.prometheus.query(bucket))
        assert series["value"][1] == "1"
        (series,) = await stack.prometheus.query_range(bucket, sent.at, sent.at + 2 * S, step_s=0.5)
        assert {value for _, value in series["values"]} == {"1"}
        (series,) = await found(lambda: stack.prometheus.exemplars(bucket, sent.at, sent.at + 2 * S))
        (exemplar,) = series["exemplars"]
        assert exemplar["labels"] == {"trace_id": sent.trace, "span_id": sent.span}
        assert exemplar["value"] == "1.5"
        assert await found(lambda: stack.jaeger.trace(exemplar["labels"]["trace_id"]))

    asyncio.run(main())


def test_a_log_event_comes_back_from_victorialogs(stack: Stack, sent: Sent) -> None:
    """By its trace, with its body byte for byte."""

    async def main() -> None:
        await post(stack.otlp_http, "logs", sent.logs())
        (record,) = await found(lambda: stack.victorialogs.query(f"_time:1h trace_id:{sent.trace}"))
        assert record["_msg"] == f'{{"response":"{sent.response}"}}'
        assert (record["event_name"], record["span_id"]) == ("tracegate.region.conflict", sent.span)
        assert (record["service.name"], record["tracegate.n"]) == ("tracegate", "7")
        assert '"tracegate"' in record["_stream"]
        (count,) = await stack.victorialogs.stats(f"_time:1h trace_id:{sent.trace} | stats count() n")
        assert count["value"][1] == "1"

    asyncio.run(main())


def test_the_collectors_own_metrics_are_scraped(stack: Stack, sent: Sent) -> None:
    """What it accepted and what it sent, which are the numbers that losses are counted from."""

    async def main() -> None:
        await post(stack.otlp_http, "traces", sent.traces())
        for name in ("otelcol_receiver_accepted_spans_total", "otelcol_exporter_sent_spans_total"):
            (series,) = await found(lambda: stack.prometheus.query(f"sum({name})"))  # noqa: B023  # read in this turn
            assert float(series["value"][1]) >= 1
        (series,) = await stack.prometheus.query('up{job="collector"}')
        assert series["value"][1] == "1"

    asyncio.run(main())


def test_prometheus_configuration_is_what_promtool_wants(stack: Stack) -> None:
    """`promtool check config`, with the very file that runs."""
    (promtool,) = building.programs(["promtool"]).values()
    (file,) = stack.servers["prometheus"].files
    done = subprocess.run(
        [promtool, "check", "config", file], capture_output=True, text=True, check=False, env={"PATH": os.defpath}
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("durable", [True, False], ids=["durable", "dev"])
def test_what_was_acknowledged_survives_crashes_only_on_disk(sent: Sent, durable: bool) -> None:
    """With Jaeger away, the Collector takes a trace and is killed; both come back, and the trace does from disk.

    Without the queue on disk it is gone: a later trace arrives alone.
    """
    later = Sent(IDS.trace().hex(), IDS.span().hex(), CLOCK.wall(), "later")

    async def main() -> None:
        async with Stack(jaeger_store="badger", durable=durable) as stack:
            assert complaints(stack.log("collector")) == []
            assert await stack.stop("jaeger") == 0
            await post(stack.otlp_http, "traces", sent.traces())
            assert await stack.kill("collector") == -signal.SIGKILL
            await stack.start("jaeger")
            await stack.start("collector")
            if durable:
                await found(lambda: stack.jaeger.trace(sent.trace))
            await post(stack.otlp_http, "traces", later.traces())
            await found(lambda: stack.jaeger.trace(later.trace))
            assert await stack.stop("jaeger") == 0
            await stack.start("jaeger")  # from its own disk
            kept = spans_of(await stack.jaeger.trace(sent.trace))
            assert [span.span.hex() for span in kept] == ([sent.span] if durable else [])
            assert await stack.jaeger.trace(later.trace)

    asyncio.run(main())
