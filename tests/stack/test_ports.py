"""Ports are free, differ, and stay clear of those that systems hand out."""

from __future__ import annotations

import socket

import pytest

from tracegate.stack import ports
from tracegate.stack.parts import StackError
from tracegate.testing import SeededIds


def test_each_name_has_its_own_free_port_below_the_ephemeral_range() -> None:
    """Whatever the usual ports are."""
    chosen = ports.choose(SeededIds(1), usual=False)
    assert list(chosen) == list(ports.USUAL)
    assert len(set(chosen.values())) == len(chosen)
    assert all(ports.FIRST <= port <= ports.LAST < 32_768 for port in chosen.values())


def test_the_usual_ports_are_taken_where_they_are_free() -> None:
    """4318 is taken here, so that alone is another."""
    chosen = ports.choose(SeededIds(1), usual=True, is_free=lambda port: port != 4318)
    assert {name for name, port in chosen.items() if port != ports.USUAL[name]} == {"otlp_http"}


def test_no_port_is_chosen_twice() -> None:
    """Not even when randomness says the same again."""

    class Same(SeededIds):
        def __init__(self) -> None:
            super().__init__(1)
            self.draws = [0.5, 0.5, *(index / 100 for index in range(50))]

        def random(self) -> float:
            return self.draws.pop(0)

    chosen = ports.choose(Same(), usual=False, is_free=lambda port: True)
    assert len(set(chosen.values())) == len(chosen)


def test_when_nothing_is_free_it_says_so() -> None:
    """After a bounded number of tries."""
    with pytest.raises(StackError, match="no free port between 20000 and 29999"):
        ports.choose(SeededIds(1), usual=True, is_free=lambda port: False)


def test_a_port_with_a_listener_is_not_free() -> None:
    """And is again when the listener is gone."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.free(port)
    assert ports.free(port)
