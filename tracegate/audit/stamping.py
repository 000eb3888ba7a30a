"""An anchor that has heads stamped by a time-stamp authority, over HTTP.

What it stamps is the checkpoint as it is published, by its SHA-256. Each stamp is verified with what is pinned of the
authority before anything is made of it, its nonce too. Whoever has a leaf with a stamp verifies it without a network.
Source: RFC 3161, 3.4. The library is loaded only where such an anchor is configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tracegate.audit.anchored import proof_of
from tracegate.audit.anchoring import Head, Held, Post, Unanchored
from tracegate.audit.encodings import base64_of
from tracegate.clock import Clock
from tracegate.errors import ConfigError, Malformed

if TYPE_CHECKING:
    from tracegate.audit.timestamp import Pinned

TIMEOUT_NS = 10_000_000_000
"""For one answer; ours: it is asked again with a later head."""

LARGEST = 32_768
"""Bytes of a stamp: in base64 it fits into a leaf, of 65,535 at most. Those of public authorities have up to 8,000."""

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"


class Stamping:
    """An anchor that is a time-stamp authority; see `Anchor`.

    Args:
        pinned: What is trusted of it.
        url: Where it is asked.
        post: Sends to it.
    """

    __slots__ = ("_pinned", "_post", "_stamped", "_url")

    def __init__(self, pinned: Pinned, url: str, post: Post) -> None:
        self._pinned = pinned
        self._url = url
        self._post = post
        self._stamped = ""  # the last checkpoint

    async def anchor(self, head: Head) -> Held | None:
        """See `Anchor.anchor`."""
        if head.note == self._stamped:
            return None
        request = self._pinned.request(head.note.encode())
        try:
            answer = await self._post(self._url, (("Content-Type", QUERY),), request.as_bytes(), TIMEOUT_NS)
        except OSError as exc:
            raise Unanchored(f"{self._url}: no answer: {exc}") from exc
        if answer.status != 200:
            raise Unanchored(f"{self._url}: it answers {answer.status}")
        if (answer.header("content-type") or "").partition(";")[0].strip() != REPLY:
            raise Unanchored(f"{self._url}: its answer is no `{REPLY}`")
        if len(answer.body) > LARGEST:
            raise Unanchored(f"{self._url}: its answer has more than {LARGEST} bytes")
        try:
            self._pinned.stamped(answer.body, head.note.encode(), request.nonce)
        except Malformed as exc:
            raise Unanchored(f"{self._url}: {exc}") from exc
        self._stamped = head.note
        return Held("rfc3161", self._url, proof_of(head.note, base64_of(answer.body)))


def stamping(settings: Mapping[str, str], post: Post, clock: Clock) -> Stamping:
    """The authority of its settings: `url`, and `certificate`, what is pinned of it: PEM, of its root.

    Raises:
        ConfigError: One of them is missing, or is none; or the library is not installed.
    """
    if set(settings) != {"certificate", "url"}:
        raise ConfigError("a time-stamp authority has a `url` and a `certificate`, and nothing else")
    try:
        from tracegate.audit.timestamp import Pinned  # only who has heads stamped needs the library
    except ImportError as exc:
        raise ConfigError(f"time stamps need more: install `tracegate[rfc3161]` ({exc})") from exc
    url = settings["url"]
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ConfigError("the url of a time-stamp authority begins with `https://` or `http://`, and names nobody")
    try:
        return Stamping(Pinned(settings["certificate"]), url, post)
    except Malformed as exc:
        raise ConfigError(f"the certificate of a time-stamp authority: {exc}") from exc
