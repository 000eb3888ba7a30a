"""A gateway whose heads a witness signs, from the configuration to the leaf that says so."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from dashboards.check.kept import kept
from tests.audit.witnessing import TestWitness, served
from tests.build.test_audit import configured
from tests.build.test_plugins import _anew, folder, install
from tracegate.audit.encodings import base64_of
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.notes import parse_note
from tracegate.audit.policy import parse_policy
from tracegate.audit.reading import StoredLog
from tracegate.audit.witnessed import covering
from tracegate.build.anchors import anchoring_of
from tracegate.build.audit import keeping_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.errors import ConfigError

__all__ = ["_anew", "folder"]  # fixtures
CLOCK = SystemClock()
WITHIN_S = 10


def anchors(**anchors: dict[str, str]) -> str:
    """That part of the section `audit`."""
    return f", anchors: {json.dumps(anchors)}"


async def _signed(tmp_path: Path, seen: TestWitness, url: str) -> None:
    """Keep a log, and tell the witness of its head: twice, of which the second tells of the first one's leaf."""
    config = configured(tmp_path, anchors(w={"kind": "witness", "key": seen.vkey, "url": url}))
    keeping = keeping_of(config, CLOCK, RandomIds())
    assert keeping is not None
    seen.know(keeping.audit.epoch.signer.key.vkey)
    await keeping.start()
    made = anchoring_of(config, keeping.audit, CLOCK)
    assert made is not None
    log = keeping.audit.epoch.log
    for _ in range(2):
        size = log.size + 1
        await made.anchoring.tell()
        async with asyncio.timeout(WITHIN_S):
            while log.published < size:  # noqa: ASYNC110  # nobody there sets an event
                await asyncio.sleep(0.01)
    await made.close()
    await keeping.close()


@pytest.mark.slow
def test_each_head_that_a_witness_signed_is_a_leaf_of_the_log(tmp_path: Path) -> None:
    """The log stays sound, and what the leaf has makes a verifier's quorum."""
    seen = TestWitness("w.example/w")

    async def main() -> None:
        async with served(seen) as url:
            await _signed(tmp_path, seen, url)

    asyncio.run(main())
    (place,) = tmp_path.glob("r1/*")
    log = StoredLog(place)
    assert fsck(Folder(place), log.key, []).verdict == "verified"
    told = [json.loads(leaf) for _, leaf in log.leaves(holding=b'"type":"anchor"')]
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


def test_nobody_is_told_where_nobody_is_named(tmp_path: Path) -> None:
    """Which is the default."""
    keeping = keeping_of(configured(tmp_path), CLOCK, RandomIds())
    assert keeping is not None
    assert anchoring_of(configured(tmp_path), keeping.audit, CLOCK) is None


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"kind": "notary"}, "audit.anchors.w: no kind `notary`; known: witness"),
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
    def __init__(self, settings, post):
        self.settings = settings

    async def anchor(self, head):
        return Held("rfc3161", self.settings["url"], "AAAA")
"""


def test_another_package_may_bring_a_kind(folder: Path, tmp_path: Path) -> None:
    """By the entry point group, of which the witness is one; it needs one class with one method."""
    install(folder, "stamps", "[tracegate.anchors]\nrfc3161 = stamps:Stamp\n", CODE)
    config = configured(tmp_path / "log", anchors(t={"kind": "rfc3161", "url": "https://tsa.example"}))

    async def main() -> None:
        keeping = keeping_of(config, CLOCK, RandomIds())
        assert keeping is not None
        await keeping.start()
        made = anchoring_of(config, keeping.audit, CLOCK)
        assert made is not None
        await made.anchoring.tell()
        await made.close()
        await keeping.close()

    asyncio.run(main())
    (place,) = (tmp_path / "log").glob("r1/*")
    assert kept(place).types["anchor"] == 1
