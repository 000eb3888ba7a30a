"""What clients get while the log can't be written, in both modes, and what it says of them afterwards."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from tests.agreement.cases import CASES, Case
from tests.agreement.check_leaf import Json, agree_leaf, proved
from tests.agreement.client import Answer
from tests.agreement.house import House
from tests.audit.failing import FaultyDisk, SlowLane
from tests.server.opened import config, got
from tracegate.audit.process import Mode
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run

MS = 1_000_000
S = 1_000_000_000
MODES: list[Mode] = ["strict", "available"]
WAIT: dict[Mode, int] = {"strict": S, "available": 50 * MS}


class Played:
    """A gateway whose log fails when a test says so; `ask` asks it."""

    def __init__(self, mode: Mode, script: str = "sim-ok", delay: int = 0, route: str = "") -> None:
        self.disk = FaultyDisk()
        log = {"mode": mode, "wait_ns": WAIT[mode], "disk": self.disk, "lane": SlowLane(FakeClock(), delay)}
        self.house = House(config(script, route=route), log=log)
        self.clock = self.house.clock
        self.ask = self.house.ask

    def fails(self) -> None:
        """Nothing can be written any more."""
        self.disk.broken["write"] = errno.ENOSPC

    def works(self) -> None:
        """It can again."""
        self.disk.broken.clear()

    @property
    def leaves(self) -> Sequence[Json]:
        """Of records."""
        assert self.house.log is not None
        return [leaf for leaf in self.house.log.leaves() if "record_id" in leaf]

    @property
    def paused(self) -> list[dict[str, int]]:
        """What was served without a leaf."""
        assert self.house.log is not None
        return [leaf["requests"] for leaf in self.house.log.leaves() if leaf["type"] == "log.paused"]

    def span(self) -> dict[str, Any]:
        """What the SERVER span of the last request says."""
        (server,) = [span for span in spans(self.house.view.requests[-1]) if span.kind == "server"]
        return dict(server.attributes)

    def verified(self, answer: Answer) -> str:
        """What its client can prove of an answer."""
        assert self.house.log is not None
        return proved(answer, self.house.log).verdict


def played(scene: Callable[[], Awaitable[Played]]) -> Played:
    """Play a scene; afterwards the log works again, and is sound."""

    async def main() -> Played:
        found = await scene()
        found.works()
        await found.clock.sleep_until(found.clock.now() + 2 * S)
        await found.house.close()
        return found

    return run(main)


def refused(answer: Answer, calls: int) -> None:
    """A 503 as the format has it: nothing of it names a record."""
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert answer.error is not None
    assert (answer.error["code"], answer.error["type"]) == ("audit_unavailable", "server_error")
    assert answer.header("x-served-by") == 'tracegate;node="node-1";v="0.1.0"'
    assert answer.header("proxy-status") == "tracegate;error=proxy_internal_error"
    for name in ("tracegate-record", "content-digest", "signature", "signature-input"):
        assert answer.header(name) is None
    assert "record" not in answer.error
    assert len(answer.attempts) == calls


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_while_the_log_works_both_modes_are_one(case: Case, mode: Mode) -> None:
    """Success, failure, death in the middle, a client that leaves before the first event and behind it."""

    async def main() -> tuple[Answer, House]:
        log = {"mode": mode, "wait_ns": WAIT[mode], "lane": SlowLane(FakeClock(), MS)}
        house = House(case.config("http://127.0.0.1:9", "sk-planted-key-0123456789"), log=log)
        answer = await house.ask(leave_ns=case.leave_ns, leave_after=case.leave_after, stream=case.stream)
        await house.clock.sleep_until(house.clock.now() + 200 * MS)
        await house.close()
        return answer, house

    answer, house = run(main)
    assert house.log is not None
    (recorder,) = house.view.requests
    agree_leaf(answer, spans(recorder), house.log.leaves())  # type: ignore[arg-type]  # views have what spans have
    assert (recorder.inbound.lost, recorder.inbound.degraded) == (False, False)
    if answer.status is not None:
        assert proved(answer, house.log).verdict == ("incomplete" if answer.left else "verified")


@pytest.mark.parametrize("stream", [False, True])
def test_strict_asks_no_provider_without_an_intent(stream: bool) -> None:
    """The first waits a second, the next none; then it works again, without a restart."""

    async def scene() -> Played:
        made = Played("strict")
        made.fails()
        for wait in (S, 0, 0):
            since = made.clock.now()
            refused(await made.ask(stream=stream), 0)
            assert made.clock.now() - since == wait
        said = made.span()
        assert (said["tracegate.outcome"], said["tracegate.outcome_reason"]) == ("error", "audit_unavailable")
        assert "tracegate.audit.record.id" not in said
        assert len(made.house.exchange.log) == 0
        made.works()
        await made.clock.sleep_until(made.clock.now() + 250 * MS)
        answer = await made.ask(stream=stream)
        assert answer.status == 200
        await made.clock.sleep_until(made.clock.now() + S)
        assert made.verified(answer) == "verified"
        return made

    made = played(scene)
    assert [leaf["type"] for leaf in made.leaves] == ["intent", "final"]
    assert made.paused == []


def test_strict_refuses_our_own_refusals_too() -> None:
    """Nothing is answered without a record, a 404 neither."""

    async def scene() -> Played:
        made = Played("strict")
        made.fails()
        refused(await made.ask("nothing"), 0)
        return made

    (final,) = played(scene).leaves
    assert (final["type"], final["late"], final["res"]["status"]) == ("final", True, 404)


@pytest.mark.parametrize("script", ["sim-ok", "sim-503"])
def test_strict_releases_no_answer_without_its_final(script: str) -> None:
    """The provider was asked, and the leaf says so as soon as it can be written; the client got the same 503."""

    async def scene() -> Played:
        made = Played("strict", f"{script}+wait=1s")
        made.clock.call_at(made.clock.now() + 500 * MS, made.fails)
        since = made.clock.now()
        refused(await made.ask(), 1)
        assert made.clock.now() - since == 2 * S
        assert made.span()["tracegate.outcome_reason"] == "audit_unavailable"
        return made

    intent, final = played(scene).leaves
    assert (intent["type"], final["type"], final["late"]) == ("intent", "final", True)
    assert final["res"]["status"] == (200 if script == "sim-ok" else 503)


@pytest.mark.parametrize("script", ["ok+words=8", "cut=6", "ok+stall=5"])
def test_strict_breaks_off_a_stream_whose_final_is_not_durable(script: str) -> None:
    """An error event, a comment without a receipt, no `[DONE]`; what was sent can be proved later."""

    async def scene() -> Played:
        made = Played("strict", f"sim-{script}+pace=200ms")
        made.clock.call_at(made.clock.now() + 500 * MS, made.fails)
        answer = await made.ask(stream=True)
        assert answer.status == 200
        assert answer.error is not None
        assert answer.error["code"] == "audit_unavailable"
        assert answer.error["record"] == answer.header("tracegate-record")
        assert "[DONE]" not in answer.events
        assert "receipt" not in answer.comments
        assert answer.comments["outcome"].startswith("error;error=")
        assert answer.comments["outcome"].endswith(f";chunks={len(answer.events)}")
        assert made.span()["tracegate.audit.record.id"] == answer.header("tracegate-record")
        made.works()
        await made.clock.sleep_until(made.clock.now() + 2 * S)
        assert made.verified(answer) == "verified"
        return made

    _, final = played(scene).leaves
    assert (final["late"], final["outcome_reason"]) == (True, "audit_unavailable")


@pytest.mark.parametrize("stream", [False, True])
def test_available_serves_without_a_record(stream: bool) -> None:
    """Within its short wait; the span says so, and the log counts it."""

    async def scene() -> Played:
        made = Played("available")
        made.fails()
        for wait in (50 * MS, 0):
            since = made.clock.now()
            answer = await made.ask(stream=stream)
            assert made.clock.now() - since == wait
            assert answer.status == 200
            for name in ("tracegate-record", "content-digest", "signature", "signature-input"):
                assert answer.header(name) is None
            assert "receipt" not in answer.comments
            assert not stream or answer.events[-1] == "[DONE]"
            said = made.span()
            assert said["tracegate.audit.degraded"] is True
            assert not {"tracegate.audit.record.id", "tracegate.audit.record.seq"} & set(said)
        answer = await made.ask("nothing")
        assert (answer.status, answer.header("tracegate-record")) == (404, None)
        assert answer.error is not None
        assert "record" not in answer.error
        return made

    made = played(scene)
    assert made.leaves == []
    assert sum(sum(counts.values()) for counts in made.paused) == 3


def test_available_lets_a_stream_go_whose_final_is_not_durable() -> None:
    """Its head named the record, whose final comes later; then all of it can be proved."""

    async def scene() -> Played:
        made = Played("available", "sim-ok+words=8+pace=100ms")
        made.clock.call_at(made.clock.now() + 500 * MS, made.fails)
        answer = await made.ask(stream=True)
        assert answer.events[-1] == "[DONE]"
        assert "receipt" not in answer.comments
        said = made.span()
        assert said["tracegate.audit.record.id"] == answer.header("tracegate-record")
        assert (said["tracegate.audit.degraded"], "tracegate.audit.record.seq" in said) == (True, False)
        made.works()
        await made.clock.sleep_until(made.clock.now() + 2 * S)
        assert made.verified(answer) == "verified"
        return made

    made = played(scene)
    assert [leaf["type"] for leaf in made.leaves] == ["intent", "final"]
    assert made.paused == []


def test_available_lets_a_whole_answer_go_whose_final_is_not_durable() -> None:
    """Nothing of it names the record that is written later."""

    async def scene() -> Played:
        made = Played("available", "sim-ok+wait=1s")
        made.clock.call_at(made.clock.now() + 500 * MS, made.fails)
        answer = await made.ask()
        assert (answer.status, answer.header("tracegate-record"), answer.header("signature")) == (200, None, None)
        return made

    made = played(scene)
    assert [leaf["type"] for leaf in made.leaves] == ["intent", "final"]
    assert made.paused == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stream", [False, True])
def test_no_attempt_contains_our_disk(mode: Mode, stream: bool) -> None:
    """Each leaf takes 20 ms; the attempt begins after the first, and ends before the second."""

    async def scene() -> Played:
        made = Played(mode, "sim-503x2:ok+wait=100ms", delay=20 * MS)
        since = made.clock.now()
        answer = await made.ask(stream=stream)
        assert answer.status == 503
        (attempt,) = made.house.view.requests[-1].attempts
        (entry,) = made.house.exchange.log
        assert attempt.start == since + 20 * MS == entry.arrived
        assert attempt.end == entry.last_sent
        assert attempt.end is not None
        assert made.clock.now() == attempt.end + 20 * MS
        assert (answer.header("server-timing") or "").startswith("gateway;dur=40.0,")
        return made

    made = played(scene)
    assert [leaf["type"] for leaf in made.leaves] == ["intent", "final"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_log_is_refused_in_strict_mode_after_a_second(stream: bool) -> None:
    """What reached the disk all the same is closed as aborted."""

    async def scene() -> Played:
        made = Played("strict", delay=1200 * MS)
        since = made.clock.now()
        refused(await made.ask(stream=stream), 0)
        assert made.clock.now() - since == S
        await made.clock.sleep_until(made.clock.now() + 5 * S)
        return made

    made = played(scene)
    assert [leaf["type"] for leaf in made.leaves] == ["intent", "aborted"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("deadline", ["10ms", "500ms"])
def test_a_deadline_that_passes_while_the_log_is_waited_for(mode: Mode, deadline: str) -> None:
    """The client is told as always: the log has its second, behind the deadline too."""

    async def scene() -> Played:
        made = Played(mode, "sim-silence", 20 * MS, f"deadline: {deadline}, ")
        answer = await made.ask()
        assert answer.status == 504
        await made.clock.sleep_until(made.clock.now() + S)
        assert made.verified(answer) == "verified"
        return made

    (_, final) = played(scene).leaves
    assert final["outcome_reason"] == "timeout"


def test_requests_that_leave_no_record_do_not_ask_the_log() -> None:
    """Lists of models, unknown paths, wrong methods."""

    async def scene() -> Played:
        made = Played("strict")
        made.fails()
        for path, status in (("/v1/models", 200), ("/unknown", 404), ("/v1/chat/completions", 405)):
            answer = await got(made.house.app, "GET", path)
            assert (answer.status, answer.header("tracegate-record")) == (status, None)
            assert (answer.header("content-digest"), answer.header("signature")) == (None, None)
        return made

    made = played(scene)
    assert (made.leaves, made.paused) == ([], [])
