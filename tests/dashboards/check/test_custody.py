"""What "Chain of custody" must show follows the choice of gateways, and what stands in their logs."""

from __future__ import annotations

import asyncio

from dashboards.check.custody import Custody, expectations
from dashboards.check.expected import Expected
from dashboards.check.kept import Kept, kept
from dashboards.check.load import gateway
from dashboards.check.scenes import SCRIPTS, Scene
from dashboards.check.truth import Span
from tests.dashboards.check.test_load import ALONE
from tracegate.testing.simulator import Simulator

BEFORE = Kept("g/a", {"log.open": 1, "final": 2, "erasure": 1}, 3)
AFTER = Kept("g/a", {"log.open": 1, "final": 2, "erasure": 1, "heartbeat": 1}, 4)
OTHER = Kept("g/b", {"log.open": 1}, 1)
ALL = Custody((), {"a": BEFORE, "b": OTHER}, {"a": AFTER, "b": OTHER})


def _rows(of: Custody, panel: str) -> Expected:
    return expectations(of)[panel, "A"]


def test_a_number_lies_between_what_stood_there_before_and_after() -> None:
    """A heartbeat may come while the numbers are told."""
    assert _rows(ALL, "Heartbeats").rows == {
        frozenset({("job", "a")}): Span(0, 1),
        frozenset({("job", "b")}): Span(0, 0),
    }
    log = ("tracegate_audit_log", "g/a")
    sizes = _rows(ALL, "Tree size").rows
    assert sizes[frozenset({log, ("level", "last")})] == Span(4, 5)
    assert _rows(ALL, "Heads").rows[frozenset({("job", "a"), log})] == Span(3, 4)


def test_a_choice_leaves_out_what_is_not_chosen() -> None:
    """Of every panel."""
    for expected in expectations(ALL.of(["b"])).values():
        assert all(not {("job", "a"), ("tracegate_audit_log", "g/a")} & labels for labels in expected.rows)


def test_everything_that_was_at_the_sink_is_shipped() -> None:
    """But for what can have come since."""
    last = frozenset({("job", "a"), ("level", "last")})
    assert _rows(ALL, "Leaves not shipped yet").rows[last] == Span(0, 2)
    assert _rows(ALL, "Leaves shipped").rows[last] == Span(3, 4)


def test_each_request_leaves_a_record_in_the_log_that_is_read() -> None:
    """Whatever it got; a read and an erasure are done to it."""

    async def main() -> None:
        async with Simulator(SCRIPTS) as simulator, gateway("a", simulator, ALONE) as one:
            await one.play([Scene("good"), Scene("hopeless"), Scene("of no such name")])
            await one.audited()
            await one.export()
            of = Custody(one.requests, {"a": one.before}, {"a": one.after})
            assert expectations(of)["Records", "A"].rows == {frozenset({("job", "a")}): 3}
            assert one.after == kept(one.log)
            assert one.after.types["final"] == 3
            assert (one.after.types["erasure"], one.after.types["audit.read"]) == (1, 1)

    asyncio.run(main())
