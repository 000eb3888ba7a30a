"""What a running gateway does when a command asks for it over the control socket.

It erases, prunes, notes that somebody read, or gives its log another key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

from tracegate.audit.log import LogUnavailable
from tracegate.audit.own_leaves import MOST, What
from tracegate.audit.retention import Before
from tracegate.errors import Malformed

if TYPE_CHECKING:
    from tracegate.audit.process import Audit


async def answered(audit: Audit, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Do it; returns the log and the index of the leaf that tells of it, or the log's new name and key.

    Of a log that is pruned, its first leaf and the number of files that were removed too; no index where that was told
    before.

    Args:
        audit: The log of this process.
        asked: `do`, which is `erase`, `read`, `prune` or `rotate`; for the first two what the leaf says: `by`,
            `record_ids`, and `reason`, or `what` and `count`. To prune: `by`, `log`, its origin, and `before`, an
            index, or `before_t`, µs since 1970 UTC.

    Raises:
        Malformed: It asks for something else, for the erasure of what is not kept, or to prune what must stay.
        LogUnavailable: No leaf tells of it; what was to be erased may be: ask again.
    """
    try:
        return await _done(audit, asked)
    except OSError as exc:
        raise LogUnavailable(exc.strerror or str(exc)) from exc


async def _done(audit: Audit, asked: Mapping[str, Any]) -> dict[str, Any]:
    match asked.get("do"):
        case "erase" if asked.get("record_ids") != []:
            told = await audit.erase(_records(asked), _text(asked, "by"), _text(asked, "reason"))
            if not told:
                raise Malformed("nothing is kept of these records")
            at = told[0]
        case "read":
            records = _records(asked)
            at = await audit.was_read(_text(asked, "by"), _what(asked), records, _count(asked, len(records)))
        case "prune":
            pruned = await audit.prune(_text(asked, "log"), _before(asked), _text(asked, "by"))
            said = {"log": asked["log"], "min_index": pruned.min_index, "removed": pruned.removed}
            return said if pruned.index is None else {**said, "index": pruned.index}
        case "rotate":
            await audit.rotate()
            return {"log": audit.epoch.origin, "vkey": audit.epoch.signer.key.vkey}
        case other:
            raise Malformed(f"`{other}` is nothing that a gateway does")
    return {"log": at.log, "index": at.index}


def _records(asked: Mapping[str, Any]) -> list[str]:
    records = asked.get("record_ids")
    if not isinstance(records, list) or len(records) > MOST or not all(isinstance(one, str) for one in records):
        raise Malformed(f"`record_ids` is a list of at most {MOST} ids")
    return records


def _text(asked: Mapping[str, Any], name: str) -> str:
    text = asked.get(name)
    if not isinstance(text, str) or not text:
        raise Malformed(f"`{name}` is missing")
    return text


def _what(asked: Mapping[str, Any]) -> What:
    what = asked.get("what")
    if what not in get_args(What):
        raise Malformed(f"`what` is one of {', '.join(get_args(What))}")
    return cast("What", what)


def _before(asked: Mapping[str, Any]) -> Before:
    index, t = asked.get("before"), asked.get("before_t")
    if (type(index), type(t)) not in ((int, type(None)), (type(None), int)):
        raise Malformed("`before` is an index, or `before_t` a time")
    return Before(index) if t is None else Before(t=t)


def _count(asked: Mapping[str, Any], least: int) -> int:
    count = asked.get("count")
    if type(count) is not int or count < least:
        raise Malformed("`count` is the number of records")
    return count
