"""A receiver that goes without an answer makes a sender unsure, once."""

from __future__ import annotations

import asyncio

import pytest

from dashboards.check.forgetful import forgetful
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
