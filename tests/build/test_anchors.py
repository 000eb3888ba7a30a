"""A gateway whose heads others hold, from the configuration to the leaf that says so."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dashboards.check.kept import kept
from tests.audit.made import SIGNER
from tests.audit.vectors import CHECKPOINT
from tests.audit.witnessing import TestWitness, served
from tests.build.test_audit import configured
from tests.build.test_plugins import _anew, folder, install
from tests.config.reading import ENV, KNOWN
from tests.house.repository import text
from tracegate.audit.anchored import parted
from tracegate.audit.anchoring import Head
from tracegate.audit.checkpoint import open_checkpoint
from tracegate.audit.encodings import base64_of
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.notes import parse_note
from tracegate.audit.policy import parse_policy
from tracegate.audit.reading import StoredLog
from tracegate.audit.timestamp import Pinned
from tracegate.audit.witnessed import covering
from tracegate.build.anchors import anchoring_of
from tracegate.build.audit import keeping_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.errors import ConfigError
from tracegate.testing.locked_bucket import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, LockedBucket
from tracegate.testing.stamp_authority import StampAuthority

__all__ = ["_anew", "folder"]  # fixtures
CLOCK = SystemClock()
WITHIN_S = 10


def anchors(**anchors: Mapping[str, object]) -> str:
    """That part of the section `audit`."""
    return f", anchors: {json.dumps(anchors)}"


async def _told(config: Config, times: int = 1, log_key: Callable[[str], None] = lambda vkey: None) -> None:
    """Keep a log, and tell of its head; each time but the first of the leaf of the last too."""
    keeping = keeping_of(config, CLOCK, RandomIds())
    assert keeping is not None
    log_key(keeping.audit.epoch.signer.key.vkey)
    await keeping.start()
    made = anchoring_of(config, keeping.audit, CLOCK)
    log = keeping.audit.epoch.log
    async with asyncio.timeout(WITHIN_S):
        for _ in range(times):
            size = log.size + 1
            await made.anchoring.tell()
            while log.published < size:  # noqa: ASYNC110  # nobody there sets an event
                await asyncio.sleep(0.01)
    await made.close()
    await keeping.close()


def _anchors_of(place: Path) -> list[dict[str, Any]]:
    return [json.loads(leaf) for _, leaf in StoredLog(place).leaves(holding=b'"type":"anchor"')]


@pytest.mark.slow
def test_each_head_that_a_witness_signed_is_a_leaf_of_the_log(tmp_path: Path) -> None:
    """The log stays sound, and what the leaf has makes a verifier's quorum."""
    seen = TestWitness("w.example/w")

    async def main() -> None:
        async with served(seen) as url:
            anchor = {"kind": "witness", "key": seen.vkey, "url": url}
            await _told(configured(tmp_path, anchors(w=anchor)), 2, seen.know)

    asyncio.run(main())
    (place,) = tmp_path.glob("r1/*")
    log = StoredLog(place)
    assert fsck(Folder(place), log.key, []).verdict == "verified"
    told = _anchors_of(place)
    assert [(leaf["kind"], leaf["where"], leaf["size"]) for leaf in told] == [
        ("witness", "w.example/w", 2),
        ("witness", "w.example/w", 3),
    ]
    assert seen.heads[log.origin][0] == 3
    assert kept(place).types["anchor"] == 2
    policy = parse_policy(f"log {log.key.vkey}\nwitness w {seen.vkey}\nquorum w\n")
    note = parse_note(told[1]["proof"])
    assert policy.reached(note)
    signed = covering(log, 2)
    assert signed is not None
    assert signed.note == told[1]["proof"]
    assert note.text == f"{log.origin}\n3\n{base64_of(bytes.fromhex(told[1]['root']))}\n"


