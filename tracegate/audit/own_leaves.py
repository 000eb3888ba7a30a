"""What a log writes of itself: that it was opened, lives, was paused or closed, and that a record will get no final.

Beside that what was configured, who read, what was erased or pruned. Not when any of it is written; and no leaf of an
answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from tracegate.audit.aborting import Cause, aborted
from tracegate.audit.anchoring import Held
from tracegate.audit.checkpoint import Checkpoint
from tracegate.audit.encodings import base64url_of
from tracegate.audit.events import (
    Aborted,
    Anchored,
    Closed,
    Configured,
    Erased,
    Heartbeat,
    KeyChanged,
    Leaf,
    Opened,
    Paused,
    Pruned,
    Read,
)
from tracegate.audit.keys import Signer
from tracegate.audit.kinds import At, ClockState, Final, Gateway, Head, Intent
from tracegate.audit.opening import OpenedLog
from tracegate.clock import Clock

Outcome = Literal["ok", "error", "cancelled"]

What = Literal["find", "show", "export", "receipt"]

MOST = 100
"""Records that one leaf names."""


class OwnLeaves:
    """Makes the leaves that one run writes of its log.

    Args:
        origin: Of the log.
        gateway: Who writes it.
        clock: Gives their times.
    """

    __slots__ = ("_clock", "_gateway", "_unrecorded", "_unrecorded_from", "origin")

    def __init__(self, origin: str, gateway: Gateway, clock: Clock) -> None:
        self.origin = origin
        self._gateway = gateway
        self._clock = clock
        self._unrecorded: Counter[Outcome] = Counter()
        self._unrecorded_from = 0  # meant only while something is counted

    @property
    def unrecorded(self) -> bool:
        """Whether requests were counted that no leaf tells of yet."""
        return bool(self._unrecorded)

    def count(self, outcome: Outcome) -> None:
        """Count a request that was served without a leaf."""
        if not self._unrecorded:
            self._unrecorded_from = self._now()
        self._unrecorded[outcome] += 1

    def opened(self, found: OpenedLog, t: int, prev: Head | None = None) -> Opened:
        """The first leaf of this run; that of a log has the second in which `log.json` was made.

        Args:
            found: What was on the disk.
            t: Now, in µs since 1970 UTC.
            prev: The end of the log that this one follows.
        """
        reason: Literal["new", "restart", "recovery", "rotate"] = "recovery"
        if found.last is None:
            reason = "new" if prev is None else "rotate"
            if t // 1_000_000 != found.created:  # a start that made `log.json` went no further
                t = found.created * 1_000_000
        elif isinstance(found.last, Closed):
            reason = "restart"
        cut = found.cut or None  # nothing was cut, so nothing is said of it
        return Opened(v=1, log=self.origin, gateway=self._gateway, t=t, reason=reason, prev=prev, cut_bytes=cut)

    def configured(self, found: OpenedLog) -> Configured:
        """With what this run began, and the last one if that was another."""
        digest = self._gateway.config_digest
        previous = None if found.last is None else found.last.gateway.config_digest
        return Configured(
            v=1,
            log=self.origin,
            gateway=self._gateway,
            t=self._now(),
            digest=digest,
            previous=None if previous == digest else previous,
            by="start",
        )

    def aborted(self, at: At, intent: Intent, cause: Cause) -> Aborted:
        """The end of an intent that stands at a place, in this log or the one before."""
        return aborted(intent, at, cause, self._gateway, self._now(), self.origin)

    def alive(self, open_intents: int, dropped_spans: int | None = None, clock: ClockState | None = None) -> Heartbeat:
        """That the log can be written, or is tried."""
        return Heartbeat(
            v=1,
            log=self.origin,
            gateway=self._gateway,
            clock=clock,
            t=self._now(),
            open_intents=open_intents,
            dropped_spans=dropped_spans,
        )

    def paused(self, reason: str) -> Paused:
        """What was counted up to now; the count begins anew."""
        counted, self._unrecorded = dict(self._unrecorded), Counter()
        now = self._now()
        return Paused(
            v=1,
            log=self.origin,
            gateway=self._gateway,
            t=now,
            from_=self._unrecorded_from,
            to=now,
            reason=reason,
            requests=counted,
        )

    def closed(self, reason: Literal["stop", "rotate"] = "stop", open_intents: int = 0) -> Closed:
        """The last leaf of a run that left nothing open; with `rotate` that of the log."""
        return Closed(
            v=1, log=self.origin, gateway=self._gateway, t=self._now(), reason=reason, open_intents=open_intents
        )

    def next_key(self, old: Signer, new: Signer) -> KeyChanged:
        """The key of the log that follows, vouched for by both."""
        t = self._now()
        text = f"tracegate-key/v1\n{old.key.vkey}\n{new.key.vkey}\n{t}\n".encode()
        return KeyChanged(
            v=1,
            log=self.origin,
            gateway=self._gateway,
            t=t,
            old=old.key.vkey,
            new=new.key.vkey,
            sig_old=base64url_of(old.sign(text)),
            sig_new=base64url_of(new.sign(text)),
        )

    def anchored(self, head: Checkpoint, held: Held) -> Anchored:
        """That somebody else holds a head of this log."""
        return Anchored(
            v=1,
            log=self.origin,
            gateway=self._gateway,
            t=self._now(),
            kind=held.kind,
            size=head.size,
            root=head.root.hex(),
            where=held.where,
            proof=held.proof,
        )

    def erased(self, record_ids: Sequence[str], by: str, reason: str) -> Erased:
        """That what is kept of some records was destroyed."""
        return Erased(
            v=1,
            log=self.origin,
            gateway=self._gateway,
            t=self._now(),
            record_ids=list(record_ids),
            count=len(record_ids),
            by=by,
            reason=reason,
        )

    def pruned(self, min_index: int, by: str, policy: str) -> Pruned:
        """That what stands before a leaf is removed."""
        return Pruned(
            v=1, log=self.origin, gateway=self._gateway, t=self._now(), min_index=min_index, by=by, policy=policy
        )

    def read(self, by: str, what: What, record_ids: Sequence[str], count: int) -> Read:
        """That somebody read so many records; the first of them are named."""
        return Read(
            v=1,
            log=self.origin,
            gateway=self._gateway,
            t=self._now(),
            by=by,
            what=what,
            record_ids=list(record_ids[:MOST]),
            count=count,
        )

    def moved(self, leaf: Leaf) -> Leaf:
        """A leaf that was made for the log before, for this one; its intent stays where it is."""
        if isinstance(leaf, Final | Aborted) and leaf.prev_intent is not None and leaf.prev_intent.log is None:
            return replace(leaf, log=self.origin, prev_intent=replace(leaf.prev_intent, log=leaf.log))
        return replace(leaf, log=self.origin)

    def follow(self, origin: str) -> OwnLeaves:
        """The same of the log that follows; what is counted goes on."""
        other = OwnLeaves(origin, self._gateway, self._clock)
        other._unrecorded, other._unrecorded_from = self._unrecorded, self._unrecorded_from
        return other

    def _now(self) -> int:
        return self._clock.wall() // 1_000
