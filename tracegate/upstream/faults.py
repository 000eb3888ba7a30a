"""What goes wrong, as our errors, whatever transport it happened to: names, TCP, TLS; and what both say of HTTP.

Tokens are those of RFC 9209. What a library raises for HTTP itself is mapped beside its adapter.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Literal

from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.facts import Limit

Phase = Literal["connect", "tls", "write", "head"]
"""Where a request is before its answer."""

IDLE_DEATH_NS = 1_000_000_000
"""A connection that died idle says so within a round trip; one that ends later had its request read, maybe."""

UNROUTABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}

SHOWN = 200  # characters of a library's own words

# What OpenSSL says where nothing of TLS is wrong: it waits, or the connection ended. What anyio raises then has one of
# these among its causes.
_NO_FAULT = (
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
    ssl.SSLZeroReturnError,
    ssl.SSLEOFError,
    ssl.SSLSyscallError,
)


def tls_or_name(found: Sequence[BaseException]) -> Failed | None:
    """What TLS or the resolver says of a failure among its causes, `None` where it is neither's."""
    for cause in found:
        match cause:
            case ssl.SSLCertVerificationError():
                why = f"The provider's certificate is not valid: {cause.verify_message}."
                return Unreachable("tls_certificate_error", why)
            case ssl.SSLError() if not isinstance(cause, _NO_FAULT):
                token = "tls_alert_received" if "ALERT" in (cause.reason or "") else "tls_protocol_error"
                return Unreachable(token, f"TLS with the provider failed: {cause.reason or cause}.")
            case socket.gaierror():
                return Unreachable("dns_error", "The provider's host name could not be resolved.")
    return None


def unconnected(
    found: Sequence[BaseException], phase: Phase, late: tuple[type[BaseException], ...] = (TimeoutError,)
) -> Failed:
    """Why there is no connection. Where several addresses were tried, the one that tells most decides.

    Args:
        found: What was raised, first, and all that led to it.
        phase: What was under way.
        late: What tells that it took too long.
    """
    if any(isinstance(cause, ConnectionRefusedError) for cause in found):
        return Unreachable("connection_refused", "The provider refused the connection.")
    if any(isinstance(cause, late) for cause in found):
        return TimedOut("connect", "The provider did not accept a connection in time.")
    if any(isinstance(cause, OSError) and cause.errno in UNROUTABLE for cause in found):
        return Unreachable("destination_ip_unroutable", "There is no route to the provider's address.")
    if phase == "tls":
        return Unreachable("tls_protocol_error", "The provider closed the connection during the TLS handshake.")
    return Unreachable("connection_refused", f"The provider did not accept a connection: {words(found[0])}.")


def terminated() -> Unreachable:
    """The connection ended before the head of an answer (ruling 48)."""
    return Unreachable("connection_terminated", "The provider closed the connection before it answered.")


def cut_off() -> Broken:
    """The connection ended in the body of an answer (ruling 48)."""
    return Broken("http_response_incomplete", "The provider's answer was cut off.")


def head_too_large() -> Broken:
    """The head of an answer does not end."""
    return Broken("http_response_header_section_size", "The head of the provider's answer is too large.")


def too_late(limit: Limit) -> TimedOut:
    """No head of an answer came in time."""
    return TimedOut(limit, f"The provider did not answer before its limit `{limit}`.")


def unfit(why: str) -> Failed:
    """The request can't be carried by HTTP as it is; nothing of it was sent."""
    return Failed("invalid_request", "http_request_error", f"The request can't be sent: {why}.")


def causes(exc: BaseException) -> Iterator[BaseException]:
    """An exception and all that led to it; httpcore cuts the one link, so both are followed."""
    seen: set[int] = set()
    waiting = [exc]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [e for e in (found.__cause__, found.__context__) if e is not None]
        if isinstance(found, BaseExceptionGroup):
            waiting += found.exceptions


def words(exc: BaseException) -> str:
    """A library's own words, cut."""
    return (str(exc) or type(exc).__name__)[:SHOWN].rstrip(".")
