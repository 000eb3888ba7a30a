"""A life of a log whose system calls fail, or end it: what was acknowledged stands, and the next start is sound."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.torture.cut import HOW, cuts, told
from tests.torture.life import settings_in
from tests.torture.lives import Fault, Lives, faults

pytestmark = pytest.mark.slow

SAMPLE = 24
AT_ONCE = 4  # lives mostly wait


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    """For all tests."""
    with Lives() as made:
        yield made


def test_a_call_that_fails_or_is_the_last_one_makes_no_log_unsound(lives: Lives) -> None:
    """Of recovery, append, checkpoint and rotation; `python -m tests.torture faults` does each call of theirs."""
    every = [fault for new in (False, True) for fault in faults(lives.traced(new=new)[1], new=new)]
    assert {fault.call for fault in every} >= {"write", "fdatasync", "fsync", "rename", "ftruncate", "unlinkat"}
    chosen = random.Random(1).sample(every, SAMPLE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lived = [*pool.map(lives.under, chosen)]
    assert [(str(fault), one.faults) for fault, one in zip(chosen, lived, strict=True) if one.faults] == []
    assert sum(one.met for one in lived) > SAMPLE * 0.8


def test_a_disk_that_stays_full_is_said_and_survived(lives: Lives) -> None:
    """Nothing that was acknowledged is lost, and nothing is acknowledged any more."""
    lived = lives.under(Fault("write", 25, "ENOSPC", lasting=True))
    assert (lived.met, lived.said[-1], lived.faults) == (True, "failing", [])


def test_power_that_fails_takes_no_leaf_that_was_acknowledged(lives: Lives, tmp_path: Path) -> None:
    """At some moments of a life; whatever becomes of what no sync has covered. See `cut`."""
    for new in (False, True):
        cut_at = [*cuts(*lives.traced(new=new), told, random.Random(2), share=0.06)]
        assert len(cut_at) > 5
        for number, one in enumerate(cut_at):
            for how in HOW:
                settings = settings_in(tmp_path / f"{new}-{number}-{how}")
                assert one.faults(how, settings) == [], (one.before, how)
