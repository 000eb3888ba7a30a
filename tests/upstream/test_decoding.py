"""Content codings are decoded however they are cut, and never to more than was allowed."""

from __future__ import annotations

import gzip
import zlib

import pytest

from tracegate.errors import Broken
from tracegate.upstream.decoding import Decoding, decoding_of

PLAIN = b'{"a": "' + b"text " * 100 + b'"}'


def bare(data: bytes) -> bytes:
    """Deflate without the header of zlib, as some servers send it."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


def in_pieces(coding: str, data: bytes, size: int, limit: int = 10_000) -> bytes:
    """Decode a body that comes in pieces."""
    decoding = Decoding(coding, limit)
    return b"".join(decoding.feed(data[at : at + size]) for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        ("x-gzip", gzip.compress(PLAIN, mtime=0)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", bare(PLAIN)),
        ("deflate", gzip.compress(PLAIN, mtime=0)),
        ("gzip", gzip.compress(PLAIN[:50], mtime=0) + gzip.compress(PLAIN[50:], mtime=0) + gzip.compress(b"", mtime=0)),
    ],
)
def test_a_body_is_decoded_however_it_is_cut(coding: str, body: bytes, size: int) -> None:
    """Each form that is seen under the names, and several members of gzip."""
    assert in_pieces(coding, body, size) == PLAIN


def test_each_piece_is_decoded_when_it_comes() -> None:
    """An event of a stream does not wait for the next one."""
    made = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    decoding = Decoding("gzip", 100)
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert decoding.feed(made.compress(event) + made.flush(zlib.Z_SYNC_FLUSH)) == event


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"plain text"),
        ("gzip", bare(PLAIN)),
        ("deflate", b"\xff" * 9),
        ("gzip", gzip.compress(PLAIN, mtime=0)[:-8] + bytes(8)),
        ("gzip", gzip.compress(PLAIN, mtime=0) + b"something else"),
    ],
)
def test_what_is_not_in_its_coding_breaks_the_answer(coding: str, body: bytes, size: int) -> None:
    """A wrong form, a wrong check sum, something behind the end."""
    with pytest.raises(Broken) as caught:
        in_pieces(coding, body, size)
    assert caught.value.token == "http_response_content_coding"


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_body_never_decodes_to_more_than_is_allowed(size: int) -> None:
    """A bomb is not even unpacked."""
    body = gzip.compress(bytes(1000), mtime=0)
    assert len(in_pieces("gzip", body, size, limit=1000)) == 1000
    with pytest.raises(Broken) as caught:
        in_pieces("gzip", body, size, limit=999)
    assert caught.value.token == "http_response_body_size"
    with pytest.raises(Broken):
        in_pieces("gzip", body + body, size, limit=1999)


@pytest.mark.parametrize("coding", [None, "identity", "", " Identity "])
def test_plain_bytes_need_no_decoder(coding: str | None) -> None:
    """Said or not."""
    assert decoding_of(() if coding is None else (("content-encoding", coding),), 10) is None


def test_the_coding_is_named_by_the_head() -> None:
    """In any case; one that was not asked for breaks the answer."""
    decoding = decoding_of((("content-encoding", "GZip"),), 100)
    assert decoding is not None
    assert decoding.feed(gzip.compress(b"x", mtime=0)) == b"x"
    for coding in ("br", "gzip, br"):
        with pytest.raises(Broken, match=coding) as caught:
            decoding_of((("content-encoding", coding),), 100)
        assert caught.value.token == "http_response_content_coding"
