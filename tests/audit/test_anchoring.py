"""Every anchor is told of the newest head, from time to time, and none holds up another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.audit.naive import naive_root
from tests.audit.shipped import leaf, write_log
from tests.audit.vectors import CHECKPOINT, ORIGIN, ROOTS
from tracegate.audit.anchoring import (
    EVERY_NS,
    LONGEST_NS,
    RETRY_NS,
    Anchor,
    Anchoring,
    Head,
    Held,
    Timed,
    Unanchored,
    cosigned,
    newest,
)
from tracegate.audit.checkpoint import Checkpoint
from tracegate.audit.lane import ThreadLane
from tracegate.audit.merkle import consistent, leaf_hash
from tracegate.errors import Malformed
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run


async def _nothing(old: int) -> Sequence[bytes]:
    return ()


HEAD = Head(CHECKPOINT, Checkpoint(ORIGIN, 6, ROOTS[6]), _nothing)


class Giving:
    """An anchor that gives what it is told to give."""

    def __init__(self, gives: Held | Exception | None, after: asyncio.Event | None = None) -> None:
        self.gives = gives
        self.after = after
        self.told = 0

    async def anchor(self, head: Head) -> Held | None:
        """See `Anchor`."""
        self.told += 1
        if self.after is not None:
            await self.after.wait()
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


def anchoring(
    *anchors: Anchor, head: Head | None = HEAD, clock: FakeClock | None = None
) -> tuple[Anchoring, list[Held]]:
    """What tells them, and what they gave."""
    gave: list[Held] = []

    async def newest() -> Head | None:
        return head

    async def take(of: Head, held: Sequence[Held]) -> None:
        gave.extend(held)

    return Anchoring([Timed(one) for one in anchors], newest, take, clock or FakeClock()), gave


def test_what_each_gives_is_handed_on() -> None:
    """But nothing where it was held before."""
    held = Held("witness", "w.example/w", "— w.example/w AAAA\n")
    made, gave = anchoring(Giving(held), Giving(None))
    asyncio.run(made.tell())
    assert gave == [held]


def test_one_that_refuses_is_told_of_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The operator reads which head, of which log, and why."""
    held = Held("rfc3161", "tsa.example", "AAAA")
    made, gave = anchoring(Giving(Unanchored("w.example/w: no answer")), Giving(KeyError("url")), Giving(held))
    assert made.failed() == 0
    with caplog.at_level(logging.WARNING):
        asyncio.run(made.tell())
    assert gave == [held]
    assert made.failed() == 2
    assert caplog.messages == [
        f"The head of {ORIGIN} at 6 leaves is not anchored: w.example/w: no answer. Next try in 60 s.",
        f"The head of {ORIGIN} at 6 leaves is not anchored: 'url'. Next try in 60 s.",
    ]


def test_a_log_without_a_head_is_not_told() -> None:
    """Nothing was published."""
    one = Giving(None)
    made, _ = anchoring(one, head=None)
    asyncio.run(made.tell())
    assert one.told == 0


def test_all_are_told_at_the_same_time() -> None:
    """A slow one keeps no other from hearing of it."""

    async def main() -> None:
        free = asyncio.Event()
        slow, quick = Giving(None, free), Giving(Held("witness", "w", "x"))
        made, gave = anchoring(slow, quick)
        task = asyncio.create_task(made.tell())
        for _ in range(5):
            await asyncio.sleep(0)  # turns of the loop, in which both are told and the quick one is done
        assert (slow.told, quick.told, task.done()) == (1, 1, False)
        free.set()
        await task
        assert len(gave) == 1

    asyncio.run(main())


def test_the_newest_head_is_read_from_the_log_with_its_proofs(tmp_path: Path) -> None:
    """Of any size, while the log's own process may be writing it; there is none before the first."""

    async def main() -> None:
        lane = ThreadLane()
        log = write_log(tmp_path, 9, behind=2)
        head = await newest(log.folder, lane)
        assert head is not None
        assert (head.checkpoint.size, head.note) == (9, (log.folder / "checkpoint").read_text())
        hashes = [leaf_hash(leaf(index)) for index in range(9)]
        for old in range(1, 9):
            proof = await head.consistency(old)
            assert consistent(old, 9, proof, naive_root(hashes[:old]), head.checkpoint.root)
        (log.folder / "checkpoint").unlink()
        assert await newest(log.folder, lane) is None
        lane.close()

    asyncio.run(main())


