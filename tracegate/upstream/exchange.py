"""The seam to the network: send one request, get status, headers, bytes, facts and times.

Behind it stands the fast transport (`upstream.fast`), an adapter for any httpx transport (`upstream.httpx`), or the
test kit's in-memory one.
Redirects are never followed, cookies never kept, foreign exceptions are mapped here, once.
Limits are absolute monotonic nanoseconds; when one passes, `TimedOut` is raised from inside.
"""

from __future__ import annotations

from typing import Protocol

from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Limit
from tracegate.wire.headers import Headers


class Incoming(Protocol):
    """The answer of one exchange, head first."""

    status: int
    headers: Headers

    @property
    def arrived(self) -> int | None:
        """When the bytes of the last read, or the end, came: monotonic nanoseconds; `None` where nobody can tell.

        A reader that comes late, because its client is slow, then still knows when the provider was done.
        """

    async def read(self, until: int, limit: Limit) -> bytes:
        """More body bytes after transfer decoding; `b""` is the end.

        Raises:
            TimedOut: With `limit`, at monotonic nanosecond `until`.
            Broken: The body was cut or its framing is wrong.
        """

    def release(self) -> None:
        """The answer was read: give the connection back, draining its framing for at most 100 ms; never waits."""

    def abort(self) -> None:
        """Drop the connection; never waits, idempotent."""


class Exchange(Protocol):
    """Sends requests to the origin of one provider."""

    async def send(
        self, outgoing: Outgoing, connection: Connection, *, connect_by: int, write_by: int, until: int, limit: Limit
    ) -> Incoming:
        """Send a request and return when the head of the answer is there.

        Args:
            outgoing: The request, credentials included.
            connection: Filled with what the transport can tell, also when this raises.
            connect_by: For name, TCP and TLS together, also while waiting for a free connection.
            write_by: For handing the request to the socket.
            until: For everything up to the head; `limit` names which limit that is.

        Raises:
            Unreachable: Refused, DNS, TLS, or closed before a head.
            TimedOut: With the limit that fired.
            Failed: `overloaded`, `connection_limit_reached`: our own pool is full.
        """

    async def close(self) -> None:
        """Close every connection and join what `abort` and `release` left to do."""
