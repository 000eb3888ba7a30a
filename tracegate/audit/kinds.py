"""What a leaf of each type says: the audit log's vocabulary, as types.

A value is written with its keys sorted and what is `None` left out. A reader allows keys that it does not know and
refuses a type, a version or a form that it does not know. Times (`t…`) are µs since 1970 UTC, `…_us` durations in µs,
`…micros` money in millionths, digests 64 hex digits.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tracegate.facts import Evidence, Kind

Count = Annotated[int, Meta(ge=0)]
Micros = Annotated[int, Meta(ge=0)]
Time = Annotated[int, Meta(ge=0)]
Hash = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
RecordId = Annotated[str, Meta(pattern=r"\Atg-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
Records = Annotated[list[RecordId], Meta(max_length=100)]
Claim = Literal["region", "model_returned", "fingerprint"]
"""What of an attempt has an evidence."""

Ended = Literal["complete", "truncated_by_upstream", "truncated_by_client"]


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):  # a value has no cycle
    """Members that leaves have in common; unknown ones are absent."""


class Gateway(Part, frozen=True, kw_only=True):
    """Which process wrote the leaf; `run` is the UUID of its run."""

    node: str
    run: str
    version: str
    config_digest: Hash
    build_digest: str | None = None
    region: str | None = None


class ClockState(Part, frozen=True, kw_only=True):
    """What the machine's clock is held to, and how well."""

    source: Literal["adjtimex", "chrony", "configured"] | None = None
    offset_us: int | None = None
    stratum: int | None = None


class Actor(Part, frozen=True, kw_only=True):
    """Who asked; never the key itself."""

    tenant: str | None = None
    key_id: str | None = None
    subject: str | None = None
    ip_prefix: str | None = None


class Requested(Part, frozen=True, kw_only=True):
    """What the client wrote as `model`, and the regions it insisted on."""

    model: str | None = None
    region_constraint: list[str] | None = None


class RouteTaken(Part, frozen=True, kw_only=True):
    """The route, and the digest of its configuration."""

    name: str
    digest: Hash


class Policy(Part, frozen=True, kw_only=True):
    """What a policy decided."""

    decision: Literal["allow", "deny"] | None = None
    id: str | None = None
    version: str | None = None
    digest: str | None = None
    reasons: list[str] | None = None


class Req(Part, frozen=True, kw_only=True):
    """The request as it was received."""

    method: str
    path: str
    bytes: Count
    media: str | None = None
    commit: Hash


class Res(Part, frozen=True, kw_only=True):
    """The answer as it was sent."""

    status: int | None = None
    media: str | None = None
    bytes: Count
    ended: Ended
    commit_wire: Hash
    commit_canonical: Hash | None = None
    commit_text: Hash | None = None
    commit_texts: list[Hash] | None = None
    finish_reasons: list[str] | None = None
    chunks: Count | None = None


class LeafUsage(Part, frozen=True, kw_only=True):
    """Tokens, as the provider reported them."""

    input: Count | None = None
    output: Count | None = None
    cache_read: Count | None = None
    cache_write: Count | None = None
    reasoning: Count | None = None


class LeafCost(Part, frozen=True, kw_only=True):
    """Money of all attempts; only when all of it is known."""

    micros: Micros
    currency: str
    basis: Literal["provider", "local"]


class Tls(Part, frozen=True, kw_only=True):
    """The connection to the provider."""

    version: str | None = None
    sni: str | None = None
    peer_spki_sha256: str | None = None


class Tried(Part, frozen=True, kw_only=True):
    """One attempt; `t_us` counts from the request's start."""

    n: Count
    kind: Kind
    reason: str | None = None
    provider: str
    target: str
    host: str | None = None
    region: str | None = None
    model_requested: str | None = None
    model_returned: str | None = None
    fingerprint: str | None = None
    status: int | None = None
    error: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    error_code: str | None = None
    outcome: Literal["ok", "error", "cancelled", "open"]
    t_us: int
    dur_us: Count | None = None
    ttft_us: Count | None = None
    wait_us: Count | None = None
    retry_after_us: Count | None = None
    upstream_request_id: str | None = None
    response_id: str | None = None
    usage: LeafUsage | None = None
    cost_micros: Micros | None = None
    cost_src: Literal["provider", "local", "inferred"] | None = None
    price_digest: str | None = None
    bytes: Count | None = None
    tls: Tls | None = None
    finish_reasons: list[str] | None = None
    region_conflict: bool | None = None
    region_configured: str | None = None
    evidence: dict[Claim, Evidence] | None = None


class Omitted(Part, frozen=True, kw_only=True):
    """Attempts that the leaf had no room for: how many, and the digest of their canonical list."""

    count: Count
    digest: Hash


class Served(Part, frozen=True, kw_only=True):
    """A member of the last `X-Served-By`, this gateway's own left out."""

    provider: str
    model: str | None = None
    model_src: Evidence | None = None
    region: str | None = None
    region_src: Evidence | None = None
    target: str | None = None
    attempt: Count | None = None
    status: int | None = None
    error: str | None = None
    record: str | None = None
    age_s: Count | None = None
    first_chunk: Count | None = None
    last_chunk: Count | None = None


class Cached(Part, frozen=True, kw_only=True):
    """How a cache took part."""

    hit: bool
    record: str | None = None
    age_s: Count | None = None
    detail: str | None = None


class At(Part, frozen=True, kw_only=True):
    """Another leaf; `log` only if it stands in an earlier log."""

    index: Count
    hash: Hash
    log: str | None = None


class Head(Part, frozen=True, kw_only=True):
    """Size and root of a log."""

    log: str
    size: Count
    root: Hash


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False):
    """What every leaf says."""

    v: Literal[1]
    log: str
    gateway: Gateway
    clock: ClockState | None = None


class Asked(Envelope, frozen=True, kw_only=True):
    """What intent and final both say of a request, with equal values."""

    record_id: RecordId
    req_id: str
    trace_id: str
    span_id: str
    t_start: Time
    t_mono: Time
    actor: Actor
    requested: Requested
    route: RouteTaken | None = None
    policy: Policy | None = None
    stream: bool
    req: Req
    r_hash: Hash


class Intent(Asked, frozen=True, kw_only=True, tag="intent"):
    """Written before a provider is called, and before a streamed answer begins."""


class Final(Asked, frozen=True, kw_only=True, tag="final"):
    """Written when the answer was whole, or broke, and before it is released."""

    t_end: Time
    prev_intent: At | None = None
    outcome: Literal["ok", "error", "cancelled"]
    outcome_reason: str | None = None
    attempts: list[Tried]
    attempts_omitted: Omitted | None = None
    served: list[Served]
    cache: Cached | None = None
    usage: LeafUsage | None = None
    cost: LeafCost | None = None
    res: Res
    retention_class: str
    late: bool | None = None
