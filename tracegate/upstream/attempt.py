"""The upstream hop: one attempt, which is one HTTP exchange with one target.

It is the only writer of an `Attempt`: it stamps the times, maps every end to one `Failed`, and commits to a reply at
the first event with output (ruling 39). It opens no record: `build` wraps it.
"""

from __future__ import annotations

from tracegate.dialects.dialect import Outgoing
from tracegate.errors import Failed
from tracegate.facts import Limit, Timeouts
from tracegate.hop import Call, Reply
from tracegate.upstream.leaf import Leaf
from tracegate.upstream.live import Live
from tracegate.wire.headers import Headers, header

REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id", "request-id", "cf-ray")


class Upstream:
    """The leaf of every route tree."""

    __slots__ = ("_leaf",)

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    async def __call__(self, call: Call) -> Reply:
        """Make one attempt; its record is the call's parent."""
        attempt = call.parent.attempt
        if attempt is None:
            raise TypeError("an upstream hop is called through the wrapper that records it")
        leaf = self._leaf
        outgoing = self._outgoing(call)
        now = call.clock.now()
        attempt.start = now
        until, limit = _until_commit(leaf.timeouts, now, call)
        live: Live | None = None
        try:
            incoming = await leaf.exchange.send(
                outgoing,
                attempt.connection,
                connect_by=now + leaf.timeouts.connect,
                write_by=now + leaf.timeouts.write,
                until=until,
                limit=limit,
            )
            attempt.status = incoming.status
            attempt.headers = incoming.headers
            attempt.request_id = _request_id(incoming.headers)
            live = Live(leaf, call, attempt, incoming)
            if 200 <= incoming.status < 300:
                await live.commit(until, limit)
                return Reply(attempt, live, whole=attempt.complete)
            refusal = await live.refusal(until, limit)
        except BaseException as exc:
            if live is not None:
                live.abort()
            if attempt.end is None:
                attempt.end = call.clock.now()
            if isinstance(exc, Failed):
                leaf.redactor.failed(exc)
            raise
        leaf.redactor.failed(refusal)
        raise refusal

    def _outgoing(self, call: Call) -> Outgoing:
        leaf = self._leaf
        outgoing = leaf.dialect.request(call.body, leaf.target, call.recorder.inbound.passed)
        outgoing.span = (call.recorder.trace, call.parent.span)
        headers = outgoing.headers
        headers += leaf.credentials
        if leaf.via is not None:
            headers.append(("via", leaf.via))
        if leaf.target.propagate:  # from the attempt's own span, never the client's header copied
            headers.append(("traceparent", f"00-{call.recorder.trace.hex()}-{call.parent.span.hex()}-01"))
        return outgoing


def _request_id(headers: Headers) -> str | None:
    for name in REQUEST_IDS:
        if found := header(headers, name):
            return found
    return None


def _until_commit(timeouts: Timeouts, start: int, call: Call) -> tuple[int, Limit]:
    """The limit that will fire first before the commit, and its name."""
    until = call.deadline
    limit: Limit = "deadline"
    if timeouts.attempt is not None and start + timeouts.attempt < until:
        until, limit = start + timeouts.attempt, "attempt"
    if call.body.stream and timeouts.first_token is not None and start + timeouts.first_token < until:
        until, limit = start + timeouts.first_token, "first_token"
    return until, limit
