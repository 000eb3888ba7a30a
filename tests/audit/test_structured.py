"""Structured fields, read strictly; against an independent parser where it is as strict."""

from __future__ import annotations

from decimal import Decimal

import pytest
from http_sfv.item import Item
from http_sfv.list import List

from tests.audit.vectors import UNARY
from tracegate.audit.saved import parse_saved
from tracegate.audit.structured import (
    LONGEST,
    STRING,
    Token,
    bytes_item,
    fits,
    parse_dictionary,
    parse_item,
    parse_list,
)
from tracegate.errors import Malformed


def test_the_lists_of_the_vectors() -> None:
    """Members with their parameters, as an independent parser reads them."""
    fields = parse_saved(UNARY["response"].encode()).fields
    for name in ("x-served-by", "tracegate-attempts"):
        members, other = parse_list(fields[name]), List()
        other.parse(fields[name].encode())
        assert [str(member.value) for member in members] == [str(item.value) for item in other]
        assert ", ".join(member.text for member in members) == fields[name] == str(other)
    served = parse_list(fields["x-served-by"])[0]
    assert served.parameters == {
        "model": "gpt-5.5-2026-08-07",
        "src": "asserted",
        "region": "eu",
        "region-src": "observed",
        "attempt": 1,
    }
    assert parse_list(fields["tracegate-attempts"])[0].parameters["dur"] == Decimal("184.2")


def test_every_kind_of_item() -> None:
    """Tokens, strings with escapes, numbers, booleans, bytes, flags."""
    text = r'a/b;s="q\"\\";i=-5;d=0.5;t;f=?0;y=?1;b=:QQ==:'
    member = parse_item(text)
    assert (member.value, member.text) == ("a/b", text)
    assert isinstance(member.value, Token)
    assert member.parameters == {
        "s": 'q"\\',
        "i": -5,
        "d": Decimal("0.5"),
        "t": True,
        "f": False,
        "y": True,
        "b": b"A",
    }
    assert bytes_item(b"A") == ":QQ==:"


def test_a_dictionary_has_flags_and_inner_lists() -> None:
    """The text of a member is what stands behind its name."""
    members = parse_dictionary('a, tg=("x" "y";req);n=1, b;p, e=()')
    assert members["a"].value is True
    assert members["tg"].text == '("x" "y";req);n=1'
    inner = members["tg"].value
    assert isinstance(inner, tuple)
    assert [part.text for part in inner] == ['"x"', '"y";req']
    assert members["b"].parameters == {"p": True}
    assert members["e"].value == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b",
        "a , b",
        "a, ",
        "a,  b",
        "a;b;b",
        "a;B",
        "a; b",
        '"a',
        '"é"',
        '"\\n"',
        "?2",
        ":Q:",
        "-",
        "1.",
        "01",
        "()(",
        "1.2345",
        "1234567890123.5",
        "a\n",
        "é",
        ", a",
        "(a",
        "(a  b)",
        "(a b",
        "1" * 16,
    ],
)
def test_another_form_of_a_list_is_refused(text: str) -> None:
    """Blanks, numbers and texts that the serialization of the RFC would not write."""
    with pytest.raises(Malformed):
        parse_list(text)


@pytest.mark.parametrize("text", ["a=1, a=2", "a=", "A=1", "a=1,", "a=1 b=2", ""])
def test_another_form_of_a_dictionary_is_refused(text: str) -> None:
    """Names that stand twice, and what is left over."""
    with pytest.raises(Malformed):
        parse_dictionary(text)


@pytest.mark.parametrize("text", ["a, b", "(a)", "a b"])
def test_an_item_is_one(text: str) -> None:
    """No list and no inner list."""
    with pytest.raises(Malformed, match="not an item"):
        parse_item(text)


def test_a_text_of_others_fits_as_an_independent_writer_takes_it() -> None:
    """Printable ASCII, not empty, no longer than every parser takes."""
    for text in ("stop", 'a "b"', "x" * STRING):
        assert fits(text)
        assert parse_item(str(Item(text))).value == text
    assert not any(map(fits, ("", "arrêt", "a\n", "x" * (STRING + 1))))


def test_a_field_has_an_end() -> None:
    """So that nobody can make the reader work for ever."""
    with pytest.raises(Malformed, match="at most"):
        parse_list("a" * (LONGEST + 1))