@pytest.mark.slow
def test_a_head_that_was_stamped_is_proved_offline(tmp_path: Path) -> None:
    """By whoever has the log, and the certificate of the authority."""
    authority = StampAuthority()
    (tmp_path / "root.pem").write_text(authority.root_pem)

    async def main() -> None:
        async with authority.served() as url:
            anchor = {"kind": "rfc3161", "url": url, "certificate": {"file": str(tmp_path / "root.pem")}}
            await _told(configured(tmp_path / "log", anchors(t=anchor)), 2)

    asyncio.run(main())
    (place,) = (tmp_path / "log").glob("r1/*")
    key = StoredLog(place).key
    assert [leaf["kind"] for leaf in _anchors_of(place)] == ["rfc3161", "rfc3161"]

    def said(pem: str) -> list[tuple[str, str]]:
        report = fsck(Folder(place), key, [], Pinned(pem))
        return [(check.result, check.detail) for check in report.checks if check.check in ("anchors", "time stamps")]

    (anchors_held, stamps) = said(authority.root_pem)
    assert anchors_held == ("pass", "each a prefix of the log: 2 rfc3161")
    assert stamps[0] == "pass"
    assert re.fullmatch(r"2; the last at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, over 3 leaves", stamps[1])
    assert [result for result, _ in said(StampAuthority().root_pem)] == ["fail", "fail", "pass"]


@pytest.mark.slow
def test_a_head_that_is_locked_stands_in_its_bucket(tmp_path: Path) -> None:
    """The secret is named in the configuration, and shown nowhere."""
    bucket = LockedBucket()
    (tmp_path / "secret").write_text(SECRET_KEY)

    async def main() -> None:
        async with bucket.served() as endpoint:
            keys = {"access_key": ACCESS_KEY, "secret_key": {"file": str(tmp_path / "secret")}}
            where = {"endpoint": endpoint, "region": REGION, "bucket": BUCKET, "days": 1}
            config = configured(tmp_path / "log", anchors(b={"kind": "object-lock", **where, **keys}))
            assert SECRET_KEY not in repr(config)
            await _told(config)

    asyncio.run(main())
    (place,) = (tmp_path / "log").glob("r1/*")
    (leaf,) = _anchors_of(place)
    ((name, (version,)),) = bucket.objects.items()
    assert leaf["where"].endswith(f"/{BUCKET}/{name}")
    assert version.body is not None
    note, _ = parted(leaf["proof"])
    assert version.body.decode() == note
    assert open_checkpoint(note, StoredLog(place).key).size == leaf["size"] == 2
    assert fsck(Folder(place), StoredLog(place).key, [note]).verdict == "verified"


