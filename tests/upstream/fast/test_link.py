"""One connection: what is written, what comes, and what becomes of it."""

from __future__ import annotations

import pytest

from tests.upstream.fast.wired import OK, ORIGIN, Wire, quiet
from tests.upstream.served import S
from tracegate.alarms import NEVER, Alarms
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.fast.answer import Answer
from tracegate.upstream.fast.link import GONE, SLICE, Link


class Told:
    """An exchange, and a keeper, that remember what they were told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[object] = []
        self.link = Link(Alarms(self.clock), self, ORIGIN)
        self.wire = Wire(self.link)
        self.link.connected(self.wire)

    def sent(self, now: int) -> None:
        """See `Exchanging`."""
        self.told.append(("sent", len(self.wire.got)))

    def came(self, answer: Answer, body: bytes, now: int) -> None:
        """See `Exchanging`."""
        self.told.append((body, answer.done, answer.failure is not None))

    def lost(self, exc: BaseException | None, now: int) -> None:
        """See `Exchanging`."""
        self.told.append(("lost", exc))

    def rang(self) -> None:
        """See `Exchanging`."""
        self.told.append(("rang", self.clock.now()))

    def abort(self) -> None:
        """See `Exchanging`."""

    def made(self, link: Link) -> None:
        """See `Keeper`."""

    def keep(self, link: Link) -> None:
        """See `Keeper`."""
        self.told.append("kept")

    def gone(self, link: Link) -> None:
        """See `Keeper`."""
        self.told.append("gone")

    def start(self, request: bytes = b"request") -> None:
        """Use the connection."""
        self.link.start(self, request, "POST")


def test_a_connection_is_kept_when_its_answer_is_whole() -> None:
    """Before the exchange is told, for that may want it at once."""

    async def main() -> None:
        told = Told()
        told.start()
        told.wire.say(OK[:10])
        told.wire.say(OK[10:])
        assert told.told == [("sent", 7), (b"", False, False), "kept", (b"ok", True, False)]
        assert told.link.usable
        told.start()
        told.wire.say(OK)
        assert told.told[4:] == [("sent", 14), "kept", (b"ok", True, False)]

    run(main)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"x",
        OK + OK,
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
def test_a_connection_that_can_not_be_used_again_is_dropped(answer: bytes) -> None:
    """What it said is good all the same."""

    async def main() -> None:
        told = Told()
        told.start()
        told.wire.say(answer)
        await quiet()
        assert told.told == [("sent", 7), (b"ok", True, False), "gone"]
        assert (told.wire.ended, told.link.usable) == ("aborted", False)

    run(main)


def test_what_is_malformed_drops_the_connection() -> None:
    """And is told."""

    async def main() -> None:
        told = Told()
        told.start()
        told.wire.say(b"SSH")
        await quiet()
        assert told.told == [("sent", 7), (b"", False, True), "gone"]

    run(main)


def test_what_nobody_asked_for_drops_the_connection() -> None:
    """Bytes on an idle connection are never an answer."""

    async def main() -> None:
        told = Told()
        told.wire.say(OK)
        await quiet()
        assert told.told == ["gone"]
        assert told.wire.ended == "aborted"

    run(main)


def test_an_idle_connection_may_end() -> None:
    """By its peer, or by us."""

    async def main() -> None:
        for end in ("peer", "we"):
            told = Told()
            if end == "peer":
                told.wire.hang_up()
            else:
                told.link.close()
            assert not told.link.usable
            await quiet()
            assert told.told == ["gone"]
            assert told.wire.ended == ("aborted" if end == "peer" else "closed")

    run(main)


def test_an_end_is_an_end_of_the_answer_where_that_says_so() -> None:
    """Else it is lost."""

    async def main() -> None:
        told = Told()
        told.start()
        told.wire.say(b"HTTP/1.1 200 OK\r\n\r\nok")
        told.wire.hang_up()
        await quiet()
        assert told.told == [("sent", 7), (b"ok", False, False), (b"", True, False), "gone"]
        told = Told()
        told.start()
        told.wire.say(OK[:-1])
        told.wire.hang_up()
        await quiet()
        assert told.told == [("sent", 7), (b"o", False, False), ("lost", None), "gone"]

    run(main)


def test_a_connection_that_breaks_says_why() -> None:
    """Once."""

    async def main() -> None:
        told = Told()
        told.start()
        exc = ConnectionResetError()
        told.wire.break_(exc)
        assert told.told == [("sent", 7), "gone", ("lost", exc)]

    run(main)


def test_a_connection_that_is_gone_can_be_ended_again() -> None:
    """By whoever had not heard of it."""

    async def main() -> None:
        told = Told()
        told.wire.hang_up()
        await quiet()
        for do in (told.link.abort, told.link.close, told.link.pause, told.link.resume):
            do()
        assert not told.link.usable
        GONE.write(b"")
        GONE.pause_reading()
        GONE.resume_reading()
        assert told.told == ["gone"]

    run(main)


def test_a_request_on_a_connection_that_has_ended_is_lost_at_once() -> None:
    """A peer may hang up between the handshake and the request; nobody would tell it a second time."""

    async def main() -> None:
        for turns in (False, True):  # while the connection is ending, and when it has
            told = Told()
            told.wire.hang_up()
            if turns:
                await quiet()
            told.start()
            await quiet()
            assert told.told == (["gone", ("lost", None)] if turns else [("lost", None), "gone"])
            assert told.wire.got == b""

    run(main)


@pytest.mark.parametrize("how", ["failed", "broke"])
def test_a_request_that_comes_too_late_for_a_connection_is_told_why_it_ended(how: str) -> None:
    """A provider may refuse a certificate by an alert right behind the handshake."""

    async def main() -> None:
        told, why = Told(), OSError("alert")
        if how == "failed":
            told.link.failed(why)
        else:
            told.wire.break_(why)
        await quiet()
        told.start()
        assert told.told == ["gone", ("lost", why)]

    run(main)


# Writing


def test_a_request_that_the_peer_does_not_take_is_not_sent() -> None:
    """Until it does."""

    async def main() -> None:
        told = Told()
        told.wire.room = 3
        told.start()
        assert told.told == []
        told.wire.room = None
        told.link.resume_writing()
        assert told.told == [("sent", 7)]

    run(main)


def test_a_large_request_is_written_as_the_peer_takes_it() -> None:
    """No more of it waits than one slice."""

    async def main() -> None:
        told = Told()
        request = bytes(range(256)) * (5 * SLICE // 512)
        told.wire.room = 0
        told.start(request)
        for slices in (1, 2):
            assert len(told.wire.got) == slices * SLICE
            told.link.resume_writing()
        assert told.wire.got == request
        assert told.told == []
        told.link.resume_writing()
        assert told.told == [("sent", len(request))]
        told.wire.say(OK)
        assert told.told[1:] == ["kept", (b"ok", True, False)]
        told.wire.room = None
        told.start(request)
        assert told.told[3:] == [("sent", 2 * len(request))]

    run(main)


def test_an_answer_may_come_before_the_request_was_sent() -> None:
    """It counts; what was not sent is not, and the connection can't be used again."""

    async def main() -> None:
        for size in (7, 5 * SLICE):
            told = Told()
            told.wire.room = 3
            told.start(bytes(size))
            told.wire.say(OK)
            told.link.resume_writing()  # as a transport may
            await quiet()
            assert told.told == [(b"ok", True, False), "gone"]
            assert len(told.wire.got) == min(size, SLICE)

    run(main)


