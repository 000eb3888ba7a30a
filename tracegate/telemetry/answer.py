"""What a receiver's answer to an export means.

Source: OTLP specification 1.x, OTLP/HTTP, "Retryable Response Codes" and "Partial Success"; RFC 9110, section 10.2.3.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

RETRIED = frozenset((429, 502, 503, 504))
"""Statuses after which the same request is sent again; any other than 2xx is final."""

UNSURE = frozenset((502, 504))
"""Those of a proxy that got no answer: the receiver may have taken it (RFC 9110, sections 15.6.3 and 15.6.5)."""

SECOND_NS = 1_000_000_000


def retry_after_ns(value: str | None, wall: int) -> int | None:
    """What a `Retry-After` asks for, in nanoseconds, `None` where there is none or it makes no sense.

    Args:
        value: Seconds, or an HTTP date (RFC 9110, section 10.2.3).
        wall: UTC nanoseconds now.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * SECOND_NS
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0, int(at * SECOND_NS) - wall)


def partial_success(body: bytes) -> tuple[int, str]:
    """How many items an answer says were rejected, and its message; nothing where it can't be read.

    The messages of the three signals have the same fields here.
    """
    # Imported where it is needed: most receivers never say anything, and protobuf takes long to load.
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        said = ExportTraceServiceResponse.FromString(body).partial_success
    except Exception:  # noqa: BLE001  # its error class lives in a package that is not ours to import
        return 0, ""
    return said.rejected_spans, said.error_message
