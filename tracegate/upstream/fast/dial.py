"""A new connection to an origin: name, TCP, TLS. Every failure is one of ours."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from tracegate.alarms import Alarms
from tracegate.clock import Clock
from tracegate.errors import Unreachable
from tracegate.upstream.fast.link import Keeper, Link, Origin
from tracegate.upstream.fast.names import Names
from tracegate.upstream.fast.race import connected
from tracegate.upstream.fast.tls import Secured
from tracegate.upstream.faults import Phase, causes, tls_or_name, unconnected
from tracegate.upstream.origin import authority


class Dial:
    """Makes connections.

    Args:
        clock: Of the connections.
        trust: Gives whom we believe; asked when TLS is first spoken, because reading the system's takes a while.
        names: Where hosts are.
    """

    def __init__(self, clock: Clock, trust: Callable[[], ssl.SSLContext], names: Names | None = None) -> None:
        self._alarms = Alarms(clock)
        self._trust = trust
        self._names = Names(clock) if names is None else names
        self._sessions: dict[Origin, ssl.SSLSession | None] = {}
        self._context: ssl.SSLContext | None = None

    async def connect(self, origin: Origin, keeper: Keeper) -> Link:
        """A connection that was never used, TLS included.

        Raises:
            Failed: `Unreachable`, or `TimedOut` where the system gave up.
        """
        phase: Phase = "connect"
        try:
            addresses = await self._names.addresses(origin.host, origin.port)
            try:
                sock = await connected(addresses)
            except (OSError, asyncio.CancelledError):  # nobody there says no, or nobody says anything until a limit
                self._names.forget(origin.host, origin.port)
                raise
            phase = "tls" if origin.scheme == "https" else "connect"
            return await self._linked(origin, sock, keeper)
        except OSError as exc:
            found = list(causes(exc))
            failure = tls_or_name(found) or unconnected(found, phase)
            for cause in found:  # a traceback holds frames, and they hold us: only the collector would free that
                cause.__traceback__ = None
            raise failure from exc
        except ValueError as exc:  # behind those of TLS, of which some are of this kind, too
            raise Unreachable("dns_error", "The provider's host name can't be looked up, or proved by TLS.") from exc

    def remember(self, link: Link) -> None:
        """Take what the next connection may resume; with TLS 1.3 that came with the first answer, or before it."""
        if link.secured is not None and not link.remembered:
            link.remembered = True
            self._sessions[link.origin] = link.secured.session

    async def close(self) -> None:
        """Look up no more names."""
        await self._names.close()

    async def _linked(self, origin: Origin, sock: socket.socket, keeper: Keeper) -> Link:
        link = Link(self._alarms, keeper, origin)
        keeper.made(link)
        protocol: Link | Secured = link
        try:
            link.peer = authority(*sock.getpeername()[:2])
            if origin.scheme == "https":
                protocol = link.secured = Secured(
                    link, self._trusted(), origin.host.removesuffix("."), self._sessions.get(origin)
                )
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=sock)
        except BaseException:
            sock.close()
            keeper.gone(link)
            raise
        if link.secured is not None:
            try:
                await link.secured.ready
            except BaseException:
                transport.abort()
                raise
        return link

    def _trusted(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._trust()
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context