def test_a_connection_that_breaks_while_it_is_written_to_is_not_written_to() -> None:
    """Whoever writes is told within the call."""

    async def main() -> None:
        class Breaking(Wire):
            def write(self, data: bytes | memoryview) -> None:
                super().write(data)
                self.link.failed(None)

        for size in (5 * SLICE, 7):
            told = Told()
            told.wire = Breaking(told.link)
            told.link.connected(told.wire)
            told.start(bytes(size))
            assert told.told == [("lost", None)]
            assert len(told.wire.got) == min(size, SLICE)
            await quiet()

    run(main)


# Reading


def test_reading_is_paused_and_resumed_once() -> None:
    """Nothing is said to a transport that ends: it may mind."""

    async def main() -> None:
        told, states = Told(), []
        for do in (told.link.resume, told.link.pause, told.link.pause, told.link.resume, told.link.pause):
            do()
            states.append(told.wire.paused)
        assert states == [False, True, True, False, True]
        told.wire.ended = "closing"
        told.link.resume()
        told.link.pause()
        assert told.wire.paused

    run(main)


# Limits


def test_a_limit_rings_at_its_time() -> None:
    """One timer is enough for limits that become later; an earlier one is kept to."""

    async def main() -> None:
        told = Told()
        told.start()
        now = told.clock.now()
        told.link.limit(now + 3 * S)
        told.link.limit(now + 5 * S)
        await told.clock.sleep_until(now + 4 * S)
        assert told.told == [("sent", 7)]
        await told.clock.sleep_until(now + 6 * S)
        assert told.told[1:] == [("rang", now + 5 * S)]
        told.link.limit(now + 9 * S)
        told.link.limit(now + 7 * S)
        await told.clock.sleep_until(now + 10 * S)
        assert told.told[2:] == [("rang", now + 7 * S)]
        told.link.abort()
        await quiet()

    run(main)


def test_a_limit_that_was_taken_back_does_not_ring() -> None:
    """Nor one of a connection that ended, or has no exchange."""

    async def main() -> None:
        told = Told()
        told.start()
        now = told.clock.now()
        told.link.limit(now + S)
        told.link.limit(NEVER)
        await told.clock.sleep_until(now + 2 * S)
        told.wire.say(OK)
        told.link.limit(now + 3 * S)
        await told.clock.sleep_until(now + 4 * S)
        told.start()
        told.link.limit(now + 5 * S)
        told.link.abort()
        await told.clock.sleep_until(now + 6 * S)
        assert told.told == [("sent", 7), "kept", (b"ok", True, False), ("sent", 14), "gone"]

    run(main)
