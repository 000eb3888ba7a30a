"""The end of a saved stream."""

from __future__ import annotations

import pytest

from tests.audit.vectors import SSE, STREAM_RESPONSE
from tracegate.audit.closing import DONE, split
from tracegate.errors import Malformed

BODY = STREAM_RESPONSE.partition(b"\r\n\r\n")[2]
COMMENT = b": tracegate-served-by tracegate\n: tracegate-outcome ok;chunks=0\n\n"


def test_the_stream_of_the_vectors() -> None:
    """Content, the lines of the comment, and the end."""
    content, closing = split(BODY)
    assert content == SSE
    assert closing is not None
    assert list(closing.lines) == ["served-by", "attempts", "outcome", "receipt"]
    assert closing.lines["outcome"] == "ok;finish=stop;chunks=2"
    assert closing.rest == DONE


def test_a_capture_that_ends_before_the_comment_is_over_has_none() -> None:
    """Wherever it was cut."""
    whole = SSE + COMMENT
    assert split(whole)[1] is not None
    for end in range(len(SSE), len(whole)):
        content, closing = split(whole[:end])
        assert closing is None
        assert content in (SSE, whole[:end])


def test_comments_of_others_are_content() -> None:
    """A keep-alive, and the same words where no line begins."""
    body = b": keep-alive\n\ndata: x : tracegate-outcome\n\n"
    assert split(body + COMMENT)[0] == body


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        (b": tracegate-outcome ok\n\n", "without `tracegate-served-by`"),
        (b": tracegate-served-by a\n\n", "without `tracegate-outcome`"),
        (COMMENT.replace(b"outcome", b"weather"), "tracegate-weather` does not belong"),
        (b": tracegate-outcome ok\n: tracegate-served-by a\n\n", "tracegate-served-by` does not belong"),
        (b": tracegate-served-by a\n" + COMMENT, "tracegate-served-by` does not belong"),
        (COMMENT.replace(b"ok", b"\xc3\xbc"), "none of the closing comment"),
        (COMMENT.replace(b"\n: ", b"\r\n: "), "none of the closing comment"),
        (COMMENT.replace(b"\n\n", b"\ndata: x\n\n"), "none of the closing comment"),
    ],
)
def test_another_comment_is_refused(comment: bytes, says: str) -> None:
    """Lines that are missing, not known, twice there or in another order, and what is no comment."""
    with pytest.raises(Malformed, match=says):
        split(SSE + comment)
