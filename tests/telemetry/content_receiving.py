"""A gRPC server that takes log events, for the tests of content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)

TLS = Path(__file__).parent / "tls"

Answering = Callable[[Any], ExportLogsServiceResponse]


class Got:
    """What a server got."""

    def __init__(self) -> None:
        self.requests: list[ExportLogsServiceRequest] = []
        self.metadata: dict[str, str] = {}


@contextmanager
def serving(answer: Answering, *, tls: bool = False) -> Iterator[tuple[str, Got]]:
    """A gRPC server that takes log events: its address, and what it got."""
    got = Got()

    class Takes(LogsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  # as generated
            got.requests.append(request)
            got.metadata |= dict(context.invocation_metadata())
            return answer(context)

    server = grpc.server(ThreadPoolExecutor(1))
    add_LogsServiceServicer_to_server(Takes(), server)  # type: ignore[no-untyped-call]  # generated code
    if tls:
        pair = ((TLS / "server.key").read_bytes(), (TLS / "server.pem").read_bytes())
        credentials = grpc.ssl_server_credentials([pair], (TLS / "ca.pem").read_bytes(), require_client_auth=True)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}", got
    finally:
        server.stop(0).wait()


def taken(context: Any) -> ExportLogsServiceResponse:
    """Everything was taken."""
    return ExportLogsServiceResponse()
