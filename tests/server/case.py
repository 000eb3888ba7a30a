"""A request as the recorder would have recorded it, told step by step on the fake clock."""

from __future__ import annotations

from collections.abc import Callable

from http_sfv.list import List

from tracegate.facts import Attempt, Cost, Kind, Target, Usage, Why
from tracegate.inbound import Inbound
from tracegate.record import Record, Recorder
from tracegate.server.headers import Fields
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds

MS = 1_000_000

OPENAI = Target("openai-eu", "openai-eu", "openai", "gpt-5.5", host="api.openai.com")
AZURE = Target("gpt-azure", "azure-eu", "azure.ai.openai", "gpt-5.5", host="shop.openai.azure.com")
ANTHROPIC = Target("claude", "anthropic", "anthropic", "claude-opus-5", host="api.anthropic.com")

REFUSED = Cost(0, "USD", "inferred")
BROKEN = Cost(None, unknown="broken")


def costs(micros: int | None) -> Cost:
    """Money from the price table, or unknown."""
    return Cost(None, unknown="no_price") if micros is None else Cost(micros, "USD", "local")


class Case:
    """One request; time passes with each step."""

    def __init__(
        self, *, stream: bool = False, authenticated: bool = True, api: str | None = "chat_completions"
    ) -> None:
        self.clock = FakeClock()
        self.inbound = Inbound(stream=stream, authenticated=authenticated, api=api)
        self.recorder = Recorder(self.inbound, self.clock, SeededIds(1))
        self.route = self.recorder.open("route", "chat", self.recorder.server)

    @property
    def now(self) -> int:
        """The moment, in monotonic nanoseconds."""
        return self.clock.now()

    def after(self, ms: float) -> None:
        """Let milliseconds pass."""
        self.clock.advance(round(ms * MS))

    def begin(
        self,
        target: Target = OPENAI,
        *,
        kind: Kind = "initial",
        reason: str | None = None,
        waited: float | None = None,
        cost: Cost = REFUSED,
    ) -> Record:
        """An attempt begins; `waited` milliseconds of back-off pass before it."""
        if waited is not None:
            self.after(waited)
        why = Why(kind, reason, None if waited is None else round(waited * MS))
        price: Callable[[Attempt], Cost] = lambda attempt: cost  # noqa: E731  # one expression
        return self.recorder.open("attempt", "chat", self.route, target=target, why=why, price=price)

    def commit(
        self,
        record: Record,
        *,
        after: float = 0,
        status: int | None = 200,
        model: str | None = "gpt-5.5-2026-08-07",
        region: str | None = None,
        usage: Usage | None = None,
        finish: tuple[str, ...] = (),
        protocol: str | None = "h2",
    ) -> Attempt:
        """Its first event arrives."""
        self.after(after)
        attempt = record.attempt
        assert attempt is not None
        attempt.status = status
        attempt.first_event = attempt.committed = self.now
        attempt.answer.model, attempt.answer.region = model, region
        attempt.answer.usage, attempt.answer.finish_reasons = usage, finish
        attempt.connection.protocol = protocol
        return attempt

    def end(
        self, record: Record, exc: BaseException | None = None, *, after: float = 0, status: int | None = None
    ) -> None:
        """It ends, with what broke it."""
        self.after(after)
        attempt = record.attempt
        assert attempt is not None
        if status is not None:
            attempt.status = status
        self.recorder.close(record, exc)

    def answered(self, ms: float = 812.3, *, cost: int | None = 4213, target: Target = OPENAI) -> Attempt:
        """One attempt that answers after some milliseconds."""
        record = self.begin(target, cost=costs(cost))
        attempt = self.commit(record, after=ms, usage=Usage(812, 96, 512), finish=("stop",))
        self.end(record)
        return attempt


def named(fields: Fields) -> dict[str, str]:
    """Fields by name; each occurs once, and nothing in them can end a line."""
    texts = {name.decode("ascii"): value.decode("ascii") for name, value in fields}
    assert len(texts) == len(fields)
    assert not any(set(text) & {"\r", "\n", "\0"} for text in texts.values())
    return texts


def parsed(text: str) -> List:
    """A list field as an independent parser reads it; it must write it the same again."""
    field = List()
    field.parse(text.encode("ascii"))
    assert str(field) == text
    return field
