"""Which spans there are, and nothing else of them: in what is exported, and in what Jaeger has.

Jaeger is asked for all of them over gRPC, a trace a message, because its HTTP interface takes ten times as long for the
JSON of a minute of traffic. Source: `query_service.proto` of Jaeger's api_v3 at 1.62.
"""

from __future__ import annotations

from collections.abc import Iterator

import grpc  # type: ignore[import-untyped]  # it ships no types
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

MOST = 1_000_000
"""More traces than there are: without a number Jaeger returns a hundred."""

LATER_S = 4_000_000_000  # UTC, far in the future

FIND = "/jaeger.api_v3.QueryService/FindTraces"
WITHIN_S = 60.0


def span_ids(traces: bytes) -> Iterator[str]:
    """The id of every span in an export request, or in any `TracesData`, in hex."""
    for _, span in _ids(traces):
        yield span


def found(address: str, service: str) -> dict[str, list[str]]:
    """All spans of a service, by trace, in hex; one that is there twice is told twice.

    Args:
        address: Host and port of Jaeger's gRPC interface.
        service: `service.name`.

    Raises:
        grpc.RpcError: Jaeger did not answer to the end.
    """
    by_trace: dict[str, list[str]] = {}
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        # Without generated code: Jaeger's is in no package that we use.
        find = channel.unary_stream(FIND, request_serializer=None, response_deserializer=None)
        for message in find(_field(1, _query(service)), timeout=WITHIN_S):
            for trace, span in _ids(message):
                by_trace.setdefault(trace, []).append(span)
    return by_trace


def _ids(traces: bytes) -> Iterator[tuple[str, str]]:
    for resource in TracesData.FromString(traces).resource_spans:  # an export request has the same form
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield span.trace_id.hex(), span.span_id.hex()


def _query(service: str) -> bytes:
    """`TraceQueryParameters`: service, all times there are, and how many traces."""
    always = _field(4, b"") + _field(5, b"\x08" + _varint(LATER_S))
    return _field(1, service.encode()) + always + b"\x40" + _varint(MOST)


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return bytes((number << 3 | 2,)) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes((low | 0x80,)) + _varint(rest) if rest else bytes((low,))
