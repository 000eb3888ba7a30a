"""A command's run, and the gateway that it meets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tracegate.audit.control import Control, Said
from tracegate.audit.directory import Directory
from tracegate.audit.lane import ThreadLane
from tracegate.audit.noting import Tool
from tracegate.testing.clock import FakeClock

V = TypeVar("V")


def tool() -> Tool:
    """Who runs the command."""
    return Tool("ada", "00000000-0000-4000-8000-000000000001", "9", FakeClock())


def while_open(directory: Directory, replica: str, work: Callable[[], V], answer: Said) -> tuple[V, list[Said]]:
    """What some work returns while a gateway that has a replica's log open answers; and what it was asked."""
    asked: list[Said] = []

    async def told(said: Said) -> Said:
        asked.append(said)
        return answer

    async def main() -> V:
        control = Control(directory.private, replica, ThreadLane(), told)
        await control.start()
        try:
            return await asyncio.to_thread(work)
        finally:
            await control.close()

    return asyncio.run(main()), asked
