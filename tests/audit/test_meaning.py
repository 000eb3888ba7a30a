"""Leaves that are true and make no sense."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.audit.leaves import ABORTED, AT, FINAL, GATEWAY, HEX, INTENT, LOG, RECORD, TRIED
from tests.audit.vectors import LEAVES, ORIGIN
from tracegate.audit.events import Amend, Closed, Erased, Heartbeat, Leaf, Opened
from tracegate.audit.kinds import At
from tracegate.audit.leaf import ReadLeaf, read, write
from tracegate.audit.meaning import Meaning

replace = msgspec.structs.replace
OPEN = Opened(v=1, log=LOG, gateway=GATEWAY, t=1, reason="new")
AGAIN = replace(OPEN, reason="recovery")
CLOSE = Closed(v=1, log=LOG, gateway=GATEWAY, t=1, reason="stop", open_intents=0)
END = replace(CLOSE, reason="rotate")
BEAT = Heartbeat(v=1, log=LOG, gateway=GATEWAY, t=1, open_intents=0)
OTHER = "tg-0199c0de-9e4b-7c11-8f2e-5b0f6a9d2c45"
ALONE = replace(FINAL, prev_intent=None)


def _of(index: int, leaf: Leaf) -> At:
    return At(index=index, hash=read(write(leaf)).hash.hex())


FIRST = _of(1, INTENT)  # where the intent stands in each log below
CLOSING = replace(FINAL, prev_intent=FIRST)
ABORTING = replace(ABORTED, prev_intent=FIRST)


def _faults(*leaves: Leaf, start: int = 0) -> list[tuple[int, str]]:
    meaning = Meaning(ORIGIN, start)
    found = enumerate(leaves, start)
    return [(index, fault) for index, leaf in found for fault in meaning.faults(index, read(write(leaf)))]


def test_the_leaves_of_the_vectors_make_sense() -> None:
    """Nothing is open behind them."""
    meaning = Meaning(ORIGIN)
    assert [fault for index, raw in enumerate(LEAVES) for fault in meaning.faults(index, read(raw))] == []
    assert meaning.open_intents == []


@pytest.mark.parametrize(
    "leaves",
    [
        (OPEN, INTENT, CLOSING, CLOSE, AGAIN, END),
        (OPEN, INTENT, AGAIN, ABORTING, replace(INTENT, record_id=OTHER)),
        (OPEN, INTENT, replace(CLOSE, open_intents=1)),
        (OPEN, ALONE),
        (OPEN, replace(FINAL, prev_intent=AT.__class__(index=9, hash=HEX, log="gw.example/tracegate/prod/r1/2026-10"))),
        (OPEN, ALONE, Amend(v=1, log=LOG, gateway=GATEWAY, t=1, record_id=RECORD, of=_of(1, ALONE), attempts=[TRIED])),
    ],
)
def test_what_a_gateway_writes_makes_sense(leaves: tuple[Leaf, ...]) -> None:
    """Restart, recovery, rotation; a record without an intent, or with one in an earlier log; an amendment."""
    assert _faults(*leaves) == []


def _tried(**members: Any) -> Leaf:
    return replace(ALONE, attempts=[replace(TRIED, **members)])


@pytest.mark.parametrize(
    ("leaves", "index", "says"),
    [
        ((BEAT,), 0, "does not begin"),
        ((OPEN, CLOSE, BEAT), 2, "behind `log.close`"),
        ((OPEN, END, AGAIN), 2, "behind the end"),
        ((OPEN, replace(BEAT, log="other")), 1, "it is of `other`"),
        ((OPEN, replace(CLOSE, open_intents=1)), 1, "counts 1 open intents; there are 0"),
        ((OPEN, INTENT, INTENT), 2, "a second intent"),
        ((OPEN, ALONE, INTENT), 2, "a second intent"),
        ((OPEN, INTENT, CLOSING, ALONE), 3, "closed already"),
        ((OPEN, INTENT, CLOSING, ABORTING), 3, "closed already"),
        ((OPEN, INTENT, ALONE), 2, "does not say so"),
        ((OPEN, INTENT, replace(FINAL, prev_intent=At(index=2, hash=FIRST.hash))), 2, "does not say so"),
        ((OPEN, INTENT, replace(FINAL, prev_intent=At(index=1, hash=HEX))), 2, "does not say so"),
        ((OPEN, replace(FINAL, prev_intent=FIRST)), 1, "its intent is not leaf 1"),
        ((OPEN, INTENT, replace(FINAL, prev_intent=replace(AT, log="gw.example/x"))), 2, "and one in `gw.example/x`"),
        ((OPEN, INTENT, replace(CLOSING, t_start=5)), 2, "`t_start` is another"),
        ((OPEN, INTENT, replace(CLOSING, policy=None)), 2, "`policy` is another"),
        ((OPEN, INTENT, replace(ABORTING, r_hash="0" * 64)), 2, "`r_hash` is another"),
        ((OPEN, INTENT, AGAIN, replace(INTENT, record_id=OTHER)), 3, "1 of an earlier run are open"),
        ((OPEN, replace(ALONE, t_end=1)), 1, "ended before"),
        ((OPEN, replace(ALONE, attempts=[TRIED, TRIED])), 1, "not in their order"),
        ((OPEN, _tried(dur_us=None)), 1, "attempt 0 is `error` without an end"),
        ((OPEN, _tried(outcome="open")), 1, "attempt 0 is `open` with an end"),
        ((OPEN, Amend(v=1, log=LOG, gateway=GATEWAY, t=1, record_id=RECORD, of=AT, attempts=[])), 1, "does not close"),
        (
            (OPEN, Erased(v=1, log=LOG, gateway=GATEWAY, t=1, record_ids=[RECORD], count=0, by="a", reason="b")),
            1,
            "1 records; it counts 0",
        ),
    ],
)
def test_what_no_gateway_writes_is_found(leaves: tuple[Leaf, ...], index: int, says: str) -> None:
    """At the leaf that breaks the rule."""
    faults = _faults(*leaves)
    assert any(found == index and says in fault for found, fault in faults), faults


def test_an_aborted_record_says_what_was_known() -> None:
    """It may say less than its intent."""
    less = replace(ABORTING, actor=None, req=None, stream=None)
    assert _faults(OPEN, INTENT, less) == []
    assert isinstance(read(write(less)), ReadLeaf)


def test_what_began_in_pruned_leaves_is_believed() -> None:
    """What stands behind them is held to be as strict as ever."""
    before, behind = At(index=9, hash=HEX), At(index=257, hash=HEX)
    amend = Amend(v=1, log=LOG, gateway=GATEWAY, t=1, record_id=OTHER, of=before, attempts=[TRIED])
    ended = replace(CLOSE, open_intents=3)
    assert _faults(BEAT, replace(FINAL, prev_intent=before), amend, ended, start=256) == []
    assert _faults(replace(FINAL, prev_intent=behind), start=256) == [(256, "its intent is not leaf 257")]
    assert _faults(replace(amend, of=behind), start=256) == [(256, f"leaf 257 does not close {OTHER}")]
    assert _faults(INTENT, CLOSE, start=256) == [(257, "it counts 0 open intents; there are 1")]
