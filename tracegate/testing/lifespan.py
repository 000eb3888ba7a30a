"""Starting and stopping an ASGI app as a server does, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tracegate.testing.driver import App, AppBroke, Message


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
    """Start an app, give its state (for `drive`), and shut it down when the block ends.

    Raises:
        AppBroke: When the app says that it failed, raises, or returns early. Source: ASGI's lifespan, version 2.0.
    """
    state: dict[str, Any] = {}
    orders: asyncio.Queue[Message] = asyncio.Queue()
    answers: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    task = asyncio.ensure_future(app(scope, orders.get, answers.put))
    try:
        await _phase("startup", task, orders, answers)
        try:
            yield state
        finally:
            await _phase("shutdown", task, orders, answers)
            await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _phase(
    name: str, task: asyncio.Future[None], orders: asyncio.Queue[Message], answers: asyncio.Queue[Message]
) -> None:
    orders.put_nowait({"type": f"lifespan.{name}"})
    answer = asyncio.ensure_future(answers.get())
    waits: set[asyncio.Future[Any]] = {task, answer}
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        await asyncio.wait([answer])
        raise AppBroke(f"the app ended in its {name}") from (None if task.cancelled() else task.exception())
    message = answer.result()
    if message["type"] != f"lifespan.{name}.complete":
        raise AppBroke(f"the app failed in its {name}: {dict(message)}")
