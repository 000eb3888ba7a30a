"""Bare items of RFC 9651: what fits is written as an independent parser reads it, what does not is dropped."""

from __future__ import annotations

from decimal import Decimal

import pytest
from http_sfv.item import Item
from http_sfv.types import Token
from hypothesis import given
from hypothesis import strategies as st

from tracegate.server.structured import LONGEST, milliseconds, string, token, token_or_string


def _item(text: str) -> object:
    item = Item()
    item.parse(text.encode("ascii"))
    assert str(item) == text
    return item.value


@pytest.mark.parametrize(
    "text", ["openai", "azure.ai.openai", "gcp.vertex_ai", "x_ai", "h2", "http/1.1", "*", "a:b", "A!#$%&'*+-.^_`|~9"]
)
def test_a_token_is_sent_as_it_is(text: str) -> None:
    """Letters first, then what section 3.3.4 allows."""
    assert token(text) == text
    value = _item(text)
    assert isinstance(value, Token)
    assert str(value) == text


@pytest.mark.parametrize(
    "text", ["", "4o", "-a", "a b", 'a"', "a;b", "a,b", "ä", "a\n", "a\r\nX: y", "a" * (LONGEST + 1)]
)
def test_what_is_no_token_is_dropped(text: str) -> None:
    """A line end after a token too."""
    assert token(text) is None


@pytest.mark.parametrize(
    "text", ["", "ä", "a\n", "a\tb", "a\0", "\x7f", "a\r\nX-Evil: 1", "😀", "\ud83d", "a" * (LONGEST + 1)]
)
def test_what_is_no_string_is_dropped(text: str) -> None:
    """Anything but printable ASCII."""
    assert string(text) is None
    assert token_or_string(text) is None


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=LONGEST))
def test_every_printable_text_survives(text: str) -> None:
    """Quotes and backslashes are escaped, and read back as they were."""
    quoted = string(text)
    assert quoted is not None
    value = _item(quoted)
    assert isinstance(value, str)
    assert value == text


@given(st.text(max_size=50))
def test_whatever_the_text_an_item_is_whole_or_absent(text: str) -> None:
    """No text becomes two items, or another one."""
    item = token_or_string(text)
    if item is not None:
        assert str(_item(item)) == text


@given(st.integers(min_value=0, max_value=10**16))
def test_durations_are_decimals_of_at_most_three_places(ns: int) -> None:
    """Rounded down to the microsecond, as the audit log has them; never an integer, never an exponent."""
    text = milliseconds(ns)
    value = _item(text)
    assert isinstance(value, Decimal)
    assert value == Decimal(ns // 1000) / 1000


def test_durations_read_well() -> None:
    """As few digits as are needed."""
    shown = [milliseconds(ns) for ns in (0, 999, 1_000, 1_999, 1_300_000, 2_000_000_000, 184_200_400)]
    assert shown == ["0.0", "0.0", "0.001", "0.001", "1.3", "2000.0", "184.2"]
