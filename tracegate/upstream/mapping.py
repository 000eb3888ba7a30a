"""Foreign exceptions of the network to our errors, once. Tokens are those of RFC 9209, choices those of ruling 48."""

from __future__ import annotations

import httpx

from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.upstream.faults import (
    Phase,
    causes,
    cut_off,
    head_too_large,
    terminated,
    tls_or_name,
    unconnected,
    unfit,
    words,
)

TOO_LARGE = 431  # RFC 6585; so h11 marks what is larger than it reads

# How httpcore, h11 and h2 say that the peer ended a connection or a stream; nothing but their words tells it.
_ENDED = ("disconnected", "peer closed", "StreamReset", "ConnectionTerminated")


def unreachable(exc: BaseException, phase: Phase) -> Failed:
    """What ended an exchange before the head of an answer.

    Args:
        exc: What the transport raised.
        phase: Where the request was; with a transport without hooks it is always waiting for the head.
    """
    found = list(causes(exc))
    if (known := tls_or_name(found)) is not None:
        return known
    match exc:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return unconnected(found, phase, (TimeoutError, httpx.ConnectTimeout))
        case httpx.ProxyError():
            return Unreachable("connection_refused", f"The proxy did not connect to the provider: {words(exc)}.")
        case httpx.PoolTimeout():
            return Failed("overloaded", "connection_limit_reached", "The transport had no connection free in time.")
        case httpx.WriteTimeout():
            return TimedOut("write", "The request could not be handed over before the limit `write`.")
        case httpx.ReadTimeout() | TimeoutError():
            return TimedOut("attempt", "The transport gave up waiting for the head of the answer.")
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return unfit(words(exc))
        case httpx.RemoteProtocolError() if not _ended(exc):
            if any(getattr(cause, "error_status_hint", None) == TOO_LARGE for cause in found):
                return head_too_large()
            return Broken("http_protocol_error", f"The head of the provider's answer is malformed: {words(exc)}.")
        case httpx.TransportError() | OSError():
            return terminated()
    return Unreachable("proxy_internal_error", f"The transport failed: {words(exc)}.")


def broken(exc: BaseException) -> Failed:
    """What ended the body of an answer."""
    match exc:
        case httpx.ReadTimeout() | TimeoutError():
            return TimedOut("idle", "The transport gave up waiting for more of the answer.")
        case httpx.RemoteProtocolError() if not _ended(exc):
            return Broken("http_protocol_error", f"The framing of the provider's answer is malformed: {words(exc)}.")
        case httpx.TransportError() | OSError():
            return cut_off()
    return Broken("proxy_internal_error", f"The transport failed: {words(exc)}.")


def _ended(exc: Exception) -> bool:
    text = str(exc)
    return any(words in text for words in _ENDED)
