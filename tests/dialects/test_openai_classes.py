"""One class for every error object."""

from __future__ import annotations

from typing import Any

import pytest

from tracegate.dialects.openai_classes import by_status, classify


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "invalid_request"),
        (401, "auth"),
        (402, "quota"),
        (403, "auth"),
        (404, "not_found"),
        (405, "invalid_request"),
        (408, "overloaded"),
        (409, "overloaded"),
        (413, "too_large"),
        (418, "invalid_request"),
        (422, "invalid_request"),
        (425, "overloaded"),
        (429, "rate_limit"),
        (500, "server_error"),
        (501, "server_error"),
        (502, "server_error"),
        (503, "overloaded"),
        (504, "server_error"),
        (529, "overloaded"),
        (599, "server_error"),
    ],
)
def test_a_status_alone_has_a_class(status: int, expected: str) -> None:
    """The table of ruling 6."""
    assert expected == by_status(status)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (429, {"message": "m", "code": "insufficient_quota"}, "quota"),
        (429, {"message": "m", "type": "rate_limit_error"}, "rate_limit"),
        (500, {"message": "m", "code": "rate_limit_exceeded"}, "server_error"),
        (503, {"message": "m", "code": 429}, "overloaded"),
        (400, {"message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}, "content_filter"),
        (403, {"message": "m", "metadata": {"flagged_input": "x"}}, "content_filter"),
        (400, {"message": "m", "metadata": {"raw": {"detail": "prompt too long"}}}, "context_length"),
        (401, {"message": "maximum context length"}, "auth"),
        (429, {"message": "maximum context length"}, "rate_limit"),
        (404, {"message": "requires moderation"}, "not_found"),
        (None, {"message": "m"}, "server_error"),
        (None, {"message": "m", "code": 503}, "overloaded"),
        (None, {"message": "m", "code": 503.5, "type": None, "status": True}, "server_error"),
        (None, {}, "server_error"),
    ],
)
def test_the_code_decides_then_the_status_then_the_text(
    status: int | None, error: dict[str, Any], expected: str
) -> None:
    """A text only refines what a status leaves open: it never makes a rate limit of a refused key."""
    assert expected == classify(status, error)


def test_a_text_is_searched_in_bounded_time() -> None:
    """A provider's text may be long; its first part says what it is about."""
    assert classify(400, {"message": "exceeds the " * 100_000}) == "invalid_request"
    assert classify(400, {"message": "model " * 100_000}) == "invalid_request"
