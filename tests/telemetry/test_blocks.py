"""Attributes in parts look like one mapping."""

from __future__ import annotations

import pytest

from tracegate.telemetry.blocks import Attributes, Block


def test_a_block_has_what_is_known() -> None:
    """`None` is absent; false and zero are values."""
    assert Block({"a": None, "b": False, "c": 0, "d": "x"}).values == {"b": False, "c": 0, "d": "x"}


def test_blocks_are_equal_only_to_themselves() -> None:
    """Encoders keep bytes by identity."""
    one, other = Block({"a": 1}), Block({"a": 1})
    assert len({one, other, one}) == 2


def test_attributes_are_one_mapping() -> None:
    """Look-up, length, order and equality are those of the parts together."""
    attributes = Attributes((Block({"a": 1}), Block({"b": 2})), {"c": 3})
    assert (attributes["a"], attributes["b"], attributes["c"]) == (1, 2, 3)
    assert len(attributes) == 3
    assert attributes == {"a": 1, "b": 2, "c": 3}
    assert list(attributes) == ["a", "b", "c"]
    assert repr(attributes) == "Attributes({'a': 1, 'b': 2, 'c': 3})"
    with pytest.raises(KeyError):
        attributes["d"]


def test_what_a_request_shares_is_a_part_too() -> None:
    """Between the blocks and the span's own."""
    attributes = Attributes((Block({"a": 1}),), {"c": 3}, {"b": 2})
    assert [attributes[key] for key in "abc"] == [1, 2, 3]
    assert list(attributes) == ["a", "b", "c"]
    assert len(attributes) == 3
