"""Foreign exceptions of the network to our errors, once. Tokens are those of RFC 9209."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import httpx

from tracegate.errors import Broken, Failed, TimedOut, Unreachable

UNROUTABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}


def unreachable(exc: Exception) -> Failed:
    """What ended an exchange before the head of an answer."""
    for cause in _causes(exc):
        match cause:
            case ssl.SSLCertVerificationError():
                return Unreachable("tls_certificate_error", f"The provider's certificate is not valid: {cause.reason}.")
            case ssl.SSLError():
                alert = "ALERT" in (cause.reason or "")
                token = "tls_alert_received" if alert else "tls_protocol_error"  # noqa: S105  # an error token
                return Unreachable(token, f"TLS with the provider failed: {cause.reason}.")
            case socket.gaierror():
                return Unreachable("dns_error", "The provider's host name could not be resolved.")
            case ConnectionRefusedError():
                return Unreachable("connection_refused", "The provider refused the connection.")
            case OSError(errno=number) if number in UNROUTABLE:
                return Unreachable("destination_ip_unroutable", "There is no route to the provider's address.")
    if isinstance(exc, httpx.PoolTimeout):
        return Failed("overloaded", "connection_limit_reached", "No connection to the provider was free in time.")
    if isinstance(exc, httpx.ConnectTimeout):
        return TimedOut("connect", "The provider did not accept a connection before the limit `connect`.")
    if isinstance(exc, httpx.WriteTimeout):
        return TimedOut("write", "The request could not be handed over before the limit `write`.")
    if isinstance(exc, httpx.ConnectError):
        # Without a cause that says more: every address was tried and none answered.
        return Unreachable("connection_refused", "No address of the provider accepted the connection.")
    if isinstance(exc, httpx.RemoteProtocolError) and "disconnected" not in str(exc):
        return Broken("http_protocol_error", f"The head of the provider's answer is malformed: {str(exc)[:200]}")
    return Unreachable("connection_terminated", "The provider closed the connection before it answered.")


def broken(exc: httpx.HTTPError) -> Failed:
    """What ended the body of an answer."""
    if isinstance(exc, httpx.NetworkError) or "peer closed" in str(exc):
        return Broken("http_response_incomplete", "The provider's answer was cut off.")
    return Broken("http_protocol_error", f"The framing of the provider's answer is malformed: {str(exc)[:200]}")


def _causes(exc: BaseException) -> Iterator[BaseException]:
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
