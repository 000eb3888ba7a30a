"""A bucket with an object lock, which keeps its rules: who asks is checked, and what is locked can't be deleted.

It speaks the part of S3 that is needed to put objects, read and delete them, by version; nothing overwrites a version.
It can misbehave. The signature is checked by code of its own, written from the documents.
Source: the vendor's documentation of PutObject, GetObject, DeleteObject, S3 Object Lock and Signature Version 4.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import parse_qs, quote

from tracegate.clock import Clock, SystemClock
from tracegate.testing.answering import answering
from tracegate.testing.receiver import Answer
from tracegate.testing.receiving import HttpRequest

Fault = Literal[
    "forgets",  # it takes the lock, and keeps none
    "governance",  # it locks so that some may delete
    "short",  # it locks for an hour
    "loses",  # it takes an object, and its answer does not come
    "busy",  # 409
    "unlocked",  # it has no object lock
    "unavailable",  # 503
    "hang",  # never
]

REGION, BUCKET = "eu-test-1", "heads"
ACCESS_KEY, SECRET_KEY = "AKIDBUCKET", "bucket/secret+key"
SKEW = timedelta(minutes=15)

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/(\d{8})/([a-z0-9-]+)/s3/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


@dataclass(slots=True)
class Version:
    """One version of an object; without bytes it says that the object was deleted."""

    id: str
    body: bytes | None
    mode: str | None = None
    until: datetime | None = None


class _Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class LockedBucket:
    """A bucket.

    Args:
        clock: Tells it what is still locked.

    Attributes:
        fault: How it misbehaves; `None`: not.
        objects: Every version by the name of its object, the oldest first.
        asked: Every request.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self.fault: Fault | None = None
        self.objects: dict[str, list[Version]] = {}
        self.asked: list[HttpRequest] = []

    async def answer(self, request: HttpRequest) -> Answer:
        """What it answers over HTTP."""
        self.asked.append(request)
        if self.fault == "hang":
            await asyncio.Event().wait()
        try:
            if self.fault == "unavailable":
                raise _Refused(503, "SlowDown")
            self._check_signature(request)
            path, _, query = request.path.partition("?")
            _, bucket, name = path.split("/", 2)
            if bucket != BUCKET:
                raise _Refused(404, "NoSuchBucket")
            version = parse_qs(query).get("versionId", [""])[0]
            if request.method == "PUT":
                return self._put(name, request)
            return self._delete(name, version) if request.method == "DELETE" else self._get(name, version)
        except _Refused as exc:
            body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{exc.code}</Code></Error>'
            return Answer(exc.status, [("content-type", "application/xml")], body.encode())

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Run it on 127.0.0.1 while the block runs; gives its endpoint."""
        async with answering(self.answer) as url:
            yield url

    def _put(self, name: str, request: HttpRequest) -> Answer:
        if self.fault == "busy":
            raise _Refused(409, "ConditionalRequestConflict")
        versions = self.objects.setdefault(name, [])
        if request.values("if-none-match") == ["*"] and versions and versions[-1].body is not None:
            raise _Refused(412, "PreconditionFailed")
        mode, until = (_one(request, f"x-amz-object-lock-{field}") for field in ("mode", "retain-until-date"))
        checksum = _one(request, "x-amz-checksum-sha256")
        if checksum is not None and base64.b64decode(checksum) != hashlib.sha256(request.body).digest():
            raise _Refused(400, "BadDigest")
        made = Version(f"v{sum(map(len, self.objects.values())) + 1}/+", request.body)
        if mode is not None and until is not None:
            if self.fault == "unlocked" or checksum is None or mode not in ("COMPLIANCE", "GOVERNANCE"):
                raise _Refused(400, "InvalidRequest")
            made.mode, made.until = mode, datetime.fromisoformat(until)
            if made.until <= self._now():
                raise _Refused(400, "InvalidArgument")
        if self.fault == "governance":
            made.mode = "GOVERNANCE"
        if self.fault == "short":
            made.until = self._now() + timedelta(hours=1)
        if self.fault == "forgets":
            made.mode = made.until = None
        versions.append(made)
        if self.fault == "loses":
            raise _Refused(500, "InternalError")
        return Answer(200, [("x-amz-version-id", made.id)], b"")

    def _get(self, name: str, version: str) -> Answer:
        found = self._version(name, version)
        if found.body is None:
            raise _Refused(404, "NoSuchKey")
        fields = [("x-amz-version-id", found.id)]
        if found.mode is not None and found.until is not None:
            fields.append(("x-amz-object-lock-mode", found.mode))
            fields.append(("x-amz-object-lock-retain-until-date", f"{found.until:%Y-%m-%dT%H:%M:%S.000Z}"))
        return Answer(200, fields, found.body)

    def _delete(self, name: str, version: str) -> Answer:
        found = self._version(name, version)
        if not version:
            marker = Version(f"{found.id}d", None)
            self.objects[name].append(marker)
            return Answer(204, [("x-amz-delete-marker", "true"), ("x-amz-version-id", marker.id)], b"")
        if found.until is not None and found.until > self._now():
            raise _Refused(403, "AccessDenied")
        self.objects[name].remove(found)
        return Answer(204, [], b"")

    def _version(self, name: str, version: str) -> Version:
        versions = self.objects.get(name, [])
        found = [one for one in versions if one.id == version] if version else versions[-1:]
        if not found:
            raise _Refused(404, "NoSuchVersion" if version else "NoSuchKey")
        return found[0]

    def _check_signature(self, request: HttpRequest) -> None:
        found = _AUTHORIZATION.fullmatch(_one(request, "authorization") or "")
        digest, at = _one(request, "x-amz-content-sha256"), _one(request, "x-amz-date") or ""
        if found is None or found[1] != ACCESS_KEY:
            raise _Refused(403, "InvalidAccessKeyId")
        _, day, region, names, signature = found.groups()
        if digest != hashlib.sha256(request.body).hexdigest():
            raise _Refused(400, "XAmzContentSHA256Mismatch")
        if abs(datetime.strptime(at, "%Y%m%dT%H%M%S%z") - self._now()) > SKEW or not at.startswith(day):
            raise _Refused(403, "RequestTimeTooSkewed")
        needed = {"host", *(name for name, _ in request.headers if name.startswith("x-amz-"))}
        if not needed <= set(names.split(";")):
            raise _Refused(403, "AccessDenied")
        path, _, query = request.path.partition("?")
        asked = [(name, value) for name, values in parse_qs(query, keep_blank_values=True).items() for value in values]
        canonical = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(asked))
        fields = "".join(f"{name}:{','.join(request.values(name))}\n" for name in names.split(";"))
        text = f"{request.method}\n{path}\n{canonical}\n{fields}\n{names}\n{digest}"
        scope = f"{day}/{region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(text.encode()).hexdigest()}"
        key = b"AWS4" + SECRET_KEY.encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest(), signature):
            raise _Refused(403, "SignatureDoesNotMatch")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall() / 1e9, UTC)


def _one(request: HttpRequest, name: str) -> str | None:
    values = request.values(name)
    return values[0] if values else None
