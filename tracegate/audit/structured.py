"""Structured fields (RFC 9651), read strictly: dictionaries and lists of items with parameters.

What is written in another form than the RFC's own serialization is refused, so that no changed character passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tracegate.audit.encodings import base64_of, from_base64
from tracegate.errors import Malformed

LONGEST = 65_536  # characters of a field
_TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*")
_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,3})?")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")


STRING = 1024
"""Characters of a string that every parser takes (section 3.3.3)."""


class Token(str):
    """A word without quotes."""

    __slots__ = ()


Bare = bool | int | Decimal | str | bytes
"""An item: a `Token` is a `str` too."""


@dataclass(frozen=True, slots=True)
class Member:
    """An item or an inner list with its parameters; `text` is how it was written, without its name."""

    value: Bare | tuple[Member, ...]
    parameters: Mapping[str, Bare]
    text: str


def parse_list(text: str) -> list[Member]:
    """The members of a list.

    Raises:
        Malformed: It is none.
    """
    reader = _Reader(text)
    members = [reader.member()]
    while not reader.done:
        reader.take(", ")
        members.append(reader.member())
    return members


def parse_dictionary(text: str) -> dict[str, Member]:
    """The members of a dictionary by their names, each of which may stand once.

    Raises:
        Malformed: It is none.
    """
    reader = _Reader(text)
    members: dict[str, Member] = {}
    while True:
        name = reader.match(_KEY, "a name")
        if name in members:
            raise Malformed(f"`{name}` stands twice")
        members[name] = reader.member() if reader.took("=") else reader.flag()
        if reader.done:
            return members
        reader.take(", ")


def parse_item(text: str) -> Member:
    """A single item with its parameters.

    Raises:
        Malformed: It is none.
    """
    reader = _Reader(text)
    member = reader.member()
    if not reader.done or isinstance(member.value, tuple):
        raise Malformed("not an item")
    return member


class _Reader:
    """A place in the text of a field."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise Malformed(f"a field of {len(text)} characters; at most {LONGEST}")
        self._text = text
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at == len(self._text)

    def took(self, expected: str) -> bool:
        found = self._text.startswith(expected, self._at)
        self._at += len(expected) if found else 0
        return found

    def take(self, expected: str) -> None:
        if not self.took(expected):
            raise Malformed(f"`{expected}` expected at character {self._at}")

    def match(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise Malformed(f"{what} expected at character {self._at}")
        self._at = found.end()
        return found[0]

    def flag(self) -> Member:
        start = self._at
        return Member(True, self._parameters(), self._text[start : self._at])

    def member(self) -> Member:
        start = self._at
        value: Bare | tuple[Member, ...] = self._inner() if self.took("(") else self._bare()
        return Member(value, self._parameters(), self._text[start : self._at])

    def _inner(self) -> tuple[Member, ...]:
        members: list[Member] = []
        while not self.took(")"):
            if members:
                self.take(" ")
            start = self._at
            value = self._bare()
            members.append(Member(value, self._parameters(), self._text[start : self._at]))
        return tuple(members)

    def _parameters(self) -> dict[str, Bare]:
        parameters: dict[str, Bare] = {}
        while self.took(";"):
            name = self.match(_KEY, "a name")
            if name in parameters:
                raise Malformed(f"`{name}` stands twice")
            parameters[name] = self._bare() if self.took("=") else True
        return parameters

    def _bare(self) -> Bare:
        start = self._text[self._at : self._at + 1]
        if start == '"':
            return re.sub(r"\\(.)", r"\1", self.match(_STRING, "a string")[1:-1])
        if start == ":":
            return from_base64(self.match(_BYTES, "bytes")[1:-1])
        if start == "?":
            return self._boolean()
        if start.isdigit() or start == "-":
            return self._number()
        return Token(self.match(_TOKEN, "a value"))

    def _boolean(self) -> bool:
        if self.took("?1"):
            return True
        self.take("?0")
        return False

    def _number(self) -> int | Decimal:
        text = self.match(_NUMBER, "a number")
        whole, point, _ = text.removeprefix("-").partition(".")
        if (len(whole) > 1 and whole[0] == "0") or (point and len(whole) > 12):
            raise Malformed(f"`{text}` is not a number in its one form")
        return Decimal(text) if point else int(text)


def fits(text: str) -> bool:
    """Whether a text of others can stand in a field; one that can't is left out of it."""
    return bool(text) and len(text) <= STRING and text.isascii() and text.isprintable()


def bytes_item(raw: bytes) -> str:
    """How bytes are written."""
    return f":{base64_of(raw)}:"
