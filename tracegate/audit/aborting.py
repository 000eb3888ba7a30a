"""The leaf that closes an intent for which no final comes."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from tracegate.audit.events import Aborted
from tracegate.audit.kinds import At, Gateway, Intent
from tracegate.audit.leaf import write
from tracegate.audit.meaning import REPEATED
from tracegate.errors import Malformed

Cause = Literal["crash", "shutdown", "log_unavailable"]

_KNOWN = sorted(set(REPEATED) & set(Aborted.__struct_fields__) - {"record_id"})


def aborted(intent: Intent, at: At, cause: Cause, gateway: Gateway, t: int, log: str | None = None) -> Aborted:
    """The end of an intent, with what the intent says; without it where both together would be too long.

    Args:
        intent: That is closed.
        at: Where it stands.
        cause: Why no final comes.
        gateway: Who closes it, which may be another run than that which wrote it.
        t: Now, in µs since 1970 UTC.
        log: In which the leaf will stand; by default the intent's own.
    """
    prev = at if log in (None, intent.log) else replace(at, log=intent.log)
    short = Aborted(
        v=1,
        log=log or intent.log,
        gateway=gateway,
        t=t,
        record_id=intent.record_id,
        prev_intent=prev,
        cause=cause,
    )
    whole = replace(short, **{name: getattr(intent, name) for name in _KNOWN})
    try:
        write(whole)
    except Malformed:
        return short
    return whole
