"""An app is started and stopped as a server does it, and its failures are seen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tracegate.testing.driver import AppBroke, Receive, Send
from tracegate.testing.lifespan import lifespan
from tracegate.testing.loop import run


def app(log: list[str], fail_at: str = "", raise_at: str = "", leave_at: str = "") -> Any:
    """An app that logs its lifespan, and misbehaves at the phase given."""

    async def asgi(scope: Any, receive: Receive, send: Send) -> None:
        scope["state"]["started"] = True
        for phase in ("startup", "shutdown"):
            message = await receive()
            log.append(message["type"])
            if phase == raise_at:
                raise KeyError(phase)
            if phase == leave_at:
                return
            result = "failed" if phase == fail_at else "complete"
            await send({"type": f"lifespan.{phase}.{result}", "message": "why"})

    return asgi


def test_it_starts_gives_the_state_and_stops() -> None:
    """The block runs between start and stop, and its own error does not keep the app from stopping."""
    log: list[str] = []

    async def main() -> None:
        async with lifespan(app(log)) as state:
            log.append("serving")
            assert state == {"started": True}
        with pytest.raises(LookupError):
            async with lifespan(app(log)):
                raise LookupError

    run(main)
    assert log == ["lifespan.startup", "serving", "lifespan.shutdown", "lifespan.startup", "lifespan.shutdown"]


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_a_phase_that_fails_raises_with_its_message(phase: str) -> None:
    """The app's own words are in it."""

    async def main() -> None:
        with pytest.raises(AppBroke, match=f"failed in its {phase}.*why"):
            async with lifespan(app([], fail_at=phase)):
                pass

    run(main)


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_an_app_that_raises_or_returns_in_a_phase_raises(phase: str) -> None:
    """What it raised is the cause."""

    async def main() -> None:
        with pytest.raises(AppBroke, match=f"ended in its {phase}") as caught:
            async with lifespan(app([], raise_at=phase)):
                pass
        assert isinstance(caught.value.__cause__, KeyError)
        with pytest.raises(AppBroke, match=f"ended in its {phase}") as caught:
            async with lifespan(app([], leave_at=phase)):
                pass
        assert caught.value.__cause__ is None

    run(main)


def test_an_app_that_is_cancelled_in_a_phase_raises() -> None:
    """A cancel has no cause to show."""

    async def asgi(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(AppBroke, match="ended in its startup"):
            async with lifespan(asgi):
                pass

    run(main)


def test_a_block_that_outlives_the_app_notices_at_the_end() -> None:
    """An app whose lifespan ended between start and stop failed in its shutdown."""

    async def asgi(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})

    async def main() -> None:
        with pytest.raises(AppBroke, match="ended in its shutdown"):
            async with lifespan(asgi):
                await asyncio.sleep(1)

    run(main)
