"""The one stack that the tests of this folder share: it is up once a session, and only if a test asks for it.

It is a `tracegate.stack.stack.Stack`, which belongs to no event loop: ask it from any `asyncio.run`. What others sent
is in it too, so a test finds its own by an id that it made, and counts only what has its own `service.instance.id`.
Who stops a server starts it again within the test; who needs another configuration starts a `Stack` of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tracegate.stack.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The running stack: Jaeger in memory, the Collector without queues on disk, free ports."""
    one = Stack()
    asyncio.run(one.up())
    try:
        yield one
    finally:
        asyncio.run(one.down())
