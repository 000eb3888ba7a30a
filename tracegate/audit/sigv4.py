"""Signatures of requests to stores that speak S3: AWS Signature Version 4, in the `Authorization` field.

Only what such requests need: the whole body is at hand, and each path is sent as it is signed, so it must have no
character that would be encoded. Held against the published examples. The small libraries for this are glue for clients
that we don't have, or no longer kept; the vendor's own brings 20 MB.
Source: "Signature Version 4 signing process" and "Authenticating requests: using the Authorization header" of the
vendor's documentation of S3.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

Fields = Sequence[tuple[str, str]]

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks.

    Args:
        access_key: Names the key.
        secret_key: The key.
        session_token: Of a key that is lent for a time.
    """

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is for: a region and a service."""

    region: str
    service: str = "s3"


def signed(method: str, url: str, fields: Fields, body: bytes, by: Credentials, scope: Scope, at_ns: int) -> Fields:
    """The fields of a request with those that sign it: all of them are covered, and `Host`.

    Args:
        method: Of the request.
        url: Its path is signed as it stands.
        fields: What else is sent.
        body: Whole.
        by: Who asks.
        scope: Where.
        at_ns: UTC in nanoseconds since the epoch.
    """
    at = datetime.fromtimestamp(at_ns // 10**9, UTC)
    digest = hashlib.sha256(body).hexdigest()
    sent = [*fields, ("x-amz-content-sha256", digest), ("x-amz-date", f"{at:%Y%m%dT%H%M%SZ}")]
    if by.session_token is not None:
        sent.append(("x-amz-security-token", by.session_token))
    parts = urlsplit(url)
    covered = {name.lower(): " ".join(value.split()) for name, value in sent}
    covered["host"] = parts.netloc.rpartition("@")[2]
    return [*sent, ("Authorization", authorization(method, parts.path, parts.query, covered, digest, by, scope))]


def authorization(
    method: str, path: str, query: str, covered: Mapping[str, str], digest: str, by: Credentials, scope: Scope
) -> str:
    """The field that signs.

    Args:
        method: Of the request.
        path: As it is sent.
        query: As it is sent.
        covered: The fields that are signed, by name in lower case; `x-amz-date` is one of them.
        digest: SHA-256 of the body, in hex.
        by: Who asks.
        scope: Where.
    """
    names = ";".join(sorted(covered))
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parse_qsl(query, True))
    lines = [method, path or "/", "&".join(f"{name}={value}" for name, value in pairs)]
    lines += [*(f"{name}:{covered[name]}" for name in sorted(covered)), "", names, digest]
    at = covered["x-amz-date"]
    where = [at[:8], scope.region, scope.service, "aws4_request"]
    text = "\n".join([ALGORITHM, at, "/".join(where), hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    key = f"AWS4{by.secret_key}".encode()
    for part in (*where, text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"{by.access_key}/{'/'.join(where)}"
    return f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
