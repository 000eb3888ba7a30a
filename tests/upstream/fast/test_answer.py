"""Answers from bytes: as h11 reads them, or more strictly; and always the same, however they are cut into pieces."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upstream.fast.corpus import BAD, CHUNKED, CODING, GOOD, MALFORMED, OK, STRICTER, read, read_by_h11
from tracegate.upstream.fast.answer import TRAILER_LIMIT, Answer
from tracegate.upstream.fast.head import HEAD_LIMIT

EVERY = {**GOOD, **{name: data for name, (data, _) in {**BAD, **STRICTER}.items()}}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_good_answers_are_read_as_h11_reads_them(name: str, method: str) -> None:
    """Status, fields, body, and how it ends; those to HEAD have no body."""
    assert read([GOOD[name]], method) == read_by_h11(GOOD[name], method)


@pytest.mark.parametrize("name", BAD)
def test_what_h11_refuses_is_refused(name: str) -> None:
    """With the token of what is wrong, and the same that came before it."""
    data, token = BAD[name]
    mine, other = read([data]), read_by_h11(data)
    assert (mine.end, other.end) == (token, "bad")
    assert mine.body == other.body[: len(mine.body)]


@pytest.mark.parametrize("name", STRICTER)
def test_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    """Although h11 reads it, in one of them."""
    data, token = STRICTER[name]
    assert read([data]).end == token
    assert read_by_h11(data).end != "bad"


@pytest.mark.parametrize("name", EVERY)
def test_an_answer_is_the_same_however_it_is_cut(name: str) -> None:
    """Into two pieces at every byte, and into single bytes."""
    data = EVERY[name]
    whole = read([data])
    for at in range(1, len(data)):
        assert read([data[:at], data[at:]]) == whole, at
    assert read([data[at : at + 1] for at in range(len(data))]) == whole


def test_a_head_that_can_not_become_one_is_refused_before_its_end() -> None:
    """A peer that speaks no HTTP is not waited for."""
    for data in (b"SSH", b"HTTP/2", b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200 OK\r\nx: \x00", b"\r", b"HTTP/1.1 200 \rOK"):
        assert read([data]).end == MALFORMED, data
        assert read([data[at : at + 1] for at in range(len(data))]).end == MALFORMED, data


def test_chunked_may_be_written_in_any_case() -> None:
    """Names of codings are alike in any case; h11 makes them small in the fields, too."""
    data = GOOD["chunks"].replace(b": chunked", b": Chunked")
    assert read([data])[2:] == read([GOOD["chunks"]])[2:]


def test_a_connection_that_ends_before_anything_came_is_a_cut() -> None:
    """Like any other end."""
    assert read([]) == (None, (), b"", "cut")


# What comes behind


@pytest.mark.parametrize("answer", [GOOD["length"], GOOD["no body"], GOOD["204"], GOOD["chunks"], GOOD["trailers"]])
@pytest.mark.parametrize("behind", [b"", b"x", b"\r\n", b"\n", b"\r", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n\r\n\r\n"])
def test_what_comes_behind_an_answer_spoils_its_connection_only(answer: bytes, behind: bytes) -> None:
    """The answer is what it was; where the end comes in pieces, too."""
    whole = read([answer])
    for at in range(len(answer)):
        reading = Answer("POST")
        body = reading.feed(answer[:at]) if at else b""
        body += reading.feed(answer[at:] + behind)
        assert (reading.done, reading.failure, reading.spoilt, body) == (True, None, bool(behind), whole.body)


def test_an_end_without_a_word_makes_nothing_whole() -> None:
    """A body that ends with its connection may have been cut by anybody."""
    for clean in (True, False):
        answer = Answer("POST")
        answer.feed(GOOD["up to the close"])
        assert answer.end(clean=clean) is clean
        assert answer.done is clean


# Bounds


@pytest.mark.parametrize("piece", [b"x: y\r\n", b"x" * 997, b"x: " + b"y" * 40_000 + b"\r\n"])
def test_a_head_is_bounded(piece: bytes) -> None:
    """However it grows; it is refused soon after."""
    answer, fed = Answer("POST"), len(OK)
    answer.feed(OK)
    while answer.failure is None:
        answer.feed(piece)
        fed += len(piece)
    assert answer.failure.token == "http_response_header_section_size"
    assert HEAD_LIMIT < fed <= HEAD_LIMIT + len(piece)


def test_a_whole_head_is_bounded() -> None:
    """One that comes at once; one as large as allowed is read."""
    for more, failed in ((0, False), (1, True)):
        fixed = len(OK + b"x: \r\n\r\n")
        answer = Answer("POST")
        answer.feed(OK + b"x: " + b"y" * (HEAD_LIMIT - fixed + more) + b"\r\n\r\n")
        assert (answer.failure is not None) is failed


def test_interim_answers_are_bounded_together() -> None:
    """They would never end else."""
    answer = Answer("POST")
    fed = 0
    while answer.failure is None:
        answer.feed(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        fed += 2500
    assert answer.failure.token == "http_response_header_section_size"
    assert fed < HEAD_LIMIT + 5000


@pytest.mark.parametrize("begin", [b"0\r\n", b"2;"])
def test_what_comes_without_content_is_bounded(begin: bytes) -> None:
    """Trailers, and an extension of a chunk."""
    answer = Answer("POST")
    answer.feed(CHUNKED + b"2\r\nok\r\n" + begin)
    fed = 0
    piece = b"x: y\r\n" * 100 if begin == b"0\r\n" else b"x" * 600
    while answer.failure is None:
        answer.feed(piece)
        fed += len(piece)
    assert answer.failure.token == "http_response_trailer_section_size"
    assert fed <= TRAILER_LIMIT + 1200


def test_many_small_chunks_are_no_overhead() -> None:
    """Only what brings no content at all is counted."""
    answer = Answer("POST")
    answer.feed(CHUNKED)
    for _ in range(TRAILER_LIMIT // 50):
        assert answer.feed(b"1;" + b"x" * 96 + b"\r\n.\r\n") == b"."
    assert answer.feed(b"0\r\n\r\n") == b""
    assert answer.done


# Anything at all


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


PIECES = st.lists(st.integers(0, 10_000), max_size=6)
LINES = st.sampled_from(
    b"content-length: 5|content-length: 3|transfer-encoding: chunked|connection: close|x: y|x:|Content-Length:5|a b: c|"
    b" folded|x: \x80|content-length: 05|keep-alive: timeout=5|".split(b"|")
)
STATUS = st.sampled_from([200, 200, 200, 100, 101, 204, 304, 404, 500, 999])
BODY = st.sampled_from(
    [b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n", b"0\r\nx: y\r\n\r\n", b"", b"he\r\n\r\n"]
)
BREAK = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Something like answers, with what may be wrong in each place."""
    data = b""
    for _ in range(draw(st.integers(1, 2))):
        line_end = draw(BREAK)
        lines = [
            b"HTTP/1.%d %d OK" % (draw(st.sampled_from([1, 1, 1, 0])), draw(STATUS)),
            *draw(st.lists(LINES, max_size=4)),
        ]
        data += line_end.join(lines) + line_end * 2 + draw(BODY)
    at, junk = draw(st.integers(0, len(data))), draw(st.sampled_from([b"", b"", b"", b"\x00", b"\r\n", b"\x7f", b"0"]))
    return data[:at] + junk + data[at:]


