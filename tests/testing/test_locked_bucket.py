"""The bucket of the test kit: who asks is checked, versions stay what they are, and what is locked, until its date."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

import pytest

from tracegate.audit.encodings import base64_of
from tracegate.audit.sigv4 import Credentials, Scope, signed
from tracegate.testing.clock import FakeClock
from tracegate.testing.locked_bucket import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, LockedBucket
from tracegate.testing.receiver import Answer
from tracegate.testing.receiving import HttpRequest

SUM = base64_of(bytes.fromhex("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"))
"""Of `x`."""
UNTIL = "2026-01-02T00:00:00Z"
LOCK = (
    ("x-amz-checksum-sha256", SUM),
    ("x-amz-object-lock-mode", "COMPLIANCE"),
    ("x-amz-object-lock-retain-until-date", UNTIL),
)
ONCE = ("If-None-Match", "*")
BY = Credentials(ACCESS_KEY, SECRET_KEY)
Fields = Sequence[tuple[str, str]]


class Client:
    """Asks a bucket, in its time."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.bucket = LockedBucket(self.clock)

    def __call__(
        self, method: str, name: str = "a", fields: Fields = (), body: bytes = b"", version: str = "", late_s: int = 0
    ) -> Answer:
        """Ask as a client does that signs, perhaps some time ago."""
        path = f"/{BUCKET}/{name}" + (f"?versionId={quote(version, safe='')}" if version else "")
        at = self.clock.wall() - late_s * 10**9
        sent = signed(method, f"http://s3.example{path}", fields, body, BY, Scope(REGION), at)
        return self.asked(HttpRequest(method, path, _lower([("Host", "s3.example"), *sent]), body))

    def asked(self, request: HttpRequest) -> Answer:
        """Ask as it stands."""
        return asyncio.run(self.bucket.answer(request))


def _lower(fields: Fields) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in fields]


@pytest.fixture
def client() -> Client:
    """One, and its bucket."""
    return Client()


def test_an_object_is_read_as_it_was_put(client: Client) -> None:
    """Under its name, or as one version of it."""
    put = client("PUT", body=b"x")
    assert put.status == 200
    assert client("GET").body == b"x"
    assert client("PUT", body=b"y").status == 200
    assert client("GET").body == b"y"
    version = dict(put.headers)["x-amz-version-id"]
    assert client("GET", version=version).body == b"x"
    assert client("GET", "b").status == client("GET", version="v").status == 404


def test_what_stands_there_is_not_overwritten_where_it_must_not(client: Client) -> None:
    """The condition is the caller's."""
    assert client("PUT", fields=[ONCE], body=b"x").status == 200
    refused = client("PUT", fields=[ONCE], body=b"y")
    assert (refused.status, b"PreconditionFailed" in refused.body) == (412, True)
    assert client("GET").body == b"x"


def test_what_is_locked_stays_until_its_date(client: Client) -> None:
    """A mark may be put over it, and its version stays."""
    put = client("PUT", fields=LOCK, body=b"x")
    version = dict(put.headers)["x-amz-version-id"]
    fields = dict(client("GET").headers)
    assert fields["x-amz-object-lock-mode"] == "COMPLIANCE"
    assert fields["x-amz-object-lock-retain-until-date"] == "2026-01-02T00:00:00.000Z"
    assert client("DELETE", version=version).status == 403
    assert client("DELETE").status == 204
    assert client("GET").status == 404
    assert client("GET", version=version).body == b"x"
    client.clock.advance(86_401 * 10**9)
    assert client("DELETE", version=version).status == 204
    assert client("GET", version=version).status == 404


def test_a_name_that_was_marked_as_deleted_may_be_put_again(client: Client) -> None:
    """Beside what stands there."""
    client("PUT", fields=LOCK, body=b"x")
    client("DELETE")
    assert client("PUT", fields=[ONCE], body=b"y").status == 200
    assert [version.body for version in client.bucket.objects["a"]] == [b"x", None, b"y"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (LOCK[1:], b"InvalidRequest"),
        ([LOCK[0], ("x-amz-object-lock-mode", "FOREVER"), LOCK[2]], b"InvalidRequest"),
        ([*LOCK[:2], (LOCK[2][0], "2025-12-31T00:00:00Z")], b"InvalidArgument"),
        ([("x-amz-checksum-sha256", base64_of(bytes(32)))], b"BadDigest"),
    ],
)
def test_a_lock_needs_a_sum_a_mode_and_a_date_to_come(client: Client, fields: Fields, code: bytes) -> None:
    """And the sum must be that of the body."""
    refused = client("PUT", fields=fields, body=b"x")
    assert (refused.status, code in refused.body) == (400, True)


def test_who_asks_is_checked(client: Client) -> None:
    """By a signature over all that matters, of now."""
    good = client.bucket
    assert client("GET", late_s=600).status == 404  # it was believed, and there is nothing
    assert b"RequestTimeTooSkewed" in client("GET", late_s=1200).body
    client("PUT", body=b"x")
    request = good.asked[-1]

    def said(request: HttpRequest) -> bytes:
        return client.asked(request).body

    assert b"XAmzContentSHA256Mismatch" in said(HttpRequest("PUT", request.path, request.headers, b"y"))
    assert b"SignatureDoesNotMatch" in said(HttpRequest("PUT", f"{request.path}b", request.headers, b"x"))
    more = [*request.headers, ("x-amz-object-lock-mode", "COMPLIANCE")]
    assert b"AccessDenied" in said(HttpRequest("PUT", request.path, more, b"x"))
    unsigned = [(name, value) for name, value in request.headers if name != "authorization"]
    assert b"InvalidAccessKeyId" in said(HttpRequest("PUT", request.path, unsigned, b"x"))
