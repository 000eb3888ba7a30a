"""Events are written in every form of the standard, and an independent reader reads them all."""

from __future__ import annotations

import json

import pytest
from openai._streaming import SSEDecoder

from tracegate.testing.script import Step
from tracegate.testing.wire_sse import DONE, encoded, event, ping

PAYLOAD = {"text": "東京 \n", "list": [1, 2]}


def decoded(data: bytes) -> list[str]:
    """The data of the events, by the official client's reader."""
    # It splits at `\n` only where that is the end of an event, so ends are made alike first.
    alike = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # Once an id came, it makes an event without data of each comment, which the standard does not.
    return [found.data for found in SSEDecoder().iter_bytes(iter([alike])) if found.data]


@pytest.mark.parametrize(
    "step",
    [
        Step(),
        Step(newline="crlf"),
        Step(newline="cr"),
        Step(comments=True),
        Step(named=True),
        Step(multiline=True),
        Step(tight=True),
        Step(newline="crlf", comments=True, named=True, multiline=True, tight=True),
    ],
    ids=repr,
)
def test_every_form_says_the_same(step: Step) -> None:
    """Line ends, comments, fields and lines change nothing of what is said."""
    stream = event(step, PAYLOAD, 0) + ping(step) + event(step, DONE, 1)
    first, last = decoded(stream)
    assert (json.loads(first), last) == (PAYLOAD, "[DONE]")


@pytest.mark.parametrize(
    ("step", "data"),
    [
        (Step(), b'data: {"a":1}\n\n'),
        (Step(newline="crlf"), b'data: {"a":1}\r\n\r\n'),
        (Step(newline="cr"), b'data: {"a":1}\r\r'),
        (Step(tight=True), b'data:{"a":1}\n\n'),
        (Step(comments=True), b': comment 0\n\ndata: {"a":1}\n\n'),
        (Step(named=True), b'event: message\nid: 0\ndata: {"a":1}\n\n'),
        (Step(multiline=True), b'data: {\ndata:  "a": 1\ndata: }\n\n'),
        (Step(bom=True), b'\xef\xbb\xbfdata: {"a":1}\n\n'),
        (Step(malformed=0), b'data: {"a\n\n'),
        (Step(malformed=0, malformed_by="utf8"), b'data: {"a":1\xff}\n\n'),
        (Step(malformed=1), b'data: {"a":1}\n\n'),
    ],
    ids=repr,
)
def test_each_form_is_what_it_says(step: Step, data: bytes) -> None:
    """Byte for byte."""
    assert event(step, {"a": 1}, 0) == data


def test_a_byte_order_mark_stands_only_at_the_beginning() -> None:
    """Where the standard takes it away."""
    assert event(Step(bom=True), DONE, 1) == b"data: [DONE]\n\n"


def test_json_is_utf8_and_half_pairs_are_escaped() -> None:
    """As OpenAI writes it."""
    assert encoded({"a": "東"}) == '{"a":"東"}'.encode()
    assert encoded({"a": "\ud83d"}) == b'{"a":"\\ud83d"}'
    assert encoded({"a": 1}, 2) == b'{\n  "a": 1\n}'
