"""The vocabulary of what is known: targets, attempts, usage, cost, and the evidence for each.

Nothing here computes, measures or prints: an `Attempt` is filled by the upstream hop while it runs and is frozen by
convention when its record closes; every view (span, header, metric, log event) renders it afterwards.
What is unknown is `None`, never 0 and never an empty string.
All times are integers in nanoseconds of the monotonic clock unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from tracegate.errors import Failed

Evidence = Literal["observed", "asserted", "configured", "inferred"]
Outcome = Literal["ok", "error", "cancelled"]
Kind = Literal["initial", "retry", "fallback", "hedge", "shadow", "resume"]
Cancel = Literal["client_disconnect", "superseded", "shutdown"]
HopKind = Literal["server", "route", "attempt", "cache", "guard", "chain_step"]
Limit = Literal["connect", "write", "attempt", "first_token", "idle", "deadline"]
ErrorClass = Literal[
    "rate_limit",
    "overloaded",
    "server_error",
    "timeout",
    "connection",
    "broken_answer",
    "context_length",
    "content_filter",
    "auth",
    "quota",
    "not_found",
    "too_large",
    "invalid_request",
    "residency",
]
SkipReason = Literal[
    "circuit_open", "cooldown", "budget", "residency", "capability", "price", "quality", "latency", "disabled"
]


class Fact(NamedTuple):
    """A value together with why it is believed; a tuple, because every view makes some of every attempt."""

    value: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one target, in nanoseconds; `None` is no limit."""

    connect: int = 5_000_000_000
    write: int = 30_000_000_000
    attempt: int | None = 120_000_000_000
    first_token: int | None = 60_000_000_000
    idle: int | None = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider in a region: what an attempt calls.

    `provider` is the id in the configuration, `provider_name` the value of `gen_ai.provider.name`.
    `region` is what the configuration says, `region_observed` what the verified host name proves.
    `defaults` and `forced` are request fields as raw JSON text, set where the client left them out, or always.
    """

    id: str
    provider: str
    provider_name: str
    model: str
    dialect: str = "openai"
    scheme: str = "https"
    host: str = "localhost"
    port: int = 443
    path: str = "/v1"
    region: str | None = None
    region_observed: str | None = None
    context: int | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # a key may hide in one
    defaults: Mapping[str, bytes] = field(default_factory=dict)
    forced: Mapping[str, bytes] = field(default_factory=dict)
    via: bool = True
    propagate: bool = False
    usage_in_stream: bool = True
    disabled: bool = False


class Usage(NamedTuple):
    """Tokens as the provider reported them; `input` includes cached, `output` includes reasoning.

    `modalities` holds what was split by modality, as pairs of attribute suffix and count:
    `("audio.input_tokens", 12)`. A tuple, as `Fact`: one is made for every answer.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    modalities: tuple[tuple[str, int], ...] = ()
    cost_micros: int | None = None  # the provider's own figure, where it sends one


class Cost(NamedTuple):
    """Money of one attempt in integer micro-units of `currency`; unknown when `micros` is `None`.

    `unknown` says why. `model` names the model whose price was used, `digest` the price table it came from. A
    tuple, as `Fact`: one is made for every attempt.
    """

    micros: int | None
    currency: str = "USD"
    source: Literal["provider", "local", "inferred"] | None = None
    unknown: Literal["no_price", "no_usage", "broken", "cancelled"] | None = None
    input_micros: int | None = None
    output_micros: int | None = None
    cache_read_micros: int | None = None
    cache_write_micros: int | None = None
    model: str | None = None
    digest: str | None = None


@dataclass(slots=True)
class Connection:
    """What a transport can tell of one exchange; what it can't tell stays `None`."""

    reused: bool | None = None
    protocol: str | None = None  # ALPN id: "http/1.1", "h2"
    peer: str | None = None  # address:port
    tls: str | None = None
    connect_ns: int | None = None  # duration of name, TCP and TLS together; None when reused
    sent: int | None = None  # monotonic: the request was handed to the socket
    first_byte: int | None = None  # monotonic
    resent: bool | None = None  # it met a connection that had died idle, and was sent again on a fresh one


