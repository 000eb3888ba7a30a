"""Answers in one piece: unchanged, or refused for what they are."""

from __future__ import annotations

import pytest

from tests.dialects.recordings import UNARY
from tracegate.dialects.openai_unary import UnaryReader
from tracegate.errors import Broken, Failed, Refused
from tracegate.events import Chunk, Final
from tracegate.facts import Answer, Usage

CHOICES = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}'


def reader(media: str = "application/json", *, limit: int = 1 << 20, streamed: bool = False) -> UnaryReader:
    """A reader of a 200 answer."""
    return UnaryReader(Answer(), 200, media, limit, streamed=streamed)


def failure(body: bytes, using: UnaryReader | None = None) -> Failed:
    """How a body fails."""
    using = reader() if using is None else using
    if body:
        using.feed(body)
    with pytest.raises(Failed) as caught:
        using.end()
    assert caught.value.status == 200
    return caught.value


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_an_answer_is_one_chunk_and_a_final(size: int) -> None:
    """Byte for byte, half surrogate pairs and odd numbers included, in whatever parts it came."""
    using = reader()
    for at in range(0, len(UNARY), size):
        assert using.feed(UNARY[at : at + size]) == []

    chunk, final = using.end()

    assert isinstance(chunk, Chunk)
    assert (UNARY, 1, True) == (chunk.data, chunk.count, chunk.output)
    assert isinstance(final, Final)
    usage = Usage(19, 10, cache_read=0, reasoning=0)
    assert (usage, ("stop", "length")) == (final.usage, final.finish_reasons)
    assert using.facts == Answer(
        id="chatcmpl-B9MBs8Cj",
        model="gpt-5.5-2026-08-07",
        fingerprint="fp_4c6a",
        service_tier="default",
        finish_reasons=("stop", "length"),
        usage=usage,
    )
    assert (using.skipped, using.failure) == (0, None)


@pytest.mark.parametrize(
    "body",
    [
        CHOICES,
        b"\xef\xbb\xbf" + CHOICES,
        b'{"id":7,"model":["x"],"choices":[{"message":{},"finish_reason":7}],"error":null}',
        b'{"choices":[{"message":{"content":"\\ud83d"}}],"x":1E400}',
        b'{"choices":[{"message":{"content":"' + "☃".encode() + b'"}}]}',
    ],
)
def test_what_has_choices_is_an_answer(body: bytes) -> None:
    """Whatever else it has, and whatever types its members are of."""
    using = reader()
    using.feed(body)

    assert [type(event) for event in using.end()] == [Chunk, Final]


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\n"])
def test_an_empty_body_is_incomplete(body: bytes) -> None:
    """Nothing was said (ruling 47)."""
    failed = failure(body)

    assert isinstance(failed, Broken)
    assert failed.token == "http_response_incomplete"


@pytest.mark.parametrize(
    ("body", "media", "said"),
    [
        (b"<html><title>502 Bad Gateway</title></html>", "text/html", "(text/html) is not a JSON object"),
        (b"upstream connect error", "", "(an unknown type) is not a JSON object"),
        (CHOICES[:-1], "application/json", "is not a JSON object"),
        (CHOICES + b"x", "application/json", "is not a JSON object"),
        (b'{"choices":[{"message":{"content":"\xff"}}]}', "application/json", "is not a JSON object"),
        (b"[]", "application/json", "is not a JSON object"),
        (b'"text"', "application/json", "is not a JSON object"),
        (b"null", "application/json", "is not a JSON object"),
        (b"{}", "application/json", "no choices"),
        (b'{"choices":null}', "application/json", "no choices"),
        (b'{"choices":[]}', "application/json", "no choices"),
        (b'{"choices":"none"}', "application/json", "no choices"),
        (b'{"message":"hello"}', "application/json", "no choices"),
        (b'{"error":null}', "application/json", "no choices"),
    ],
)
def test_what_is_no_answer_is_broken(body: bytes, media: str, said: str) -> None:
    """A web page, text, half an answer, JSON of another kind."""
    failed = failure(body, reader(media))

    assert isinstance(failed, Broken)
    assert ("broken_answer", "http_protocol_error") == (failed.class_, failed.token)
    assert said in failed.message


@pytest.mark.parametrize(
    ("body", "class_", "code"),
    [
        (b'{"error":{"message":"m","type":"t","code":"context_length_exceeded","param":null}}', "context_length", None),
        (b'{"error":{"message":"m","code":429}}', "rate_limit", "429"),
        (b'{"error":"text"}', "server_error", None),
        (b'{"object":"error","message":"m","code":404}', "not_found", "404"),
        (
            b'{"choices":[{"index":0,"error":{"message":"m","code":502},"finish_reason":"error"}]}',
            "server_error",
            "502",
        ),
        (b'{"choices":[{"message":{}}],"error":{"message":"\\ud83d","code":"content_filter"}}', "content_filter", None),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_object_is_classified_by_its_own_code(
    body: bytes, class_: str, code: str | None, streamed: bool
) -> None:
    """Also where a stream was asked for; the token says that a status did not (ruling 47)."""
    failed = failure(body, reader(streamed=streamed))

    assert isinstance(failed, Refused)
    assert (class_, "http_protocol_error") == (failed.class_, failed.token)
    assert code is None or code == failed.code
    assert failed.body is not None


def test_an_answer_instead_of_a_stream_is_broken() -> None:
    """The client waits for events."""
    failed = failure(CHOICES, reader(streamed=True))

    assert isinstance(failed, Broken)
    assert "instead of a stream" in failed.message


def test_a_stream_instead_of_an_answer_is_broken_at_once() -> None:
    """Its end need not be waited for."""
    using = reader("text/event-stream")

    for call in (1, 2):
        with pytest.raises(Broken) as caught:
            using.feed(b"data: {}\n\n")
        assert using.failure is caught.value, call
    with pytest.raises(Broken):
        using.end()


def test_an_answer_that_is_too_large_is_broken() -> None:
    """With the token of RFC 9209; what came is let go."""
    using = reader(limit=len(CHOICES))
    using.feed(CHOICES)

    with pytest.raises(Broken) as caught:
        using.feed(b" ")

    assert ("http_response_body_size", 200) == (caught.value.token, caught.value.status)
    with pytest.raises(Broken):
        using.end()
