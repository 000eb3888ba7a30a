"""Addresses of names: asked for once, kept for a while, in an order that does not wait for one family."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.upstream.fast.wired import quiet
from tests.upstream.served import S
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.fast.names import KEPT_NS, Address, Names, interleaved, literal

V4, V6 = socket.AF_INET, socket.AF_INET6
A: Address = (V4, ("192.0.2.1", 443))
B: Address = (V4, ("192.0.2.2", 443))
C: Address = (V6, ("2001:db8::1", 443, 0, 0))
D: Address = (V6, ("2001:db8::2", 443, 0, 0))


class Resolver:
    """The system's, which is asked on the loop of the test; it answers when it is let."""

    def __init__(self, *answers: list[Address] | Exception, waits: bool = False) -> None:
        self.answers = list(answers)
        self.asked: list[object] = []
        self.let: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not waits:
            self.let.set_result(None)
        asyncio.get_running_loop().getaddrinfo = self  # type: ignore[method-assign, assignment]  # for this run

    async def __call__(self, host: str, port: int, *, type: int, proto: int) -> list[Any]:
        """See `loop.getaddrinfo`."""
        self.asked.append((host, port, type, proto))
        await asyncio.shield(self.let)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [(family, type, proto, "", where) for family, where in answer]


def test_an_address_is_kept_for_a_while() -> None:
    """Then it is asked for again; and at once where it led nowhere."""

    async def main() -> None:
        clock = FakeClock()
        resolver, names = Resolver([A], [B], [A]), Names(clock)
        assert await names.addresses("a.example", 443) == [A]
        await clock.sleep_until(clock.now() + KEPT_NS - 1)
        assert await names.addresses("a.example", 443) == [A]
        await clock.sleep_until(clock.now() + 1)
        assert await names.addresses("a.example", 443) == [B]
        names.forget("a.example", 443)
        names.forget("b.example", 443)
        assert await names.addresses("a.example", 443) == [A]
        assert resolver.asked == [("a.example", 443, socket.SOCK_STREAM, socket.IPPROTO_TCP)] * 3
        await names.close()

    run(main)


def test_addresses_are_kept_for_half_a_minute() -> None:
    """As is said to users, who move names."""
    assert KEPT_NS == 30 * S


def test_all_who_wait_share_one_question() -> None:
    """Whoever leaves does not take the answer away from the others."""

    async def main() -> None:
        resolver, names = Resolver([A, C], waits=True), Names(FakeClock())
        tasks = [asyncio.create_task(names.addresses("a.example", 443)) for _ in range(3)]
        await quiet()
        tasks[0].cancel()
        await quiet()
        resolver.let.set_result(None)
        assert await asyncio.gather(*tasks[1:]) == [[A, C], [A, C]]
        assert tasks[0].cancelled()
        assert len(resolver.asked) == 1

    run(main)


def test_a_failure_is_not_kept() -> None:
    """It may be over in a moment. Nobody need be there to hear of it."""

    async def main() -> None:
        resolver, names = (
            Resolver(socket.gaierror(-3, "again"), socket.gaierror(-2, "unknown"), [A]),
            Names(FakeClock()),
        )
        with pytest.raises(socket.gaierror):
            await names.addresses("a.example", 443)
        left = asyncio.create_task(names.addresses("a.example", 443))
        await asyncio.sleep(0)
        left.cancel()
        await quiet()
        assert await names.addresses("a.example", 443) == [A]
        assert len(resolver.asked) == 3

    run(main)


def test_the_end_waits_for_no_answer() -> None:
    """Whoever asked is told nothing, as the exchange tells it."""

    async def main() -> None:
        _, names = Resolver(waits=True), Names(FakeClock())
        task = asyncio.create_task(names.addresses("a.example", 443))
        await quiet()
        await names.close()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


def test_what_is_an_address_is_not_asked_for() -> None:
    """Of either family."""

    async def main() -> None:
        resolver, names = Resolver(), Names(FakeClock())
        assert await names.addresses("192.0.2.1", 443) == [A]
        assert await names.addresses("2001:db8::1", 443) == [C]
        assert resolver.asked == []

    run(main)
    assert literal("a.example", 443) is None


def test_families_take_turns() -> None:
    """Beginning with the one the system puts first; none comes twice."""
    assert interleaved([A, B, C, D]) == [A, C, B, D]
    assert interleaved([C, D, A]) == [C, A, D]
    assert interleaved([A, C, D]) == [A, C, D]
    assert interleaved([A, A, B]) == [A, B]


def test_the_question_is_asked_off_the_loop() -> None:
    """By the system's own resolver: this machine knows itself."""

    async def main() -> None:
        names = Names(FakeClock())
        addresses = await names.addresses("localhost", 443)
        assert (V4, ("127.0.0.1", 443)) in addresses

    asyncio.run(main())
