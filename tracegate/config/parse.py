"""YAML text to nodes, by the C parser of PyYAML with the core schema of YAML 1.2.

Only `true` and `false` are booleans, dates and `12:30` are text, `0o17` is octal. Anchors and merge keys work;
duplicate keys, unknown tags and aliases that contain themselves are refused. Nodes are made from the parser's events:
PyYAML's own composer knows the 1.1 types and overflows the C stack on deep nesting.

Source: YAML 1.2.2, section 10.3.2; merge keys: https://yaml.org/type/merge.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol, cast

import yaml
from yaml.events import AliasEvent, MappingStartEvent, NodeEvent, ScalarEvent, SequenceStartEvent
from yaml.reader import ReaderError

from tracegate.config.document import Node, Scalar
from tracegate.config.problems import Position, Problem

_DEEPEST = 100  # levels of nesting; no configuration comes near
_LARGEST = 2_000_000  # nodes, aliases counted each time they are used

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")  # a longer one is a `Decimal`
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"


class Unparsable(Exception):
    """The text is no YAML, or none that is allowed here."""

    def __init__(self, at: Position, what: str, fix: str) -> None:
        super().__init__(what)
        self.problem = Problem(at, "", what, fix)


class _Mark(Protocol):
    line: int
    column: int


def parse(text: str, file: str) -> Node:
    """The one document of a text; an empty text is an empty map.

    Raises:
        Unparsable: At the first thing that is wrong.
    """
    try:
        return _Composer(text, file).document()
    except ReaderError as exc:
        before = text.encode()[: exc.position].decode()  # libyaml counts bytes
        at = Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise Unparsable(at, f"the character #x{exc.character:04x} is not allowed", "take it out.") from exc
    except yaml.MarkedYAMLError as exc:
        mark = cast("_Mark", exc.problem_mark)
        lines = text.splitlines()
        where = lines[mark.line] if mark.line < len(lines) else ""
        fix = "YAML can't be read from here on; look at quotes, brackets, colons and indentation."
        if re.search(r"[^\"'\w]\$\{", where):
            fix = 'inside `{ }` and `[ ]` a `${VAR}` must be quoted: `"${VAR}"`.'
        raise Unparsable(Position(file, mark.line + 1, mark.column + 1), exc.problem or "no YAML", fix) from exc


class _Composer:
    """Makes nodes of events."""

    def __init__(self, text: str, file: str) -> None:
        self._parser = yaml.CBaseLoader(text)  # of it, only the parser is used
        self._file = file
        self._anchors: dict[str, Node | None] = {}  # None while what it names is still being read
        self._sizes: dict[int, int] = {}  # of anchored nodes, by id
        self._size = 0

    def document(self) -> Node:
        parser = self._parser
        parser.get_event()  # the stream begins
        if parser.check_event(yaml.StreamEndEvent):
            return Node({}, Position(self._file, 1, 1))
        parser.get_event()  # the document begins
        root = self._node(0)
        parser.get_event()  # the document ends
        following = self._next()
        if not isinstance(following, yaml.StreamEndEvent):
            raise Unparsable(self._at(following), "a second document begins here", "one file holds one document.")
        return root

    def _next(self) -> yaml.Event:
        return cast("yaml.Event", self._parser.get_event())

    def _at(self, event: yaml.Event) -> Position:
        mark = cast("_Mark", event.start_mark)
        return Position(self._file, mark.line + 1, mark.column + 1)

    def _node(self, depth: int) -> Node:
        event = cast("NodeEvent", self._next())
        at = self._at(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, at)
        self._grow(1, at)
        anchor = event.anchor
        if anchor is None:
            return self._fresh(event, at, depth)
        self._anchors[anchor] = None
        before = self._size
        node = self._fresh(event, at, depth)
        self._anchors[anchor] = node
        self._sizes[id(node)] = self._size - before + 1
        return node

    def _alias(self, event: AliasEvent, at: Position) -> Node:
        name = cast("str", event.anchor)
        if name not in self._anchors:
            raise Unparsable(at, f"the anchor `{name}` is not known", "an anchor `&name` must stand before `*name`.")
        node = self._anchors[name]
        if node is None:
            raise Unparsable(at, f"the alias `*{name}` contains itself", "take it out.")
        self._grow(self._sizes[id(node)], at)
        return node

    def _grow(self, by: int, at: Position) -> None:
        self._size += by
        if self._size > _LARGEST:
            raise Unparsable(at, f"more than {_LARGEST} values", "aliases count each time they are used; use fewer.")

    def _fresh(self, event: yaml.Event, at: Position, depth: int) -> Node:
        if depth > _DEEPEST:
            raise Unparsable(at, f"nested more than {_DEEPEST} deep", "a configuration needs less than ten levels.")
        if isinstance(event, ScalarEvent):
            return Node(_scalar(event, at), at)
        if isinstance(event, SequenceStartEvent):
            self._tagged(event, "seq", at)
            return Node(list(self._members(depth)), at)
        assert isinstance(event, MappingStartEvent)  # noqa: S101  # the parser gives nothing else here
        self._tagged(event, "map", at)
        return self._map(at, depth)

    def _tagged(self, event: SequenceStartEvent | MappingStartEvent, kind: str, at: Position) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            raise _unknown_tag(str(event.tag), at)

    def _members(self, depth: int) -> Iterator[Node]:
        while not self._parser.check_event(yaml.SequenceEndEvent):
            yield self._node(depth + 1)
        self._parser.get_event()

    def _map(self, at: Position, depth: int) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        merged: list[Node] = []
        while not self._parser.check_event(yaml.MappingEndEvent):
            event = self._next()
            place = self._at(event)
            if not isinstance(event, ScalarEvent):
                raise Unparsable(place, "a key must be text", "write a plain word before the colon.")
            key = event.value
            node = self._node(depth + 1)
            if key == "<<" and event.implicit[0]:
                merged += self._sources(node)
            elif key in entries:
                first = keys[key]
                raise Unparsable(place, f"`{key}` stands here twice", f"the first is at {first}; take one out.")
            else:
                entries[key] = node
                keys[key] = place
        self._parser.get_event()
        for source in merged:  # what is written wins over what is merged, an earlier source over a later one
            for key, node in source.map.items():
                if key not in entries:
                    entries[key] = node
                    keys[key] = source.keys[key]
        return Node(entries, at, keys)

    def _sources(self, node: Node) -> list[Node]:
        sources = node.value if isinstance(node.value, list) else [node]
        for source in sources:
            if not isinstance(source.value, dict):
                raise Unparsable(source.at, "`<<` merges maps only", "write `<<: *name` or `<<: [*one, *other]`.")
        return sources


def _unknown_tag(tag: str, at: Position) -> Unparsable:
    return Unparsable(at, f"the tag `{tag.replace(_TAG, '!!')}` is not known here", "take it out.")


def _scalar(event: ScalarEvent, at: Position) -> Scalar:
    """The value of a scalar by the core schema."""
    text = event.value
    tag = event.tag
    if tag is None:
        return _plain(text) if event.implicit[0] else text
    if tag in ("!", _TAG + "str"):
        return text
    value = _plain(text)
    if tag == _TAG + "float" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    kinds: dict[str, type | None] = {_TAG + "null": type(None), _TAG + "bool": bool, _TAG + "int": int}
    if type(value) is not kinds.get(tag):
        known = tag in kinds or tag == _TAG + "float"
        raise (
            Unparsable(at, f"`{text}` is not what its tag says", "take the tag out.")
            if known
            else _unknown_tag(tag, at)
        )
    return value


def _plain(text: str) -> Scalar:
    first = text[:1]
    if first.isalpha() and first not in "tTfFnN":  # most words; the tests below would all fail
        return text
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return Decimal(text)
    if _SPECIAL.fullmatch(text):
        return Decimal(text.replace(".", "").lower().replace("inf", "Infinity"))
    return text
