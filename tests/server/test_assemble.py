"""Where all parts meet: what a configuration turns into, and what runs around serving."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.agreement.house import House, loaded
from tests.server.opened import CALL, KEY, MS, SECRET, S, config, got, opened
from tracegate.audit.process import Mode
from tracegate.errors import ConfigError, Failed, Rejected
from tracegate.record import Record, Recorder
from tracegate.server.assemble import CLOSE_S, LEAVE_NS, Assembled, assemble
from tracegate.server.auth import Caller
from tracegate.server.limits import WIRE, Wire
from tracegate.telemetry.metrics_labels import Names
from tracegate.telemetry.metrics_tally import Active
from tracegate.testing.audit import MemoryLog
from tracegate.testing.clock import FakeClock
from tracegate.testing.collected import Collected
from tracegate.testing.ids import SeededIds
from tracegate.testing.lifespan import lifespan
from tracegate.testing.loop import run
from tracegate.testing.memory import MemoryExchange

OTHER = "tg-key-other-0123456789"


def digest(key: str) -> bytes:
    """How a key is known."""
    return hashlib.sha256(key.encode()).digest()


def callers(more: str, *keys: str) -> list[Caller | None]:
    """The callers of some keys; `None` for one that is refused."""
    found: list[Caller | None] = []

    async def asked(house: House) -> None:
        keyring = house.assembled.gateway.keyring
        for key in keys:
            try:
                found.append(keyring.caller({b"api-key": key.encode()}, house.clock.wall()))
            except Rejected:
                found.append(None)

    opened(config("sim-ok", more=more), asked)
    return found


def test_keys_are_known_by_their_hash_and_tenants_set_a_ceiling() -> None:
    """A tenant need not be configured; a disabled key is none; `*` is no list."""
    more = f"""
keys:
  app:   {{tenant: acme, key: "{KEY}", routes: [chat, t0]}}
  batch: {{tenant: other, hash: "sha256:{digest(OTHER).hex()}"}}
  old:   {{tenant: acme, key: "tg-key-old-0123456789", disabled: true}}
tenants:
  acme: {{inbound: link, routes: [chat]}}
