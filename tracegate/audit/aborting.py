"""The leaf that closes an intent for which no final comes."""

from __future__ import annotations

from typing import Literal

from tracegate.audit.events import Aborted
from tracegate.audit.kinds import At, Gateway, Intent
from tracegate.audit.leaf import write
from tracegate.audit.meaning import REPEATED
from tracegate.errors import Malformed

Cause = Literal["crash", "shutdown", "log_unavailable"]

_KNOWN = sorted(set(REPEATED) & set(Aborted.__struct_fields__) - {"record_id"})


def aborted(intent: Intent, at: At, cause: Cause, gateway: Gateway, t: int) -> Aborted:
    """The end of an intent, with what the intent says; without it where both together would be too long.

    Args:
        intent: That is closed.
        at: Where it stands.
        cause: Why no final comes.
        gateway: Who closes it, which may be another run than that which wrote it.
        t: Now, in µs since 1970 UTC.
    """
    short = Aborted(v=1, log=intent.log, gateway=gateway, t=t, record_id=intent.record_id, prev_intent=at, cause=cause)
    known = {name: getattr(intent, name) for name in _KNOWN}
    whole = Aborted(
        v=1, log=intent.log, gateway=gateway, t=t, record_id=intent.record_id, prev_intent=at, cause=cause, **known
    )
    try:
        write(whole)
    except Malformed:
        return short
    return whole
