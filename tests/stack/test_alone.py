"""Who comes second is told, and waits unless it would not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tracegate.stack.alone import alone


def _never() -> None:
    pytest.fail("nobody has it")


def test_the_second_waits_until_the_first_is_done(tmp_path: Path) -> None:
    """It is told before; the folder of the lock need not be there."""
    lock, waits, went = tmp_path / "new" / "lock", threading.Event(), list[str]()

    def second() -> None:
        with alone(lock, waits.set):
            went.append("second")

    other = threading.Thread(target=second)
    with alone(lock, _never):
        other.start()
        assert waits.wait(10)
        went.append("first")
    other.join(10)
    assert went == ["first", "second"]


def test_who_would_not_wait_goes_on(tmp_path: Path) -> None:
    """With its own error; the lock is free afterwards."""

    def refuse() -> None:
        raise LookupError("taken")

    with alone(tmp_path / "lock", _never), pytest.raises(LookupError, match="taken"), alone(tmp_path / "lock", refuse):
        pytest.fail("it is taken")
    with alone(tmp_path / "lock", _never):
        pass