telemetry: {{inbound: ignore}}
"""
    assert callers(more, KEY, OTHER, "tg-key-old-0123456789") == [
        Caller("app", "acme", "link", (frozenset({"chat", "t0"}), frozenset({"chat"}))),
        Caller("batch", "other", "ignore"),
        None,
    ]


def test_a_key_counts_to_the_end_of_its_day() -> None:
    """The clock of the tests shows the first of January 2026, midnight."""
    one = f'keys: {{app: {{key: "{KEY}", expires: '
    assert [
        caller is not None for day in ("2025-12-31", "2026-01-01") for caller in callers(one + day + "}}", KEY)
    ] == [
        False,
        True,
    ]


def test_without_keys_everybody_belongs_to_the_default_tenant() -> None:
    """With what that is allowed, if it is configured."""
    assert callers("", "any") == [Caller("none", "default", "parent")]
    more = "tenants: {default: {inbound: link, routes: [chat]}}\n"
    assert callers(more, "any") == [Caller("none", "default", "link", (frozenset({"chat"}),))]


def test_what_was_not_injected_is_made() -> None:
    """Clocks, ids, the ways to the providers; nothing is opened by that."""
    made = assemble(loaded(config("sim-ok")), Collected())
    assert made.gateway.clock.now() > 0
    assert len(made.gateway.ids.trace()) == 16
    assert made.gateway.active.begin("chat") == "chat"


def test_the_count_of_open_requests_is_the_one_that_is_given() -> None:
    """Telemetry reads it."""
    active = Active(Names(["chat"]))
    assert assemble(loaded(config("sim-ok")), Collected(), active=active).gateway.active is active


def test_what_was_asked_is_kept_where_a_view_tells_it() -> None:
    """It is the one that has the answers kept, too."""
    made = [assemble(loaded(config("sim-ok")), Collected(), keep=keep) for keep in (None, lambda hop: hop)]
    assert [one.gateway.content for one in made] == [False, True]


def test_a_provider_that_can_not_be_reached_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    """Said for a person."""
    (tmp_path / "ca.pem").write_text("no certificate")
    configured = loaded(
        config("sim-ok").replace("dialect: openai,", f"dialect: openai, tls: {{ca: {tmp_path}/ca.pem}},")
    )
    with pytest.raises(ConfigError, match=r"providers\.p0"):
        assemble(configured, Collected())


def test_every_secret_is_redacted() -> None:
    """A provider that repeats our key back is not quoted."""

    async def asked(house: House) -> None:
        answer = await got(house.app, body=CALL)
        assert "[redacted]" in answer.error["message"]
        assert SECRET.encode() not in answer.body

    house = opened(config("sim-401+message=bad%20key%20{key}"), asked)
    error = house.view.requests[0].attempts[0].error
    assert isinstance(error, Failed)
    assert SECRET not in error.message


# --- around serving ---


class Slow(MemoryExchange):
    """An exchange that takes its time to close, and says when it began."""

    def __init__(self, clock: FakeClock, takes_ns: int, broken: bool = False) -> None:
        super().__init__(clock)
        self._takes_ns = takes_ns
        self._broken = broken
        self.closing: int | None = None

    async def close(self) -> None:
        """See `Exchange.close`."""
        self.closing = self.clock.now()
        await self.clock.sleep_until(self.clock.now() + self._takes_ns)
        if self._broken:
            raise RuntimeError("no")


class Noted(Collected):
    """A view that notes when it was started and closed, and until when it had time."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.noted: list[tuple[str, int]] = []

    def start(self) -> None:
        """See `View.start`."""
        self.noted.append(("start", self._clock.now()))

    async def close(self, by: int) -> None:
        """See `View.close`."""
        self.noted += [("close", self._clock.now()), ("by", by)]

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`."""
        raise AssertionError("nothing is late here")


START = 1_000_000_000


def served(*exchanges: tuple[int, bool]) -> tuple[Assembled, Noted, list[Slow]]:
    """A gateway whose providers close so slowly, on the running virtual loop."""
    clock = FakeClock()
    view, ways = Noted(clock), [Slow(clock, takes, broken) for takes, broken in exchanges]
    text = config(*["sim-ok"] * len(exchanges), more="telemetry: {shutdown: 2s}\n")
    named = {f"p{number}": way for number, way in enumerate(ways)}
    return assemble(loaded(text), view, clock=clock, exchanges=named), view, ways


def test_readiness_follows_starting_and_stopping() -> None:
    """`starting_up` before, `shutting_down` behind; telemetry starts first and is closed last, in its own time."""

    async def main() -> None:
        made, view, ways = served((0, False))
        assert (await got(made.app, "GET", "/readyz")).json["not_ready"] == ["starting_up"]
        async with lifespan(made.app):
            assert view.noted == [("start", START)]
            assert (await got(made.app, "GET", "/readyz")).json["ready"] is True
            closing_early = ways[0].closing
        assert closing_early is None
        assert (await got(made.app, "GET", "/readyz")).json["not_ready"] == ["shutting_down"]
        assert ways[0].closing == START
        assert view.noted[1:] == [("close", START), ("by", START + 2 * S)]

    run(main)


def test_connections_that_do_not_close_are_left_behind() -> None:
    """Each has a second; one that fails stops nothing, and telemetry is closed after all of them."""

    async def main() -> None:
        made, view, ways = served((10 * S, False), (0, True), (300 * MS, False))
        async with lifespan(made.app):
            pass
        assert [way.closing for way in ways] == [START] * 3
        assert view.noted[1] == ("close", START + int(CLOSE_S * S))

    run(main)


def test_what_runs_beside_requests_runs_around_them() -> None:
    """It starts when telemetry has, and is closed when the last request is over, before telemetry is."""

    class Runs:
        def __init__(self, view: Noted) -> None:
            self._view = view

        async def start(self) -> None:
            self._view.noted.append(("beside starts", 0))

        async def close(self) -> None:
            self._view.noted.append(("beside closes", 0))

    async def main() -> None:
        clock = FakeClock()
        view = Noted(clock)
        made = assemble(loaded("telemetry: {otlp: none}\n"), view, clock=clock, exchanges={}, beside=Runs(view))
        async with lifespan(made.app):
            pass
        assert [what for what, _ in view.noted] == ["start", "beside starts", "beside closes", "close", "by"]

    run(main)


@pytest.mark.parametrize(("mode", "ready"), [("strict", ["audit_log"]), ("available", [])])
def test_a_gateway_whose_log_fails_is_ready_only_where_it_answers(mode: Mode, ready: list[str]) -> None:
    """In `strict` mode nothing is answered until the log can be written again."""

    async def main() -> None:
        clock = FakeClock()
        log = MemoryLog(clock, SeededIds(1), mode=mode)
        text = loaded("telemetry: {otlp: none}\n")
        made = assemble(text, Noted(clock), clock=clock, exchanges={}, audit=log.audit)
        async with lifespan(made.app):
            log.audit.epoch.log.watched(True)
            assert (await got(made.app, "GET", "/readyz")).json["not_ready"] == ready
            log.audit.epoch.log.watched(False)
            assert (await got(made.app, "GET", "/readyz")).json["not_ready"] == []
        await log.close()

    run(main)


def test_without_providers_there_is_nothing_to_close() -> None:
    """A configuration may be empty."""

    async def main() -> None:
        clock = FakeClock()
        view = Noted(clock)
        made = assemble(loaded("telemetry: {otlp: none}\n"), view, clock=clock, exchanges={})
        async with lifespan(made.app):
            pass
        assert view.noted[1][0] == "close"

    run(main)


@pytest.mark.parametrize(("takes", "waited"), [(25 * MS, 30 * MS), (9 * S, LEAVE_NS)])
def test_requests_that_were_cancelled_have_a_moment_to_close_their_records(takes: int, waited: int) -> None:
    """So that telemetry has them; but no longer than a second."""

    async def main() -> None:
        made, view, _ = served((0, False))
        async with lifespan(made.app):
            made.gateway.open += 1
            clock = made.gateway.clock
            timer = clock.call_at(clock.now() + takes, setattr, made.gateway, "open", 0)
        assert view.noted[1] == ("close", START + waited)
        timer.cancel()
        await asyncio.sleep(0)

    run(main)


def test_the_protocol_gets_its_limits_from_the_configuration() -> None:
    """And the words of refusals; a stop makes the gateway not ready at once."""

    async def main() -> None:
        clock = FakeClock()
        text = config("sim-ok", more="limits: {header: 8KB, header_time: 3s, keep_alive: 9s}\n")
        made = assemble(loaded(text), Noted(clock), clock=clock, exchanges={"p0": MemoryExchange(clock)})
        async with lifespan(made.app) as state:
            wire = state[WIRE]
            assert isinstance(wire, Wire)
            assert (8000, 3 * S, 9 * S) == (wire.header, wire.header_time_ns, wire.keep_alive_ns)
            assert wire.refusal(Rejected(431, "header_too_large", "no")).startswith(b"HTTP/1.1 431 ")
            assert made.gateway.not_ready == set()
            wire.stopping()
            assert made.gateway.not_ready == {"shutting_down"}

    run(main)
