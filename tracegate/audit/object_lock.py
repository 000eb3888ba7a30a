"""An anchor that puts checkpoints into a bucket whose objects nobody can change or delete before a date.

The bucket speaks S3 and has an object lock. A checkpoint is put under the name of its log and its size, only where
nothing stands, in mode COMPLIANCE, and then read back with its lock: a store that does not know locks takes the fields
and forgets them. So the bucket has at most one head of each size of each log, and its keeper can't take one back.
Source: the vendor's documentation of PutObject, GetObject and S3 Object Lock. Objects are named in the path.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from tracegate.audit.anchored import proof_of
from tracegate.audit.anchoring import Answered, Head, Held, Post, Unanchored
from tracegate.audit.encodings import base64_of
from tracegate.audit.sigv4 import Credentials, Fields, Scope, signed
from tracegate.clock import Clock
from tracegate.errors import ConfigError

TIMEOUT_NS = 10_000_000_000
"""For one answer; ours: it is tried again with a later head."""

SLACK = timedelta(days=1)
"""An object that stood there before may be free so much earlier than one that is put now; ours."""

REFUSALS = {
    400: "it calls the request malformed: has the bucket an object lock?",
    403: "the key may not do this, or its signature is false",
    404: "there is no such bucket",
    409: "somebody puts the same object now",
}
NEEDED = {"endpoint", "region", "bucket", "days", "access_key", "secret_key"}
ALLOWED = NEEDED | {"prefix", "session_token"}

_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]*")  # what is sent as it stands


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects are put.

    Args:
        url: Of the bucket, without a `/` at the end.
        prefix: Before the names of objects.
        scope: Its region.
        by: Who puts them.
        days: How long they are locked.
    """

    url: str
    prefix: str
    scope: Scope
    by: Credentials
    days: int


class ObjectLock:
    """An anchor that is such a bucket; see `Anchor`.

    Args:
        bucket: Where.
        post: Sends to it.
        clock: Gives the time of requests, and that from which an object is locked.
    """

    __slots__ = ("_bucket", "_clock", "_last", "_post")

    def __init__(self, bucket: Bucket, post: Post, clock: Clock) -> None:
        self._bucket = bucket
        self._post = post
        self._clock = clock
        self._last = ""  # the last checkpoint

    async def anchor(self, head: Head) -> Held | None:
        """See `Anchor.anchor`."""
        if head.note == self._last:
            return None
        url = f"{self._bucket.url}/{self._bucket.prefix}{head.checkpoint.origin}/{head.checkpoint.size:020d}"
        note = head.note.encode()
        until = datetime.fromtimestamp(self._clock.wall() // 10**9, UTC) + timedelta(days=self._bucket.days)
        fields = (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("If-None-Match", "*"),
            ("x-amz-checksum-sha256", base64_of(hashlib.sha256(note).digest())),
            ("x-amz-object-lock-mode", "COMPLIANCE"),
            ("x-amz-object-lock-retain-until-date", f"{until:%Y-%m-%dT%H:%M:%SZ}"),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
        )
        put = await self._send("PUT", url, fields, note)
        if put.status not in (200, 412):  # 412: something stands there, as after an answer that was lost
            raise Unanchored(f"{url}: {_refusal(put)}")
        version = put.header("x-amz-version-id")
        given = await self._kept(url, version, note, until)
        self._last = head.note
        return Held("object-lock", url, proof_of(head.note, given))

    async def _kept(self, url: str, version: str | None, note: bytes, until: datetime) -> str:
        """Version and date of what stands there, which is the checkpoint and locked."""
        at = url if version is None else f"{url}?versionId={quote(version, safe='')}"
        got = await self._send("GET", at, (), b"")
        if got.status != 200:
            raise Unanchored(f"{url}: it can't be read back: {_refusal(got)}")
        if got.body != note:
            raise Unanchored(f"{url}: another head of this log and size stands there")
        locked = got.header("x-amz-object-lock-retain-until-date") or ""
        if got.header("x-amz-object-lock-mode") != "COMPLIANCE" or not locked:
            raise Unanchored(f"{url}: the store does not say that it is locked (or the key may not ask)")
        try:
            kept = datetime.fromisoformat(locked)
        except ValueError as exc:
            raise Unanchored(f"{url}: it is locked until `{locked[:40]}`, which is no time") from exc
        if kept.tzinfo is None or kept < until - SLACK:
            raise Unanchored(f"{url}: it is locked until {locked} only")
        return f"{version or got.header('x-amz-version-id') or '-'} {locked}"

    async def _send(self, method: str, url: str, fields: Fields, body: bytes) -> Answered:
        bucket = self._bucket
        sent = signed(method, url, fields, body, bucket.by, bucket.scope, self._clock.wall())
        try:
            return await self._post(url, sent, body, TIMEOUT_NS, method)
        except OSError as exc:
            raise Unanchored(f"{url}: no answer: {exc}") from exc


def _refusal(answer: Answered) -> str:
    code = _CODE.search(answer.body)
    named = f" ({code[1].decode()})" if code else ""
    return REFUSALS.get(answer.status, f"it answers {answer.status}") + named


def object_lock(settings: Mapping[str, str], post: Post, clock: Clock) -> ObjectLock:
    """The bucket of its settings: `endpoint`, `region`, `bucket`, `days`, `access_key` and `secret_key`.

    Beside them it may have a `prefix` and a `session_token`.

    Raises:
        ConfigError: One of them is missing, or is none.
    """
    if missing := sorted(NEEDED - set(settings)):
        raise ConfigError(f"a bucket with an object lock has no `{missing[0]}`")
    if unknown := sorted(set(settings) - ALLOWED):
        raise ConfigError(f"a bucket with an object lock has no `{unknown[0]}`; allowed: {', '.join(sorted(ALLOWED))}")
    endpoint = urlsplit(settings["endpoint"])
    if endpoint.scheme not in ("http", "https") or not endpoint.hostname or endpoint.username is not None:
        raise ConfigError("the endpoint of a bucket begins with `https://` or `http://`, and names nobody")
    if endpoint.path.strip("/") or endpoint.query:
        raise ConfigError("the endpoint of a bucket is a host alone: the bucket is named in `bucket`")
    if _BUCKET.fullmatch(settings["bucket"]) is None:
        raise ConfigError("the name of a bucket is 3 to 63 small letters, digits, `.` and `-`")
    prefix = settings.get("prefix", "").strip("/")
    if _PREFIX.fullmatch(prefix) is None:
        raise ConfigError("the prefix of objects is letters, digits, `.`, `_`, `-` and `/`")
    days = settings["days"]
    if not (days.isascii() and days.isdigit() and int(days[:6]) > 0 and len(days) <= 5):
        raise ConfigError("`days` is how many days an object is locked, from 1 to 99999")
    by = Credentials(settings["access_key"], settings["secret_key"], settings.get("session_token"))
    url = f"{endpoint.scheme}://{endpoint.netloc}/{settings['bucket']}"
    bucket = Bucket(url, f"{prefix}/" if prefix else "", Scope(settings["region"]), by, int(days))
    return ObjectLock(bucket, post, clock)
