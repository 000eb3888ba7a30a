"""One request, one answer, and a clear text where there is none."""

from __future__ import annotations

import asyncio

import pytest

from tests.stack.answering import answering
from tracegate.stack.fetch import Unreached, ask
from tracegate.stack.parts import StackError


def test_a_body_is_posted_and_a_query_kept() -> None:
    """Without a body it is a GET, of `/` where the URL has no path."""
    with answering({"/": (200, '{"a": 1}'), "/x": (202, "ok")}) as server:
        assert asyncio.run(ask(server.url)).json() == {"a": 1}
        answer = asyncio.run(ask(f"{server.url}/x?y=1", b"z=2"))
    assert (answer.status, answer.text()) == (202, "ok")
    assert server.lines == ["GET /", "POST /x?y=1"]
    assert server.queries[1] == {"z": "2"}


@pytest.mark.parametrize(
    ("status", "body", "text"), [(404, "no such thing", "answered 404: no such thing"), (200, "<p>", "not JSON: '<p>'")]
)
def test_what_is_no_json_answer_is_told(status: int, body: str, text: str) -> None:
    """With the URL and what came."""
    with answering({"/x": (status, body)}) as server, pytest.raises(StackError, match=text):
        asyncio.run(ask(f"{server.url}/x")).json()


def test_no_whole_answer_is_unreached() -> None:
    """Closed without a word, and nobody there at all."""
    with answering({}) as server, pytest.raises(Unreached, match="RemoteDisconnected"):
        asyncio.run(ask(f"{server.url}/x"))
    with pytest.raises(Unreached, match="ConnectionRefusedError"):
        asyncio.run(ask(f"{server.url}/x"))
