"""The view that keeps requests."""

from __future__ import annotations

import pytest

from tracegate.inbound import Inbound
from tracegate.record import Recorder
from tracegate.testing.clock import FakeClock
from tracegate.testing.collected import Collected
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run


def test_requests_are_kept_and_handed_on() -> None:
    """To every view behind it, with what came late and the flush."""

    class Behind(Collected):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[object] = []

        def late(self, request: Recorder, record: object) -> None:
            self.told.append(record)

        def start(self) -> None:
            self.told.append("start")

        async def flush(self, by: int) -> None:
            self.told.append(by)

        async def close(self, by: int) -> None:
            self.told.append(("close", by))

    async def main() -> None:
        behind = Behind()
        view = Collected(behind)
        clock = FakeClock()
        recorder = Recorder(Inbound(), clock, SeededIds(1))
        clock.call_at(clock.now() + 5, view.add, recorder)
        assert await view.until(1) == [recorder]
        assert behind.requests == [recorder]
        view.late(recorder, recorder.server)
        view.start()
        await view.flush(7)
        await view.close(8)
        assert behind.told == [recorder.server, "start", 7, ("close", 8)]

    run(main)


def test_waiting_for_what_does_not_come_ends() -> None:
    """With an error, after the time given."""
    with pytest.raises(TimeoutError):
        run(lambda: Collected().until(1, 2.0))
