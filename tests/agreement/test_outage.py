"""A receiver that is dead, hangs or refuses never fails or slows a request, and what was dropped is a metric."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tests.agreement.client import Answer
from tests.agreement.house import House, loaded
from tests.agreement.renderers import Export, export_of
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.receiver import Accept, Behaviour, Hang, Partial, Refuse, Reset, Slow

pytestmark = [pytest.mark.slow, pytest.mark.untraced]

S = 1_000_000_000
CONFIG = """
providers: {p: {dialect: openai, base_url: "http://127.0.0.1:9/p/v1", key: none}}
targets: {t: {provider: p, model: "sim-ok+wait=20ms"}, s: {provider: p, model: "sim-ok+pace=5ms"}}
telemetry: {queue: 100KB, metrics_every: 5s}
audit: {mode: off}
"""
REQUESTS = 300


async def traffic(house: House) -> list[tuple[Answer, int]]:
    """Requests over half a minute, unary and streamed; each answer with how long it took."""

    async def one(number: int) -> tuple[Answer, int]:
        await house.clock.sleep_until(house.clock.now() + number * S // 10)
        start = house.clock.now()
        answer = await house.ask("s" if number % 2 else "t", stream=bool(number % 2))
        return answer, house.clock.now() - start

    return list(await asyncio.gather(*(one(number) for number in range(REQUESTS))))


async def played(behaviour: Behaviour | None) -> tuple[list[tuple[Answer, int]], Export, FakeClock]:
    """Traffic while the receiver misbehaves for half of the time; `None` is a receiver that always works."""
    clock = FakeClock()
    config = loaded(CONFIG)
    export = export_of("direct", config, clock, SeededIds(3))
    house = House(config, None, export.view)
    export.view.start()
    if behaviour is not None:
        export.receiver.behaviour = behaviour
        clock.call_at(clock.now() + 20 * S, setattr, export.receiver, "behaviour", Accept())
    answers = await traffic(house)
    await house.close()
    await clock.sleep_until(clock.now() + 60 * S)
    await export.view.close(clock.now() + 10 * S)
    return answers, export, clock


@pytest.mark.parametrize(
    "behaviour",
    [Reset(), Hang(), Refuse(503), Refuse(503, 30), Refuse(429, 1), Refuse(400), Partial(3), Slow(3 * S)],
    ids=lambda b: type(b).__name__ + str(getattr(b, "status", "")) + str(getattr(b, "retry_after", "") or ""),
)
def test_no_request_notices(behaviour: Behaviour) -> None:
    """Answers and times are those of a gateway whose receiver works, to the nanosecond; nothing is lost silently."""
    calm, healthy, _ = run(lambda: played(None))
    stormy, export, _ = run(lambda: played(behaviour))
    assert [took for _, took in stormy] == [took for _, took in calm]
    assert {answer.status for answer, _ in stormy} == {200}
    assert healthy.receiver.total("tracegate.telemetry.errors") == 0
    healthy.receiver.check()
    sent = 3 * REQUESTS
    arrived = len(export.receiver.spans)
    lost = export.receiver.total("tracegate.telemetry.errors")
    assert lost is not None
    traces = sum(
        point.value or 0
        for point in export.receiver.series("tracegate.telemetry.errors")
        if str(point.labels["tracegate.telemetry.where"]).startswith("traces")
    )
    assert arrived + traces == sent
    assert not isinstance(behaviour, Refuse | Reset | Hang) or traces > 0 or arrived == sent


def test_memory_is_bounded_while_nobody_takes_anything() -> None:
    """What is beyond the queue is dropped and counted; the flush at the end does not outlast its deadline."""

    async def main() -> None:
        clock = FakeClock()
        config = loaded(CONFIG)
        config = replace(config, telemetry=replace(config.telemetry, queue=50_000))
        export = export_of("direct", config, clock, SeededIds(3))
        export.receiver.behaviour = Hang()
        house = House(config, None, export.view)
        export.view.start()
        await traffic(house)
        await house.close()
        before = clock.now()
        await export.view.close(before + 3 * S)
        assert clock.now() - before <= 3 * S
        assert export.receiver.spans == []

    run(main)
