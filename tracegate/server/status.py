"""What a client gets when there is no answer: status, `Retry-After`, and the error object in OpenAI's shape.

Pure functions of what was raised and of the attempts. Rulings 11, 12, 41, 53 and 58 to 60.
Texts here come from our own errors and from provider errors that were redacted where they arose; the text of an
unexpected exception never leaves, for nobody knows what is in it. No id of a target leaves either.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracegate.errors import Denied, Failed, NothingTried, Rejected, TimedOut, Unavailable
from tracegate.facts import Attempt, ErrorClass
from tracegate.record import Recorder, verdict
from tracegate.server.members import broke, record_id
from tracegate.summary import microseconds

SECOND_NS = 1_000_000_000

OURS: Mapping[ErrorClass, int] = {
    "rate_limit": 429,
    "overloaded": 503,
    "timeout": 504,
    "auth": 502,
    "quota": 502,
    "connection": 502,
    "broken_answer": 502,
    "server_error": 502,
    "residency": 403,
}
"""Status by the class of the last failure (ruling 11)."""

THEIRS: Mapping[ErrorClass, int] = {
    "context_length": 400,
    "content_filter": 400,
    "invalid_request": 400,
    "too_large": 413,
    "not_found": 404,
}
"""Classes that keep the provider's own 4xx, and the status where it gave none (ruling 11)."""

TYPES = {403: "permission_error", 429: "rate_limit_error"}
"""`type` of our own errors by status; `server_error` else."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the head of an error says.

    Args:
        status: HTTP status.
        retry_after: Whole seconds; only with 429 and 503.
        should_retry: `x-should-retry`, `None` where nothing is to be said (ruling 59).
    """

    status: int
    retry_after: int | None = None
    should_retry: bool | None = None


def answered(exc: BaseException, attempts: Sequence[Attempt], now: int) -> Answered:
    """Status and waits of what was raised.

    Args:
        exc: What ended the request.
        attempts: All of the request; they know how long the providers asked to wait.
        now: Monotonic nanoseconds.
    """
    match exc:
        case Rejected():
            return Answered(exc.status, _seconds(exc.retry_after_ns))
        case Denied():
            return Answered(403)
        case Unavailable():
            return Answered(503, _seconds(exc.retry_after_ns))
        case NothingTried():
            return _skipped(exc, now)
        case Failed():
            return _failed(exc, attempts, now)
        case _:
            return Answered(500)


def error_answer(exc: BaseException, recorder: Recorder, now: int) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, content and retry fields, and body of an error before the head was sent."""
    told = answered(exc, recorder.attempts, now)
    body = error_body(exc, recorder)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if told.retry_after is not None:
        headers.append((b"retry-after", b"%d" % told.retry_after))
    if told.should_retry is not None:
        headers.append((b"x-should-retry", b"true" if told.should_retry else b"false"))
    return told.status, headers, body


def error_body(exc: BaseException, recorder: Recorder | None = None) -> bytes:
    """The body of an error: `{"error": {…}}` with the record's id and every attempt inside.

    Args:
        exc: What ended the request.
        recorder: Of the request; `None` where nothing was recorded.
    """
    error = _object(exc)
    if recorder is not None:
        _add_record(error, recorder)
        if recorder.attempts:
            error["attempts"] = [_attempt(recorder, attempt) for attempt in recorder.attempts]
    return _encode(error)


def error_event(exc: BaseException, recorder: Recorder) -> bytes:
    """The error as an event of a stream whose head was sent; a provider's own error object is kept."""
    error = _object(exc)
    if isinstance(exc, Failed) and exc.body is None:
        error["code"] = exc.token or exc.class_
    _add_record(error, recorder)
    return b"data: " + _encode(error) + b"\n\n"


# --- status and waits ---


