"""Checkpoints are put into a bucket that locks them, and read back with their locks before anything is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from tests.audit.made import OTHER, SIGNER
from tests.audit.vectors import CHECKPOINT, ORIGIN, ROOTS
from tracegate.audit.anchored import parted
from tracegate.audit.anchoring import Head, Held, Unanchored
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.object_lock import ObjectLock, object_lock
from tracegate.errors import ConfigError
from tracegate.telemetry.post import Answer, Poster
from tracegate.testing.clock import FakeClock
from tracegate.testing.locked_bucket import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, Fault, LockedBucket

NAME = f"tracegate/{ORIGIN}/00000000000000000006"


async def _nothing(old: int) -> Sequence[bytes]:
    raise AssertionError("a store asks for no proof")


HEAD = Head(CHECKPOINT, Checkpoint(ORIGIN, 6, ROOTS[6]), _nothing)
FORK = Head(str(sign_checkpoint(Checkpoint(ORIGIN, 6, ROOTS[5]), SIGNER)), Checkpoint(ORIGIN, 6, ROOTS[5]), _nothing)


def settings(endpoint: str = "https://s3.example", **others: str) -> dict[str, str]:
    """Of an anchor."""
    own = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "prefix": "/tracegate/", "days": "30"}
    return {"endpoint": endpoint, "region": REGION, "bucket": BUCKET, **own, **others}


def asked(store: LockedBucket, test: Callable[[ObjectLock, str], Awaitable[None]], **others: str) -> None:
    """Run a test against a bucket behind a socket, in its time."""

    async def main() -> None:
        poster = Poster()
        async with asyncio.timeout(10), store.served() as endpoint:
            await test(object_lock(settings(endpoint, **others), poster, FakeClock()), endpoint)
            await poster.close()

    asyncio.run(main())


def bucket_of(fault: Fault | None = None) -> LockedBucket:
    """A bucket."""
    made = LockedBucket(FakeClock())
    made.fault = fault
    return made


def test_a_head_that_is_locked_is_held() -> None:
    """Its object is the checkpoint, and nobody can delete or change it before its date."""
    bucket, held = bucket_of(), list[Held | None]()

    async def test(client: ObjectLock, endpoint: str) -> None:
        held.extend([await client.anchor(HEAD), await client.anchor(HEAD)])
        assert held[0] is not None
        assert held[0].where == f"{endpoint}/{BUCKET}/{NAME}"

    asked(bucket, test)
    (version,) = bucket.objects[NAME]
    assert (version.body, version.mode) == (CHECKPOINT.encode(), "COMPLIANCE")
    assert f"{version.until:%Y-%m-%d %H:%M:%S}" == "2026-01-31 00:00:00"
    assert held[1] is None
    assert held[0] is not None
    assert parted(held[0].proof) == (CHECKPOINT, f"{version.id} 2026-01-31T00:00:00.000Z")
    assert [request.method for request in bucket.asked] == ["PUT", "GET"]
    assert bucket.asked[1].path == f"/{BUCKET}/{NAME}?versionId=v1%2F%2B"


def test_one_that_stands_there_already_is_held_too() -> None:
    """As after an answer that was lost, or a start."""
    bucket = bucket_of("loses")

    async def test(client: ObjectLock, endpoint: str) -> None:
        with pytest.raises(Unanchored, match=r"it answers 500 \(InternalError\)"):
            await client.anchor(HEAD)
        bucket.fault = None
        held = await client.anchor(HEAD)
        assert held is not None
        assert parted(held.proof)[1] == "v1/+ 2026-01-31T00:00:00.000Z"

    asked(bucket, test)
    assert len(bucket.objects[NAME]) == 1


def test_another_head_of_the_same_size_is_not_put_beside_it() -> None:
    """A log that was written anew finds the bucket taken."""
    bucket = bucket_of()

    async def test(client: ObjectLock, endpoint: str) -> None:
        assert await client.anchor(HEAD) is not None
        with pytest.raises(Unanchored, match="another head of this log and size stands there"):
            await client.anchor(FORK)

    asked(bucket, test)
    assert [version.body for version in bucket.objects[NAME]] == [CHECKPOINT.encode()]
    assert OTHER.key != SIGNER.key


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("forgets", r"the store does not say that it is locked \(or the key may not ask\)"),
        ("governance", "the store does not say that it is locked"),
        ("short", r"it is locked until 2026-01-01T01:00:00\.000Z only"),
        ("busy", r"somebody puts the same object now \(ConditionalRequestConflict\)"),
        ("unlocked", r"has the bucket an object lock\? \(InvalidRequest\)"),
        ("unavailable", r"it answers 503 \(SlowDown\)"),
    ],
)
def test_a_store_that_does_not_keep_it_anchors_nothing(fault: Fault, why: str) -> None:
    """It says so, with what the store calls it."""

    async def test(client: ObjectLock, endpoint: str) -> None:
        with pytest.raises(Unanchored, match=why):
            await client.anchor(HEAD)

    asked(bucket_of(fault), test)


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"secret_key": "other"}, r"its signature is false \(SignatureDoesNotMatch\)"),
        ({"access_key": "other"}, r"the key may not do this.* \(InvalidAccessKeyId\)"),
        ({"region": "us-east-1"}, r"\(SignatureDoesNotMatch\)"),
        ({"bucket": "elsewhere"}, r"there is no such bucket \(NoSuchBucket\)"),
    ],
)
def test_a_store_that_refuses_is_quoted(others: dict[str, str], why: str) -> None:
    """An operator reads what to change."""

    async def test(client: ObjectLock, endpoint: str) -> None:
        with pytest.raises(Unanchored, match=why):
            await client.anchor(HEAD)

    asked(bucket_of(), test, **others)


def test_a_store_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; nobody waits for it but the next try."""
    monkeypatch.setattr("tracegate.audit.object_lock.TIMEOUT_NS", 50_000_000)

    async def test(client: ObjectLock, endpoint: str) -> None:
        with pytest.raises(Unanchored, match="no answer: no answer in time"):
            await client.anchor(HEAD)

    asked(bucket_of("hang"), test)


