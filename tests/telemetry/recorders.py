"""Closed requests for the tests of views: a recorder driven through one request on the fake clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tracegate.errors import Broken, Failed, Rejected, TimedOut
from tracegate.facts import Attempt, Cost, Kind, Route, Target, Usage, Why
from tracegate.inbound import Inbound, Remote
from tracegate.record import Record, Recorder
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds

MS = 1_000_000

OPENAI = Target("gpt", "openai", "openai", "gpt-4o", host="api.openai.com", region="us")
AZURE = Target(
    "azure-gpt",
    "azure",
    "azure.ai.openai",
    "gpt-4o",
    host="eastus2.api.cognitive.microsoft.com",
    region="swedencentral",
    region_observed="eastus2",
)
LOCAL = Target("llama", "ollama", "ollama", "llama3", scheme="http", host="localhost", port=11434)
TARGETS = (OPENAI, AZURE, LOCAL)
ROUTES = ("default",)

USAGE = Usage(input=100, output=20)
RATE_LIMIT = Failed("rate_limit", None, "slow down", status=429)
CUT = Broken("http_response_incomplete", "the answer was cut", status=200)
SLOW = TimedOut("first_token", "nothing came")


class Request:
    """One request, as it runs; every step takes some milliseconds of the fake clock."""

    def __init__(
        self,
        *,
        stream: bool = False,
        api: str | None = "chat_completions",
        route: str | None = "default",
        seed: int = 1,
        clock: FakeClock | None = None,
        remote: Remote | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        inbound = Inbound(stream=stream, api=api, alias="default", authenticated=True, tenant="default", remote=remote)
        inbound.trust = "link" if remote is not None and not remote.tracestate else "parent"
        trace = remote.trace if remote is not None and inbound.trust == "parent" else None
        self.recorder = Recorder(inbound, self.clock, SeededIds(seed), trace=trace)
        self.clock.advance(MS)
        self.route: Record | None = None
        if route is not None:
            about = Route(route, "fallback", tuple(target.id for target in TARGETS))
            self.route = self.recorder.open("route", route, self.recorder.server, about=about)

    def attempt(
        self,
        target: Target = OPENAI,
        kind: Kind = "initial",
        *,
        reason: str | None = None,
        backoff: int | None = None,
        took: int = 100,
        exc: BaseException | None = None,
        commits: bool | None = None,
        model: str | None = None,
        region: str | None = None,
        usage: Usage | None = USAGE,
        cost: Cost | None = None,
    ) -> Attempt:
        """One upstream call, from its start to its end; without `exc` it commits and is complete."""
        record = self.begin(target, kind, reason=reason, backoff=backoff, cost=cost)
        attempt = record.attempt
        assert attempt is not None
        self.clock.advance(took * MS)
        if exc is None if commits is None else commits:
            attempt.first_event = attempt.committed = self.clock.now()
            attempt.status = 200
            attempt.answer.usage = usage
            self.clock.advance(MS)
        attempt.answer.model = model
        attempt.answer.region = region
        attempt.end = self.clock.now()
        attempt.complete = exc is None
        self.recorder.close(record, exc)
        return attempt

    def begin(
        self,
        target: Target = OPENAI,
        kind: Kind = "initial",
        *,
        reason: str | None = None,
        backoff: int | None = None,
        cost: Cost | None = None,
    ) -> Record:
        """Open the record of an upstream call, after its back-off in milliseconds."""
        assert self.route is not None
        self.clock.advance((backoff or 0) * MS)
        why = Why(kind, reason, None if backoff is None else backoff * MS)
        return self.recorder.open(
            "attempt", f"chat {target.model}", self.route, target=target, why=why, price=_at(cost)
        )

    def end(self, exc: BaseException | None = None, *, status: int | None = 200) -> Recorder:
        """Close the route and the SERVER record."""
        self.clock.advance(2 * MS)
        if self.route is not None:
            self.recorder.close(self.route, exc)
        self.recorder.inbound.status = status
        self.recorder.close(self.recorder.server, exc)
        return self.recorder


def _at(cost: Cost | None) -> Callable[[Attempt], Cost]:
    return lambda attempt: Cost(1500, source="local") if cost is None else cost


def plain(seed: int = 1, clock: FakeClock | None = None) -> Recorder:
    """A success at the first target."""
    request = Request(seed=seed, clock=clock)
    request.attempt(model="gpt-4o-2024-08-06", usage=Usage(100, 20, cache_read=40, cache_write=3, reasoning=8))
    return request.end()


def streamed(seed: int = 2, clock: FakeClock | None = None) -> Recorder:
    """A stream whose caller is joined, with a trace state."""
    request = Request(stream=True, seed=seed, clock=clock, remote=Remote(b"T" * 16, b"P" * 8, 0, "vendor=x,other=y"))
    request.attempt(model="gpt-4o-2024-08-06", usage=Usage(5, 7, modalities=(("audio.input_tokens", 2),)))
    return request.end()


def failed_over(seed: int = 3, clock: FakeClock | None = None) -> Recorder:
    """A rate limit, a retry that times out, then a fallback whose region is not the configured one."""
    request = Request(stream=True, seed=seed, clock=clock, remote=Remote(b"T" * 16, b"P" * 8, 1))
    request.attempt(exc=RATE_LIMIT, cost=Cost(0, source="inferred"))
    request.attempt(kind="retry", reason="rate_limit", backoff=800, exc=SLOW, cost=Cost(None, unknown="broken"))
    request.attempt(AZURE, "fallback", reason="timeout", usage=None, cost=Cost(None, unknown="no_usage"))
    return request.end()


def broken(seed: int = 4, clock: FakeClock | None = None) -> Recorder:
    """A committed stream that was cut."""
    request = Request(stream=True, seed=seed, clock=clock)
    request.attempt(LOCAL, exc=CUT, commits=True, usage=None, cost=Cost(None, unknown="broken"))
    return request.end(CUT)


def abandoned(seed: int = 5, clock: FakeClock | None = None) -> Recorder:
    """A client that left before the answer."""
    request = Request(seed=seed, clock=clock)
    gone = asyncio.CancelledError("client_disconnect")
    request.attempt(exc=gone, usage=None, cost=Cost(None, unknown="cancelled"))
    return request.end(gone, status=None)


def refused(seed: int = 6, clock: FakeClock | None = None) -> Recorder:
    """A model that names nothing."""
    request = Request(route=None, seed=seed, clock=clock)
    return request.end(Rejected(404, "model_not_found", "no such model", reason="not_found"), status=404)


CASES = (plain, streamed, failed_over, broken, abandoned, refused)