def _failed(exc: Failed, attempts: Sequence[Attempt], now: int) -> Answered:
    status = OURS.get(exc.class_)
    if status is None:
        theirs = exc.status
        # Never a provider's 401: the client's own key is fine.
        kept = theirs is not None and 400 <= theirs < 500 and theirs != 401
        status = theirs if theirs is not None and kept else THEIRS[exc.class_]
    stop = exc.class_ in ("auth", "quota") or (isinstance(exc, TimedOut) and exc.limit == "deadline")
    wait = _shortest(exc, attempts, now) if status in (429, 503) else None
    return Answered(status, _seconds(wait), False if stop else exc.should_retry)


def _shortest(exc: Failed, attempts: Sequence[Attempt], now: int) -> int | None:
    """The smallest known wait in nanoseconds; of each target its last word counts."""
    last = {attempt.target.id: attempt for attempt in attempts}
    waits = [
        (now if attempt.end is None else attempt.end) + attempt.error.retry_after_ns - now
        for attempt in last.values()
        if attempt.error is not None and attempt.error.retry_after_ns is not None
    ]
    return min(waits, default=exc.retry_after_ns)


def _skipped(exc: NothingTried, now: int) -> Answered:
    status = {"rate_limit": 429, "denied": 403}.get(verdict(exc)[1] or "", 503)
    waits = [skip.until - now for skip in exc.skips if skip.until is not None]
    return Answered(status, _seconds(min(waits, default=None)) if status != 403 else None)


def _seconds(ns: int | None) -> int | None:
    """Whole seconds, rounded up; at least 1, for 0 would call everybody back at once."""
    return None if ns is None else max(1, -(-ns // SECOND_NS))


# --- the error object ---


def _object(exc: BaseException) -> dict[str, Any]:
    match exc:
        case Failed():
            return _provider_object(exc)
        case Rejected():
            return _own(str(exc), exc.type, exc.code, exc.param)
        case Denied():
            return _own(str(exc), TYPES[403], exc.reason)
        case Unavailable():
            return _own(str(exc), "server_error", exc.reason)
        case NothingTried():
            counts = Counter(skip.reason for skip in exc.skips)
            reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(counts.items()))
            text = f"None of the {len(exc.skips)} candidates of this route could be asked: {reasons or 'it has none'}."
            return _own(text, TYPES.get(_skipped(exc, 0).status, "server_error"), verdict(exc)[1])
        case _:
            return _own(
                "The gateway failed. Its operator finds the cause by the id of this request.",
                "server_error",
                "internal_error",
            )


def _own(message: str, type_: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"message": message, "type": type_, "param": param, "code": code}


def _provider_object(exc: Failed) -> dict[str, Any]:
    """The last attempt's own error object, completed; where none came, one that says what happened."""
    if exc.body is None:
        return _own(exc.message, "upstream_error", exc.code or exc.token or exc.class_)
    error = dict(exc.body)
    for key, value in (("message", exc.message), ("type", None), ("param", None), ("code", None)):
        error.setdefault(key, value)
    return error


def _add_record(error: dict[str, Any], recorder: Recorder) -> None:
    record = record_id(recorder)
    if record is not None:
        error["record"] = record


def _attempt(recorder: Recorder, attempt: Attempt) -> dict[str, Any]:
    """What `Tracegate-Attempts` says of it, by the same names; durations in milliseconds."""
    said: dict[str, Any] = {"provider": attempt.target.provider_name}
    if attempt.status is not None:
        said["status"] = attempt.status
    if (error := broke(recorder, attempt)) is not None:
        said["error"] = error
    if attempt.outcome == "cancelled":
        said["cancelled"] = True
    if attempt.end is not None:
        said["dur"] = microseconds(attempt.end - attempt.start) / 1000
    said["kind"] = attempt.why.kind
    if attempt.why.backoff_ns:
        said["wait"] = microseconds(attempt.why.backoff_ns) / 1000
    return said


def _encode(error: dict[str, Any]) -> bytes:
    """JSON in ASCII, so that half surrogate pairs survive; a member that JSON can't say is left out."""
    return _text({"error": {name: value for name, value in error.items() if _sayable(value)}}).encode("ascii")


def _sayable(value: object) -> bool:
    if value is None or isinstance(value, str):
        return True
    try:
        _text(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _text(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
