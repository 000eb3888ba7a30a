"""How well the machine's clock is held to UTC, as the kernel says: evidence for the times in a leaf, not a time.

Only Linux is asked, and nothing is said where it knows of nobody who holds its clock. Source: adjtimex(2), `timex.h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from tracegate.audit.kinds import ClockState

UNSYNCHRONISED = 0x0040
"""STA_UNSYNC: nobody holds the clock."""

NANOSECONDS = 0x2000
"""STA_NANO: the offset is in ns; else in µs."""


class Timex(ctypes.Structure):
    """`struct timex` of a 64-bit Linux, as far as it is read, and its whole size."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 24),
    )


def _asked(into: Timex) -> int:
    """Ask the kernel; below 0 where it can't be asked, as on a system that is none of Linux."""
    call = getattr(ctypes.CDLL(None), "adjtimex", None)
    return -1 if call is None else int(call(ctypes.byref(into)))


def held(ask: Callable[[Timex], int] = _asked) -> ClockState | None:
    """What is known of the clock now; `None` where nothing is.

    Args:
        ask: Fills the structure in as adjtimex(2) does.
    """
    found = Timex()
    if ask(found) < 0 or found.status & UNSYNCHRONISED:
        return None
    offset = found.offset // 1_000 if found.status & NANOSECONDS else found.offset
    return ClockState(source="adjtimex", offset_us=offset)
