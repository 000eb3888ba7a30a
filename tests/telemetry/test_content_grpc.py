"""Content over gRPC: bytes arrive as they are, statuses decide what is tried again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import grpc  # type: ignore[import-untyped]  # it ships no types
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from tests.telemetry.content_receiving import Answering, serving, taken
from tracegate.telemetry.answer import partial_success
from tracegate.telemetry.content_grpc import GrpcPoster
from tracegate.telemetry.model import LogView
from tracegate.telemetry.otlp import Encoder, Envelope
from tracegate.telemetry.post import Answer
from tracegate.telemetry.setup import Otlp

TLS = Path(__file__).parent / "tls"
SECOND = 1_000_000_000
VIEW = LogView("e", 5, "DEBUG", 1, b"t" * 16, b"s" * 8, {"gen_ai.input.messages": [{"role": "user", "parts": []}]})
BODY = Envelope({"service.name": "x"}).wrap([Encoder().logs([VIEW])])
HEADERS = (("Content-Type", "application/x-protobuf"), ("X-Key", "planted"))


def refusing(status: Any) -> Answering:
    """A status instead of an answer."""

    def answer(context: Any) -> ExportLogsServiceResponse:
        context.set_code(status)
        return ExportLogsServiceResponse()

    return answer


def post(to: Otlp, timeout_ns: int = 10 * SECOND) -> Answer:
    """Post once."""

    async def main() -> Answer:
        poster = GrpcPoster(to)
        try:
            return await poster(to.endpoint, HEADERS, BODY, timeout_ns)
        finally:
            await poster.close()

    return asyncio.run(main())


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_bytes_arrive_as_the_official_classes_read_them(compression: Any) -> None:
    """With the headers of the settings, but not those of HTTP."""
    with serving(taken) as (url, got):
        answer = post(Otlp(url, "grpc", compression=compression))
    assert (answer.status, answer.body) == (200, b"")
    assert [request.SerializeToString() for request in got.requests] == [BODY]
    assert got.metadata["x-key"] == "planted"
    assert "content-type" not in got.metadata


def test_what_is_taken_in_part_is_told() -> None:
    """As over HTTP, the answer says how much was rejected."""

    def partly(context: Any) -> ExportLogsServiceResponse:
        response = ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = 2
        response.partial_success.error_message = "too old"
        return response

    with serving(partly) as (url, _):
        assert partial_success(post(Otlp(url, "grpc")).body) == (2, "too old")


def test_tls_is_verified_both_ways() -> None:
    """By the configured bundle, with the configured certificate; the system's trust does not know that one."""
    files = {"ca": str(TLS / "ca.pem"), "cert": str(TLS / "client.pem"), "key": str(TLS / "client.key")}
    with serving(taken, tls=True) as (url, got):
        assert post(Otlp(url, "grpc", **files)).status == 200  # type: ignore[arg-type]  # they are texts
        with pytest.raises(ConnectionError, match="UNAVAILABLE"):
            post(Otlp(url, "grpc"))
    assert len(got.requests) == 1
    with pytest.raises(OSError, match="nowhere"):
        GrpcPoster(Otlp("https://localhost:1", "grpc", ca="/nowhere/ca.pem"))


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED])
def test_what_may_pass_later_is_a_lost_connection(status: Any) -> None:
    """Which is tried again."""
    with serving(refusing(status)) as (url, _), pytest.raises(ConnectionError, match=f"gRPC status {status.name}"):
        post(Otlp(url, "grpc"))


def test_what_will_not_pass_is_an_answer() -> None:
    """With gRPC's own number, which is no status that is retried."""
    with serving(refusing(grpc.StatusCode.UNAUTHENTICATED)) as (url, _):
        assert post(Otlp(url, "grpc")) == Answer(16, (), b"")


def test_nobody_there_and_silence_are_lost_connections() -> None:
    """The second after the time given."""
    with pytest.raises(ConnectionError, match="UNAVAILABLE"):
        post(Otlp("http://127.0.0.1:1", "grpc"))
    done = Event()

    def silent(context: Any) -> ExportLogsServiceResponse:
        done.wait(10)
        return ExportLogsServiceResponse()

    with serving(silent) as (url, _):
        with pytest.raises(ConnectionError, match="DEADLINE_EXCEEDED"):
            post(Otlp(url, "grpc"), SECOND // 10)
        done.set()


def test_a_post_can_be_given_up() -> None:
    """The call ends with it; what comes back from it later finds nobody."""
    begun, ended = Event(), Event()

    def silent(context: Any) -> ExportLogsServiceResponse:
        context.add_callback(ended.set)
        begun.set()
        ended.wait(10)
        return ExportLogsServiceResponse()

    async def main(url: str) -> None:
        poster = GrpcPoster(Otlp(url, "grpc"))
        task = asyncio.create_task(poster(url, HEADERS, BODY, 10 * SECOND))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended.wait, 10)
        await poster.close()

    with serving(silent) as (url, got):
        asyncio.run(main(url))
    assert len(got.requests) == 1