LOCK = (("x-amz-object-lock-mode", "COMPLIANCE"),)
UNTIL = "x-amz-object-lock-retain-until-date"


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (Answer(403, (), b""), "it can't be read back: the key may not do this"),
        (Answer(200, LOCK, CHECKPOINT.encode()), "does not say that it is locked"),
        (Answer(200, (*LOCK, (UNTIL, "soon")), CHECKPOINT.encode()), "it is locked until `soon`, which is no time"),
        (Answer(200, (*LOCK, (UNTIL, "2027-01-01T00:00:00")), CHECKPOINT.encode()), "it is locked until 2027.* only"),
    ],
)
def test_what_is_read_back_must_say_it_all(got: Answer, why: str) -> None:
    """A lock that can't be seen is none."""

    async def post(url: str, headers: object, body: bytes, timeout_ns: int, method: str = "POST") -> Answer:
        return got if method == "GET" else Answer(200, (), b"")

    with pytest.raises(Unanchored, match=why):
        asyncio.run(object_lock(settings(), post, FakeClock()).anchor(HEAD))


def test_a_store_without_versions_has_none_to_name() -> None:
    """The date is told all the same."""

    async def post(url: str, headers: object, body: bytes, timeout_ns: int, method: str = "POST") -> Answer:
        return Answer(200, (*LOCK, (UNTIL, "2026-01-31T00:00:00Z")), CHECKPOINT.encode())

    held = asyncio.run(object_lock(settings(prefix=""), post, FakeClock()).anchor(HEAD))
    assert held is not None
    assert parted(held.proof)[1] == "- 2026-01-31T00:00:00Z"
    assert held.where == f"https://s3.example/{BUCKET}/{ORIGIN}/00000000000000000006"


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"colour": "red"}, "a bucket with an object lock has no `colour`; allowed: access_key, bucket, days"),
        ({"endpoint": "s3.example"}, "the endpoint of a bucket begins with `https://`"),
        ({"endpoint": "https://me@s3.example"}, "names nobody"),
        ({"endpoint": "https://"}, "begins with"),
        ({"endpoint": "https://s3.example/heads"}, "the endpoint of a bucket is a host alone"),
        ({"endpoint": "https://s3.example?x"}, "the endpoint of a bucket is a host alone"),
        ({"bucket": "He/ads"}, "the name of a bucket is 3 to 63 small letters"),
        ({"prefix": "a b"}, "the prefix of objects is letters"),
        *(({"days": days}, "`days` is how many days") for days in ("0", "-1", "1y", "100000", "³", "9" * 9999)),
    ],
)
def test_settings_that_make_none_are_refused(others: dict[str, str], why: str) -> None:
    """At the start."""
    with pytest.raises(ConfigError, match=why):
        object_lock(settings(**others), Poster(), FakeClock())


def test_what_is_missing_is_named() -> None:
    """One after the other."""
    given = settings()
    del given["days"], given["region"]
    with pytest.raises(ConfigError, match="a bucket with an object lock has no `days`"):
        object_lock(given, Poster(), FakeClock())
