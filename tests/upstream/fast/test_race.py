"""Connecting to one of several addresses."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.upstream.fast.wired import quiet
from tests.upstream.served import go
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.fast import race
from tracegate.upstream.fast.names import Address
from tracegate.upstream.fast.race import DELAY_S, connected

DELAY_NS = int(DELAY_S * 1e9)


class Sock:
    """A socket that was connected."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    def close(self) -> None:
        """See `socket`."""
        self.closed = True


class Course:
    """How long each address takes to connect in ns, negative where it fails then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **takes: int) -> None:
        self.takes = takes
        self.began: dict[str, int] = {}
        self.socks: dict[str, Sock] = {}
        self.clock = FakeClock()
        self.start = self.clock.now()
        monkeypatch.setattr(race, "_connected", self._connected)

    async def _connected(self, address: Address) -> Sock:
        name = address[1][0]
        self.began[name] = self.clock.now() - self.start
        takes = self.takes[name]
        await self.clock.sleep_until(self.clock.now() + abs(takes))
        if takes < 0:
            raise ConnectionRefusedError(name)
        sock = self.socks[name] = Sock(name)
        return sock

    async def run(self) -> str:
        """Who wins."""
        found = await connected([(socket.AF_INET, (name, 1)) for name in self.takes])
        await quiet()
        assert isinstance(found, Sock)
        assert [sock.closed for sock in self.socks.values() if sock is not found] == [True] * (len(self.socks) - 1)
        assert not found.closed
        return found.name


def test_the_first_address_wins_where_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is tried."""

    async def main() -> None:
        course = Course(monkeypatch, a=DELAY_NS - 1, b=1)
        assert await course.run() == "a"
        assert course.began == {"a": 0}

    run(main)


def test_the_next_address_is_tried_when_one_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the delay; the first may still win."""

    async def main() -> None:
        course = Course(monkeypatch, a=10 * DELAY_NS, b=10 * DELAY_NS, c=3)
        assert await course.run() == "c"
        assert course.began == {"a": 0, "b": DELAY_NS, "c": 2 * DELAY_NS}
        course = Course(monkeypatch, a=DELAY_NS + 1, b=5)
        assert await course.run() == "a"
        course = Course(monkeypatch, a=2 * DELAY_NS, b=DELAY_NS)  # both at once
        assert await course.run() in "ab"

    run(main)


def test_the_next_address_is_tried_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once."""

    async def main() -> None:
        course = Course(monkeypatch, a=-3, b=-4, c=5)
        assert await course.run() == "c"
        assert course.began == {"a": 0, "b": 3, "c": 7}

    run(main)


def test_of_many_failures_each_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever maps them decides which tells most."""

    async def main() -> None:
        course = Course(monkeypatch, a=-DELAY_NS - 5, b=-1)
        with pytest.raises(OSError, match="no address") as caught:
            await course.run()
        group = caught.value.__cause__
        assert isinstance(group, ExceptionGroup)
        assert [str(exc) for exc in group.exceptions] == ["b", "a"]

    run(main)


@pytest.mark.parametrize("after", [0, 1, DELAY_NS, DELAY_NS + 1])
def test_whoever_leaves_leaves_no_socket(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Also one that connected in the same turn."""

    async def main() -> None:
        course = Course(monkeypatch, a=DELAY_NS + 1, b=1)
        task = asyncio.create_task(course.run())
        await course.clock.sleep_until(course.start + after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await quiet()
        assert all(sock.closed for sock in course.socks.values())

    run(main)


def test_a_socket_that_connects_while_it_is_told_to_stop_is_closed() -> None:
    """Nobody else would."""

    async def main() -> None:
        sock = Sock("late")

        async def late() -> Sock:
            return sock

        async def fails() -> Sock:
            raise OSError

        for make in (late, fails):
            task = asyncio.create_task(make())
            await quiet()
            race._close(task)  # type: ignore[arg-type]  # a socket for this purpose
        assert sock.closed

    run(main)


def test_a_real_socket_is_ready_for_use() -> None:
    """It blocks nobody, and waits for no acknowledgement; one that is refused is closed."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address: Address = (socket.AF_INET, server.getsockname())
            sock = await connected([address])
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.gettimeout() == 0
            sock.close()
        with pytest.raises(ConnectionRefusedError):
            await connected([address])
        with pytest.raises(OSError, match="no address"):
            await connected([address, address])

    go(main)
