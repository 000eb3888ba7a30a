"""Decoding proves that JSON is well-formed, and gives way only where a lenient reader would."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.dialects.openai_shape import Choice, Delta, Shape, decode, decode_each, lenient
from tracegate.dialects.sse import Decoder


def test_the_members_that_are_read_are_decoded() -> None:
    """And no others."""
    shape = decode(b'{"id":"1","model":"m","choices":[{"index":2,"delta":{"content":"x"}}],"x":[1,{"y":2}]}')

    assert shape == Shape(id="1", model="m", choices=[Choice(index=2, delta=Delta(content="x"))])


def test_members_of_another_type_are_left_out() -> None:
    """OpenAI's types are no law."""
    shape = decode(
        b'{"id":7,"object":[],"model":{},"system_fingerprint":1,"service_tier":1,"usage":7,"x_groq":7,'
        b'"choices":[7,{"index":"x","delta":7,"finish_reason":7},{"index":9,"delta":{"content":1.5}}]}'
    )

    assert shape == Shape(choices=[Choice(index=1), Choice(index=9, delta=_delta(Decimal("1.5")))])


def _delta(content: Any) -> Delta:
    return Delta(content=content)


def test_groqs_part_is_read_leniently_too() -> None:
    """Beside members that are of another type."""
    shape = decode(b'{"id":7,"x_groq":{"usage":{"prompt_tokens":1},"error":"e"}}')

    assert shape.x_groq is not None
    assert shape.x_groq.usage is not None
    assert (1, "e") == (shape.x_groq.usage.prompt_tokens, shape.x_groq.error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"error":{"message":"m"}}', True),
        ('{"error":"m"}', True),
        ('{"error":null}', False),
        ('{"error":{}}', False),
        ('{"object":"error"}', True),
        ('{"object":"Error"}', True),
        ('{"object":"chat.completion"}', False),
        ('{"choices":[{"error":{"code":1}}]}', True),
        ('{"choices":[{},{"error":{"code":1}}]}', True),
        ('{"choices":[{},{}]}', False),
        ('{"x_groq":{"error":"e"}}', True),
        ('{"x_groq":{"id":"r"}}', False),
    ],
)
def test_errors_are_seen_wherever_they_stand(text: str, expected: bool) -> None:
    """In every shape that a provider has for them."""
    assert expected is decode(text.encode()).says_error


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"7", b"null", b'"x"', b"{}}", b'{"x":"\xff"}', b'{"x":\x00}', b'{"x":' + b"[" * 99_999],
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    """By the lenient reader too."""
    with pytest.raises(ValueError):  # noqa: PT011  # the message is for nobody
        decode(data)


def test_depth_beyond_the_stack_is_malformed() -> None:
    """Both readers recurse."""
    with pytest.raises(ValueError, match="nested too deeply"):
        lenient(b"[" * 100_000 + b"]" * 100_000)


@given(st.binary(max_size=40))
def test_nothing_but_a_value_error_comes_out(data: bytes) -> None:
    """Whatever bytes come in."""
    with suppress(ValueError):
        decode(data)


def test_large_numbers_are_numbers() -> None:
    """Of the type that was asked for, whatever Python's bound for integers is."""
    assert [1, 1e20, 0.5] == lenient(b"[1,100000000000000000000,0.5]")
    assert [1, Decimal(10**20), Decimal("0.5")] == lenient(b"[1,100000000000000000000,0.5]", real=Decimal)
    assert lenient(b"[" + b"9" * 5000 + b"]") == [float("inf")]


PIECES = [
    b'{"x":[{}',
    b"{}]}",
    b'{"x":"}',
    b'{"}',
    b'{"id":"1"}',
    b'{"id":"2","choices":[{"delta":{"content":"a\xc3\xa9"}}]}',
    b'{"id":7}',
    b'{"id":"\xff"}',
    b'{"id":"3",',
    b'"model":"m"}',
    b"{",
    b"}",
    b"[DONE]",
    b"",
    b" ",
    b"{}",
    b"{}{}",
    b"{} x",
]


@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=2).map(b"".join), min_size=1, max_size=5))
def test_events_that_are_decoded_at_once_are_what_each_is(payloads: list[bytes]) -> None:
    """Never one less, one more, or one that begins in a line and ends in another."""
    blocks = b"".join(b"data: %b\n\n" % payload for payload in payloads)
    shapes = decode_each(blocks)

    assert shapes is None or shapes == [decode(payload) for payload in payloads]


@pytest.mark.parametrize(
    ("blocks", "count"),
    [
        (b'data: {"id":"1"}\n\n', 1),
        (b'data: {"id":"1"}\n\ndata: {}\n\n', 2),
        ('data: {"id":"é"}\n\n'.encode(), 1),
        (b"", None),
        (b"\n\n", None),
        (b": a comment\ndata: {}\n\n", None),
        (b"data: {}\n: a comment\n\n", None),
        (b"data: {}\n\n\ndata: {}\n\n", None),
        (b"data: {}\n\nevent: x\ndata: {}\n\n", None),
        (b"data: {}\ndata: \n\n", None),
        (b"data:{}\n\n", None),
        (b"data: {}\n\ndata: [DONE]\n\n", None),
        (b"data: {}{}\n\n", None),
        (b'data: {"id":\n\ndata: "1"}{}\n\n', None),
        (b'data: {"id":\n\ndata: {}}{}\n\n', None),
        (b'data: {"x":[{}\n\ndata: {}]}{}\n\n', None),
        (b'data: {"x":"}\n\ndata: {"}{}\n\n', None),
        (b'data: {"id":"}\n\ndata: {"}{}\n\n', None),
        (b"data: {} \n\n", 1),
        (b"data: {} \n\ndata: {}\n\n", None),
        (b"data: {}\n\ndata: {} \n\n", None),
        (b'data: {"id":"\xff"}\n\n', None),
        (b'data: {"x":"\xff"}\n\n', None),
        (b"data: " + b'{"x":[' * 5000 + b"\n\n", None),
    ],
)
def test_only_events_of_one_line_are_decoded_at_once(blocks: bytes, count: int | None) -> None:
    """The others are looked at one by one."""
    shapes = decode_each(blocks)

    assert count == (None if shapes is None else len(shapes))
    assert shapes is None or len(Decoder(1000).feed(blocks)) == count
