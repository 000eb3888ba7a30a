"""Whatever is done to a log of a thousand leaves is found: by its bytes, by a saved head, or by its meaning."""

from __future__ import annotations

import random

import pytest

from tests.audit.leaves import HEX, TRIED
from tests.audit.made import SIGNER, WATCHER, Files, log_files
from tests.audit.vectors import ORIGIN
from tests.torture.altered import (
    LEAVES,
    OTHERS,
    SEGMENTS,
    asked,
    changes,
    final,
    found,
    place,
    quick,
    record,
    rewritten,
    thousand,
    thousand_files,
)
from tracegate.audit.checkpoint import open_checkpoint, sign_checkpoint
from tracegate.audit.events import Aborted, Amend, Closed, Erased, Heartbeat, Opened
from tracegate.audit.fsck import fsck
from tracegate.audit.kinds import At, Intent, Requested
from tracegate.audit.leaf import write

pytestmark = pytest.mark.slow

KEY = SIGNER.key
WHOLE = thousand_files()
SMALL = {"log.json", "checkpoint", "tile/1/000.p/3"}
"""Files that are altered at every byte; larger ones are altered at some."""

SAMPLE = 13
"""How many places of a larger file."""


def test_it_is_sound_as_it_is() -> None:
    """Of a thousand leaves, several segments, full and partial tiles; quickly as well as in full."""
    assert fsck(WHOLE, KEY).facts["size"] == LEAVES
    assert fsck(WHOLE, KEY).code == 0
    with quick():
        assert not found(WHOLE)


@pytest.mark.parametrize("name", [*WHOLE])
def test_every_altered_byte_is_found(name: str) -> None:
    """Changed, deleted, doubled, swapped with the next, or the end from there on cut off.

    `python -m tests.torture altered` does it at every byte of every file.
    """
    raw = WHOLE[name]
    places = 0
    with quick():
        for change in changes(name, raw, step=1 if name in SMALL else len(raw) // SAMPLE):
            assert found(change.to(WHOLE)), change
            places += 1
    assert places >= min(len(raw), SAMPLE)


@pytest.mark.parametrize("name", [name for name in WHOLE if name.startswith("segments/")])
def test_a_segment_that_is_cut_between_two_frames_is_found(name: str) -> None:
    """As where a disk lost its last block: every frame that is left is whole."""
    raw = WHOLE[name]
    at = 0
    with quick():
        while at < len(raw):
            assert found(Files({**WHOLE, name: raw[:at]})), at
            at += 8 + int.from_bytes(raw[at : at + 4], "big")


def test_leaves_that_were_deleted_doubled_or_swapped_are_found() -> None:
    """Though everything but the signed head was made to fit: only the key could hide it."""
    leaves = thousand()
    with quick():
        for at in random.Random(3).sample(range(LEAVES - 1), 15):
            for entries in (
                leaves[:at] + leaves[at + 1 :],
                [*leaves[: at + 1], leaves[at], *leaves[at + 1 :]],
                [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]],
                leaves[:at],
            ):
                assert found(rewritten(entries, WHOLE)), at


def test_files_that_are_missing_or_swapped_are_found() -> None:
    """All but the oldest segments, which may be deleted once their leaves are in full bundles."""
    with quick():
        for name in WHOLE:
            rest = Files({other: raw for other, raw in WHOLE.items() if other != name})
            assert found(rest) != name.endswith("00000.seg"), name
            for other in WHOLE:
                if WHOLE[other] != WHOLE[name]:
                    assert found(Files({**WHOLE, name: WHOLE[other], other: WHOLE[name]})), (name, other)


@pytest.mark.parametrize("size", [1, 255, 256, 300, 999])
def test_a_cut_that_is_signed_anew_is_found_by_a_head_that_somebody_saved(size: int) -> None:
    """Or that a witness has cosigned; without one it can't be: the key is all that there is."""
    saved = WHOLE["checkpoint"].decode()
    cosigned = str(sign_checkpoint(open_checkpoint(saved, KEY), WATCHER))
    shorter = log_files(thousand()[:size], segments=tuple(start for start in SEGMENTS if start < size))
    for kept in (saved, saved + cosigned.partition("\n\n")[2]):
        assert fsck(WHOLE, KEY, [kept]).code == 0
        assert fsck(shorter, KEY, [kept]).code == 1


OPEN = thousand()[:-1]
"""The log while it is open."""

LAST = place(OPEN)
BEGUN = [*OPEN, write(Intent(**asked(70)))]
AT = place(BEGUN)
BEAT = write(Heartbeat(**OTHERS, open_intents=0))
AGAIN = write(Opened(**OTHERS, reason="recovery"))


@pytest.mark.parametrize(
    ("leaves", "senseless"),
    [
        (OPEN, [write(Intent(**asked(3)))]),
        (OPEN, [write(final(3, None))]),
        (OPEN, [write(final(71, LAST))]),
        (OPEN, [write(Aborted(**OTHERS, record_id=record(71), prev_intent=LAST, cause="crash"))]),
        (BEGUN, [write(Intent(**asked(70)))]),
        (BEGUN, [write(final(70, None))]),
        (BEGUN, [write(final(70, At(index=AT.index, hash=HEX)))]),
        (BEGUN, [write(final(70, At(index=AT.index - 1, hash=AT.hash)))]),
        (BEGUN, [write(final(70, AT, requested=Requested(model="another")))]),
        (BEGUN, [write(final(70, AT, t_end=1))]),
        (BEGUN, [write(final(70, AT, attempts=[TRIED, TRIED]))]),
        (BEGUN, [write(Closed(**OTHERS, reason="stop", open_intents=0))]),
        (BEGUN, [AGAIN, write(Intent(**asked(71)))]),
        (OPEN, [write(Amend(**OTHERS, record_id=record(3), of=LAST, attempts=[TRIED]))]),
        (OPEN, [write(Erased(**OTHERS, record_ids=[record(3)], count=0, by="auditor", reason="asked"))]),
        (OPEN, [write(Heartbeat(**{**OTHERS, "log": f"{ORIGIN}.2"}, open_intents=0))]),
        (OPEN, [BEAT.replace(b",", b", ", 1)]),
        (OPEN, [BEAT.replace(b"heartbeat", b"heartbeats")]),
        (OPEN, [b"{}"]),
        (thousand(), [BEAT]),
        ([*OPEN, write(Closed(**OTHERS, reason="rotate", open_intents=0))], [AGAIN]),
    ],
)
def test_leaves_without_sense_are_found_though_the_true_key_signed_them(
    leaves: list[bytes], senseless: list[bytes]
) -> None:
    """By what they mean, at their place, and by nothing else."""
    assert fsck(log_files(leaves), KEY).code == 0
    report = fsck(log_files([*leaves, *senseless]), KEY)
    told = {(check.check, check.index) for check in report.checks if check.result != "pass"}
    assert told == {("leaves", len(leaves) + len(senseless) - 1)}
