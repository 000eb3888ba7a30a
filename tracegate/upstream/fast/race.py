"""A connected socket to one of several addresses: "happy eyeballs" (RFC 8305, section 5).

The next address is tried when the last one failed, or after a while without an answer; the first that connects wins.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from tracegate.upstream.fast.names import Address

DELAY_S = 0.25  # the Connection Attempt Delay that RFC 8305, section 8, recommends


async def connected(addresses: Sequence[Address]) -> socket.socket:
    """Connect to one of the addresses.

    Raises:
        OSError: To none of them; where there were several, one is raised and has the others in its cause.
    """
    if len(addresses) == 1:
        return await _connected(addresses[0])
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[socket.socket]] = set()
    failures: list[Exception] = []
    waiting = list(reversed(addresses))
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_connected(waiting.pop())))
            done, running = await asyncio.wait(
                running, timeout=DELAY_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            won = [task.result() for task in done if task.exception() is None]
            for late in won[1:]:
                late.close()
            if won:
                return won[0]
            failures += [exc for task in done if isinstance(exc := task.exception(), Exception)]
    finally:
        for task in running:
            task.add_done_callback(_close)
            task.cancel()
    raise OSError("no address could be connected to") from ExceptionGroup("each failed", failures)


async def _connected(address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a request is written at once, and waits for no ACK
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _close(task: asyncio.Task[socket.socket]) -> None:
    """One that connected in the turn in which it was told to stop."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
