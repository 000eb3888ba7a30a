"""What a connection may do before there is a request that says more, and how it is refused (ruling 46)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tracegate.alarms import Alarms
from tracegate.clock import SystemClock
from tracegate.errors import Rejected

WIRE = "tracegate.wire"
"""Where the application's lifespan state holds its `Wire`."""

WAITING = 16  # requests that a client may send behind one that is not answered yet; no common client sends any
UNREAD = 65_536  # bytes of a body that wait for the application, from which on no more are read


def _nothing() -> None:
    """The application wants to know nothing."""


def _plain(refusal: Rejected) -> bytes:
    return b"HTTP/1.1 %d \r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % refusal.status


@dataclass(frozen=True, slots=True)
class Wire:
    """What the protocol needs of the application.

    Args:
        header: Bytes of a header section.
        header_time_ns: For the header section, from its first byte on.
        keep_alive_ns: For a connection on which nothing is asked.
        linger_ns: For a client to read a refusal, before unread bytes reset the connection, and to agree with its end.
        refusal: Renders a whole answer that closes the connection.
        stopping: Called when the server begins to stop, once for every connection that is open then.
        alarms: Of all connections.
    """

    header: int = 32_000
    header_time_ns: int = 10_000_000_000
    keep_alive_ns: int = 75_000_000_000
    linger_ns: int = 2_000_000_000
    refusal: Callable[[Rejected], bytes] = _plain
    stopping: Callable[[], object] = _nothing
    alarms: Alarms = field(default_factory=lambda: Alarms(SystemClock()))


def too_large(limit: int) -> Rejected:
    """A header section is larger than `limit` bytes."""
    return Rejected(
        431, "header_too_large", f"The header section is larger than {limit} bytes: send fewer or shorter fields."
    )


def too_late() -> Rejected:
    """A header section took too long."""
    return Rejected(408, "request_timeout", "The header section did not arrive in time.", reason="timeout")


def too_many() -> Rejected:
    """Too many requests wait on one connection."""
    return Rejected(429, "too_many_requests", "Too many requests wait on this connection.")


def invalid() -> Rejected:
    """What came is no HTTP."""
    return Rejected(400, "invalid_http", "This is not a valid HTTP/1.1 request.")
