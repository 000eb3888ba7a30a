"""A request is looked at where routing needs it and otherwise kept as the client wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.errors import Rejected
from tracegate.wire.body import Body


def rejected(raw: bytes) -> Rejected:
    """The refusal of a body."""
    with pytest.raises(Rejected) as caught:
        Body(raw)
    assert caught.value.status == 400
    return caught.value


def test_the_top_level_is_read() -> None:
    """Model, stream flag, and every member as raw text."""
    body = Body(b' { "model" : "fast" , "stream": true, "temperature": 0.70, "messages": [ {"a": 1} ] } ')

    assert (body.model, body.stream, body.wants_usage) == ("fast", True, False)
    assert {name: bytes(raw) for name, raw in body.fields.items()} == {
        "model": b'"fast"',
        "stream": b"true",
        "temperature": b"0.70",
        "messages": b'[ {"a": 1} ]',
    }


@pytest.mark.parametrize(
    ("options", "stream", "expected"),
    [
        ('{"include_usage":true}', "true", True),
        ('{"include_usage":true}', "false", False),
        ('{"include_usage":false}', "true", False),
        ('{"include_usage":1}', "true", False),
        ("null", "true", False),
        ("[]", "true", False),
    ],
)
def test_who_asked_for_usage_is_known(options: str, stream: str, expected: bool) -> None:
    """Only a stream whose client said `include_usage: true` shows usage to it."""
    assert expected == Body(f'{{"model":"m","stream":{stream},"stream_options":{options}}}'.encode()).wants_usage


def test_a_null_stream_is_no_stream() -> None:
    """As OpenAI reads it."""
    assert Body(b'{"model":"m","stream":null}').stream is False


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"{}", "model"),
        (b'{"model":""}', "model"),
        (b'{"model":7}', "model"),
        (b'{"model":null}', "model"),
        (b'{"model":"\\ud83d"}', "model"),
        (b'{"model":"\xff"}', "model"),
        (b'{"model":"m","stream":"yes"}', "stream"),
        (b'{"model":"m","stream":1}', "stream"),
    ],
)
def test_a_model_or_stream_of_another_type_is_refused(raw: bytes, param: str) -> None:
    """With the member at fault, and how to fix it."""
    refusal = rejected(raw)

    assert (refusal.code, refusal.param) == ("invalid_type", param)
    assert f"`{param}`" in str(refusal)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"null",
        b"[1]",
        b'"text"',
        b'{"model":"m"',
        b'{"model":"m",}',
        b'{"model":"m"} x',
        b'{"model" "m"}',
        b'{model:"m"}',
        b'{"model":"m","x":\xff}',
        b'\xff\xfe{"model":"m"}',
        b'{"model":"m","a":"\\ud83d",}',
        b'{"model":"m","a":"\\ud83d"} x',
        b'{"model":"m","a":"\\ud83d" "b":1}',
        b'{"model":"m","a":"\\ud83d","b":tru}',
        b'{"model":"m","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    """Before anything else, with an example of what is wanted."""
    refusal = rejected(raw)

    assert (refusal.code, refusal.param) == ("invalid_json", None)
    assert "Send one JSON object" in str(refusal)


@pytest.mark.parametrize(
    "messages",
    ['[{"content":"\\ud83d"}]', '[{"content":"\\ud83d \\ude00 \\udead\\ud83d\\ude00"}]', "[NaN]", '["\\ud83d"]'],
)
def test_half_surrogate_pairs_and_foreign_numbers_pass(messages: str) -> None:
    """What the quick decoder refuses and the standard library takes is the provider's to judge, byte for byte."""
    body = Body(f' {{ "model" : "m" , "messages" : {messages} , "seed": 1E400, "é": 1 }} '.encode())

    assert messages.encode() == bytes(body.fields["messages"])
    assert f'{{"model":"x","messages":{messages},"seed":1E400,"é":1}}'.encode() == body.patched({"model": b'"x"'})


def test_half_a_pair_in_a_name_passes() -> None:
    """Names are kept too, whatever they are."""
    body = Body(b'{"model":"m","\\ud83d":1}')

    assert body.patched({"model": b'"x"'}) == b'{"model":"x","\\ud83d":1}'


def test_numbers_and_unknown_members_stay_as_written() -> None:
    """A patch changes what it names, in place, and adds the rest at the end."""
    body = Body(b'{"seed":12345678901234567890123,"model":"a","t":1.10,"x_new":{"b": [1,  2]}}')

    assert (
        body.patched({"model": b'"b"', "stream_options": b"{}", "z": b"0"})
        == b'{"seed":12345678901234567890123,"model":"b","t":1.10,"x_new":{"b": [1,  2]},"stream_options":{},"z":0}'
    )


def test_of_two_members_of_one_name_the_last_counts() -> None:
    """What was judged is what is sent: nobody sees another model than routing did."""
    body = Body(b'{"model":"a","model":"b","\\u006dodel":"c"}')

    assert body.model == "c"
    assert body.patched({}) == b'{"model":"c"}'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0.5", 0.5),
        ("[1]", [1]),
        ("null", None),
        ('"\\ud83d"', None),
    ],
)
def test_a_parameter_is_decoded_on_demand(raw: str, expected: Any) -> None:
    """What can't be decoded counts as absent."""
    assert expected == Body(f'{{"model":"m","p":{raw}}}'.encode()).param("p")


def test_what_is_kept_stays_as_it_was_and_nothing_else_is_held() -> None:
    """Not even the text in which it stood; whatever decoder read it."""
    for odd in ("", ', "user": "\\ud83d"'):
        body = Body(f'{{"model": "m", "stream": true, "n": 2, "messages": ["{"x" * 999}"]{odd}, "seed": 7}}'.encode())
        body.keep({"seed", "n", "stop"})
        assert [(name, bytes(raw)) for name, raw in body.fields.items()] == [("n", b"2"), ("seed", b"7")]
        assert (body.raw, body.model, body.stream, body.param("n"), body.param("stop")) == (b"", "m", True, 2, None)


def test_an_absent_parameter_is_none() -> None:
    """There is nothing to decode."""
    assert Body(b'{"model":"m"}').param("p") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=6), st.sampled_from([(",", ":"), (" ,\n", "\t: ")]), st.booleans())
def test_any_object_passes_unchanged_but_for_the_model(
    members: dict[str, Any], separators: tuple[str, str], ascii_only: bool
) -> None:
    """Whatever the client writes, the provider reads the same, with another model."""
    sent = json.dumps({**members, "model": "a", "stream": False}, separators=separators, ensure_ascii=ascii_only)

    patched = json.loads(Body(sent.encode("utf-8", "replace")).patched({"model": b'"b"'}))

    wanted = json.loads(sent.encode("utf-8", "replace"))
    assert repr({**wanted, "model": "b"}) == repr(patched)


@pytest.mark.parametrize("size", [10, 100_000])
def test_the_same_changes_make_the_same_bytes(size: int) -> None:
    """As often as they come in a row; other changes make others. What is large is not held for that."""
    body = Body(json.dumps({"model": "a", "user": "x" * size}).encode())
    for model in (b'"b"', b'"c"', b'"b"'):
        made = [body.patched({"model": model}) for _ in range(2)]
        assert made[0] == made[1] == b'{"model":%s,"user":"%s"}' % (model, b"x" * size)
        assert (made[0] is made[1]) == (size == 10)
    body.keep(["model"])
    assert body.patched({"model": b'"b"'}) == b'{"model":"b"}'
