"""What came of an answer, and its reader; how each transport fills it is tested with that."""

from __future__ import annotations

import pytest

from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.ahead import AHEAD, DRAIN_BYTES, DRAIN_NS, Ahead

S = 1_000_000_000


class Filled(Ahead):
    """An answer that the test fills, and what it asked its transport for."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        super().__init__(self.clock)
        self.asked: list[object] = []

    def abort(self) -> None:
        """See `Ahead`."""
        self.asked.append("abort")

    async def _wait(self, by: int) -> None:
        await self.clock.sleep_until(by)

    def _wake(self) -> None:
        pass

    def _pause(self) -> None:
        self.asked.append("pause")

    def _resume(self) -> None:
        self.asked.append("resume")

    def _drain(self, by: int) -> None:
        self.asked.append(by)

    def take(self, data: bytes) -> bool:
        """Bytes come now."""
        return self._take(data, self.clock.now())

    def end(self) -> None:
        """The end comes now."""
        self._ended, self._end = True, self.clock.now()

    def fail(self, failure: Failed) -> None:
        """The connection breaks now."""
        self._fail(failure, self.clock.now())


def test_what_came_in_time_counts() -> None:
    """All at once, with the time of the last of it; the end too."""

    async def main() -> None:
        filled = Filled()
        began = filled.clock.now()
        filled.take(b"one")
        await filled.clock.sleep_until(began + S)
        filled.take(b"two")
        filled.end()
        assert await filled.read(began, "idle") == b"onetwo"
        assert filled.arrived == began + S
        with pytest.raises(TimedOut):
            await filled.read(began + S - 1, "idle")
        assert await filled.read(began + S, "idle") == b""

    run(main)


def test_what_came_too_late_does_not() -> None:
    """Nor is anything waited for beyond the limit."""

    async def main() -> None:
        filled = Filled()
        began = filled.clock.now()
        with pytest.raises(TimedOut) as caught:
            await filled.read(began + S, "attempt")
        assert str(caught.value) == "The provider sent nothing more before its limit `attempt`."
        assert filled.clock.now() == began + S
        filled.take(b"late")
        with pytest.raises(TimedOut):
            await filled.read(began, "idle")

    run(main)


def test_a_failure_is_told_behind_what_came_and_the_first_one_counts() -> None:
    """It is raised as it is once; whoever goes on is told that there was one."""

    async def main() -> None:
        filled = Filled()
        first = Unreachable("connection_terminated", "first")
        filled.take(b"x")
        filled.fail(first)
        filled.fail(Unreachable("dns_error", "second"))
        assert await filled.read(filled.clock.now() + S, "idle") == b"x"
        with pytest.raises(Unreachable) as caught:
            await filled.read(filled.clock.now() + S, "idle")
        assert caught.value is first
        with pytest.raises(Broken, match="had broken before"):
            await filled.read(filled.clock.now() + S, "idle")

    run(main)


def test_enough_ahead_is_enough() -> None:
    """The transport is stopped, and goes on when it was read."""

    async def main() -> None:
        filled = Filled()
        filled.take(bytes(AHEAD - 1))
        assert filled.asked == []
        filled.take(b"x")
        assert filled.asked == ["pause"]
        await filled.read(filled.clock.now() + S, "idle")
        assert filled.asked == ["pause", "resume"]

    run(main)


def test_a_released_answer_is_drained_within_bounds() -> None:
    """Once; of time and of bytes. One that is over has nothing to drain."""

    async def main() -> None:
        filled = Filled()
        for _ in range(2):
            filled.release()
        assert filled.asked == ["resume", filled.clock.now() + DRAIN_NS]
        assert filled.take(bytes(DRAIN_BYTES))
        assert not filled.take(b"x")
        for over in (Filled.end, lambda filled: filled.fail(Unreachable("connection_terminated", "gone"))):
            filled = Filled()
            over(filled)
            filled.release()
            assert filled.asked == []

    run(main)
