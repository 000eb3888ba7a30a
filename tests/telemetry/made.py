"""Requests made by hand, on a fake clock and from seeded ids: what the recorder would hold, without a gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracegate.errors import Failed, Refused
from tracegate.facts import INITIAL, Answer, Attempt, Cost, Route, Target, Usage, Why
from tracegate.inbound import Inbound
from tracegate.record import Record, Recorder
from tracegate.telemetry.model import LogView, SpanView
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.wire.body import Body

MS = 1_000_000
AZURE = Target(
    "gpt-azure",
    "azure-eu",
    "azure.ai.openai",
    "gpt-5.5",
    host="shop.openai.azure.com",
    region="swedencentral",
    region_observed="swedencentral",
)
MISTRAL = Target("large", "mistral", "mistral_ai", "mistral-large-latest", host="api.mistral.ai")
CHAT = Route("chat", "fallback", ("gpt-azure", "large"), "5c1f09ab")
PLAIN = b'{"model":"chat","messages":[]}'


def priced(attempt: Attempt) -> Cost:
    """A price function as `prices` binds one: known for what ended well."""
    if attempt.outcome == "ok":
        return Cost(4213, "USD", "local", None, 2000, 2113, 60, 40, "gpt-5.5", "sha256:abcd")
    return Cost(0, "USD", "inferred") if attempt.status in (429, 503) else Cost(None, unknown="broken")


class Made:
    """One request. Every step takes a millisecond of the fake clock.

    Args:
        raw: The client's body.
        inbound: Fields of `Inbound` beside the usual ones.
    """

    def __init__(self, raw: bytes = PLAIN, /, *, trace: bytes | None = None, seed: int = 1, **inbound: Any) -> None:
        self.clock = FakeClock()
        parsed = Body(raw)
        usual: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 4000,
            "user_agent": "OpenAI/Python 3.54.0",
            "authenticated": True,
            "tenant": "acme",
            "key": "billing-app",
            "alias": "chat",
            "body": parsed,
            "stream": parsed.stream,
        }
        self.inbound = Inbound(**(usual | inbound))
        self.recorder = Recorder(self.inbound, self.clock, SeededIds(seed), trace=trace)

    def route(self, about: Route | None = CHAT, parent: Record | None = None, name: str = "chat") -> Record:
        """Open a route."""
        self.clock.advance(MS)
        above = self.recorder.server if parent is None else parent
        return self.recorder.open("route", name if about is None else about.name, above, about=about)

    def attempt(
        self,
        parent: Record,
        target: Target = AZURE,
        why: Why = INITIAL,
        price: Callable[[Attempt], Cost] = priced,
    ) -> Record:
        """Open an attempt, its request handed to the socket."""
        self.clock.advance(MS)
        record = self.recorder.open("attempt", f"chat {target.model}", parent, target=target, why=why, price=price)
        self.clock.advance(MS)
        of(record).connection.sent = self.clock.now()
        return record

    def answer(self, record: Record, *, model: str | None = "gpt-5.5-2026-08-07", status: int = 200) -> Attempt:
        """An answer that committed: id, served model, usage, finish reason."""
        attempt = of(record)
        self.clock.advance(MS)
        attempt.status = status
        attempt.first_event = attempt.committed = self.clock.now()
        attempt.chunks = 3
        attempt.request_id = "req-1"
        attempt.connection.reused = True
        attempt.connection.protocol = "h2"
        attempt.answer = Answer("chatcmpl-1", model, "fp_1", None, "default", ("stop",), Usage(812, 96, 512, 8, 30))
        return attempt

    def close(self, record: Record, exc: BaseException | None = None) -> None:
        """Close a record."""
        self.clock.advance(MS)
        self.recorder.close(record, exc)

    def end(self, exc: BaseException | None = None, status: int | None = 200) -> Recorder:
        """Send the answer and close the SERVER record."""
        self.clock.advance(MS)
        if status is not None:
            self.inbound.status = status
            self.inbound.first_sent = self.clock.now()
        self.close(self.recorder.server, exc)
        return self.recorder


def of(record: Record) -> Attempt:
    """The attempt of a record that has one."""
    assert record.attempt is not None
    return record.attempt


def refused(status: int = 429, message: str = "slow down", code: str | None = "rate_limit_exceeded") -> Failed:
    """A provider's refusal."""
    return Refused("rate_limit" if status == 429 else "server_error", None, message, status=status, code=code)


def success(raw: bytes = PLAIN, **inbound: Any) -> Recorder:
    """A plain success: three records."""
    made = Made(raw, **inbound)
    route = made.route()
    attempt = made.attempt(route)
    made.answer(attempt)
    made.close(attempt)
    made.close(route)
    return made.end()


def fallback(seed: int = 1) -> Made:
    """A refusal, a retry that is refused, a fallback that answers; its SERVER record is still open."""
    made = Made(seed=seed)
    route = made.route()
    for why in (INITIAL, Why("retry", "rate_limit", 800 * MS)):
        record = made.attempt(route, AZURE, why)
        of(record).status = 429
        made.close(record, refused())
    last = made.attempt(route, MISTRAL, Why("fallback", "rate_limit"))
    made.answer(last, model="mistral-large-2411")
    made.close(last)
    made.close(route)
    return made


def by_name(views: list[SpanView]) -> dict[str, SpanView]:
    """Spans by name; the names of a test's spans differ."""
    assert len({view.name for view in views}) == len(views)
    return {view.name: view for view in views}


def plain(view: SpanView | LogView) -> dict[str, Any]:
    """The attributes of a view as a dictionary, each key once."""
    keys = list(view.attributes)
    assert len(keys) == len(set(keys))
    return dict(view.attributes)
