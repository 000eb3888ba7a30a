"""W3C trace context as bytes: strict reading of what a client sent, and what Tracegate writes itself.

Source: W3C Trace Context, sections 3.2 (traceparent) and 3.3 (tracestate); `traceresponse` is that of the editor's
draft of its level 2. A malformed `traceparent` is none at all; a malformed `tracestate` is dropped alone, as the
specification asks. Baggage is never read.
"""

from __future__ import annotations

import re

from tracegate.inbound import Remote

SAMPLED = 0x01
KNOWN_FLAGS = 0x03  # sampled and random; the others must be ignored
TRACESTATE_CHARACTERS = 512
"""Longest `tracestate` that is kept; Source: section 3.3.1.5, what every participant should carry."""
TRACESTATE_MEMBERS = 32  # Source: section 3.3.1.1

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_MEMBER = re.compile(
    r"([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    r"=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])"
)


def parse_remote(parent: str, state: str = "") -> Remote | None:
    """Read an inbound trace context, `None` unless `parent` is exactly what W3C asks for.

    Args:
        parent: Value of the one `traceparent` field.
        state: Values of all `tracestate` fields, joined by commas (RFC 9110, section 5.3).
    """
    found = _PARENT.fullmatch(parent.strip(" \t"))
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    remote = Remote(bytes.fromhex(trace), bytes.fromhex(span), int(flags, 16) & KNOWN_FLAGS, parse_state(state))
    return remote if any(remote.trace) and any(remote.span) else None


def parse_state(state: str) -> str:
    """Read a `tracestate`: its members without optional blanks, or empty if any of it is malformed."""
    members = [member.strip(" \t") for member in state.split(",")]
    kept = [member for member in members if member]
    keys = set()
    for member in kept:
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] in keys:
            return ""
        keys.add(found[1])
    text = ",".join(kept)
    return text if len(kept) <= TRACESTATE_MEMBERS and len(text) <= TRACESTATE_CHARACTERS else ""


def traceparent(trace: bytes, span: bytes, flags: int = SAMPLED) -> str:
    """The value of `traceparent`, and of `traceresponse`, for a span of ours: evidence is always sampled.

    >>> traceparent(bytes(15) + b"a", bytes(7) + b"b")
    '00-00000000000000000000000000000061-0000000000000062-01'
    """
    return f"00-{trace.hex()}-{span.hex()}-{flags:02x}"
