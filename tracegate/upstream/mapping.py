"""Foreign exceptions of the network to our errors, once. Tokens are those of RFC 9209, choices those of ruling 48."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Sequence

import httpx

from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.upstream.phases import Phase

UNROUTABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}

SHOWN = 200  # characters of a library's own words
TOO_LARGE = 431  # RFC 6585; so h11 marks what is larger than it reads

# What OpenSSL says where nothing of TLS is wrong: it waits, or the connection ended. What anyio raises then has one of
# these among its causes.
_NO_FAULT = (
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
    ssl.SSLZeroReturnError,
    ssl.SSLEOFError,
    ssl.SSLSyscallError,
)

# How httpcore, h11 and h2 say that the peer ended a connection or a stream; nothing but their words tells it.
_ENDED = ("disconnected", "peer closed", "StreamReset", "ConnectionTerminated")


def unreachable(exc: BaseException, phase: Phase) -> Failed:
    """What ended an exchange before the head of an answer.

    Args:
        exc: What the transport raised.
        phase: Where the request was; with a transport without hooks it is always waiting for the head.
    """
    found = list(causes(exc))
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
    match exc:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return _unconnected(exc, found, phase)
        case httpx.ProxyError():
            return Unreachable("connection_refused", f"The proxy did not connect to the provider: {_words(exc)}.")
        case httpx.PoolTimeout():
            return Failed("overloaded", "connection_limit_reached", "The transport had no connection free in time.")
        case httpx.WriteTimeout():
            return TimedOut("write", "The request could not be handed over before the limit `write`.")
        case httpx.ReadTimeout() | TimeoutError():
            return TimedOut("attempt", "The transport gave up waiting for the head of the answer.")
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return Failed("invalid_request", "http_request_error", f"The request can't be sent: {_words(exc)}.")
        case httpx.RemoteProtocolError() if not _ended(exc):
            if any(getattr(cause, "error_status_hint", None) == TOO_LARGE for cause in found):
                return Broken("http_response_header_section_size", "The head of the provider's answer is too large.")
            return Broken("http_protocol_error", f"The head of the provider's answer is malformed: {_words(exc)}.")
        case httpx.TransportError() | OSError():
            return Unreachable("connection_terminated", "The provider closed the connection before it answered.")
    return Unreachable("proxy_internal_error", f"The transport failed: {_words(exc)}.")


def broken(exc: BaseException) -> Failed:
    """What ended the body of an answer."""
    match exc:
        case httpx.ReadTimeout() | TimeoutError():
            return TimedOut("idle", "The transport gave up waiting for more of the answer.")
        case httpx.RemoteProtocolError() if not _ended(exc):
            return Broken("http_protocol_error", f"The framing of the provider's answer is malformed: {_words(exc)}.")
        case httpx.TransportError() | OSError():
            return Broken("http_response_incomplete", "The provider's answer was cut off.")
    return Broken("proxy_internal_error", f"The transport failed: {_words(exc)}.")


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


def _unconnected(exc: Exception, found: Sequence[BaseException], phase: Phase) -> Failed:
    """Why there is no connection. Where several addresses were tried, the one that tells most decides."""
    if any(isinstance(cause, ConnectionRefusedError) for cause in found):
        return Unreachable("connection_refused", "The provider refused the connection.")
    if any(isinstance(cause, httpx.ConnectTimeout | TimeoutError) for cause in found):
        return TimedOut("connect", "The provider did not accept a connection in time.")
    if any(isinstance(cause, OSError) and cause.errno in UNROUTABLE for cause in found):
        return Unreachable("destination_ip_unroutable", "There is no route to the provider's address.")
    if phase == "tls":
        return Unreachable("tls_protocol_error", "The provider closed the connection during the TLS handshake.")
    return Unreachable("connection_refused", f"The provider did not accept a connection: {_words(exc)}.")


def _ended(exc: Exception) -> bool:
    text = str(exc)
    return any(words in text for words in _ENDED)


def _words(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__)[:SHOWN].rstrip(".")
