"""Leaves of the audit log as OTLP log records, posted one request at a time; the way to an audit pipeline.

Not the way of log events: nothing is queued here, dropped, cut or given up. Who sends keeps the leaf until this says
that the receiver has it. The body is the leaf's bytes as they are; attributes are an index copy, never evidence.
Source: section 12 of the audit formats; opentelemetry-proto 1.x, `logs.proto`; OTLP/HTTP for answers.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping, Sequence
from struct import Struct
from urllib.parse import urlsplit

from tracegate.clock import Clock
from tracegate.errors import ConfigError
from tracegate.shipment import NotTaken, PartlyTaken, ShippedLeaf
from tracegate.telemetry import names
from tracegate.telemetry.answer import partial_success, retry_after_ns
from tracegate.telemetry.export import Endpoint
from tracegate.telemetry.otlp import SAMPLED, Envelope
from tracegate.telemetry.post import Post, Poster
from tracegate.telemetry.protobuf import field, key_value, text_field, varint
from tracegate.telemetry.setup import Otlp, endpoint_of, envelope_of, poster_of

RECORD_ID, SEQUENCE_NUMBER = "audit.record.id", "audit.sequence.number"
"""Index attributes. Source: OpenTelemetry's draft of an audit logging signal, whose names are not settled."""

KEY = "audit.ship"
"""The key of the configuration, for messages."""

PIECE = 32
"""Leaves that are encoded in one go: the loop has requests to serve."""

SHOWN = 200
"""Characters of what a receiver says that go into a message."""

_fixed64 = Struct("<BQ").pack
_flags = Struct("<BI").pack


class LeafSink:
    """A `Sink` that posts to an OTLP receiver.

    Args:
        endpoint: Of the audit pipeline, which is no other's.
        envelope: What stands around the records.
        post: Sends a request.
        clock: For dates in `Retry-After`.
    """

    __slots__ = ("_clock", "_endpoint", "_envelope", "_headers", "_post", "_where")

    def __init__(self, endpoint: Endpoint, envelope: Envelope, post: Post, clock: Clock) -> None:
        self._endpoint = endpoint
        self._envelope = envelope
        self._post = post
        self._clock = clock
        encoding = (("Content-Encoding", "gzip"),) if endpoint.gzip else ()
        self._headers = (("Content-Type", "application/x-protobuf"), *encoding, *endpoint.headers)
        parts = urlsplit(endpoint.url)
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def send(self, leaves: Sequence[ShippedLeaf]) -> None:
        """See `Sink.send`."""
        items: list[bytes] = []
        for at in range(0, len(leaves), PIECE):
            items += map(record_of, leaves[at : at + PIECE])
            await asyncio.sleep(0)  # a turn for the requests that the loop serves
        body = self._envelope.wrap(items)
        if self._endpoint.gzip:
            body = await asyncio.to_thread(gzip.compress, body, 1, mtime=0)
        try:
            answer = await self._post(self._endpoint.url, self._headers, body, self._endpoint.timeout_ns)
        except OSError as exc:
            raise NotTaken(f"{self._where}: {str(exc) or type(exc).__name__}") from exc
        if not 200 <= answer.status < 300:
            wait = retry_after_ns(answer.header("retry-after"), self._clock.wall())
            raise NotTaken(f"{self._where} answered {answer.status}", wait)
        rejected, said = partial_success(answer.body) if answer.body else (0, "")
        if rejected:
            raise PartlyTaken(rejected, f"{self._where}: {said[:SHOWN]}")


def leaf_poster(to: Otlp) -> Poster:
    """What posts leaves, over a connection of its own.

    Raises:
        ConfigError: Another protocol than HTTP is asked for, or a certificate can't be read.
    """
    if to.protocol != "http/protobuf":
        raise ConfigError(f"{KEY}: leaves go over `http/protobuf`; the Collector's receiver for them has no other.")
    return poster_of(to, KEY)


def leaf_sink(to: Otlp, resource: Mapping[str, str], clock: Clock, post: Post) -> LeafSink:
    """The sink at an OTLP receiver.

    Args:
        to: Of the audit pipeline.
        resource: Of this process, the same as for its telemetry.
        clock: For dates in answers.
        post: Sends a request.

    Raises:
        ConfigError: A header can't be sent.
    """
    return LeafSink(endpoint_of(to, KEY), envelope_of(resource), post, clock)


def record_of(leaf: ShippedLeaf) -> bytes:
    """The entry of `ScopeLogs.log_records` for a leaf, its fields in the order of their numbers."""
    attributes: dict[str, str | int] = {
        SEQUENCE_NUMBER: leaf.index,
        names.TRACEGATE_AUDIT_LOG: leaf.log,
        names.TRACEGATE_AUDIT_LEAF_HASH: leaf.hash.hex(),
    }
    if leaf.record_id is not None:
        attributes[RECORD_ID] = leaf.record_id
    parts = [] if leaf.t is None else [_fixed64(0x09, leaf.t)]
    parts += [field(0x2A, field(0x0A, leaf.raw))]
    parts += [field(0x32, key_value(key, value)) for key, value in attributes.items()]
    if leaf.trace is not None and leaf.span is not None:
        parts += [_flags(0x45, SAMPLED), field(0x4A, leaf.trace), field(0x52, leaf.span)]
    parts += [] if leaf.t is None else [_fixed64(0x59, leaf.t)]
    parts += [text_field(0x62, names.EVENT_TRACEGATE_AUDIT_V1)]
    body = b"".join(parts)
    return b"".join((b"\x12", varint(len(body)), body))
