"""Requests are read leniently: a provider judges them, not the test kit."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.testing.calling import body_of
from tracegate.testing.wire_request import Asked, key_of, read_request


def read(body: bytes) -> Asked:
    """A request that can be read."""
    asked = read_request(body)
    assert isinstance(asked, Asked)
    return asked


def test_what_shapes_an_answer_is_read() -> None:
    """The model, whether it streams, reports usage, and how many choices."""
    asked = read(body_of("m", stream=True, stream_options={"include_usage": True}, n=3, temperature=0.5))
    assert (asked.model, asked.stream, asked.wants_usage, asked.n, asked.plain) == ("m", True, True, 3, True)
    assert asked.prompt().startswith("Where is the tower?")
    assert not read(body_of("m")).wants_usage
    assert not read(body_of("m", stream_options=None)).wants_usage


def test_prompt_tokens_depend_on_messages_alone() -> None:
    """So that other members, as a gateway adds them, change no usage."""
    assert read(body_of("m")).prompt_tokens == read(body_of("other", n=2, stream=True)).prompt_tokens > 1
    assert read(b'{"model":"m"}').prompt_tokens == 1


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([], ""),
        ([{"role": "user", "content": None}], ""),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "b"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "x"}, {"text": "b"}]}], "ab"),
    ],
)
def test_the_prompt_is_the_last_message(messages: list[object], prompt: str) -> None:
    """In parts, its texts together."""
    assert read(json.dumps({"model": "m", "messages": messages}).encode()).prompt() == prompt


def test_tools_and_formats_are_kept_raw() -> None:
    """And decoded when they are needed."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    asked = read(body_of("m", tools=[tool], response_format={"type": "json_object"}))
    assert not asked.plain
    assert (asked.tool(), asked.parameters(), asked.format()) == ("f", {"type": "object"}, {"type": "json_object"})
    bare = read(body_of("m"))
    assert (bare.tool(), bare.parameters(), bare.format()) == ("tool", {}, {})


def test_strange_json_is_read_all_the_same() -> None:
    """Half surrogate pairs and endless numbers stop no provider."""
    body = b'{"model":"m","messages":[{"role":"user","content":"\\ud83d"}],"seed":1e400,"stream":true}'
    asked = read(body)
    assert (asked.model, asked.stream, asked.prompt()) == ("m", True, "\ud83d")
    assert read(b'{"model":"m","user":"\\ud83d"}').messages == msgspec.Raw(b"")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "could not parse the JSON body"),
        (b"[]", "could not parse the JSON body"),
        (b"\xff", "could not parse the JSON body"),
        (b"{}", "you must provide a model parameter"),
        (b'{"model":""}', "you must provide a model parameter"),
        (b'{"model":3}', "Invalid type"),
        (b'{"model":"m","n":"x"}', "Invalid type"),
    ],
)
def test_what_no_provider_reads_gets_its_words(body: bytes, told: str) -> None:
    """They are OpenAI's."""
    said = read_request(body) if body != b'{"model":""}' else read_request(b'{"model":"","user":"\\ud83d"}')
    assert isinstance(said, str)
    assert told in said


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ((("authorization", "Bearer sk-1"),), "sk-1"),
        ((("api-key", "k"),), "k"),
        ((), ""),
    ],
)
def test_the_key_is_found(headers: tuple[tuple[str, str], ...], key: str) -> None:
    """In either of the fields that providers read."""
    assert key_of(headers) == key
