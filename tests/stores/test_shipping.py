"""Leaves that are shipped through a real Collector are at its sinks, whatever was away, full or killed meanwhile."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tests.stores.shipping import CLOCK, Story, reconciled, story
from tracegate.audit.directory import Directory
from tracegate.audit.process import Settings
from tracegate.audit.shipping import Shipping
from tracegate.audit.succession import Home
from tracegate.clock import RandomIds
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack
from tracegate.telemetry.leaves import leaf_poster, leaf_sink
from tracegate.telemetry.setup import Otlp

pytestmark = pytest.mark.stores

AWAY_S = 0.6
"""How long each part of the way is away here; `python -m tests.stores.shipping 60` lets it be a minute."""


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> Story:
    """What came of the traffic; its figures are shown whether output is captured or not."""
    made = asyncio.run(story(AWAY_S))
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        sys.stdout.write(f"\n{made.said()}\n")
    return made


@pytest.mark.parametrize("sink", ["archive", "victorialogs"])
def test_nothing_is_missing_after_every_outage(told: Story, sink: str) -> None:
    """A kill of the Collector, twice, its end, the store away and full, the archive's disk full: all under load."""
    served = sum(one.status == 200 for one in told.asked)
    assert {one.status for one in told.asked} <= {200, 503}  # 503: our own disk took a second, which is no part of this
    assert served > len(told.asked) // 2
    judged = told.sinks[sink]
    assert (judged["code"], judged["missing"], judged["altered"], judged["unshipped"]) == (0, 0, 0, 0)
    assert judged["leaves"] >= 2 * served  # an intent and a final each
    assert judged["found"] == judged["leaves"] + judged["duplicates"]
    named = [one for one in judged["checks"] if one["check"] == "duplicates"]
    assert bool(named) == bool(judged["duplicates"])


def test_every_outage_was_one(told: Story) -> None:
    """The Collector tells of a full disk, of a store that refuses, and of one that is not there."""
    for said in ("no space left on device", "429", "connection refused"):
        assert said in told.log


def test_what_is_taken_out_of_a_sink_is_named_and_sent_once_more(told: Story) -> None:
    """By the gateway that runs; the story would not have ended otherwise."""
    assert told.before["code"] == 1
    assert {one["check"] for one in told.before["checks"] if one["result"] == "fail"} == {"missing"}
    assert f"the gateway sends {told.before['missing']} leaves once more" in told.before["errors"]


def test_leaves_are_in_the_store_when_they_are_acknowledged(stack: Stack, tmp_path: Path) -> None:
    """With the usual configuration, which has no queue for them; their bytes as they were hashed."""

    async def go() -> None:
        to = Otlp(f"{stack.otlp_audit}/v1/logs")
        ids, poster = RandomIds(), leaf_poster(to)
        settings = Settings(Home(tmp_path, "gw.example", "stores", ids.request(CLOCK.wall())))
        audit = await running(settings, GATEWAY, CLOCK, ids)
        sink = leaf_sink(to, {"service.name": "shipping"}, CLOCK, poster)
        await audit.close()
        (log,) = Directory(tmp_path).logs()
        shipping = Shipping(tmp_path, sink, CLOCK, ids.random, lambda: {log.name: 0})
        shipping.start()
        await shipping.close(CLOCK.now() + 10_000_000_000)
        await poster.close()
        judged = await found(
            lambda: reconciled(tmp_path, stack.victorialogs.url), lambda one: one["code"] == 0, within_s=10.0
        )
        assert (judged["found"], judged["duplicates"]) == (judged["leaves"], 0)
        query = f'_time:1h "tracegate.audit.log":="{log.origin}" | sort by ("audit.sequence.number")'
        leaves = [raw for _, raw in log.leaves()]
        records = await found(lambda: stack.victorialogs.query(query), lambda told: len(told) == len(leaves))
        assert [record["_msg"].encode() for record in records] == leaves
        assert {record["event_name"] for record in records} == {"tracegate.audit.v1"}
        assert '"gw.example/' in records[0]["_stream"]

    asyncio.run(go())
