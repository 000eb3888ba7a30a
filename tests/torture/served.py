"""A log that a gateway wrote: it served some clients, and was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.torture.clients import PATIENCE_S, Held, Kind, ask_once
from tests.torture.gateways import Gateways
from tests.torture.killing import KINDS, SCRIPTS, configuration
from tracegate.testing.simulator import Simulator

AT_ONCE = 8


def served(folder: Path, each: int, kinds: Sequence[Kind] = KINDS) -> list[Held]:
    """What clients got of a gateway that was asked for each kind so often; its logs are in `log` of the folder."""

    async def go(gateways: Gateways) -> list[Held]:
        async with Simulator(SCRIPTS) as provider, asyncio.timeout(PATIENCE_S):
            gateway = gateways.start(configuration(folder, provider.base_url))
            turn = asyncio.Semaphore(AT_ONCE)

            async def one(kind: Kind) -> Held:
                async with turn:
                    return await ask_once(gateway.port, kind)

            got = await asyncio.gather(*(one(kind) for _ in range(each) for kind in kinds))
            assert await asyncio.to_thread(gateways.end, gateway) == 0
            return got

    with Gateways(folder / "said") as gateways:
        return asyncio.run(go(gateways))