@settings(max_examples=400, deadline=timedelta(seconds=2))
@given(data=st.one_of(answers(), st.binary(max_size=200)), places=PIECES, method=st.sampled_from(["POST", "HEAD"]))
def test_no_answer_is_read_in_two_ways(data: bytes, places: list[int], method: str) -> None:
    """Neither by how it is cut, nor in another way than h11 reads it, if it is read at all."""
    whole = read([data] if data else [], method)
    assert read(cut(data, places), method) == whole
    other = read_by_h11(data, method)
    if whole.end in ("whole", "cut") and whole.status is not None:
        assert (whole.status, whole.headers, whole.body) == (other.status, other.headers, other.body)
        assert other.end == whole.end
    elif other.end == "bad" and data:
        assert whole.end != "whole"


@settings(max_examples=200, deadline=timedelta(seconds=2))
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=5),
    extension=st.sampled_from([b"", b";a", b';a="b"']),
    places=PIECES,
)
def test_a_body_is_the_same_in_chunks_or_with_a_length(
    chunks: list[bytes], extension: bytes, places: list[int]
) -> None:
    """Whatever is in it."""
    body = b"".join(chunks)
    framed = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    assert read(cut(CHUNKED + framed + b"0\r\n\r\n", places))[2:] == (body, "whole")
    assert read(cut(OK + b"content-length: %d\r\n\r\n" % len(body) + body, places))[2:] == (body, "whole")


def test_the_tokens_are_told_apart() -> None:
    """A coding we do not know is no malformed answer."""
    assert {token for _, token in BAD.values()} == {MALFORMED, CODING, "http_upgrade_failed"}
