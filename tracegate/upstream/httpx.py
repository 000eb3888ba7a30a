"""An exchange over any httpx transport, called directly and never through a client.

So nothing follows a redirect, keeps a cookie or retries behind our back. Each exchange runs in a task of its own
(`incoming`), its phases and their limits are told by the transport's hooks (`phases`), and only so many run at once
(`pool`). Where the transport comes from is the affair of `transport`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx

from tracegate.clock import Clock
from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Limit
from tracegate.upstream.faults import unfit
from tracegate.upstream.incoming import HttpxIncoming
from tracegate.upstream.phases import Phases
from tracegate.upstream.pool import Pool, no_turn

SPAN = "tracegate.span"
"""Request extension: trace id and span id of the attempt, for a transport that makes spans of its own below it."""

CLOSE_S = 1.0  # a transport that takes no notice of being cancelled is left behind after so many seconds
URLS = 1024  # that are kept: clients may name models, and a dialect may write the model into the path

_BREAKS = re.compile(rb"[\x00\r\n]")  # what would end a field or begin another one (RFC 9110, section 5.5)


class HttpxExchange:
    """Exchanges with one origin.

    Args:
        transport: Any httpx transport; closed with the exchange.
        clock: Of limits and stamps.
        connections: Most exchanges at once.
        waiting: Most exchanges that wait for another to end.
        hooks: Whether the transport is known to have httpcore's trace hooks, and does not wait before the first. Of
            others they are listened to all the same, but until then they are asked to keep the limits themselves.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        clock: Clock,
        *,
        connections: int,
        waiting: int,
        hooks: bool = False,
    ) -> None:
        self._transport = transport
        self._hooks = hooks
        self._clock = clock
        self._pool = Pool(clock, connections, waiting)
        self._running: dict[asyncio.Task[None], HttpxIncoming] = {}
        self._urls: dict[tuple[str, str, int, str], tuple[httpx.URL, bytes]] = {}

    async def send(
        self, outgoing: Outgoing, connection: Connection, *, connect_by: int, write_by: int, until: int, limit: Limit
    ) -> HttpxIncoming:
        """See `Exchange.send`."""
        phases = Phases(self._clock, connection, connect_by=connect_by, write_by=write_by, until=until, limit=limit)
        request = self._request(outgoing, phases)
        if not await self._pool.take(min(connect_by, until)):
            raise no_turn(connect_by, until, limit)
        incoming = HttpxIncoming(self._clock, phases, connection)
        if self._hooks:
            phases.begin()
        task = asyncio.get_running_loop().create_task(incoming.run(self._transport, request))
        incoming.task = task
        self._running[task] = incoming
        task.add_done_callback(self._done)
        try:
            await incoming.head()
        except BaseException:
            incoming.abort()
            raise
        return incoming

    async def close(self) -> None:
        """See `Exchange.close`; what still runs is aborted."""
        self._pool.close()
        for incoming in self._running.values():
            incoming.abort()
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_S)
        await self._transport.aclose()

    def _request(self, outgoing: Outgoing, phases: Phases) -> httpx.Request:
        """The request as httpx has it, made without what httpx works out for each anew."""
        try:
            url, host = self._url(outgoing)
            headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in outgoing.headers]
        except (UnicodeEncodeError, httpx.InvalidURL) as exc:
            raise unfit("it has characters that HTTP can't carry") from exc
        for name, value in headers:
            if _BREAKS.search(value) or _BREAKS.search(name):
                raise unfit(f"its field {name!r} has a line break or a null byte")
        headers += [(b"host", host), (b"content-length", b"%d" % len(outgoing.body))]
        extensions: dict[str, Any] = {"trace": phases.trace}
        if not self._hooks:
            extensions["timeout"] = phases.own()
        if outgoing.span is not None:
            extensions[SPAN] = outgoing.span
        stream = httpx.ByteStream(outgoing.body)
        return httpx.Request(outgoing.method, url, headers=headers, stream=stream, extensions=extensions)

    def _url(self, outgoing: Outgoing) -> tuple[httpx.URL, bytes]:
        """The URL, and what `Host` says; both cost more to make than the rest of a request."""
        target = outgoing.target
        key = (target.scheme, target.host, target.port, outgoing.path)
        known = self._urls.get(key)
        if known is None:
            raw = outgoing.path.encode("ascii")
            url = httpx.URL(scheme=target.scheme, host=target.host, port=target.port, raw_path=raw)
            known = url, url.netloc
            if len(self._urls) >= URLS:
                self._urls.clear()
            self._urls[key] = known
        return known

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._pool.give()