@dataclass(slots=True)
class Answer:
    """What the provider said of its answer, as far as it has arrived."""

    id: str | None = None
    model: str | None = None
    fingerprint: str | None = None
    region: str | None = None  # asserted, in the provider's short form
    service_tier: str | None = None
    finish_reasons: tuple[str, ...] = ()  # by choice, those that arrived
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """Why a hop is asked: handed down by the parent that decided it."""

    kind: Kind = "initial"
    reason: str | None = None
    backoff_ns: int | None = None


INITIAL = Why()


@dataclass(frozen=True, slots=True)
class Route:
    """The static facts of a route, as `build` made it.

    `strategy` is the key of the policy at its top (`fallback`, `weighted`, `target`, or a third party's), `candidates`
    the ids of its children in the configured order, `version` the configuration's digest.
    """

    name: str
    strategy: str
    candidates: tuple[str, ...]
    version: str | None = None


class Attempt:
    """One HTTP exchange with one target; written by the upstream hop only."""

    __slots__ = (
        "answer",
        "chunks",
        "committed",
        "complete",
        "connection",
        "cost",
        "end",
        "error",
        "first_event",
        "headers",
        "index",
        "lost",
        "outcome",
        "price",
        "request_id",
        "resend",
        "skipped",
        "start",
        "status",
        "streaming",
        "target",
        "why",
    )

    def __init__(self, target: Target, index: int, why: Why, resend: int, streaming: bool) -> None:
        self.target = target
        self.index = index
        self.why = why
        self.resend = resend  # tries at the same target before this one, in this request
        self.streaming = streaming
        self.start = 0
        self.end: int | None = None
        self.status: int | None = None
        self.connection = Connection()
        self.first_event: int | None = None
        self.committed: int | None = None
        self.complete = False  # its final arrived
        self.answer = Answer()
        self.chunks = 0
        self.skipped = 0
        self.request_id: str | None = None
        self.headers: tuple[tuple[str, str], ...] = ()  # the provider's, kept as evidence
        self.error: Failed | None = None
        self.outcome: Outcome | None = None
        self.lost = False  # cancelled because another attempt won
        self.price: Callable[[Attempt], Cost] = unpriced
        self.cost: Cost | None = None  # computed once, by the recorder, when the attempt closes

    @property
    def model(self) -> Fact:
        """The served model; see `model_of`."""
        return model_of(self.answer.model, self.target.model)

    @property
    def region(self) -> Fact | None:
        """The strongest claim about the region; see `region_of`."""
        return region_of(self.target.region_observed, self.answer.region, self.target.region)

    @property
    def region_conflict(self) -> str | None:
        """The configured region where stronger evidence contradicts it, else `None`."""
        return conflict_of(self.region, self.target.region)


def model_of(served: str | None, requested: str) -> Fact:
    """The served model; the requested one, as `configured`, where the provider named none (ruling 49)."""
    return Fact(served, "asserted") if served is not None else Fact(requested, "configured")


def region_of(observed: str | None, asserted: str | None, configured: str | None) -> Fact | None:
    """The strongest claim about a region: observed > asserted > configured (ruling 2)."""
    if observed is not None:
        return Fact(observed, "observed")
    if asserted is not None:
        return Fact(asserted, "asserted")
    return Fact(configured, "configured") if configured is not None else None


def conflict_of(known: Fact | None, configured: str | None) -> str | None:
    """The configured region where stronger evidence contradicts it, else `None`."""
    return configured if known is not None and configured is not None and known.value != configured else None


def unpriced(attempt: Attempt) -> Cost:
    """The price function of an attempt that nobody gave one: unknown."""
    return Cost(None, unknown="no_price")
