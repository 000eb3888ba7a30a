"""Reads the client's body: bounded, decoded, checked, or refused (rulings 60 and 62)."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Iterable, Mapping

from tracegate.errors import Malformed, Rejected
from tracegate.server.watch import Receive

PLAIN = frozenset((b"", b"identity"))
WBITS: Mapping[bytes, tuple[int, ...]] = {
    b"gzip": (zlib.MAX_WBITS | 16,),
    b"x-gzip": (zlib.MAX_WBITS | 16,),
    b"deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),  # many send it bare, without the zlib header it ought to have
}
"""What zlib is to expect, by content coding. Source: RFC 9110, section 8.4.1; zlib's manual, `inflateInit2`."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int, parts: list[bytes]) -> bytes:
    """The whole request body, decoded from gzip or deflate where the client says so.

    Args:
        receive: The ASGI channel.
        headers: The client's, names in lower case.
        limit: Most bytes, before and after decoding.
        parts: Gets the body as it came, or as much of it as was taken before it was refused.

    Raises:
        Rejected: 413 too large, 415 another coding, 400 a coding that does not decode.
        asyncio.CancelledError: With `client_disconnect`, when the client left before its body was whole.
    """
    coding = headers.get(b"content-encoding", b"").strip().lower()
    if coding not in PLAIN and coding not in WBITS:
        raise Rejected(
            415,
            "unsupported_content_encoding",
            f"`Content-Encoding: {coding[:40].decode('latin-1')}` is not supported. "
            "Send the body plain, or as gzip or deflate.",
            headers=(("accept-encoding", "gzip, deflate"),),
        )
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError("client_disconnect")
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        parts.append(part)
        if size > limit:
            raise _too_large(limit)
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    return body if coding in PLAIN else _decoded(body, coding, limit)


def check_digest(said: str, parts: Iterable[bytes]) -> bool:
    """Whether a request's `Content-Digest` could be checked: its SHA-256 or SHA-512 (RFC 9530, section 5).

    Args:
        said: The field.
        parts: The body as it came.

    Raises:
        Rejected: 400, it is the digest of something else.
    """
    from tracegate.audit.structured import parse_dictionary  # few clients say one

    try:
        digests = parse_dictionary(said)
    except Malformed:
        return False  # a recipient may ignore the field
    checked = False
    for name in ("sha-256", "sha-512"):
        if name in digests:
            hashed = hashlib.new(name.replace("-", ""))
            for part in parts:
                hashed.update(part)
            if digests[name].value != hashed.digest():
                raise Rejected(
                    400,
                    "invalid_content_digest",
                    f"The body is not the one whose {name} its `Content-Digest` says.",
                )
            checked = True
    return checked


def _decoded(body: bytes, coding: bytes, limit: int) -> bytes:
    for wbits in WBITS[coding]:
        decompress = zlib.decompressobj(wbits)
        try:
            plain = decompress.decompress(body, limit + 1)
        except zlib.error:
            continue
        if len(plain) > limit:
            raise _too_large(limit)
        if decompress.eof and not decompress.unused_data:  # what stands behind the end would be lost in silence
            return plain
    raise Rejected(
        400,
        "invalid_content_encoding",
        f"The body is not whole or not valid {coding.decode()}, as its `Content-Encoding` says.",
    )


def _too_large(limit: int) -> Rejected:
    return Rejected(
        413,
        "request_too_large",
        f"The request body is larger than {limit} bytes. Send less, or raise `limits.body`.",
        reason="too_large",
    )
