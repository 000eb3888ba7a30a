"""What a view is: it takes closed requests and renders them later."""

from __future__ import annotations

from typing import Protocol

from tracegate.record import Record, Recorder


class View(Protocol):
    """Renders records; never raises, never waits, counts its own losses."""

    def add(self, request: Recorder) -> None:
        """Take a request whose SERVER record is closed; only queue it."""

    def late(self, request: Recorder, record: Record) -> None:
        """Take a record that closed after the SERVER record (a shadow call, a cache store)."""

    def start(self) -> None:
        """Begin what is done on a schedule; called once, on the running loop."""

    async def flush(self, by: int) -> None:
        """Send what is queued, until monotonic nanosecond `by`."""

    async def close(self, by: int) -> None:
        """Flush, then end what sends, until monotonic nanosecond `by`; nothing is taken afterwards."""
