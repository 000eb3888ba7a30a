"""Attributes, values and ids are decoded strictly."""

from __future__ import annotations

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.testing.otlp.make import pairs, value
from tracegate.testing.otlp.values import MOST_ATTRIBUTES, Malformed, attributes, ids, need, value_of


@pytest.mark.parametrize("said", ["", "text", True, 0, -1, 1.5, b"raw", {"k": {"l": 1}}])
def test_values_come_back_as_they_were(said: object) -> None:
    """Of every type, empty ones too."""
    found = value_of(value(said), "it")
    assert (type(found), found) == (type(said), said)


def test_lists_become_tuples() -> None:
    """Nested ones too, so that they can be compared with views and be keys."""
    assert value_of(value(["a", ["b", 1]]), "it") == ("a", ("b", 1))


def test_an_absent_value_is_null_within_another_and_malformed_alone() -> None:
    """An attribute without a value says nothing; in a list or a mapping it is what JSON calls null."""
    listed, mapped = value([1]), value({"k": 1})
    listed.array_value.values.append(AnyValue())
    mapped.kvlist_value.values[0].value.Clear()
    assert value_of(listed, "it") == (1, None)
    assert value_of(mapped, "it") == {"k": None}
    with pytest.raises(Malformed, match="has no value"):
        value_of(AnyValue(), "it")
    with pytest.raises(Malformed, match="it: `k` has no value"):
        attributes(mapped.kvlist_value.values, "it")


def test_a_mapping_may_have_more_names_than_a_span() -> None:
    """The limit is one of attributes."""
    many = {f"k{n}": n for n in range(MOST_ATTRIBUTES + 1)}
    assert value_of(value(many), "it") == many


def test_attributes_have_each_name_once() -> None:
    """And no more of them than the limit."""
    assert attributes(pairs({"a": 1, "b": "x"}), "it") == {"a": 1, "b": "x"}
    with pytest.raises(Malformed, match="it: `a` stands there twice"):
        attributes(pairs({"a": 1}) + pairs({"a": 1}), "it")
    with pytest.raises(Malformed, match="it: 129 attributes, at most 128"):
        attributes(pairs({f"a{n}": n for n in range(MOST_ATTRIBUTES + 1)}), "it")


@pytest.mark.parametrize(
    ("trace", "span"), [(b"t" * 15, b"s" * 8), (b"t" * 16, b""), (bytes(16), b"s" * 8), (b"t" * 16, bytes(8))]
)
def test_ids_have_their_length_and_are_not_zero(trace: bytes, span: bytes) -> None:
    """What W3C forbids is malformed."""
    ids(b"t" * 16, b"s" * 8, "it")
    with pytest.raises(Malformed, match=r"it: its (trace|span) id is"):
        ids(trace, span, "it")


def test_need_says_what_it_needed() -> None:
    """Only when it is not met."""
    need(True, "fine")
    with pytest.raises(Malformed, match=r"^not fine$"):
        need(False, "not fine")
