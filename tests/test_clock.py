"""The real clock and the real ids."""

from __future__ import annotations

import asyncio
import time
import uuid

from tracegate.clock import RandomIds, SystemClock, uuid7


def test_the_system_clock_sleeps_to_the_time_named() -> None:
    """Never less, and not at all for a time that is past."""

    async def main() -> None:
        clock = SystemClock()
        when = clock.now() + 2_000_000
        await clock.sleep_until(when)
        assert clock.now() >= when
        await clock.sleep_until(when)

    asyncio.run(main())


def test_timers_fire_and_can_be_taken_back() -> None:
    """On the running loop."""

    async def main() -> None:
        clock = SystemClock()
        fired: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        clock.call_at(clock.now(), fired.set_exception, AssertionError("was taken back")).cancel()
        clock.call_at(clock.now() + 1_000_000, fired.set_result, "fired")
        assert await asyncio.wait_for(fired, 5) == "fired"

    asyncio.run(main())


def test_wall_time_is_utc() -> None:
    """In nanoseconds since the epoch."""
    assert abs(SystemClock().wall() - time.time_ns()) < 1_000_000_000


def test_ids_are_of_their_size_and_differ() -> None:
    """Over more than one pool of randomness."""
    ids = RandomIds()
    traces = {ids.trace() for _ in range(1000)}
    spans = {ids.span() for _ in range(1000)}
    assert {len(t) for t in traces} == {16}
    assert {len(s) for s in spans} == {8}
    assert len(traces) == len(spans) == 1000
    assert 0 <= ids.random() < 1


def test_request_ids_are_uuids_of_version_7() -> None:
    """They sort by time, to the millisecond."""
    ids = RandomIds()
    early, late = ids.request(1_700_000_000_000_000_000), ids.request(1_700_000_000_001_000_000)
    parsed = uuid.UUID(early)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == 1_700_000_000_000
    assert early < late


def test_the_example_of_the_standard() -> None:
    """RFC 9562, appendix A.6: 2022-02-22T19:22:22Z with its random bits."""
    entropy = bytes.fromhex("0cc318c4dc0c0c07398f")
    assert uuid7(0x017F22E279B0 * 1_000_000, entropy) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
