"""What a reconciliation found reaches a receiver as a metric, whoever finds nothing included."""

from __future__ import annotations

import asyncio

import pytest

from tests.telemetry.test_metrics_table import CONVENTIONS
from tracegate.errors import ConfigError
from tracegate.telemetry.gaps import tell_gaps
from tracegate.telemetry.post import Answer, Headers
from tracegate.testing.clock import EPOCH, FakeClock
from tracegate.testing.otlp.decode import decode_metrics
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import Point

ONE, OTHER = "gate.example/tracegate/c/r/2026-10", "gate.example/tracegate/c/r/2026-11"


def told(gaps: dict[str, int], status: int = 200, to: str = "http://127.0.0.1:4318/") -> list[Point]:
    """What a receiver gets."""
    got: list[bytes] = []

    async def post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        assert url == "http://127.0.0.1:4318/v1/metrics"
        assert dict(headers) == {"Content-Type": "application/x-protobuf"}
        got.append(body)
        return Answer(status, (), b"")

    asyncio.run(tell_gaps(to, "shop", gaps, FakeClock(), post))
    return decode_metrics(got[0])


def test_every_log_has_its_number() -> None:
    """0 too: only then a missing number means that nobody looked."""
    points = told({ONE: 0, OTHER: 3})
    assert [(point.metric, point.kind, dict(point.labels), point.value, point.time) for point in points] == [
        ("tracegate.audit.gaps", "gauge", {"tracegate.audit.log": ONE}, 0, EPOCH),
        ("tracegate.audit.gaps", "gauge", {"tracegate.audit.log": OTHER}, 3, EPOCH),
    ]
    assert Registry.of(CONVENTIONS).findings([], points, []) == []


def test_each_run_takes_the_place_of_the_last() -> None:
    """Of the gateways' service, and always the same instance."""
    resource = dict(told({ONE: 0})[0].origin.resource)
    assert (resource["service.name"], resource["service.instance.id"]) == ("shop", "reconcile")


def test_a_number_that_nobody_took_is_told_of() -> None:
    """Else the last one would stand, and look like this one."""
    with pytest.raises(OSError, match="answered 503"):
        told({ONE: 1}, 503)
    with pytest.raises(ConfigError, match="begins with `http://`"):
        told({ONE: 1}, to="localhost:4318")
