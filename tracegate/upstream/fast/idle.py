"""Connections that nobody uses, by origin: the last one used is used first, so that those not needed become old.

Each is closed before its peer would do it: after the configured time, or a second before the time the peer named (half
of it where that is below two seconds), where that is earlier. It is bounded, and looks at no connection but the one it
hands out.
"""

from __future__ import annotations

from collections import deque

from tracegate.clock import Clock, Handle
from tracegate.upstream.fast.link import Link, Origin

S = 1_000_000_000


class Idle:
    """See the module.

    Args:
        clock: Of idle times.
        idle_ns: How long an unused connection is kept.
        most: How many are kept for each origin.
    """

    __slots__ = ("_clock", "_idle_ns", "_links", "_most", "_timer", "_when")

    def __init__(self, clock: Clock, idle_ns: int, most: int) -> None:
        self._clock = clock
        self._idle_ns = idle_ns
        self._most = most
        self._links: dict[Origin, deque[Link]] = {}  # the last used one last
        self._timer: Handle | None = None
        self._when = 0

    def take(self, origin: Origin) -> Link | None:
        """A connection that can be used, `None` where there is none."""
        links = self._links.get(origin)
        while links:
            link = links.pop()
            if link.usable and link.expires > self._clock.now():
                return link
            link.close()
        return None

    def put(self, link: Link) -> None:
        """Keep a connection whose answer was read."""
        now = self._clock.now()
        kept = self._idle_ns
        if link.kept_s is not None:
            kept = min(kept, max(link.kept_s * S - S, link.kept_s * S // 2))
        link.expires = now + kept
        links = self._links.get(link.origin)
        if links is None:
            links = self._links[link.origin] = deque()
        links.append(link)
        if len(links) > self._most:
            links.popleft().close()
        if self._timer is None or link.expires < self._when:
            self._arm(link.expires)

    def remove(self, link: Link) -> None:
        """Forget a connection that ended, if it lies here."""
        links = self._links.get(link.origin)
        if links is not None and link in links:
            links.remove(link)

    def close(self) -> None:
        """Close all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for links in self._links.values():
            while links:
                links.pop().close()

    def _arm(self, when: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._when = when
        self._timer = self._clock.call_at(when, self._close_old)

    def _close_old(self) -> None:
        """Close what was idle for too long, and come again for the rest."""
        self._timer = None
        now = self._clock.now()
        left = []
        for origin, links in list(self._links.items()):
            for link in list(links):
                if link.expires <= now:
                    links.remove(link)
                    link.close()
                else:
                    left.append(link.expires)
            if not links:
                del self._links[origin]
        if left:
            self._arm(min(left))
