"""The table itself: every row has its rule and its reason, and is expected by some case."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.differential.differing import ABSENT, Difference, differences, read_json
from tests.differential.table import NAMES, TABLE, explained

HERE = Path(__file__).parent


def test_every_row_has_a_rule_and_a_reason() -> None:
    """A ruling by its number, a standard, or a promise in its words; one row a name."""
    assert len(NAMES) == len(TABLE)
    assert [row.name for row in TABLE if not re.fullmatch(r'\d{1,2}|(RFC \d{4}|WHATWG HTML), .+|".+"', row.rule)] == []
    assert [row.name for row in TABLE if not row.why] == []


def test_every_row_is_expected_somewhere() -> None:
    """A case that names a row fails when the row does not occur; a row that none names would be dead."""
    texts = {
        name.strip()
        for path in HERE.glob("*.py")
        if path.name != "table.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in node.value.split(",")
    }
    assert sorted(NAMES - texts) == []


@pytest.mark.parametrize(
    "found",
    [
        Difference("status", 200, 500),
        Difference("body", b"a", b"b"),
        Difference("head.set-cookie", "a=1", "a=2"),
        Difference("events[]", b'data: {"a":1}\n\n', b'data: {"a":2}\n\n'),
        Difference("requests[].body.temperature", 0, ABSENT),
        Difference("requests[].fields.authorization", "Bearer a", "Bearer a"),
        Difference("answer → error", {}, {"status": 500, "error": {"code": "internal_error", "type": "server_error"}}),
    ],
    ids=lambda found: found.place,
)
def test_what_is_not_in_the_table_fails(found: Difference) -> None:
    """Also at a place where something else may differ."""
    with pytest.raises(AssertionError, match="not in the table"):
        explained([found])


@pytest.mark.parametrize(
    ("direct", "through", "places"),
    [
        (b'{"a":1,"b":[1,2]}', b'{"a":1,"b":[1,2]}', []),
        (b'{"a":1}', b'{"a":1.0}', ["a"]),
        (b'{"a":1E400}', b'{"a":1e400}', ["a"]),
        (b'{"a":1}', b'{"a":"1"}', ["a"]),
        (b'{"a":null}', b"{}", ["a"]),
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}', [" order"]),
        (b'{"a":1,"a":2}', b'{"a":2}', ["a", "a#2"]),
        (b'{"a":[{"b":1},{"b":2}]}', b'{"a":[{"b":1}]}', ["a[]"]),
        (b'{"a":[{"b":1},{"b":2}]}', b'{"a":[{"b":1},{"b":3}]}', ["a[].b"]),
        (b"[[]]", b"[{}]", ["[]", "[]"]),
    ],
)
def test_every_difference_of_json_is_found(direct: bytes, through: bytes, places: list[str]) -> None:
    """Numbers as they are written, members in order and as often as they came."""
    assert [found.place for found in differences(read_json(direct), read_json(through))] == places
