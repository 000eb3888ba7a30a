"""The watch alone: what it cancels, when, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from tracegate.server.auth import Caller
from tracegate.server.watch import FIRST_LOOK_NS, GRACE_NS, Rounds, Watch
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run

MS = 1_000_000
S = 1_000_000_000


class Client:
    """What the watch hears of a client."""

    def __init__(self) -> None:
        self.asked = 0
        self.messages: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()

    async def receive(self) -> MutableMapping[str, Any]:
        """See ASGI."""
        self.asked += 1
        return await self.messages.get()


class Connected:
    """A connection of our own server, and what it is to tell."""

    def __init__(self) -> None:
        self.called: tuple[bytes, Caller] | None = None
        self.told: list[tuple[Callable[[], object], bool]] = []

    def drop(self) -> None:
        """See `Client`."""

    def left(self, call: Callable[[], object], wanted: bool) -> None:
        """See `Client`."""
        self.told.append((call, wanted))


class Watched:
    """A request that waits for ever, watched; made inside a virtual run."""

    def __init__(self, deadline: int = 10 * S) -> None:
        self.clock = FakeClock()
        self.start = self.clock.now()
        self.client = Client()
        self.cancels: list[tuple[int, object]] = []
        self.task = asyncio.ensure_future(self._request())
        self.watch = Watch(Rounds(self.clock), self.client.receive, self.task, self.start, self.start + deadline)

    async def _request(self) -> None:
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError as exc:
                self.cancels.append((self.clock.now() - self.start, exc.args[0]))
                if exc.args[0] == "over":
                    raise

    async def until(self, ns: int) -> None:
        """Let time pass, counted from the start; what came due has happened."""
        await self.clock.sleep_until(self.start + ns)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def over(self) -> list[tuple[int, object]]:
        """End the request; what was cancelled, when, and why."""
        self.watch.stop()
        self.task.cancel("over")
        await asyncio.wait([self.task])
        return self.cancels[:-1]


def test_a_client_that_leaves_is_noticed_at_once_after_the_first_look() -> None:
    """Other messages than the end mean nothing."""

    async def main() -> None:
        watched = Watched()
        watched.watch.body_read = True
        await watched.until(FIRST_LOOK_NS)
        watched.client.messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        await watched.until(300 * MS)
        watched.client.messages.put_nowait({"type": "http.disconnect"})
        await watched.until(400 * MS)
        assert await watched.over() == [(300 * MS, "client_disconnect")]

    run(main)


def test_nobody_listens_while_the_body_is_read() -> None:
    """The request itself does; the watch looks again until it is read."""

    async def main() -> None:
        watched = Watched()
        await watched.until(900 * MS)
        assert watched.client.asked == 0
        watched.watch.body_read = True
        await watched.until(1100 * MS)
        assert watched.client.asked == 1
        assert await watched.over() == []

    run(main)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("body_read", "sending"), [(False, False), (True, True)])
def test_a_client_that_is_to_blame_is_cut_off_at_the_deadline(body_read: bool, sending: bool, seed: int) -> None:
    """It is slow with its body, or does not read."""

    async def main() -> None:
        watched = Watched(2 * S)
        watched.watch.body_read, watched.watch.sending = body_read, sending
        await watched.until(2 * S)
        assert await watched.over() == [(2 * S, "deadline")]

    run(main, seed=seed)


def test_a_leaf_has_time_to_say_that_the_deadline_passed() -> None:
    """Then whatever it is, is cancelled, again and again."""

    async def main() -> None:
        watched = Watched(2 * S)
        watched.watch.body_read = True
        await watched.until(2 * S + 3 * GRACE_NS - 1)
        assert await watched.over() == [(2 * S + GRACE_NS, "deadline"), (2 * S + 2 * GRACE_NS, "deadline")]

    run(main)


@pytest.mark.parametrize("after", [0, 50 * MS, S])
def test_a_sooner_deadline_is_kept_to_the_nanosecond(after: int) -> None:
    """That of the route comes when the body was read."""

    async def main() -> None:
        watched = Watched()
        await watched.until(after)
        watched.watch.body_read = watched.watch.sending = True
        watched.watch.until(watched.start + after + 30 * MS)
        await watched.until(after + 100 * MS)
        assert await watched.over() == [(after + 30 * MS, "deadline")]

    run(main)


def test_a_deadline_may_be_extended_and_is_never_shortened_by_that() -> None:
    """As the log is waited for, before an error is told."""

    async def main() -> None:
        watched = Watched(deadline=S)
        watched.watch.extend(watched.start + 3 * S)
        watched.watch.extend(watched.start + 2 * S)
        await watched.until(3 * S - 1)
        assert await watched.over() == []
        late = Watched(deadline=S)
        late.watch.extend(late.start + 3 * S)
        await late.until(3 * S)
        assert await late.over() == [(3 * S, "deadline")]

    run(main)


def test_a_later_deadline_is_kept_too() -> None:
    """A route may have more time than what is not known yet."""

    async def main() -> None:
        watched = Watched(S)
        watched.watch.body_read = watched.watch.sending = True
        watched.watch.until(watched.start + 3 * S)
        await watched.until(3 * S)
        assert await watched.over() == [(3 * S, "deadline")]

    run(main)


def test_our_own_server_is_asked_to_tell_and_no_task_listens() -> None:
    """Once the body is read, and no longer than the request lasts."""

    async def main() -> None:
        watched, client = Watched(), Connected()
        watched.watch.client, told = client, client.told
        await watched.until(900 * MS)
        assert told == []
        watched.watch.body_read = True
        await watched.until(1100 * MS)
        assert len(asyncio.all_tasks()) == 2  # ours and the request's
        ((left, wanted),) = told
        assert wanted
        left()
        await watched.until(1200 * MS)
        assert await watched.over() == [(1100 * MS, "client_disconnect")]
        assert (watched.client.asked, told) == (0, [(left, True), (left, False)])

    run(main)


def test_a_quick_request_costs_a_timer_and_no_task() -> None:
    """Both are gone when it is over."""

    async def main() -> None:
        watched = Watched()
        watched.watch.body_read = True
        await watched.until(FIRST_LOOK_NS - 1)
        assert len(asyncio.all_tasks()) == 2  # ours and the request's
        assert await watched.over() == []

    run(main)


def test_requests_that_are_over_in_time_share_one_timer() -> None:
    """It is armed for the oldest that is still open, and for none where none is."""

    async def main() -> None:
        clock = FakeClock()
        rounds, client, start = Rounds(clock), Client(), clock.now()
        task = asyncio.ensure_future(asyncio.sleep(3600))
        watches: list[Watch] = []
        for number in range(4):
            await clock.sleep_until(start + number * 50 * MS)
            watches.append(Watch(rounds, client.receive, task, clock.now(), start + 10 * S))
            watches[-1].body_read = True
        watches[0].stop()
        watches[2].stop()
        await clock.sleep_until(start + 249 * MS)
        assert client.asked == 0
        await clock.sleep_until(start + 251 * MS)
        assert [watch.young for watch in watches] == [False, False, False, True]
        assert client.asked == 1
        await clock.sleep_until(start + 351 * MS)
        assert client.asked == 2
        watches[1].stop()
        watches[3].stop()
        young = Watch(rounds, client.receive, task, clock.now(), start + 10 * S)
        young.until(clock.now() + 2 * S)
        assert (young.young, len(rounds._young)) == (True, 1)
        young.until(clock.now() + MS)
        assert (young.young, len(rounds._young)) == (False, 1)
        young.stop()
        assert not rounds._young
        task.cancel()
        await asyncio.wait([task])

    run(main)


def test_a_deadline_before_the_first_look_is_kept() -> None:
    """Whether it was known from the beginning or not."""

    async def main() -> None:
        watched = Watched(50 * MS)
        await watched.until(50 * MS)
        watched.watch.extend(watched.clock.now() + S)
        assert await watched.over() == [(50 * MS, "deadline")]

    run(main)
