"""Leaves on their way: what goes with them, and who is told."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.audit.failing import final, intent, record
from tests.audit.leaves import AT
from tracegate.audit.kinds import Actor, At
from tracegate.audit.leaf import write, written
from tracegate.audit.queued import UNSEEN_NS, Queued, Unseen, Waits, queued
from tracegate.audit.slots import Erasable
from tracegate.errors import Malformed
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run


def test_what_can_be_erased_goes_with_a_leaf_of_a_record() -> None:
    """Under its tenant; none where there is nothing, and bytes that were made are taken as they are."""
    one = queued(intent(3), r=b"r" * 32)
    assert (one.leaf.raw, one.erasable) == (write(intent(3)), Erasable(record(3), "acme", b"r" * 32))
    nobody = msgspec.structs.replace(intent(3), actor=Actor())
    assert queued(nobody, r=b"r" * 32).erasable == Erasable(record(3), "", b"r" * 32)
    made = written(final(3), b"raw")
    assert queued(made, None, [("id", b"d")]).erasable == Erasable(record(3), "acme", None, [("id", b"d")])
    assert (queued(made).leaf.raw, queued(final(3)).erasable) == (b"raw", None)
    with pytest.raises(Malformed):
        queued(msgspec.structs.replace(intent(3), req_id="\ud800"))


def test_the_first_leaf_of_a_record_begins_it() -> None:
    """An intent, or a final without one."""
    assert [queued(leaf).leaf.begins for leaf in (intent(), final(), final(prev=AT))] == [True, True, False]


def test_whoever_waits_is_told_once() -> None:
    """And where nobody waits, nobody is told."""

    async def go() -> None:
        one = queued(intent())
        one.tell("nobody waits")
        one.told = asyncio.get_running_loop().create_future()
        at = At(index=1, hash="0" * 64)
        one.tell(at)
        one.tell("again")
        assert one.told.result() == at

    run(go)


def test_all_who_wait_have_one_timer() -> None:
    """Each is told that his time is over when it is, and not at all where he does not wait any more."""

    async def go() -> None:
        clock = FakeClock()
        since = clock.now()
        over: list[tuple[Queued, int]] = []
        waits = Waits(clock, lambda one: over.append((one, clock.now() - since)))
        late, early, taken, same, last = (queued(intent()) for _ in range(5))
        for one, until in ((late, 50), (early, 20), (taken, 20), (same, 50), (last, 90)):
            one.until = since + until
            waits.add(one)
        waits.take(taken)
        waits.take(taken)
        await clock.sleep_until(since + 60)
        assert over == [(early, 20), (late, 50), (same, 50)]
        waits.close()
        waits.close()
        await clock.sleep_until(since + 100)
        assert len(over) == 3
        late.until = since + 150
        waits.add(late)
        waits.take(late)
        await clock.sleep_until(since + 200)  # nobody waits when the timer fires
        assert len(over) == 3

    run(go)


def test_what_was_not_seen_is_remembered_for_a_while() -> None:
    """Told once; then forgotten, and nothing is left at the end."""

    async def go() -> None:
        clock = FakeClock()
        unseen = Unseen(clock)
        unseen.add("a")
        assert [unseen.take("a"), unseen.take("a"), unseen.take("b")] == [True, False, False]
        unseen.add("a")
        await clock.sleep_until(clock.now() + UNSEEN_NS + 1)
        assert unseen.take("a") is False
        unseen.add("b")
        unseen.close()
        assert unseen.take("b") is False

    run(go)
