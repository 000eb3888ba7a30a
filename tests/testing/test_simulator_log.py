"""The log keeps what it was told, and JSON loses nothing of it."""

from __future__ import annotations

import json

import pytest

from tracegate.testing.simulator_log import Log, read_entry


def filled(log: Log, model: str = "gpt", provider: str = "azure", body: bytes = b"{}") -> None:
    """One more call."""
    log.open(provider, model, "503", "POST", "/azure/v1/chat/completions", (("a", "1"), ("a", "2")), body)


@pytest.mark.parametrize("body", [b"{}", "東京".encode(), b"\xff\x00"])
def test_an_entry_that_was_told_is_read_back(body: bytes) -> None:
    """Whatever bytes its body has."""
    log = Log()
    filled(log, body=body)
    entry = log[0]
    entry.connection, entry.nth, entry.status, entry.events, entry.size, entry.closed = 1, 2, 503, 3, 4, "reset"
    entry.began, entry.arrived, entry.first_sent, entry.last_sent, entry.hung_up = 1, 2, 3, 4, 5
    again = read_entry(json.loads(json.dumps(entry.told())))
    for name in entry.__slots__:
        assert getattr(again, name) == getattr(entry, name), name
    assert again.header("a") == "1"


def test_a_call_is_over_when_it_ended_or_was_left() -> None:
    """Not before."""
    log = Log()
    filled(log)
    entry = log[0]
    said = [entry.over]
    entry.ended = 1
    said.append(entry.over)
    entry.ended, entry.hung_up = None, 1
    said.append(entry.over)
    assert said == [False, True, True]
    assert repr(entry) == "Entry(0, azure/gpt, '503', status=None)"


def test_calls_are_found_by_model() -> None:
    """With or without the provider's name."""
    log = Log()
    filled(log, "a")
    filled(log, "b")
    filled(log, "a", "other")
    assert [entry.number for entry in log.of("a")] == [0, 2]
    assert [entry.number for entry in log.of("azure/a")] == [0]


def test_the_oldest_go_first() -> None:
    """The count goes on; clearing begins anew."""
    log = Log(keep=2)
    for model in "abc":
        filled(log, model)
    assert ([entry.number for entry in log], len(log), log.count) == ([1, 2], 2, 3)
    log.clear()
    filled(log)
    assert ([entry.number for entry in log], log.count) == ([0], 1)
