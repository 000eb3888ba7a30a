"""The load does to the providers what its scripts say: each scene of it, on a real gateway."""

from __future__ import annotations

import asyncio

from dashboards.check.load import Gateway, gateway
from dashboards.check.scenes import LOAD, ROUTES, SCRIPTS, TARGETS, Scene
from tracegate.testing.simulator import Simulator

ALONE = {"OTEL_SDK_DISABLED": "true"}


async def _played(*scenes: Scene) -> Gateway:
    async with Simulator(SCRIPTS) as simulator, gateway("job", simulator, ALONE) as one:
        await one.play(scenes)
        return one


def test_every_scene_is_what_it_is_meant_to_be() -> None:
    """Outcomes of requests and of their calls, in the order of the load."""
    one = asyncio.run(_played(*(Scene(scene.route, 1, scene.stream, scene.leave_after) for scene in LOAD)))
    assert [(asked.route, asked.outcome, [call.outcome for call in asked.calls]) for asked in one.requests] == [
        ("good", "ok", ["ok"]),
        ("streamed", "ok", ["ok"]),
        ("cheap", "ok", ["ok"]),
        ("elsewhere", "ok", ["ok"]),
        ("overloaded", "ok", ["error", "ok"]),
        ("chain", "ok", ["error", "error", "error", "error", "ok"]),
        ("patient", "ok", ["error", "ok"]),
        ("broken", "error", ["error"]),
        ("abandoned", "cancelled", ["cancelled"]),
        ("hopeless", "error", ["error", "error"]),
        ("of-nameless", "ok", ["ok"]),
        ("of-unlisted", "ok", ["ok"]),
        ("of-unmetered", "ok", ["ok"]),
        ("of-cached", "ok", ["ok"]),
        ("none", "error", []),
    ]
    assert all(asked.job == "job" and not asked.late and not asked.held for asked in one.requests)


def test_a_request_that_is_held_says_so() -> None:
    """Whoever waits for its beginning holds it."""

    async def main() -> None:
        async with Simulator(SCRIPTS) as simulator, gateway("job", simulator, ALONE) as one:
            begun = asyncio.Event()
            held = asyncio.create_task(one.ask(Scene("abandoned", stream=True, leave_after=5), begun))
            await begun.wait()
            one.late = True
            await held
            assert [(asked.held, asked.late) for asked in one.requests] == [(True, True)]

    asyncio.run(main())


def test_everything_that_is_configured_is_asked_for() -> None:
    """A target that no scene calls would only make zeros; `of-sick` is for the violations."""
    asked = {scene.route for scene in LOAD}
    assert set(ROUTES) - asked == {"of-sick"}
    assert {f"{target.place}/{target.model}" for target in TARGETS} == set(SCRIPTS)
    assert all(any(target.id in tree for tree in ROUTES.values()) for target in TARGETS)
