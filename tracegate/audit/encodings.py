"""Bytes as text, in one form each: what decodes only leniently is refused, so that no changed character passes."""

from __future__ import annotations

import base64
import binascii

from tracegate.errors import Malformed


def encoded(raw: bytes) -> bytes:
    """Standard base64 with padding: C2SP formats, HTTP fields (RFC 4648, section 4)."""
    return binascii.b2a_base64(raw, newline=False)


def base64_of(raw: bytes) -> str:
    """As `encoded`, as text."""
    return encoded(raw).decode()


def base64url_of(raw: bytes) -> str:
    """base64url without padding: binary in JSON (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64(text: str, size: int | None = None) -> bytes:
    """The bytes of standard base64.

    Args:
        text: With its padding.
        size: How many bytes they must be.

    Raises:
        Malformed: It is another text than `base64_of` makes, or of another length.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("not base64") from None
    if base64_of(raw) != text:
        raise Malformed("not base64 in its one form")
    return _sized(raw, size)


def from_base64url(text: str, size: int | None = None) -> bytes:
    """The bytes of base64url without padding; see `from_base64`."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("not base64url") from None
    if base64url_of(raw) != text:
        raise Malformed("not base64url in its one form")
    return _sized(raw, size)


def number(text: str) -> int:
    """A decimal without sign and leading zeroes.

    Raises:
        Malformed: It is another text, or has more than 19 digits.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (text[0] == "0" and text != "0"):
        raise Malformed("not a decimal number without leading zeroes")
    return int(text)


def _sized(raw: bytes, size: int | None) -> bytes:
    if size is not None and len(raw) != size:
        raise Malformed(f"{len(raw)} bytes; it should be {size}")
    return raw
