"""Reading a client's body: bounded, decoded, checked, or refused."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import pytest

from tracegate.errors import Rejected
from tracegate.server.reading import check_digest, read_body

TEXT = b'{"model": "chat"}' * 50


def bare(data: bytes) -> bytes:
    """Deflate without the zlib header."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


def receiving(*parts: bytes, whole: bool = True) -> Callable[[], Awaitable[dict[str, Any]]]:
    """An ASGI channel; without `whole` the client leaves after the last part."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if not whole:
        messages.append({"type": "http.disconnect"})
    elif len(parts) > 1:
        del messages[-1]["more_body"]
    else:
        messages[-1]["more_body"] = False

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return receive


def read(*parts: bytes, limit: int = 10_000, whole: bool = True, coding: bytes | None = None) -> bytes:
    """Read a body with a `Content-Encoding`."""
    headers = {} if coding is None else {b"content-encoding": coding}
    taken: list[bytes] = []
    try:
        return asyncio.run(read_body(receiving(*parts, whole=whole), headers, limit, taken))
    finally:
        assert b"".join(parts).startswith(b"".join(taken))


def refused(*parts: bytes, limit: int = 10_000, coding: bytes | None = None) -> Rejected:
    """The refusal of a body."""
    with pytest.raises(Rejected) as caught:
        read(*parts, limit=limit, coding=coding)
    return caught.value


def test_a_body_is_read_in_one_or_many_parts() -> None:
    """A message may leave out what is empty or false."""
    assert read(b"abc") == b"abc" == read(b"a", b"", b"b", b"c")
    assert read(b"") == b""


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        (b"gzip", gzip.compress(TEXT, mtime=0)),
        (b" GZIP ", gzip.compress(TEXT, mtime=0)),
        (b"x-gzip", gzip.compress(TEXT, mtime=0)),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", bare(TEXT)),
        (b"identity", TEXT),
        (b"", TEXT),
    ],
)
def test_a_body_is_decoded_as_its_client_says(coding: bytes, sent: bytes) -> None:
    """Also in parts that are cut anywhere (ruling 62)."""
    assert read(sent, coding=coding) == TEXT
    assert read(*(sent[at : at + 7] for at in range(0, len(sent), 7)), coding=coding) == TEXT


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip", b"\xfc"])
def test_another_coding_is_refused_with_those_that_are_not(coding: bytes) -> None:
    """415 with `Accept-Encoding` (RFC 9110, section 15.5.16)."""
    refusal = refused(TEXT, coding=coding)
    assert (415, "unsupported_content_encoding") == (refusal.status, refusal.code)
    assert refusal.headers == (("accept-encoding", "gzip, deflate"),)


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        (b"gzip", TEXT),
        (b"gzip", gzip.compress(TEXT, mtime=0)[:-9]),
        (b"gzip", gzip.compress(TEXT, mtime=0) + b"more"),
        (b"gzip", zlib.compress(TEXT)),
        (b"deflate", zlib.compress(TEXT)[:-5]),
        (b"deflate", b""),
    ],
)
def test_a_body_that_does_not_decode_is_refused(coding: bytes, sent: bytes) -> None:
    """400; nothing is ever cut off in silence."""
    refusal = refused(sent, coding=coding)
    assert (400, "invalid_content_encoding") == (refusal.status, refusal.code)


def test_the_limit_is_exact() -> None:
    """As many bytes as it says, before and after decoding."""
    sent = gzip.compress(TEXT, mtime=0)
    assert read(TEXT, limit=len(TEXT)) == TEXT
    assert read(sent, limit=len(TEXT), coding=b"gzip") == TEXT
    for refusal in (
        refused(TEXT, limit=len(TEXT) - 1),
        refused(TEXT[:9], TEXT[9:], limit=len(TEXT) - 1),
        refused(sent, limit=len(TEXT) - 1, coding=b"gzip"),
        refused(sent, limit=len(sent) - 1, coding=b"gzip"),
    ):
        assert (413, "request_too_large", "too_large") == (refusal.status, refusal.code, refusal.reason)


def test_a_length_that_is_too_large_is_refused_before_anything_is_read() -> None:
    """A client that waits for `100 Continue` sends nothing then."""

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body is read")

    with pytest.raises(Rejected, match="larger than 5 bytes"):
        asyncio.run(read_body(receive, {b"content-length": b"6"}, 5, []))


def test_what_was_taken_is_told_as_it_came() -> None:
    """Coded, and of a body that is refused as much as came."""
    sent = gzip.compress(TEXT, mtime=0)
    for parts, limit, taken in (
        ((sent[:9], sent[9:]), 10_000, [sent[:9], sent[9:]]),
        ((b"abc", b"def", b"g"), 5, [b"abc", b"def"]),
    ):
        told: list[bytes] = []
        headers = {b"content-encoding": b"gzip"} if taken[0] == sent[:9] else {}
        with nullcontext() if limit == 10_000 else pytest.raises(Rejected, match="larger than 5 bytes"):
            asyncio.run(read_body(receiving(*parts), headers, limit, told))
        assert told == taken


def field(name: str, data: bytes) -> str:
    """One member of a `Content-Digest`."""
    return f"{name}=:{base64.b64encode(hashlib.new(name.replace('-', ''), data).digest()).decode()}:"


def test_the_digest_of_a_client_is_checked() -> None:
    """By both algorithms that are safe (RFC 9530, section 5); what says nothing of them is not checked."""
    both = f"{field('sha-256', TEXT)}, {field('sha-512', TEXT)}"
    for said in (field("sha-256", TEXT), field("sha-512", TEXT), both):
        assert check_digest(said, [TEXT[:9], TEXT[9:]])
    for said in ("", "md5=:AAAA:", "not one at all"):
        assert not check_digest(said, [TEXT])


@pytest.mark.parametrize(
    "said",
    [
        field("sha-256", b"another"),
        f"{field('sha-256', TEXT)}, {field('sha-512', b'another')}",
        "sha-256",
        'sha-256="text"',
    ],
)
def test_a_body_whose_digest_is_another_is_refused(said: str) -> None:
    """400: it was changed on its way."""
    with pytest.raises(Rejected) as caught:
        check_digest(said, [TEXT])
    assert (400, "invalid_content_digest") == (caught.value.status, caught.value.code)


def test_a_small_body_that_decodes_to_a_large_one_costs_no_memory() -> None:
    """Decoding stops at the limit."""
    bomb = gzip.compress(bytes(50_000_000), mtime=0)
    assert refused(bomb, limit=100_000, coding=b"gzip").status == 413


def test_a_client_that_leaves_cancels() -> None:
    """With the reason."""
    with pytest.raises(asyncio.CancelledError, match="client_disconnect"):
        read(b"abc", whole=False)
