"""Addresses of host names: looked up off the loop, by one question for all who wait, and kept for a while.

The system's resolver does not say for how long an address is good, so all are kept for `KEPT_NS`; one that leads
nowhere is forgotten by whoever finds out.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

from tracegate.clock import Clock

KEPT_NS = 30_000_000_000
"""For how long addresses are kept: no longer than the shortest that providers' DNS commonly says."""

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]
"""A family, and what a socket of it connects to."""


class Names:
    """See the module.

    Args:
        clock: Of what is kept.
    """

    __slots__ = ("_asking", "_clock", "_known")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[int, list[Address]]] = {}  # until when, what
        self._asking: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Where a host is, in the order to try.

        Raises:
            OSError: `socket.gaierror`: it is not known.
        """
        if (address := literal(host, port)) is not None:
            return [address]
        key = host, port
        known = self._known.get(key)
        if known is not None and known[0] > self._clock.now():
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._ask(host, port))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
            task.add_done_callback(_seen)
        return await asyncio.shield(task)  # whoever leaves does not take the answer away from others

    def forget(self, host: str, port: int) -> None:
        """Ask again next time."""
        self._known.pop((host, port), None)

    async def close(self) -> None:
        """Ask no more; a thread that still waits for the system is left to it."""
        for task in list(self._asking.values()):
            task.cancel()
        if self._asking:
            await asyncio.wait(self._asking.values())

    async def _ask(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        addresses = interleaved([(socket.AddressFamily(family), where) for family, _, _, _, where in found])  # type: ignore[misc]  # typeshed adds `(int, bytes)`, which only a Python built without IPv6 gives
        self._known[host, port] = self._clock.now() + KEPT_NS, addresses
        return addresses


def literal(host: str, port: int) -> Address | None:
    """The address that a host is written as, `None` where it is a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if address.version == 6:
        return socket.AF_INET6, (host, port, 0, 0)
    return socket.AF_INET, (host, port)


def interleaved(addresses: list[Address]) -> list[Address]:
    """One of each family in turn, beginning with the system's first (RFC 8305, section 4); none twice."""
    addresses = list(dict.fromkeys(addresses))
    first = [one for one in addresses if one[0] == addresses[0][0]]
    other = [one for one in addresses if one[0] != addresses[0][0]]
    mixed = [one for pair in zip(first, other, strict=False) for one in pair]
    return mixed + first[len(other) :] + other[len(first) :]


def _seen(task: asyncio.Task[list[Address]]) -> None:
    if not task.cancelled():
        task.exception()  # looked at, also where everybody who asked has left
