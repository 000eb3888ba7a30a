"""Canonical JSON: against an independent encoder, and every second form refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.vectors import BODY, LEAVES, VECTORS
from tracegate.audit.canonical import LARGEST, canonical_body, canonical_value, decode, encode
from tracegate.errors import Malformed

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda text: text != "unknown")
keys = st.text(st.characters(max_codepoint=127), max_size=4)
ours = st.recursive(
    st.booleans() | st.integers(-LARGEST, LARGEST) | texts,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(keys, parts, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(keys, ours, max_size=5)
foreign = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(texts, parts, max_size=4),
    max_leaves=12,
)


@given(objects)
def test_what_we_write_is_what_an_independent_encoder_writes(value: dict[str, Any]) -> None:
    """`rfc8785` makes the same bytes, and they read back as the same value."""
    raw = encode(value)
    assert raw == rfc8785.dumps(value)
    assert decode(raw) == value


@pytest.mark.parametrize("raw", LEAVES)
def test_the_leaves_of_the_vectors_are_canonical(raw: bytes) -> None:
    """For us and for the independent encoder."""
    assert raw == encode(decode(raw)) == rfc8785.dumps(json.loads(raw))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "null"),
        (1.5, "float"),
        (LARGEST + 1, "larger than"),
        (-LARGEST - 1, "larger than"),
        ("unknown", "absent"),
        ("\ud83d", "surrogate"),
        ([{"deep": None}], "null"),
        ({"ü": 1}, "ASCII"),
        ({1: 1}, "ASCII"),
    ],
)
def test_what_no_leaf_may_hold_is_refused(value: object, says: str) -> None:
    """Wherever it stands in the object."""
    with pytest.raises(Malformed, match=says):
        encode({"member": value})


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"a":1,"a":1}', "canonical form"),
        (b'{"a": 1}', "canonical form"),
        (b'{"b":1,"a":1}', "canonical form"),
        (b'{"a":"\\u0041"}', "canonical form"),
        (b'{"a":"\\/"}', "canonical form"),
        (b'{"a":-0}', "canonical form"),
        (b'{"a":1}\n', "canonical form"),
        (b'{"a":1.0}', "float"),
        (b'{"a":NaN}', "float"),
        (b'{"a":null}', "null"),
        (b"[1]", "not a JSON object"),
        (b'{"a":1', "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":' + b"[" * 100_000, "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
    ],
)
def test_another_form_of_the_same_value_is_refused(raw: bytes, says: str) -> None:
    """So that one leaf has one hash."""
    with pytest.raises(Malformed, match=says):
        decode(raw)


def test_nesting_that_only_the_check_notices_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scanner of JSON counts its depth in C, the check in Python, so either may be the first to give up."""
    depth = 900
    raw = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    assert len(decode(raw)) == 1
    monkeypatch.setattr("tracegate.audit.canonical._check", _too_deep)
    with pytest.raises(Malformed, match="nested too deeply"):
        decode(raw)


def _too_deep(value: object) -> None:
    raise RecursionError


@given(foreign)
def test_foreign_json_has_the_form_that_an_independent_encoder_gives_it(value: Any) -> None:
    """Numbers, keys beyond ASCII and null included, however the text was written."""
    expected = rfc8785.dumps(value)
    assert canonical_body(json.dumps(value).encode()) == expected
    assert canonical_body(json.dumps(value, ensure_ascii=False, indent=1).encode()) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_written_as_ecmascript_writes_it(value: float) -> None:
    """Shortest digits that read back as the same double, with ECMAScript's exponents."""
    raw = canonical_body(repr(value).encode())
    assert raw == rfc8785.dumps(value)
    assert raw is not None
    assert math.isclose(float(raw), value, rel_tol=0)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1E21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("123456.789", "123456.789"),
        ("0.000001", "0.000001"),
        ("1e-7", "1e-7"),
        ("-1.5e-9", "-1.5e-9"),
        ("-0.0", "0"),
        ("-0", "0"),
        ("333333333.33333329", "333333333.3333333"),
    ],
)
def test_numbers_of_the_rfc_and_of_edges(text: str, form: str) -> None:
    """Source of most: RFC 8785, appendix B."""
    assert canonical_body(text.encode()) == form.encode()


def test_the_body_of_the_vectors_has_its_form() -> None:
    """Spaces go, keys are sorted."""
    assert canonical_body(BODY) == VECTORS["body_jcs"].encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":9007199254740992}',
        b'{"a":1E400}',
        b'{"a":NaN}',
        b'{"a":"\\ud83d"}',
        b'{"\\ud83d":1}',
        b"data: {}",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_body_without_a_canonical_form_has_none(body: bytes) -> None:
    """Two keys of one name, numbers beyond a double, half pairs, and what is no JSON."""
    assert canonical_body(body) is None


@pytest.mark.parametrize(
    "names",
    [
        ["\U0001f600", "\ufb33", "a"],
        ["a", "\U0001f600"],
        ["\ufb33", "b", "a"],
        ["\U00010000\ufb33", "\U00010000\ud7ff"],
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_keys_are_in_the_order_of_their_utf_16_units(names: list[str], ascii_only: bool) -> None:
    """Beyond the basic plane it is another than that of the characters."""
    body = json.dumps({name: {name: index} for index, name in enumerate(names)}, ensure_ascii=ascii_only).encode()
    assert canonical_body(body) == rfc8785.dumps(json.loads(body))


def test_a_value_comes_with_its_form() -> None:
    """Whole, but for numbers that an integer can't be."""
    found = canonical_value(b'{ "b": [1, "x", null], "a": {"c": true} }')
    assert found == ({"b": [1, "x", None], "a": {"c": True}}, b'{"a":{"c":true},"b":[1,"x",null]}')
    fraction = canonical_value(b"[1.50]")
    assert fraction is not None
    assert fraction[1] == b"[1.5]"


def test_the_quick_way_and_the_long_one_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a body, and of whatever becomes of it when one byte is another: no second reader may be more lenient."""
    put = b'"\\ {}[]:,0e.-\x00\x0b\x7f\xc3'
    bodies = [BODY] + [BODY[:at] + bytes((byte,)) + BODY[at + 1 :] for at in range(len(BODY)) for byte in put]
    bodies += [
        b'{"a":1,"b":{"c":2,"c":2}}',
        b"[01]",
        b"[1.]",
        b"[+1]",
        b'["\\u0041\\/"]',
        b"\xef\xbb\xbf[]",
        b"[1]\x0c",
        b"[1]]",
    ]
    quick = [canonical_value(body) for body in bodies]
    monkeypatch.setattr("tracegate.audit.canonical._quickly", lambda body: None)
    assert [repr(found) for found in quick] == [repr(canonical_value(body)) for body in bodies]
