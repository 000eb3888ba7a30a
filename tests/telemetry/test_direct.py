"""The direct renderer takes requests without delay, renders them later, and survives any receiver."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.telemetry.made import AZURE, CHAT, MISTRAL, Made, fallback, refused, success
from tracegate.facts import Why
from tracegate.record import Recorder
from tracegate.telemetry import direct, forms, names, registry
from tracegate.telemetry.aggregate import Aggregator
from tracegate.telemetry.direct import BATCH, TICK_NS, Channels, Direct
from tracegate.telemetry.export import SECOND_NS, Channel, Endpoint, Signal
from tracegate.telemetry.forms import Forms
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.otlp import Envelope
from tracegate.telemetry.post import Answer, Headers
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import START, FakeClock
from tracegate.testing.loop import run
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.receiver import Accept, Hang, Partial, Receiver, Refuse, Reset

PINNED: dict[str, Any] = json.loads((Path(__file__).parent / "conventions.json").read_text())
ALL: tuple[Signal, ...] = ("traces", "logs", "metrics")


class Kit:
    """A direct renderer in front of the test kit's receiver, in process, on virtual time."""

    def __init__(self, *, signals: Sequence[Signal] = ALL, queue: int = 1_000_000, every_s: int = 15) -> None:
        self.clock = FakeClock()
        self.receiver = Receiver(self.clock, Registry.of(PINNED))
        self.losses = Losses()
        self.closed = 0
        envelope = Envelope({"service.name": "tracegate"})

        def channel(signal: Signal) -> Channel | None:
            if signal not in signals:
                return None
            endpoint = Endpoint(f"http://receiver/v1/{signal}", timeout_ns=SECOND_NS)
            return Channel(signal, endpoint, envelope, self.post, self.clock, lambda: 0.5, self.losses, queue)

        self.measurements = Measurements((AZURE, MISTRAL), ("chat",))
        self.aggregator = Aggregator(self.clock, self.losses)
        self.channels = Channels(channel("traces"), channel("logs"), channel("metrics"), self.close)
        self.view = Direct(
            self.clock,
            self.channels,
            self.measurements,
            self.aggregator,
            self.losses,
            metrics_every_ns=every_s * SECOND_NS,
        )

    async def post(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """Hand a request to the receiver, as a socket would."""
        async with asyncio.timeout(timeout_ns / SECOND_NS):
            answer = await self.receiver.post(urlsplit(url).path, headers, body)
        return Answer(answer.status, tuple(answer.headers), answer.body)

    async def close(self) -> None:
        """Counts how often connections were closed."""
        self.closed += 1

    async def after(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + int(seconds * SECOND_NS))

    async def end(self, seconds: float = 3) -> None:
        """Flush, as the server does when it stops."""
        await self.view.flush(self.clock.now() + int(seconds * SECOND_NS))

    @property
    def lost(self) -> dict[str, int]:
        """What was lost, by where."""
        return {str(labels[0][1]): count for labels, count in self.losses.counts() if count}


def many(count: int) -> list[Recorder]:
    """Plain successes, each with ids of its own. Outside of a run, so that they take none of its time."""
    return [success(seed=n + 100) for n in range(count)]


def test_requests_arrive_as_spans_logs_and_metrics() -> None:
    """All three signals, flawless, held to the pinned registry."""

    async def main() -> Kit:
        kit = Kit()
        kit.view.add(success(seed=5))
        kit.view.add(fallback().end())
        assert kit.receiver.requests == []  # adding only queues
        await kit.after(1)
        assert [request.path for request in kit.receiver.requests] == ["/v1/traces", "/v1/logs"]
        await kit.end()
        return kit

    kit = run(main)
    kit.receiver.check()
    assert [span.name for span in kit.receiver.spans] == [
        "POST /v1/chat/completions",
        "route chat",
        "chat gpt-5.5",
        "POST /v1/chat/completions",
        "route chat",
        "chat gpt-5.5",
        "chat gpt-5.5",
        "chat mistral-large-latest",
    ]
    assert sorted(log.name for log in kit.receiver.logs) == [
        "gen_ai.client.operation.exception",
        "gen_ai.client.operation.exception",
        "tracegate.route.fallback",
    ]
    assert kit.receiver.total(names.METRIC_TRACEGATE_ATTEMPTS) == 4
    assert kit.lost == {}
    assert kit.closed == 1


def test_requests_that_are_alike_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once there were many; log events come too, and every request is counted."""

    monkeypatch.setattr(forms, "OFTEN", 2)

    async def main() -> Kit:
        kit = Kit()
        for turn in range(4):
            kit.view.add(success(seed=turn))
            kit.view.add(fallback(10 + turn).end())
            await kit.after(1)
        assert kit.view._forms is not None
        assert len(kit.view._forms._forms) == 2
        await kit.end()
        return kit

    kit = run(main)
    kit.receiver.check()
    assert len(kit.receiver.spans) == 4 * 8
    assert len(kit.receiver.logs) == 4 * 3
    assert kit.receiver.total(names.METRIC_TRACEGATE_ATTEMPTS) == 4 * 4
    assert kit.lost == {}


@pytest.mark.parametrize("method", ["fill", "count"])
def test_forms_that_fail_stop_nobody(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """The failure is counted like any other."""

    def fail(*_: object) -> None:
        raise RuntimeError("no")

    async def main() -> Kit:
        kit = Kit()
        monkeypatch.setattr(Forms, method, fail)
        kit.view.add(success())
        await kit.end()
        return kit

    assert run(main).lost == {names.LOST_RENDER: 1}


def test_our_registry_judges_like_the_pinned_one() -> None:
    """It is the stricter one: whoever watches a gateway may use it instead."""

    async def main() -> Kit:
        kit = Kit()
        kit.view.add(success())
        await kit.end()
        return kit

    kit = run(main)
    ours = Registry.of(registry.document())
    assert ours.findings(kit.receiver.spans, kit.receiver.points, kit.receiver.logs) == []


def test_a_request_waits_for_others_but_not_for_long() -> None:
    """One request for many, after a tenth of a second."""

    recorders = many(5)

    async def main() -> Kit:
        kit = Kit(signals=("traces",))
        for recorder in recorders:
            kit.view.add(recorder)
            await kit.after(0.01)
        await kit.after(1)
        return kit

    kit = run(main)
    (request,) = kit.receiver.requests
    assert request.at == START + TICK_NS
    assert len(kit.receiver.spans) == 15


def test_many_requests_are_rendered_in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn of the loop renders more than a batch; others have their turn in between."""
    turns: list[int] = []
    rendered: list[Recorder] = []
    true = spans

    def counted(request: Recorder, without: Any) -> Any:
        rendered.append(request)
        return true(request, without)

    async def main() -> Kit:
        kit = Kit(signals=("traces",))
        kit.view._forms = None
        monkeypatch.setattr(direct, "spans", counted)
        monkeypatch.setattr(direct, "SEND", 10**9)
        for recorder in many(3 * BATCH + 5):
            kit.view.add(recorder)
        assert rendered == []
        while len(rendered) < 3 * BATCH:
            before = len(rendered)
            await asyncio.sleep(0)
            turns.append(len(rendered) - before)
        assert kit.receiver.requests == []  # not enough to be worth a request yet
        await kit.after(1)
        return kit

    kit = run(main)
    assert max(turns) == BATCH
    assert len(kit.receiver.spans) == 3 * (3 * BATCH + 5)
    assert len(kit.receiver.requests) == 1


def test_a_late_crowd_is_rendered_in_parts_too() -> None:
    """Also when the time is up."""

    async def main() -> Kit:
        kit = Kit(signals=("traces",))
        for recorder in many(2 * BATCH - 1):
            kit.view._pending.append((recorder, None, ()))
        kit.view.add(success(seed=1000))
        await kit.after(1)
        return kit

    assert len(run(main).receiver.spans) == 3 * 2 * BATCH


def test_a_time_that_is_up_renders_in_parts() -> None:
    """What does not fit into one turn has the next one."""

    async def main() -> Kit:
        kit = Kit(signals=("traces",))
        kit.view.add(success(seed=1000))
        for recorder in many(BATCH + 3):
            kit.view._pending.append((recorder, None, ()))
        await kit.after(1)
        return kit

    assert len(run(main).receiver.spans) == 3 * (BATCH + 4)


def test_much_is_sent_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """When enough bytes are there."""

    async def main() -> Kit:
        monkeypatch.setattr(direct, "SEND", 1)
        kit = Kit(signals=("traces",))
        for recorder in many(BATCH):
            kit.view.add(recorder)
        await kit.after(0.05)
        assert len(kit.receiver.requests) == 1
        await kit.after(1)
        return kit

    run(main)


def test_large_bodies_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A waiting request keeps its client's body in memory."""

    async def main() -> None:
        monkeypatch.setattr(direct, "HEAVY", 1000)
        kit = Kit(signals=("traces",))
        kit.view.add(success(b'{"model":"chat","messages":["' + b"x" * 2000 + b'"]}'))
        await kit.after(0.001)
        assert (len(kit.view._pending), kit.view._heavy) == (0, 0)
        kit.view.add(success(seed=2))
        kit.view.add(Made(seed=3, body=None).end())
        await kit.after(0.001)
        assert len(kit.view._pending) == 2
        await kit.after(1)

    run(main)


def test_what_closed_late_comes_once() -> None:
    """A record that was open when its request was handed over has its span when it closes, whatever was first."""

    async def main() -> Kit:
        kit = Kit()
        for rendered_first in (True, False):
            made = Made(seed=1 + rendered_first)
            route = made.route(CHAT)
            shadow = made.attempt(route, MISTRAL, Why("shadow"))
            made.close(route)
            kit.view.add(made.end())
            if rendered_first:
                await kit.after(1)
            made.close(shadow, refused())
            kit.view.late(made.recorder, shadow)
            await kit.after(1)
        await kit.end()
        return kit

    kit = run(main)
    assert [span.name for span in kit.receiver.spans if span.kind == "client"] == ["chat mistral-large-latest"] * 2
    assert len(kit.receiver.logs) == 2
    assert kit.receiver.total(names.METRIC_TRACEGATE_ATTEMPTS) == 2


def test_metrics_leave_every_while_even_without_requests() -> None:
    """From `start` on; what was lost is among them from the beginning, at 0."""

    async def main() -> Kit:
        kit = Kit(every_s=10)
        kit.view.start()
        kit.view.start()
        await kit.after(35)
        return kit

    kit = run(main, leave_timers=True)
    assert [request.path for request in kit.receiver.requests] == ["/v1/metrics"] * 3
    assert kit.receiver.total(names.METRIC_TRACEGATE_TELEMETRY_ERRORS) == 0


def test_the_first_request_starts_the_metrics() -> None:
    """Nobody has to remember it."""

    async def main() -> Kit:
        kit = Kit(signals=("metrics",))
        kit.view.add(success())
        await kit.after(16)
        await kit.end()
        return kit

    assert len(run(main).receiver.requests) == 2


@pytest.mark.parametrize("signal", ALL)
def test_each_signal_can_be_alone(signal: Signal) -> None:
    """What is off is neither made nor sent."""

    async def main() -> Kit:
        kit = Kit(signals=(signal,))
        kit.view.add(fallback().end())
        for recorder in many(BATCH):
            kit.view.add(recorder)
        await kit.after(1)
        await kit.view.close(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    assert {request.path for request in kit.receiver.requests} == {f"/v1/{signal}"}
    assert kit.lost == {}


@pytest.mark.parametrize("behaviour", [Refuse(503), Refuse(400), Hang(), Reset(), Partial(2)])
def test_no_receiver_holds_a_request_up(behaviour: Any) -> None:
    """Adding takes no time, whatever the receiver does; all of it is told or counted in the end."""

    async def main() -> Kit:
        kit = Kit(queue=20_000)
        kit.receiver.behaviour = behaviour
        for n, recorder in enumerate(many(60)):
            before = kit.clock.now()
            kit.view.add(recorder)
            assert kit.clock.now() == before
            if n % 5 == 0:
                await kit.after(1)
        await kit.after(30)
        kit.receiver.behaviour = Accept()
        await kit.after(60)
        await kit.end()
        return kit

    kit = run(main)
    kit.receiver.check(lost=True)
    lost = sum(kit.lost.get(name, 0) for name in names.LOST if name.startswith("traces"))
    assert len(kit.receiver.spans) + lost == 3 * 60
    assert lost > 0
    exported = {
        str(point.labels[names.TRACEGATE_TELEMETRY_WHERE]): point.value
        for point in kit.receiver.series(names.METRIC_TRACEGATE_TELEMETRY_ERRORS)
        if point.value
    }
    assert exported == kit.lost


def test_memory_is_bounded_while_nobody_takes_anything() -> None:
    """A receiver that is gone for an hour costs the queue and no more."""

    async def main() -> None:
        kit = Kit(queue=20_000)
        kit.receiver.behaviour = Refuse(503)
        for n, recorder in enumerate(many(200)):
            kit.view.add(recorder)
            if n % 10 == 0:
                await kit.after(1)
            for channel in (kit.channels.traces, kit.channels.logs, kit.channels.metrics):
                assert channel is not None
                assert channel.held <= 20_000
        assert kit.lost[names.LOST_TRACES_QUEUE] > 0
        await kit.view.close(kit.clock.now())

    run(main)


def test_flushing_sends_everything_and_leaves_nothing_behind() -> None:
    """Waiting requests, queued bytes, the last metrics; then the connections are closed."""

    async def main() -> Kit:
        kit = Kit()
        for recorder in many(3 * BATCH):
            kit.view.add(recorder)
        await kit.end()
        return kit

    kit = run(main)
    assert len(kit.receiver.spans) == 9 * BATCH
    assert kit.receiver.total(names.METRIC_TRACEGATE_ATTEMPTS) == 3 * BATCH
    kit.receiver.check()


def test_flushing_ends_in_time() -> None:
    """A receiver that hangs gets two thirds of it for spans, so that metrics have their turn; nothing runs on."""

    async def main() -> Kit:
        kit = Kit()
        kit.receiver.behaviour = Hang()
        kit.view.add(success())
        began = kit.clock.now()
        await kit.end(0.9)
        assert kit.clock.now() - began == 900_000_000
        assert kit.lost == {}
        kit.receiver.behaviour = Accept()
        kit.view.add(success(seed=2))  # it can go on
        await kit.after(1)
        await kit.end()
        return kit

    kit = run(main)
    assert len(kit.receiver.spans) == 6


def test_closing_counts_what_could_not_be_sent(caplog: pytest.LogCaptureFixture) -> None:
    """The log is the last place to say so."""

    async def main() -> Kit:
        kit = Kit()
        kit.receiver.behaviour = Refuse(503)
        kit.view.add(fallback().end())
        await kit.view.close(kit.clock.now() + SECOND_NS)
        return kit

    with caplog.at_level(logging.WARNING):
        kit = run(main)
    assert kit.lost == {names.LOST_TRACES_EXPORT: 5, names.LOST_LOGS_EXPORT: 3, names.LOST_METRICS_EXPORT: 1}
    assert "not sent before the end. Lost since the last such line: 5 spans." in caplog.text


def test_the_last_metrics_say_what_was_lost_at_the_end() -> None:
    """Where metrics have another way than what was lost, the count arrives."""

    class Apart(Kit):
        async def post(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
            if not url.endswith("/v1/metrics"):
                raise ConnectionError("nobody there")
            return await super().post(url, headers, body, timeout_ns)

    async def main() -> Kit:
        kit = Apart()
        kit.view.add(fallback().end())
        await kit.view.close(kit.clock.now() + SECOND_NS)
        return kit

    lost = run(main).receiver.series(names.METRIC_TRACEGATE_TELEMETRY_ERRORS)
    told = {point.labels[names.TRACEGATE_TELEMETRY_WHERE]: point.value for point in lost if point.value}
    assert told == {names.LOST_TRACES_EXPORT: 5, names.LOST_LOGS_EXPORT: 3}


def test_nothing_is_taken_after_the_end() -> None:
    """It is counted, and wakes nothing up."""

    async def main() -> Kit:
        kit = Kit()
        await kit.view.close(kit.clock.now() + SECOND_NS)
        recorder = success()
        kit.view.add(recorder)
        kit.view.late(recorder, recorder.records[1])
        await kit.after(60)
        return kit

    kit = run(main)
    assert kit.receiver.spans == []
    assert kit.lost == {names.LOST_TRACES_EXPORT: 4}


def test_a_request_that_can_not_be_rendered_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, told once without the error's text, and its log events and metrics come all the same."""
    true = spans

    def failing(request: Recorder, without: Any) -> Any:
        if request.inbound.alias == "bad":
            raise ValueError("a secret")
        return true(request, without)

    async def main() -> Kit:
        kit = Kit()
        monkeypatch.setattr(direct, "spans", failing)
        kit.view.add(success(alias="bad", seed=1))
        kit.view.add(success(seed=2))
        kit.view.add(success(alias="bad", seed=3))
        await kit.end()
        return kit

    kit = run(main)
    assert len(kit.receiver.spans) == 3
    assert kit.lost == {names.LOST_RENDER: 2}
    assert kit.receiver.total(names.METRIC_TRACEGATE_ATTEMPTS) == 3
    (record,) = caplog.records
    assert "A request could not be rendered: ValueError in `failing`" in record.getMessage()
    assert "secret" not in record.getMessage()


def test_a_span_that_can_not_be_encoded_costs_only_itself() -> None:
    """The others of its batch are sent."""

    async def main() -> Kit:
        kit = Kit(signals=("traces",))
        kit.view.add(success(seed=1))
        bad = Made(seed=2, port=2**70)
        kit.view.add(bad.end())
        await kit.end()
        return kit

    kit = run(main)
    assert len(kit.receiver.spans) == 3
    assert kit.lost == {names.LOST_RENDER: 1}


def test_metrics_that_can_not_be_encoded_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next export has its turn."""

    def failing(snapshot: object) -> bytes:
        raise ValueError("no")

    async def main() -> Kit:
        kit = Kit(every_s=10)
        with monkeypatch.context() as patch:
            patch.setattr(direct, "encode_metrics", failing)
            kit.view.start()
            await kit.after(11)
        await kit.after(10)
        await kit.end()
        return kit

    kit = run(main)
    assert len(kit.receiver.requests) == 2
    assert kit.lost == {names.LOST_RENDER: 1}


def test_no_text_of_a_prompt_or_a_key_is_exported() -> None:
    """What the client wrote stays with the provider."""
    body = b'{"model":"chat","messages":[{"role":"user","content":"PLANTED-PROMPT"}],"user":"PLANTED-USER"}'

    async def main() -> Kit:
        kit = Kit()
        kit.view.add(success(body))
        await kit.end()
        return kit

    assert run(main).receiver.found("PLANTED-PROMPT", "PLANTED-USER") == []
