"""What an application is told of a request, and answers, is the same as with uvicorn's own protocol."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tests.server.alone import REQUESTS, Transport, settings, turns
from tracegate.server import scope
from tracegate.server.protocol import LimitedProtocol

IPV6 = ("::1", 8080, 0, 0)
"""As a transport tells it; uvicorn takes that for none where there is no socket to ask."""


@pytest.mark.parametrize("data", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("root", ["", "under"])
@pytest.mark.parametrize("address", [("127.0.0.1", 8080), IPV6, None])
def test_a_request_is_told_and_answered_as_uvicorn_does_it(data: bytes, root: str, address: object) -> None:
    """However its bytes are cut into two."""

    async def main() -> None:
        config, loop = settings(root_path=root), asyncio.get_running_loop()

        async def answer(protocol: Callable[..., Any], pieces: list[bytes]) -> tuple[bytes, bool, int, int]:
            state, transport = ServerState(), Transport(address)
            made = protocol(config, state, {}, loop)
            made.connection_made(transport)
            for piece in pieces:
                made.data_received(piece)
                await turns()
            seen = transport.written, transport.is_closing(), state.total_requests, len(state.tasks)
            made.connection_lost(None)
            return seen

        for at in range(1, len(data), 1 if len(data) < 200 else 50):
            pieces = [data[:at], data[at:]]
            mine, theirs = await answer(LimitedProtocol, pieces), await answer(HttpToolsProtocol, pieces)
            if address == IPV6:
                assert unframed(mine[0], b"('::1', 8080)") == unframed(theirs[0], b"None")
                assert mine[1:] == theirs[1:]
            else:
                assert mine == theirs

    asyncio.run(main())


def unframed(answer: bytes, address: bytes) -> bytes:
    """An answer without the sizes of its chunks, and without an address."""
    return re.sub(rb"(?<=\r\n)[0-9a-f]+\r\n", b"", answer).replace(address, b"")


def test_targets_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor any that has a query, in which a key may stand."""
    kept: dict[bytes, tuple[str, bytes, bytes]] = {}
    monkeypatch.setattr(scope, "_targets", kept)
    for number in range(2 * scope.TARGETS):
        assert scope.target(b"/%d" % number) == (f"/{number}", b"/%d" % number, b"")
        assert len(kept) <= scope.TARGETS
    assert scope.target(b"/x?key=y") == ("/x", b"/x", b"key=y")
    assert scope.target(b"/" + b"x" * scope.LONG)[2] == b""
    assert all(len(url) < 10 and b"?" not in url for url in kept)
