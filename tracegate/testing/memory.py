"""The simulated providers without sockets: an `Exchange` that plays scripts on an injected clock.

Everything is exact: bytes come at the nanosecond the script says, limits fire at theirs, a caller that leaves is logged
when it leaves. The provider's time goes on whether somebody reads or not, as if between both lay endless buffers.
It plays the part of a good transport too: connections are kept and reused, one that died idle or has bytes behind an
answer is never used again, framing is drained for 100 ms after an answer was read.

```python
clock = FakeClock()
exchange = MemoryExchange(clock, {"gpt-5": "503x3", "small": "first-token=2s"})
incoming = await exchange.send(outgoing, Connection(), connect_by=…, write_by=…, until=…, limit="attempt")
exchange.log[0].arrived
```

With it a whole gateway runs on virtual time. It is not for measuring transports.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracegate.clock import Clock
from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Limit
from tracegate.testing.memory_answer import Link, MemoryIncoming
from tracegate.testing.script_play import Playbook
from tracegate.testing.script_text import Scripted
from tracegate.testing.simulator_log import Log


class MemoryExchange:
    """An `Exchange` with simulated providers, for any number of origins.

    Args:
        clock: All time there is.
        scripts: As `Playbook` takes them. A request's provider is the one its path names (`/azure/v1/…`), else its
            target's.
        seed: Of the ids in answers.
        log: Where calls are logged; pass one to share it.
        created: `created` of every answer in UTC seconds; by default the clock's.
    """

    def __init__(
        self,
        clock: Clock,
        scripts: Mapping[str, Scripted] | None = None,
        *,
        seed: int = 0,
        log: Log | None = None,
        created: int | None = None,
    ) -> None:
        self.clock = clock
        self.log = Log() if log is None else log
        self.playbook = Playbook(scripts, seed=seed, created=created, memory=True)
        self._idle: dict[tuple[str, int], list[Link]] = {}
        self._links = 0

    async def send(
        self, outgoing: Outgoing, connection: Connection, *, connect_by: int, write_by: int, until: int, limit: Limit
    ) -> MemoryIncoming:
        """See `Exchange.send`."""
        now = self.clock.now()
        book = self.playbook
        method, path, body, target = outgoing.method, outgoing.path, outgoing.body, outgoing.target
        provider = book.provider_of(path) or target.provider
        headers = tuple(outgoing.headers)
        turn = book.turn(provider, method, path, headers, body, self.clock.wall())
        entry = self.log.open(provider, turn.model, turn.name, method, path, headers, body)
        entry.asked = now
        origin = (target.host, target.port)
        idle = self._idle.get(origin)
        if idle is None:
            idle = self._idle[origin] = []
        incoming = MemoryIncoming(self.clock, idle, turn, entry, now)
        step = turn.plan.step
        try:
            link = None if step.fault is not None else _take(idle, now)  # faults are those of a new connection
            connection.reused = link is not None
            if step.memory_only:
                await incoming.trouble(step, link is None, (connect_by, "connect"), (write_by, "write"), (until, limit))
                now = self.clock.now()
            if link is None:
                self._links += 1
                link = Link(self._links, f"{target.host}:{target.port}")
                connection.connect_ns = step.connect
            link.requests += 1
            connection.protocol = "http/1.1"
            connection.peer = link.peer
            connection.sent = now
            incoming.begin(link, now)
            if not incoming.answered(connection, now, until):
                await incoming.head(connection, until, limit)
        except BaseException:
            incoming.abort()
            raise
        return incoming

    async def close(self) -> None:
        """See `Exchange.close`; idle connections are dropped."""
        self._idle.clear()


def _take(idle: list[Link], now: int) -> Link | None:
    """The connection that was used last, of those that live and are done with their last answer."""
    if idle and idle[-1].idle_from <= now < idle[-1].dies:
        return idle.pop()
    for index in range(len(idle) - 1, -1, -1):
        if idle[index].idle_from <= now:
            link = idle.pop(index)
            if now < link.dies:
                return link
    return None
