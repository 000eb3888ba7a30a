"""Leaves that are about the log, its keys and its readers, not about one request; and the union of all types."""

from __future__ import annotations

from typing import Literal

import msgspec

from tracegate.audit.kinds import (
    Actor,
    At,
    Cached,
    Count,
    Ended,
    Envelope,
    Final,
    Hash,
    Head,
    Intent,
    LeafCost,
    LeafUsage,
    Part,
    RecordId,
    Records,
    Req,
    Requested,
    RouteTaken,
    Served,
    Time,
    Tried,
)


class KnownRes(Part, frozen=True, kw_only=True):
    """What is known of an answer that was broken off."""

    status: int | None = None
    media: str | None = None
    bytes: Count | None = None
    ended: Ended | None = None
    commit_wire: Hash | None = None
    chunks: Count | None = None


class Happened(Envelope, frozen=True, kw_only=True):
    """What every leaf says but intent and final, whose times are those of the request."""

    t: Time


class Aborted(Happened, frozen=True, kw_only=True, tag="aborted"):
    """Closes an intent that never got a final, with any fact that is known; outcome is not stated."""

    record_id: RecordId
    prev_intent: At
    cause: Literal["crash", "shutdown", "log_unavailable"]
    req_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    t_start: Time | None = None
    t_mono: Time | None = None
    t_end: Time | None = None
    actor: Actor | None = None
    requested: Requested | None = None
    route: RouteTaken | None = None
    stream: bool | None = None
    req: Req | None = None
    r_hash: Hash | None = None
    attempts: list[Tried] | None = None
    served: list[Served] | None = None
    cache: Cached | None = None
    usage: LeafUsage | None = None
    cost: LeafCost | None = None
    res: KnownRes | None = None
    retention_class: str | None = None


class Amend(Happened, frozen=True, kw_only=True, tag="amend"):
    """Attempts that outlived the answer, closed."""

    record_id: RecordId
    of: At
    attempts: list[Tried]


class Opened(Happened, frozen=True, kw_only=True, tag="log.open"):
    """The first leaf of a log, and of each run that continues it."""

    reason: Literal["new", "restart", "recovery", "rotate", "tool"]
    prev: Head | None = None
    cut_bytes: Count | None = None


class Closed(Happened, frozen=True, kw_only=True, tag="log.close"):
    """The last leaf of a run; of the log, with `rotate`."""

    reason: Literal["stop", "rotate"]
    open_intents: Count


class Paused(Happened, frozen=True, kw_only=True, tag="log.paused"):
    """Requests that were served without a leaf, counted by outcome."""

    from_: Time = msgspec.field(name="from")
    to: Time
    reason: str
    requests: dict[Literal["ok", "error", "cancelled"], Count]


class Heartbeat(Happened, frozen=True, kw_only=True, tag="heartbeat"):
    """The gateway lives, and counts what it has open and what telemetry it lost."""

    open_intents: Count
    dropped_spans: Count | None = None


class Configured(Happened, frozen=True, kw_only=True, tag="config"):
    """The configuration changed."""

    digest: Hash
    previous: Hash | None = None
    by: Literal["start", "reload", "admin"]


class KeyChanged(Happened, frozen=True, kw_only=True, tag="key"):
    """The next log's key, signed by both keys."""

    old: str
    new: str
    sig_old: str
    sig_new: str


class Read(Happened, frozen=True, kw_only=True, tag="audit.read"):
    """Somebody read the log."""

    by: str
    what: Literal["find", "show", "export", "receipt"]
    record_ids: Records
    count: Count


class Erased(Happened, frozen=True, kw_only=True, tag="erasure"):
    """The blinding of records was destroyed."""

    record_ids: Records
    count: Count
    by: str
    reason: str


class Anchored(Happened, frozen=True, kw_only=True, tag="anchor"):
    """A head of this log was made known elsewhere."""

    kind: Literal["witness", "rfc3161", "object-lock"]
    size: Count
    root: Hash
    where: str
    proof: str


class Pruned(Happened, frozen=True, kw_only=True, tag="prune"):
    """Entries below an index are no longer served."""

    min_index: Count
    by: str
    policy: str


Leaf = (
    Intent
    | Final
    | Aborted
    | Amend
    | Configured
    | KeyChanged
    | Opened
    | Closed
    | Paused
    | Heartbeat
    | Read
    | Erased
    | Anchored
    | Pruned
)
"""Every type of leaf."""