@pytest.mark.parametrize("exc", [OSError("no such disk"), Malformed("no log")])
def test_a_head_that_can_not_be_read_is_told_to_the_operator(exc: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """And tried again with the next."""

    async def broken() -> Head | None:
        raise exc

    with caplog.at_level(logging.WARNING):
        asyncio.run(Anchoring([Timed(Giving(None))], broken, _take, FakeClock()).tell())
    assert caplog.messages == [f"The head of the audit log can't be told: {exc}."]


async def _take(of: Head, held: Sequence[Held]) -> None:
    raise AssertionError("nothing is held")


def test_the_signatures_of_all_witnesses_stand_below_one_checkpoint() -> None:
    """In the order in which they are asked; what others gave is no signature."""
    held = [Held("witness", name, f"{CHECKPOINT}— {name} AAAA\n") for name in ("a", "b")]
    assert cosigned(HEAD, [held[0], Held("rfc3161", "t", "BBBB"), held[1]]) == f"{CHECKPOINT}— a AAAA\n— b AAAA\n"
    assert cosigned(HEAD, [Held("rfc3161", "t", "BBBB")]) is None


class Timing(Giving):
    """An anchor that notes when it is told, in seconds from the start."""

    def __init__(self, gives: Held | Exception | None = None) -> None:
        super().__init__(gives)
        self.clock = FakeClock()
        self.at: list[int] = []

    async def anchor(self, head: Head) -> Held | None:
        """See `Anchor`."""
        self.at.append(self.clock.now() // 10**9)
        return await super().anchor(head)


def _for(
    seconds: int, *timed: tuple[Timing, int], heads: Sequence[Head | None] = (), works: Sequence[tuple[int, int]] = ()
) -> None:
    """Tell anchors for a while, each as often as is said; the first works between the seconds of each pair."""

    async def main() -> None:
        clock, waiting = FakeClock(), list(heads)
        start = clock.now()
        for one, _ in timed:
            one.clock = clock

        async def head() -> Head | None:
            first = timed[0][0]
            now = (clock.now() - start) // 10**9
            if works:
                first.gives = None if any(since <= now < until for since, until in works) else Unanchored("down")
            return waiting.pop(0) if waiting else HEAD

        made = Anchoring([Timed(one, every * 10**9) for one, every in timed], head, _take, clock)
        task = asyncio.create_task(made.run())
        await clock.sleep_until(start + seconds * 10**9 + 1)
        task.cancel()
        with suppress(asyncio.CancelledError):  # which is how it ends
            await task
        for one, _ in timed:
            one.at = [at - start // 10**9 for at in one.at]

    run(main)


def test_they_are_told_again_and_again_until_it_ends() -> None:
    """Once a minute."""
    one = Timing()
    _for(180, (one, EVERY_NS // 10**9))
    assert one.at == [60, 120, 180]


def test_each_is_told_as_often_as_its_keeper_says() -> None:
    """Those that are due within a few seconds of each other, of the same head."""
    often, seldom, almost = Timing(), Timing(), Timing()
    _for(360, (often, 60), (seldom, 180), (almost, 64))
    assert often.at == [60, 120, 180, 240, 300, 360]
    assert seldom.at == [180, 360]
    assert almost.at == often.at


def test_one_that_fails_is_tried_later_and_later() -> None:
    """Up to a quarter of an hour."""
    down = Timing(Unanchored("down"))
    _for(3600, (down, 60))
    assert [at // 60 for at in down.at] == [1, 2, 4, 8, 16, 31, 46]
    assert LONGEST_NS == 15 * RETRY_NS


def test_one_that_works_again_is_told_as_often_as_before() -> None:
    """Its failures are forgotten."""
    one = Timing()
    _for(600, (one, 60), works=[(180, 420)])
    assert [at // 60 for at in one.at] == [1, 2, 4, 5, 6, 7, 8, 10]


def test_one_that_is_told_seldom_is_tried_again_soon() -> None:
    """Not after the half hour that it would wait otherwise."""
    seldom = Timing(Unanchored("down"))
    _for(1800 + 600, (seldom, 1800))
    assert [at - 1800 for at in seldom.at] == [0, 60, 180, 420]


def test_where_there_is_no_head_yet_one_is_looked_for_soon() -> None:
    """A log that was just made has one within a second."""
    one = Timing()
    _for(720, (one, 600), heads=[None, HEAD])
    assert one.at == [660]
