"""The items of a stream."""

from __future__ import annotations

from tracegate.events import Chunk, Final


def test_events_show_what_they_are() -> None:
    """For people who debug."""
    assert repr(Chunk(b"abc", 2, False)) == "Chunk(3 bytes, count=2, output=False)"
    assert repr(Final(None, ("stop",))) == "Final(None, ('stop',))"
