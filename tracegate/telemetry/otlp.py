"""Spans and log events to OTLP protobuf, written directly: exact, and a tenth of the cost of message objects.

Not a protobuf library: it writes the few fields that views have, in the order of their numbers, so that its bytes are
those of the official classes; a test holds it to that. Serialised messages concatenate, so what repeats is encoded
once: an attribute entry of a key and a value that was seen before is one look-up.
Source: opentelemetry-proto 1.x, `trace.proto`, `logs.proto`, `common.proto`; protobuf encoding guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from typing import Any

from tracegate.telemetry import names
from tracegate.telemetry.blocks import Attributes, Block
from tracegate.telemetry.model import Link, LogView, SpanView, Value
from tracegate.telemetry.protobuf import double, field, key_value, text_field, three, two, varint
from tracegate.telemetry.text import legible

ROOM = 256
"""Names, and lengths of one key's values, that are kept; when they are full they are forgotten and begin anew."""

KINDS = {"internal": b"\x30\x01", "server": b"\x30\x02", "client": b"\x30\x03"}  # Span.kind = 6
ERROR = b"\x18\x02"  # Status.code = 3, STATUS_CODE_ERROR
SAMPLED = 0x01
HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200  # SpanFlags

_times = Struct("<BQBQ").pack  # two fixed64 fields with their tags
_fixed64 = Struct("<BQ").pack
_flags8 = Struct("<BI").pack

FLAGS = _flags8(0x45, SAMPLED)  # LogRecord.flags = 8

# Span.flags = 16, a fixed32 whose tag has two bytes: always sampled, whether the parent is known to be remote.
OWN = b"\x85\x01" + Struct("<I").pack(SAMPLED | HAS_IS_REMOTE)
JOINED = b"\x85\x01" + Struct("<I").pack(SAMPLED | HAS_IS_REMOTE | IS_REMOTE)


class Encoder:
    """Encodes views; keeps what repeats.

    Args:
        value_limit: Longest text value in characters, `None` for no limit (`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`).
    """

    __slots__ = ("_log_attributes", "_names", "_shared", "_shared_entries", "_span_attributes")

    def __init__(self, value_limit: int | None = None) -> None:
        self._span_attributes = _AttributeWriter(0x4A, value_limit)  # Span.attributes = 9
        self._log_attributes = _AttributeWriter(0x32, value_limit)  # LogRecord.attributes = 6
        self._names = _Names(0x2A)  # Span.name = 5
        self._shared: dict[str, Value] = {}  # what the last span shared, which the next one shares, most often
        self._shared_entries = b""

    def spans(self, views: Iterable[SpanView]) -> bytes:
        """The entries of `ScopeSpans.spans` for some spans."""
        found: list[bytes] = []
        for view in views:
            body = self._span(view)
            size = len(body)
            if 0x80 <= size < 0x4000:  # nearly every span
                found += (three(0x12, size & 0x7F | 0x80, size >> 7), body)
            else:
                found += (b"\x12", varint(size), body)
        return b"".join(found)

    def logs(self, views: Iterable[LogView]) -> bytes:
        """The entries of `ScopeLogs.log_records` for some log events."""
        found: list[bytes] = []
        for view in views:
            body = self._log(view)
            found += (b"\x12", varint(len(body)), body)
        return b"".join(found)

    def _span(self, view: SpanView) -> bytes:
        name, kind, trace, span, parent, start, end, attributes, status, description, links, tracestate, remote = view
        if parent and not tracestate:  # nearly every span
            parts = [b"\x0a\x10", trace, b"\x12\x08", span, b"\x22\x08", parent, self._names[name], KINDS[kind]]
        else:
            parts = [b"\x0a\x10", trace, b"\x12\x08", span]
            if tracestate:
                parts.append(text_field(0x1A, tracestate))
            if parent:
                parts += (b"\x22\x08", parent)
            parts += (self._names[name], KINDS[kind])
        append = parts.append
        append(_times(0x39, start, 0x41, end))
        writer = self._span_attributes
        if attributes.__class__ is Attributes:
            assert isinstance(attributes, Attributes)  # noqa: S101  # for the type checker: the line above is faster
            for block in attributes.blocks:
                append(block.entries if block.by is writer else _keep(block, writer))
            shared = attributes.shared
            if shared is not self._shared:
                self._shared, self._shared_entries = shared, writer.entries(shared)
            append(self._shared_entries)
            attributes = attributes.own
        if attributes:
            writer.write(attributes, parts)
        for link in links:
            append(field(0x6A, self._link(link)))
        if status == "error":
            message = text_field(0x12, description) if description else b""
            append(field(0x7A, message + ERROR))
        append(JOINED if remote else OWN)
        return b"".join(parts)

    def _link(self, link: Link) -> bytes:
        parts = [b"\x0a\x10", link.trace, b"\x12\x08", link.span]
        if link.tracestate:
            parts.append(text_field(0x1A, link.tracestate))
        parts += [field(0x22, key_value(key, value)) for key, value in link.attributes.items()]
        parts.append(_flags8(0x35, link.flags | HAS_IS_REMOTE | IS_REMOTE))
        return b"".join(parts)

    def _log(self, view: LogView) -> bytes:
        parts = [_fixed64(0x09, view.time), b"\x10", varint(view.severity), text_field(0x1A, view.severity_text)]
        self._log_attributes.write(view.attributes, parts)
        parts += (FLAGS, b"\x4a\x10", view.trace, b"\x52\x08", view.span)
        parts += (_fixed64(0x59, view.time), text_field(0x62, view.name))
        return b"".join(parts)


