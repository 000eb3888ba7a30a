"""The state file says what runs, and is believed only when it is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tracegate.stack import state
from tracegate.stack.parts import StackError
from tracegate.stack.process import Process, birth_of


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Ports and processes, in their order; no half-written file is left beside it."""
    told = state.State({"jaeger": 16686}, {"jaeger": Process(2**22 + 1, "5"), "collector": Process(7, "6")})
    state.write(tmp_path, told)
    assert state.read(tmp_path) == told
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]


def test_without_a_file_there_is_no_state(tmp_path: Path) -> None:
    """Nothing is up."""
    assert state.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ports": {"a": "b"}, "processes": {}}', '{"ports": 1}'])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing is ended by a guess; the text names the file."""
    (tmp_path / "stack.json").write_text(text)
    with pytest.raises(StackError, match=r"stack[.]json` is no state file of a stack"):
        state.read(tmp_path)


def test_only_the_same_process_counts_as_alive() -> None:
    """An id that was given to another process by now is not ours."""
    birth = birth_of(os.getpid())
    assert birth is not None
    us, other = Process(os.getpid(), birth), Process(os.getpid(), birth + "0")
    assert state.State({}, {"us": us, "other": other}).alive() == ["us"]
