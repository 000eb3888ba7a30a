"""How well the clock is held."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest

from tracegate.audit.held import NANOSECONDS, UNSYNCHRONISED, Timex, held
from tracegate.audit.kinds import ClockState


def _kernel(status: int, offset: int, result: int = 0) -> Callable[[Timex], int]:
    def ask(into: Timex) -> int:
        into.status, into.offset = status, offset
        return result

    return ask


@pytest.mark.parametrize(
    ("status", "offset", "us"), [(0, -5, -5), (0x2001, 1_999, 1), (NANOSECONDS, -1_001, -2), (0x2001, 0, 0)]
)
def test_the_offset_is_told_in_microseconds(status: int, offset: int, us: int) -> None:
    """Whatever the kernel counts in."""
    assert held(_kernel(status, offset)) == ClockState(source="adjtimex", offset_us=us)


def test_nothing_is_said_of_a_clock_that_nobody_holds() -> None:
    """Or of which nothing is known."""
    assert held(_kernel(UNSYNCHRONISED | NANOSECONDS, 7, 5)) is None
    assert held(_kernel(0, 7, -1)) is None


def test_this_kernel_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says something, or nothing; a system that has no such call says nothing."""
    found = held()
    assert found is None or found.source == "adjtimex"
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert held() is None
