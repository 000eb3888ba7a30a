"""Receivers that are not to be relied on: one leaves its sender unsure, once, the other leaves it wrong."""

from __future__ import annotations

import asyncio

import pytest

from dashboards.check.forgetful import forgetful, swallowing
from tracegate.stack.fetch import Unreached, ask
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen

BODY, KIND = b"", {"Content-Type": "application/x-protobuf"}


def test_the_first_request_gets_no_answer_and_the_next_is_handed_on() -> None:
    """To the receiver behind it, whose answer comes back."""

    async def main() -> None:
        receiver = Receiver()
        async with listen(receiver) as behind, forgetful(behind.url) as url:
            with pytest.raises(Unreached):
                await ask(f"{url}/v1/traces", BODY, KIND)
            # Which is what this receiver says to a body without a span.
            assert (await ask(f"{url}/v1/traces", BODY, KIND)).status == 400

    asyncio.run(main())


def test_the_first_request_is_taken_and_lost() -> None:
    """The sender is told that it arrived; the next is handed on."""

    async def main() -> None:
        receiver = Receiver()
        async with listen(receiver) as behind, swallowing(behind.url) as (url, lost):
            assert (await ask(f"{url}/v1/logs", b"first", KIND)).status == 200
            assert (lost, receiver.requests) == ([b"first"], [])
            assert (await ask(f"{url}/v1/logs", BODY, KIND)).status == 400
            assert lost == [b"first"]

    asyncio.run(main())
