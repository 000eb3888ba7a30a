"""The one error tree.

```
TracegateError
├─ ConfigError         the configuration is wrong (its details are the config room's)
├─ Malformed           bytes of the audit log, or of a proof from it, that are not what they should be
│  └─ Unreadable       not even of that kind
├─ Rejected            our own 4xx: nothing was tried
├─ Denied              policy; 403
├─ Unavailable         a gate or a limit of our own; 503
├─ NothingTried        every candidate was skipped
└─ Failed              one attempt failed
   ├─ Refused          a status or an error object came
   ├─ Unreachable      no connection, or reset before an answer
   ├─ TimedOut         a limit fired
   └─ Broken           cut, malformed, empty, not JSON, not an answer
```

Losing every target raises the last `Failed`; the recorder has the others.
`asyncio.CancelledError` is not in the tree: it always means that somebody outside cancelled (its message says why).
Tokens are those of RFC 9209; classes are those of `facts.ErrorClass`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracegate.facts import ErrorClass, Limit, SkipReason


class TracegateError(Exception):
    """Root of every error that Tracegate raises on purpose."""


class ConfigError(TracegateError):
    """The configuration can't be used; the text is ready for a person."""


class Malformed(TracegateError):
    """A leaf, note, proof or receipt whose bytes are not what its format says; the text names the fault."""


class Unreadable(Malformed):
    """What was given is not even of the kind that was asked for: no response, no bundle."""


class Rejected(TracegateError):
    """Our own refusal of a request; nothing was tried.

    Args:
        status: HTTP status, 4xx.
        code: Machine-readable code in OpenAI's style, e.g. `model_not_found`.
        message: For the client; says what is allowed and how to fix it.
        reason: `tracegate.outcome_reason` (ruling 53).
        param: The request field at fault.
        type: OpenAI's error type.
        headers: Fields that this refusal asks for, beside those of every error: `Allow` of a 405.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        reason: str = "invalid_request",
        param: str | None = None,
        type: str = "invalid_request_error",
        retry_after_ns: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reason = reason
        self.param = param
        self.type = type
        self.retry_after_ns = retry_after_ns
        self.headers = headers


class Denied(TracegateError):
    """A policy refused: 403. `reason` is `denied`, or `residency`."""

    def __init__(self, message: str, *, reason: str = "denied") -> None:
        super().__init__(message)
        self.reason = reason


class Unavailable(TracegateError):
    """A gate failed or a limit of our own was reached: 503."""

    def __init__(self, message: str, *, reason: str = "overloaded", retry_after_ns: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_ns = retry_after_ns


@dataclass(frozen=True, slots=True)
class Skip:
    """A candidate that was not tried.

    `until` is the monotonic time from which it may be asked again, `cause` the class of the failure that set it.
    """

    target: str
    reason: SkipReason
    until: int | None = None
    cause: ErrorClass | None = None


class NothingTried(TracegateError):
    """Every candidate was skipped."""

    def __init__(self, skips: Sequence[Skip]) -> None:
        super().__init__("no candidate could be tried: " + ", ".join(f"{s.target} ({s.reason})" for s in skips))
        self.skips = tuple(skips)


class Failed(TracegateError):
    """One attempt failed; decided once, where it happened.

    Args:
        class_: One class of ruling 6.
        token: RFC 9209 proxy error, or `None` where only a status came.
        message: Redacted text that may be shown.
        status: HTTP status that came from the provider, if one came.
        retry_after_ns: How long the provider asked to wait.
        code: The provider's own error code.
        body: The provider's error object (the value of `error`), redacted, for the client (ruling 58).
        should_retry: The provider's `x-should-retry`.
    """

    __slots__ = ("attempt", "body", "class_", "code", "message", "retry_after_ns", "should_retry", "status", "token")

    def __init__(
        self,
        class_: ErrorClass,
        token: str | None,
        message: str,
        *,
        status: int | None = None,
        retry_after_ns: int | None = None,
        code: str | None = None,
        body: Mapping[str, Any] | None = None,
        should_retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.class_ = class_
        self.token = token
        self.message = message
        self.status = status
        self.retry_after_ns = retry_after_ns
        self.code = code
        self.body = body
        self.should_retry = should_retry
        self.attempt: int | None = None  # index, set by the upstream hop

    @property
    def error_type(self) -> str:
        """`error.type`: the status as text when another than 2xx came, else the token, else the class (ruling 7)."""
        if self.status is not None and not 200 <= self.status < 300:
            return str(self.status)
        return self.token or self.class_


class Refused(Failed):
    """A status other than 2xx came, or an error object in a 200."""


class Unreachable(Failed):
    """No connection, or it ended before an answer."""

    def __init__(self, token: str, message: str) -> None:
        super().__init__("connection", token, message)


TIMEOUT_TOKENS: Mapping[Limit, str] = {
    "connect": "connection_timeout",
    "write": "connection_write_timeout",
    "attempt": "connection_read_timeout",
    "first_token": "connection_read_timeout",
    "idle": "connection_read_timeout",
    "deadline": "http_response_timeout",
}


class TimedOut(Failed):
    """A limit fired, from inside (ruling 34). Tokens: ruling 9."""

    def __init__(self, limit: Limit, message: str, *, status: int | None = None) -> None:
        super().__init__("timeout", TIMEOUT_TOKENS[limit], message, status=status)
        self.limit: Limit = limit


class Broken(Failed):
    """The answer was cut, malformed, empty, or no answer."""

    def __init__(self, token: str, message: str, *, status: int | None = None) -> None:
        super().__init__("broken_answer", token, message, status=status)
