"""Varints, values of every kind and depth: what the official classes write."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.test_otlp import VALUES, official, official_value
from tracegate.telemetry.protobuf import any_value, field, key_value, text_field, varint

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
edges = st.sampled_from([0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**63 - 1, -1, -(2**63)])
scalars = texts | st.booleans() | edges | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.none()
structures = st.recursive(
    scalars | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts.filter(bool), inner, max_size=4),
)


@given(st.integers(0, 2**64 - 1))
def test_varints_of_every_size(value: int) -> None:
    """Seven bits a byte, the last one without its high bit."""
    data = varint(value)
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data)) == value
    assert [byte >> 7 for byte in data] == [1] * (len(data) - 1) + [0]
    assert len(data) == max(1, -(-value.bit_length() // 7))


@given(texts.filter(bool), structures)
def test_any_value_is_written_as_the_official_classes_write_it(key: str, value: Any) -> None:
    """Texts, bytes, booleans, integers of both signs, doubles, nothing, lists and mappings of all of them."""
    assert any_value(value) == official_value(value).SerializeToString()
    assert key_value(key, value) == official(key, value).SerializeToString()


@pytest.mark.parametrize("value", VALUES)
def test_sizes_at_every_edge(value: Any) -> None:
    """Where a length or an integer needs one byte more."""
    assert key_value("k", value) == official("k", value).SerializeToString()


def test_a_field_is_tag_length_and_data() -> None:
    """A length of more than one byte too; half a character is replaced."""
    assert field(0x0A, b"xy") == b"\x0a\x02xy"
    assert field(0x0A, b"x" * 300) == b"\x0a\xac\x02" + b"x" * 300
    assert text_field(0x12, "\ud83d") == b"\x12\x03\xef\xbf\xbd"


@pytest.mark.parametrize(("limit", "expected"), [(3, b"\x0a\x03abc"), (9, b"\x0a\x04abcd")])
def test_texts_are_cut_at_a_limit(limit: int, expected: bytes) -> None:
    """In characters."""
    assert any_value("abcd", limit) == expected


@pytest.mark.parametrize(("value", "error"), [(2**63, ValueError), (-(2**63) - 1, ValueError), ({1}, TypeError)])
def test_what_can_not_be_written_is_refused(value: Any, error: type[Exception]) -> None:
    """Rather than written wrong."""
    with pytest.raises(error):
        any_value(value)


def test_a_gateway_that_writes_directly_loads_no_message_classes() -> None:
    """Neither protobuf nor OpenTelemetry: they are a tenth of a second of its start and megabytes of each worker."""
    said = "import sys, tracegate.server.serve; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, text=True).stdout
    assert "'tracegate'" in loaded
    assert "'google'" not in loaded
    assert "'opentelemetry'" not in loaded
