"""How much Python a call runs: a figure that a busy machine does not change."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType


def functions_entered(fn: Callable[[], object]) -> int:
    """How many Python functions run when `fn` is called, itself included; built-in ones do not count."""
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call"

    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()  # who is called when garbage is collected, and finalised by it, is not the work of `fn`
    sys.setprofile(note)
    try:
        fn()
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    return count
