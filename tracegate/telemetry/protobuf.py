"""The protobuf wire format, as far as OTLP needs it: varints, length-delimited fields, `KeyValue` and `AnyValue`.

Not a protobuf library: nothing is read, and a field whose tag has more than one byte is its writer's affair. Bytes are
those of the official classes; a test holds it to that.
Source: protobuf encoding guide; opentelemetry-proto 1.x, `common.proto`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct

from tracegate.telemetry.model import Structured
from tracegate.telemetry.text import legible

two = Struct("<BB").pack
three = Struct("<BBB").pack
double = Struct("<d").pack
"""Packers of a varint of two bytes, of one of three, and of a double without its tag."""

_BYTE = [bytes((n,)) for n in range(0x80)]


def key_value(key: str, value: Structured | bytes, limit: int | None = None) -> bytes:
    """One `KeyValue`: field 1 the key, field 2 the value."""
    return text_field(0x0A, key) + field(0x12, any_value(value, limit))


def any_value(value: Structured | bytes, limit: int | None = None) -> bytes:
    """One `AnyValue`; texts are cut at `limit` characters and made valid Unicode, `None` is the empty value.

    Raises:
        TypeError: If it is no text, bytes, boolean, integer, double, nor a sequence or mapping of them.
        ValueError: If an integer does not fit 64 bits.
    """
    if isinstance(value, str):
        return text_field(0x0A, value if limit is None else value[:limit])
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"the integer {value} does not fit 64 bits")
        return b"\x18" + varint(value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return b"\x21" + double(value)
    if isinstance(value, bytes):
        return field(0x3A, value)
    if isinstance(value, Mapping):
        return field(0x32, b"".join(field(0x0A, key_value(key, item, limit)) for key, item in value.items()))
    if isinstance(value, Sequence):
        return field(0x2A, b"".join(field(0x0A, any_value(item, limit)) for item in value))
    if value is None:
        return b""
    raise TypeError(f"an attribute can't be a {type(value).__name__}")


def text_field(tag: int, value: str) -> bytes:
    """A field of type string, tag and length included; lone surrogates are replaced."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = legible(value).encode()
    return field(tag, data)


def field(tag: int, data: bytes) -> bytes:
    """A length-delimited field whose tag has one byte."""
    return b"%c%b%b" % (tag, varint(len(data)), data)


def varint(value: int) -> bytes:
    """A base-128 varint of an integer from 0 to 2^64 - 1."""
    if value < 0x80:
        return _BYTE[value]
    if value < 0x4000:
        return two(value & 0x7F | 0x80, value >> 7)
    if value < 0x200000:
        return three(value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14)
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
