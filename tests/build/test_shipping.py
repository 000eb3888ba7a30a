"""Leaves are shipped where the configuration says, from the first to the one that closes the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.agreement.house import loaded
from tests.audit.failing import place_in
from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tracegate.audit.process import Audit, Settings
from tracegate.audit.succession import Home
from tracegate.build.shipping import LeafShipping, shipping_of
from tracegate.clock import SystemClock
from tracegate.errors import ConfigError
from tracegate.testing.ids import SeededIds
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen

CLOCK, IDS = SystemClock(), SeededIds(1)
RESOURCE: Mapping[str, str] = {"service.name": "shop"}


async def opened(folder: Path) -> Audit:
    """The audit log of a process."""
    origin = place_in(folder).origin.split("/")
    return await running(Settings(Home(folder, origin[0], origin[2], "r1")), GATEWAY, CLOCK, IDS)


def shipped(audit: Audit, ship: str) -> LeafShipping:
    """What a configuration asks for."""
    text = 'providers: {p: {dialect: openai, base_url: "http://127.0.0.1:9/p/v1", key: none}}\n'
    config = loaded(f"{text}audit: {{ship: {ship}}}\n")
    assert config.audit.ship is not None
    return shipping_of(config, config.audit.ship, audit, CLOCK, IDS, RESOURCE)


def test_a_life_of_a_log_is_shipped(tmp_path: Path) -> None:
    """With what is configured; who counts is told what waits."""
    receiver = Receiver()

    async def go() -> None:
        async with asyncio.timeout(20), listen(receiver) as listening:
            audit = await opened(tmp_path)
            assert audit.numbers().unshipped is None
            shipping = shipped(audit, f'{{endpoint: "{listening.url}", headers: {{x-key: "planted-key-1234"}}}}')
            assert audit.numbers().unshipped == 0
            shipping.start()
            await audit.close()
            await shipping.close()
            assert (audit.numbers().unshipped, audit.numbers().ship_lag_ns) == (0, 0)

    asyncio.run(go())
    assert [json.loads(str(log.body))["type"] for log in receiver.logs] == ["log.open", "config", "log.close"]
    assert {log.origin.resource["service.name"] for log in receiver.logs} == {"shop"}
    assert {request.header("x-key") for request in receiver.requests} == {"planted-key-1234"}


def test_a_wrong_way_is_told_at_the_start(tmp_path: Path) -> None:
    """Before anything is counted that nobody will ship."""

    async def go() -> None:
        audit = await opened(tmp_path)
        with pytest.raises(ConfigError, match=r"audit\.ship\.protocol: leaves don't go over `grpc`"):
            shipped(audit, '{endpoint: "http://127.0.0.1:4317", protocol: grpc}')
        assert audit.numbers().unshipped is None
        await audit.close()

    asyncio.run(go())
