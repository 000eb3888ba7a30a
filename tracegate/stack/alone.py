"""One process at a time: a lock of the kernel's, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(lock: Path, taken: Callable[[], None]) -> Iterator[None]:
    """Hold a lock, and wait for it where another process has it.

    Args:
        lock: A file, which is made and stays.
        taken: Called before it waits; who would not wait raises an error in it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            taken()
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
