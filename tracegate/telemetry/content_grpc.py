"""Posting OTLP log events over gRPC, for `content_otlp` with `protocol: grpc`; bytes pass as they are.

A `Post` like the one over HTTP: it tries once, and whoever asked decides what is tried again. gRPC runs in threads of
its own; it is imported only where it is used.
Source: OTLP specification 1.x, OTLP/gRPC; the statuses that are retried are its own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]  # it ships no types

from tracegate.telemetry.post import Answer, Headers, Unanswered
from tracegate.telemetry.setup import Otlp

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

RETRIED = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"))
"""Statuses behind which another try may pass; of `RESOURCE_EXHAUSTED` only with details that are not read here."""

OF_HTTP = frozenset(("content-type", "content-encoding"))
"""Header fields that gRPC writes itself."""


class GrpcPoster:
    """A `Post` over gRPC.

    Args:
        to: Where to; the scheme of its endpoint says whether there is TLS.

    Raises:
        OSError: A certificate can't be read.
    """

    __slots__ = ("_channel", "_export")

    def __init__(self, to: Otlp) -> None:
        parts = urlsplit(to.endpoint)
        compression = grpc.Compression.Gzip if to.compression == "gzip" else grpc.Compression.NoCompression
        if parts.scheme == "https":
            credentials = grpc.ssl_channel_credentials(*map(_read, (to.ca, to.key, to.cert)))
            self._channel = grpc.secure_channel(parts.netloc, credentials, compression=compression)
        else:
            self._channel = grpc.insecure_channel(parts.netloc, compression=compression)
        self._export = self._channel.unary_unary(EXPORT)

    async def __call__(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """See `Post`; a refusal for good is an answer with gRPC's own status."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        metadata = [(name.lower(), value) for name, value in headers if name.lower() not in OF_HTTP]
        call = self._export.future(body, timeout=timeout_ns / 1e9, metadata=metadata)

        def settled(_: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(_set, done)

        call.add_done_callback(settled)
        try:
            await done
        finally:
            call.cancel()  # nothing, once it is done
        status = call.code()
        if status is grpc.StatusCode.OK:
            return Answer(200, (), call.result())
        if status.name in RETRIED:
            raise Unanswered(f"gRPC status {status.name}")  # nor does gRPC say whether it had been sent
        return Answer(status.value[0], (), b"")

    async def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def _set(done: asyncio.Future[None]) -> None:
    with suppress(asyncio.InvalidStateError):  # it was given up
        done.set_result(None)


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()