def test_a_head_of_a_log_that_ended_meanwhile_is_no_leaf_of_the_next(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There it would be a head that the log never had."""
    install(folder, "stamps", "[tracegate.anchors]\nnotary = stamps:Stamp\n", CODE)
    config = configured(tmp_path / "log", anchors(t={"kind": "notary", "url": "https://n.example", "token": "s3"}))

    async def ended(*_: object) -> Head:
        return Head(CHECKPOINT, open_checkpoint(CHECKPOINT, SIGNER.key), _nothing)

    monkeypatch.setattr("tracegate.build.anchors.newest", ended)

    async def main() -> None:
        keeping = keeping_of(config, CLOCK, RandomIds())
        assert keeping is not None
        await keeping.start()
        made = anchoring_of(config, keeping.audit, CLOCK)
        assert made is not None
        await made.anchoring.tell()
        assert keeping.audit.numbers().unanchored == 0
        await made.close()
        await keeping.close()

    asyncio.run(main())
    (place,) = (tmp_path / "log").glob("r1/*")
    assert _anchors_of(place) == []


async def _nothing(old: int) -> Sequence[bytes]:
    return ()


def test_a_head_that_nobody_takes_is_counted(tmp_path: Path) -> None:
    """And stops nothing."""
    authority = StampAuthority()
    authority.fault = "unavailable"
    (tmp_path / "root.pem").write_text(authority.root_pem)

    async def main() -> None:
        async with authority.served() as url:
            anchor = {"kind": "rfc3161", "url": url, "certificate": {"file": str(tmp_path / "root.pem")}}
            config = configured(tmp_path / "log", anchors(t=anchor))
            keeping = keeping_of(config, CLOCK, RandomIds())
            assert keeping is not None
            await keeping.start()
            made = anchoring_of(config, keeping.audit, CLOCK)
            async with asyncio.timeout(WITHIN_S):
                while not keeping.audit.numbers().unanchored:  # until there is a head
                    await made.anchoring.tell()
                    await asyncio.sleep(0.01)  # the log is written by a thread, and nobody there sets an event
            assert keeping.audit.numbers().anchors == 0
            await made.close()
            await keeping.close()

    asyncio.run(main())


def test_the_example_is_understood(tmp_path: Path) -> None:
    """Each of its anchors can be made."""
    (tmp_path / "tsa-root.pem").write_text(StampAuthority().root_pem)
    (tmp_path / "bucket-secret").write_text("secret")
    (tmp_path / "tracegate.yaml").write_text(text(Path("examples/anchors.yaml")))
    config = load(str(tmp_path / "tracegate.yaml"), {**ENV, "BUCKET_KEY": "AKID"}, KNOWN)
    assert [anchor.kind for anchor in config.audit.anchors] == ["witness", "rfc3161", "object-lock"]
    keeping = keeping_of(config, CLOCK, RandomIds())
    assert keeping is not None


@pytest.mark.parametrize("named", [False, True])
def test_nobody_is_told_where_nobody_is_named(tmp_path: Path, named: bool) -> None:
    """Which is the default."""
    witness = {"kind": "witness", "key": TestWitness("w.example/w").vkey, "url": "http://127.0.0.1:9"}
    config = configured(tmp_path, anchors(w=witness) if named else "")

    async def main() -> None:
        keeping = keeping_of(config, CLOCK, RandomIds())
        assert keeping is not None
        await keeping.start()
        try:
            assert named == ("tracegate-audit-anchoring" in {task.get_name() for task in asyncio.all_tasks()})
        finally:
            await keeping.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"kind": "notary"}, "audit.anchors.w: no kind `notary`; known: object-lock, rfc3161, witness"),
        ({"kind": "rfc3161"}, "audit.anchors.w: a time-stamp authority has"),
        ({"kind": "object-lock"}, "audit.anchors.w: a bucket with an object lock has no `access_key`"),
        ({"kind": "witness", "url": "https://w"}, "audit.anchors.w: a witness has a `key` and a `url`"),
    ],
)
def test_what_can_not_be_made_stops_the_start(tmp_path: Path, settings: dict[str, str], why: str) -> None:
    """A log that should be anchored, and is not, would look like one that is."""
    with pytest.raises(ConfigError, match=why):
        keeping_of(configured(tmp_path, anchors(w=settings)), CLOCK, RandomIds())


CODE = """
from tracegate.audit.anchoring import Held

class Stamp:
    def __init__(self, settings, post, clock):
        self.settings = settings

    async def anchor(self, head):
        return Held("object-lock", self.settings["url"], self.settings["token"])
"""


def test_another_package_may_bring_a_kind(folder: Path, tmp_path: Path) -> None:
    """By the entry point group, of which ours are too; it needs one class with one method. It is told secrets."""
    install(folder, "stamps", "[tracegate.anchors]\nnotary = stamps:Stamp\n", CODE)
    config = configured(tmp_path / "log", anchors(t={"kind": "notary", "url": "https://n.example", "token": "s3"}))

    async def main() -> None:
        keeping = keeping_of(config, CLOCK, RandomIds())
        assert keeping is not None
        await keeping.start()
        made = anchoring_of(config, keeping.audit, CLOCK)
        await made.anchoring.tell()
        await made.close()
        await keeping.close()

    asyncio.run(main())
    (place,) = (tmp_path / "log").glob("r1/*")
    assert kept(place).types["anchor"] == 1
    assert [(leaf["where"], leaf["proof"]) for leaf in _anchors_of(place)] == [("https://n.example", "s3")]
