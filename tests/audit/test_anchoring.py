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
from tracegate.audit.anchoring import EVERY_NS, Anchor, Anchoring, Head, Held, Unanchored, cosigned, newest
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

    return Anchoring(anchors, newest, take, clock or FakeClock()), gave


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
    with caplog.at_level(logging.WARNING):
        asyncio.run(made.tell())
    assert gave == [held]
    assert caplog.messages == [
        f"The head of {ORIGIN} at 6 leaves is not anchored: w.example/w: no answer.",
        f"The head of {ORIGIN} at 6 leaves is not anchored: 'url'.",
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
        asyncio.run(Anchoring([Giving(None)], broken, _take, FakeClock()).tell())
    assert caplog.messages == [f"The head of the audit log can't be told: {exc}."]


async def _take(of: Head, held: Sequence[Held]) -> None:
    raise AssertionError("nothing is held")


def test_the_signatures_of_all_witnesses_stand_below_one_checkpoint() -> None:
    """In the order in which they are asked; what others gave is no signature."""
    held = [Held("witness", name, f"{CHECKPOINT}— {name} AAAA\n") for name in ("a", "b")]
    assert cosigned(HEAD, [held[0], Held("rfc3161", "t", "BBBB"), held[1]]) == f"{CHECKPOINT}— a AAAA\n— b AAAA\n"
    assert cosigned(HEAD, [Held("rfc3161", "t", "BBBB")]) is None


def test_they_are_told_again_and_again_until_it_ends() -> None:
    """Once a minute."""

    async def main() -> None:
        clock, one = FakeClock(), Giving(None)
        made, _ = anchoring(one, clock=clock)
        task = asyncio.create_task(made.run())
        await clock.sleep_until(clock.now() + 3 * EVERY_NS + 1)
        task.cancel()
        with suppress(asyncio.CancelledError):  # which is how it ends
            await task
        assert one.told == 3

    run(main)
