"""Why a record is an error, as the views say it: `error.type`, the class, and a text that may be shown.

Rulings 7, 9, 10 and 50. No exception text of a fault of our own leaves here: nobody knows what is in it.
"""

from __future__ import annotations

from typing import cast, get_args

from tracegate.errors import TIMEOUT_TOKENS, Failed, TracegateError
from tracegate.facts import ErrorClass
from tracegate.record import Record, Recorder

CLASSES: frozenset[str] = frozenset(get_args(ErrorClass))
DEADLINE = TIMEOUT_TOKENS["deadline"]
TERMINATED = "connection_terminated"
"""`error.type` of a SERVER span whose client left (ruling 10); an RFC 9209 token."""


def error_type(record: Record) -> str | None:
    """`error.type` of a hop below the SERVER, `None` unless it is an error."""
    if record.outcome != "error":
        return None
    if isinstance(record.error, Failed):
        return record.error.error_type
    return DEADLINE if record.reason == "deadline" else record.reason


def error_class(record: Record) -> ErrorClass | None:
    """`tracegate.error.class` of a hop, `None` unless it is an error of a class of ruling 6."""
    if record.outcome != "error":
        return None
    if isinstance(record.error, Failed):
        return record.error.class_
    if record.reason == "deadline":
        return "timeout"
    return cast(ErrorClass, record.reason) if record.reason in CLASSES else None


def message(record: Record) -> str:
    """The redacted text of an error that Tracegate raised on purpose, else empty."""
    if record.outcome != "error":
        return ""
    if record.reason == "deadline":
        return "The total deadline of the request passed."
    return str(record.error) if isinstance(record.error, TracegateError) else ""


def server_error_type(recorder: Recorder) -> str | None:
    """`error.type` of the SERVER span, `None` unless its status is an error (rulings 10 and 50)."""
    server, status = recorder.server, recorder.inbound.status
    if server.outcome == "cancelled":
        return TERMINATED
    if status is not None and status >= 500:
        return str(status)
    if server.outcome != "error" or (status is not None and status >= 400):
        return None
    if isinstance(server.error, Failed):  # in band: what the provider answered before no longer matters
        return server.error.token or server.error.class_
    return error_type(server)