class Envelope:
    """What stands around the items of one export request: the resource, our scope and its schema.

    The three signals have the same field numbers here: `ExportTraceServiceRequest` of `ResourceSpans` of `ScopeSpans`,
    and so for logs and metrics.

    Args:
        resource: Attributes of the resource, e.g. `service.name`.
    """

    __slots__ = ("_resource", "_schema", "_scope")

    def __init__(self, resource: Mapping[str, Value]) -> None:
        entries = b"".join(field(0x0A, key_value(key, value)) for key, value in resource.items())
        self._resource = field(0x0A, entries)
        self._scope = field(0x0A, text_field(0x0A, names.SCOPE) + text_field(0x12, names.SCOPE_VERSION))
        self._schema = text_field(0x1A, names.SCHEMA_URL)

    def wrap(self, items: Sequence[bytes]) -> bytes:
        """An export request around encoded items, each one or more whole entries of field 2 of the scope's message."""
        inner = len(self._scope) + sum(map(len, items)) + len(self._schema)
        scope_head = b"\x12" + varint(inner)
        outer = len(self._resource) + len(scope_head) + inner
        return b"".join((b"\x0a", varint(outer), self._resource, scope_head, self._scope, *items, self._schema))


class _AttributeWriter:
    """Writes attributes as entries of one field.

    Entries of one key that hold texts of one length, or doubles, differ in their last bytes only, so what stands before
    these is made once. Entries of small integers are kept whole.

    Args:
        tag: Of the field that holds the entries.
        limit: Longest text value in characters.
    """

    __slots__ = ("_doubles", "_limit", "_small", "_tag", "_texts", "_threes", "_twos")

    def __init__(self, tag: int, limit: int | None) -> None:
        self._tag = tag
        self._limit = limit
        self._texts: dict[str, dict[int, bytes]] = {}
        self._small: dict[str, dict[int, bytes]] = {}
        self._twos: dict[str, bytes] = {}
        self._threes: dict[str, bytes] = {}
        self._doubles: dict[str, bytes] = {}

    def write(self, attributes: Mapping[str, Any], parts: list[bytes]) -> None:
        """Append the entries of some attributes, in their order."""
        texts, doubles, limit, append = self._texts, self._doubles, self._limit, parts.append
        small, twos, threes = self._small, self._twos, self._threes
        for key, value in attributes.items():
            kind = value.__class__
            try:  # what was learnt; plain dictionaries, because a miss is rare
                if kind is int:
                    if value < 0x80:
                        append(small[key][value])
                    elif value < 0x4000:
                        append(twos[key])
                        append(two(value & 0x7F | 0x80, value >> 7))
                    elif value < 0x200000:
                        append(threes[key])
                        append(three(value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
                    else:
                        append(self._entry(key, value))
                elif kind is str and (limit is None or len(value) <= limit):
                    data = value.encode()
                    append(texts[key][len(data)])
                    append(data)
                elif kind is float:
                    append(doubles[key])
                    append(double(value))
                else:
                    append(self._entry(key, value))
            except (KeyError, UnicodeEncodeError):
                append(self._learn(key, value))

    def entries(self, attributes: Mapping[str, Any]) -> bytes:
        """The entries of some attributes together."""
        parts: list[bytes] = []
        self.write(attributes, parts)
        return b"".join(parts)

    def _entry(self, key: str, value: Value) -> bytes:
        return field(self._tag, key_value(key, value, self._limit))

    def _learn(self, key: str, value: Value) -> bytes:
        """The entry of a value whose like was not seen before."""
        entry = self._entry(key, value)
        if isinstance(value, str):
            payload = len(legible(value).encode())
            heads = self._texts.setdefault(key, {})
            if len(heads) >= ROOM:
                heads.clear()
            heads[payload] = entry[: len(entry) - payload]
        elif isinstance(value, float):
            self._doubles[key] = entry[:-8]
        elif isinstance(value, int) and 0 <= value < 0x80:
            self._small.setdefault(key, {})[value] = entry
        elif isinstance(value, int) and 0x80 <= value < 0x4000:
            self._twos[key] = entry[:-2]
        elif isinstance(value, int) and 0x4000 <= value < 0x200000:
            self._threes[key] = entry[:-3]
        return entry


def _keep(block: Block, writer: _AttributeWriter) -> bytes:
    """The entries of a shared block, kept with it: it lives as long as its values come by."""
    block.by, block.entries = writer, writer.entries(block.values)
    return block.entries


class _Names(dict[str, bytes]):
    """Fields that hold a name which repeats."""

    __slots__ = ("_tag",)

    def __init__(self, tag: int) -> None:
        self._tag = tag

    def __missing__(self, name: str) -> bytes:
        if len(self) >= ROOM:
            self.clear()
        found = self[name] = text_field(self._tag, name)
        return found
