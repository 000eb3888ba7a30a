"""`audit show`, `find` and `verify`: what the logs of a directory have of a record, and whether it is proved."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from tracegate.audit import finding
from tracegate.audit.bundles import bundle
from tracegate.audit.directory import Directory
from tracegate.audit.events import Aborted, Amend, Erased
from tracegate.audit.kinds import Final, Intent
from tracegate.audit.policy import trusting
from tracegate.audit.reading import StoredLog
from tracegate.audit.records import Erasures, Stood, blinding_of, mentions, stood
from tracegate.audit.records import find as found_of
from tracegate.audit.verdict import VERIFIED, Check
from tracegate.audit.verify import Given
from tracegate.audit.verify import verify as verified
from tracegate.cli.archive import Where, blinds_of, console, noted, nothing, pruned, record_of, shown, told
from tracegate.cli.record_shown import found_table, leaf_tree, line_of, record_tree
from tracegate.cli.verifying import SAID, Asked, policy_of, tell, text_of
from tracegate.errors import Malformed, Unreadable

Hits = Iterable[tuple[Stood, str]]


def show(where: Where, what: str, log: str | None) -> int:
    """Show a record, or one leaf by its index; returns the exit status.

    Args:
        where: Whose logs.
        what: A record's id, or an index.
        log: Whose index.
    """
    if what.isascii() and what.isdigit():
        return told(where, partial(_show_leaf, where, int(what), log))
    return told(where, partial(_show_record, where, what))


def find(where: Where, by: str, given: str) -> int:
    """Find records by one thing; returns the exit status.

    Args:
        where: Whose logs.
        by: `record`, `text`, `body`, or one of `finding.MEMBERS`.
        given: An id, or the name of a file.
    """
    return told(where, partial(_find, where, by, given))


def verify(where: Where, record: str, asked: Asked) -> int:
    """Verify a record from the logs alone; returns the exit status.

    Args:
        where: Whose logs.
        record: Its id.
        asked: Keys or policy, a text or a request to be compared with it.
    """
    return told(where, partial(_verify, where, record, asked))


def _show_leaf(where: Where, index: int, name: str | None, directory: Directory) -> int:
    log = _log(directory, name)
    raw = log.leaf(index)
    if raw is None and index < log.first:
        return nothing(where, f"Leaf {index} of `{log.name}` was pruned: the log begins at leaf {log.first}.")
    if raw is None:
        return nothing(where, f"There is no leaf {index} in `{log.name}`.")
    found = stood(log, index, raw)
    noted(directory, "show", _records([found]))
    if where.as_json:
        shown({"v": 1, "code": VERIFIED, **line_of(found)})
    else:
        console().print(leaf_tree(found))
    return VERIFIED


def _show_record(where: Where, what: str, directory: Directory) -> int:
    record = record_of(what)
    leaves = [found for found in mentions(directory, record) if _is_of(found, record)]
    if not any(isinstance(found.leaf, Intent | Final | Aborted) for found in leaves):
        return nothing(where, f"No log has {record}.{pruned(directory)}", record_id=record)
    noted(directory, "show", [record])
    closing = next((found for found in leaves if isinstance(found.leaf, Final | Aborted)), None)
    published = None if closing is None else _is_published(closing)
    if where.as_json:
        state = "open" if closing is None else "aborted" if isinstance(closing.leaf, Aborted) else "closed"
        lines = [line_of(found) for found in leaves]
        shown({"v": 1, "code": VERIFIED, "record_id": record, "state": state, "leaves": lines})
    else:
        console().print(record_tree(leaves, published))
    return VERIFIED


def _find(where: Where, by: str, given: str, directory: Directory) -> int:
    hits = list(_hits(by, given, directory))
    if not hits:
        return nothing(where, f"No record has this {by}.{pruned(directory)}", found=[])
    noted(directory, "find", _records(found for found, _ in hits))
    if where.as_json:
        rows = [{"record_id": _records([found])[0], "by": how, **line_of(found)} for found, how in hits]
        shown({"v": 1, "code": VERIFIED, "found": rows})
    else:
        console().print(found_table(hits))
    return VERIFIED


def _hits(by: str, given: str, directory: Directory) -> Hits:
    if by == "text":
        return finding.by_text(directory, blinds_of(directory), text_of(given))
    if by == "body":
        return finding.by_body(directory, blinds_of(directory), Path(given).read_bytes())
    if by != "record":
        return finding.by_id(directory, by, given)
    found = found_of(directory, record_of(given))
    first = None if found is None else found.closing or found.intent
    return [] if first is None else [(first, by)]


def _verify(where: Where, what: str, asked: Asked, directory: Directory) -> int:
    record = record_of(what)
    found = found_of(directory, record)
    if found is None or found.closing is None:
        said = f"No log has {record}.{pruned(directory)}"
        if found is not None:
            said = f"{record} is still open: there is nothing to verify yet."
        return nothing(where, said, record_id=record)
    closing = found.closing
    pinned = bool(asked.keys or asked.policy)
    try:
        policy = policy_of(asked) if pinned else trusting([closing.log.key])
    except Malformed as exc:
        raise Unreadable(str(exc)) from None
    noted(directory, "receipt", [record])
    r, erased = blinding_of(closing, blinds_of(directory), Erasures(directory))
    made = bundle(closing, closing.log.head(), directory.signer(closing.log), r, erased)
    given = Given(
        policy,
        int(time.time()),
        bundle=json.dumps(made).encode(),
        text=None if asked.text is None else text_of(asked.text),
        request=None if asked.request is None else Path(asked.request).read_bytes(),
    )
    report = verified(given)
    if not pinned:
        report.checks.insert(0, Check("key", "missing", "no key was given: the log vouches for itself"))
    return tell(report, SAID[report.verdict], as_json=where.as_json)


def _log(directory: Directory, name: str | None) -> StoredLog:
    logs = directory.logs()
    if name is None and len(logs) > 1:
        known = ", ".join(log.name for log in logs)
        raise Unreadable(f"there are {len(logs)} logs: say with --log whose leaf; known: {known}")
    return logs[0] if name is None else directory.log(name)


def _is_of(found: Stood, record: str) -> bool:
    """Whether a leaf that names a record is of it, and not of somebody who read it."""
    match found.leaf:
        case Intent() | Final() | Aborted() | Amend():
            return found.leaf.record_id == record
        case Erased():
            return True
        case _:
            return False


def _is_published(found: Stood) -> bool:
    return found.index < found.log.size


def _records(leaves: Iterable[Stood]) -> list[str]:
    return [found.leaf.record_id for found in leaves if isinstance(found.leaf, Intent | Final | Aborted | Amend)]
