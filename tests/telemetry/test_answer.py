"""What a receiver's answer means."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from tracegate.telemetry.answer import partial_success, retry_after_ns
from tracegate.testing.clock import EPOCH


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("0", 0),
        (" 7 ", 7_000_000_000),
        ("999999999999", 999_999_999_000_000_000),
        ("Thu, 01 Jan 2026 00:00:05 GMT", 5_000_000_000),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0),
        ("Thu, 01 Jan 2026 01:00:05 +0100", 5_000_000_000),
        ("soon", None),
        ("-1", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: int | None) -> None:
    """Against the wall clock that is given; nonsense is as good as none."""
    assert retry_after_ns(value, EPOCH) == expected


@pytest.mark.parametrize(
    "said",
    [
        ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=3, error_message="why")),
        ExportLogsServiceResponse(
            partial_success=ExportLogsPartialSuccess(rejected_log_records=3, error_message="why")
        ),
        ExportMetricsServiceResponse(
            partial_success=ExportMetricsPartialSuccess(rejected_data_points=3, error_message="why")
        ),
    ],
)
def test_partial_success_of_every_signal_is_read(
    said: ExportTraceServiceResponse | ExportLogsServiceResponse | ExportMetricsServiceResponse,
) -> None:
    """Their messages have the same fields."""
    assert partial_success(said.SerializeToString()) == (3, "why")


@pytest.mark.parametrize("body", [b"", ExportTraceServiceResponse().SerializeToString(), b'{"partialSuccess":{}}'])
def test_what_says_nothing_rejects_nothing(body: bytes) -> None:
    """An answer that can't be read was a success all the same: it was a 2xx."""
    assert partial_success(body) == (0, "")
