"""Time and randomness, injected. The only module of the package that reads a clock or a random source.

`Clock.now` is monotonic nanoseconds; `Clock.wall` is UTC nanoseconds and is read once per request.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """A timer that can be taken back."""

    def cancel(self) -> None:
        """Take it back; harmless after it fired."""


class Clock(Protocol):
    """The only time there is; the test kit's drives timers too."""

    def now(self) -> int:
        """Monotonic time in nanoseconds."""

    def wall(self) -> int:
        """UTC in nanoseconds since the epoch."""

    def call_at(self, when: int, fn: Callable[..., object], *args: object) -> Handle:
        """Call `fn(*args)` at monotonic nanosecond `when`, on the running loop."""

    async def sleep_until(self, when: int) -> None:
        """Return at monotonic nanosecond `when`, or at once if it is past."""


class Ids(Protocol):
    """Ids and random numbers of one process."""

    def request(self, wall_ns: int) -> str:
        """A UUIDv7 (RFC 9562, section 5.7) for the time given."""

    def trace(self) -> bytes:
        """16 random bytes."""

    def span(self) -> bytes:
        """8 random bytes."""

    def random(self) -> float:
        """A number in [0, 1) for orders and jitter."""

    def secret(self) -> bytes:
        """32 random bytes that nobody can guess; from any thread."""


class SystemClock:
    """The machine's clocks and the running event loop's timers."""

    __slots__ = ()

    now = staticmethod(time.monotonic_ns)
    wall = staticmethod(time.time_ns)

    def call_at(self, when: int, fn: Callable[..., object], *args: object) -> Handle:
        """See `Clock.call_at`."""
        left = when - time.monotonic_ns()
        return asyncio.get_running_loop().call_later(left / 1e9 if left > 0 else 0, fn, *args)

    async def sleep_until(self, when: int) -> None:
        """See `Clock.sleep_until`; loops because a timer may fire a clock tick early."""
        while (left := when - time.monotonic_ns()) > 0:  # noqa: ASYNC110  # it waits for time, which sets no event
            await asyncio.sleep(left / 1e9)


class RandomIds:
    """Ids from pooled operating-system randomness, cut from buffers of 4 KiB."""

    __slots__ = ("_entropy", "_random", "_spans", "_traces")

    def __init__(self) -> None:
        self._entropy: list[bytes] = []
        self._spans: list[bytes] = []
        self._traces: list[bytes] = []
        self._random = random.Random(os.urandom(32))

    def trace(self) -> bytes:
        """See `Ids.trace`; the all-zero id that W3C forbids would come once in 2^128."""
        if not self._traces:
            self._traces = _cut(16)
        return self._traces.pop()

    def span(self) -> bytes:
        """See `Ids.span`."""
        if not self._spans:
            self._spans = _cut(8)
        return self._spans.pop()

    def request(self, wall_ns: int) -> str:
        """See `Ids.request`."""
        if not self._entropy:
            self._entropy = _cut(10)
        return uuid7(wall_ns, self._entropy.pop())

    def random(self) -> float:
        """See `Ids.random`."""
        return self._random.random()

    def secret(self) -> bytes:
        """See `Ids.secret`; never from the pool, which only one thread may take from."""
        return os.urandom(32)


def _cut(size: int) -> list[bytes]:
    """Random bytes, cut ahead: every request takes several pieces."""
    pool = os.urandom(4096)
    return [pool[at : at + size] for at in range(0, 4097 - size, size)]


def uuid7(wall_ns: int, entropy: bytes) -> str:
    """Return the UUIDv7 of a time and 10 random bytes.

    Source: RFC 9562, section 5.7: 48 bits of Unix milliseconds, version 7, 12 random bits, variant, 62 random bits.
    """
    time, text = (wall_ns // 1_000_000).to_bytes(6, "big").hex(), entropy.hex()
    return f"{time[:8]}-{time[8:]}-7{text[1:4]}-{'89ab'[entropy[2] >> 4 & 3]}{text[5:8]}-{text[8:]}"
