"""What a leaf commits to of an answer, by the readers of its verifier."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.audit.vectors import BODY, SSE
from tracegate.audit.blinding import text_digest
from tracegate.audit.canonical import canonical_body
from tracegate.audit.committing import Streamed, of_body
from tracegate.audit.content import texts_of_body


def test_a_whole_answer() -> None:
    """Its bytes, its canonical form, its text."""
    form = canonical_body(BODY)
    assert form is not None
    digests = of_body(BODY)
    assert (digests.size, digests.wire) == (len(BODY), hashlib.sha256(BODY).digest())
    assert digests.canonical == hashlib.sha256(form).digest()
    assert digests.texts == ((0, text_digest("Paris.")),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"n":1E400,"choices":[{"message":{"content":"x"}}]}',
        b'{"n":1,"n":2,"choices":[{"message":{"content":"x"}}]}',
        b'{"n":123456789012345678901234567890,"choices":[{"message":{"content":"x"}}]}',
        b'{"choices":[{"message":{"content":"\\ud83d"}}]}',
    ],
)
def test_a_body_without_a_canonical_form_may_have_texts(body: bytes) -> None:
    """The lenient reader finds them."""
    digests = of_body(body)
    assert (digests.size, digests.canonical) == (len(body), None)
    texts = [(index, text_digest(text)) for index, text in texts_of_body(body).items()]
    assert list(digests.texts) == [(index, digest) for index, digest in texts if digest is not None]


@pytest.mark.parametrize("content", ["x", "", " \n", None, 1.5, ["x"], "e\u0301", "\u0001"])
def test_both_ways_to_a_text_agree(content: object) -> None:
    """That of a parsed body, and that of its bytes."""
    body = json.dumps(
        {"choices": [{"index": 2, "message": {"content": content}}, {"message": {"content": "b"}}]}
    ).encode()
    texts = [(index, text_digest(text)) for index, text in sorted(texts_of_body(body).items())]
    assert list(of_body(body).texts) == [(index, digest) for index, digest in texts if digest is not None]


def test_a_stream_is_committed_to_while_it_is_sent() -> None:
    """With what is told last, or without; asking changes nothing."""
    stream, tail = Streamed("text/event-stream"), b'data: {"error":{"message":"broke"}}\n\n'
    assert stream.digests() == (0, hashlib.sha256(b"").digest(), None, ())
    for event in SSE.split(b"\n\n")[:-1]:
        stream.send(event + b"\n\n")
    for end in (tail, b""):
        digests = stream.digests(end)
        assert (digests.size, digests.wire) == (len(SSE + end), hashlib.sha256(SSE + end).digest())
        assert (digests.canonical, digests.texts) == (None, ((0, text_digest("Paris.")),))
