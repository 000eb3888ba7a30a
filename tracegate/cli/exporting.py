"""`audit export`: leaves of a time as lines of JSON, or bundles, for whoever may see all of it or the answers only.

It goes twice through the time: what is read is counted and noted in a log before any of it is printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import msgspec

from tracegate.audit.bundles import bundle, without_request
from tracegate.audit.directory import Directory
from tracegate.audit.own_leaves import MOST
from tracegate.audit.reading import StoredLog, Times
from tracegate.audit.records import Erasures, Stood, blinding_of, find, stood
from tracegate.audit.verdict import VERIFIED
from tracegate.cli.archive import Where, blinds_of, noted, nothing, record_of, shown, told
from tracegate.cli.record_shown import line_of
from tracegate.errors import Unreadable


class _Said(Times, kw_only=True):
    """What of a leaf tells whether it is exported, and which record it closes."""

    type: str
    record_id: str | None = None


_said = msgspec.json.Decoder(_Said).decode


@dataclass(frozen=True, slots=True)
class Window:
    """What is exported of one log: its leaves between two indices whose times are between two others.

    A leaf that tells no time is before all others.
    """

    log: StoredLog
    start: int
    end: int | None
    since: int
    until: int | None

    def leaves(self) -> Iterator[tuple[int, bytes, _Said]]:
        """Its leaves, with what they say."""
        for index, raw in self.log.leaves(self.start, self.end):
            said = _said(raw)
            at = said.made_at or 0
            if self.since <= at and (self.until is None or at < self.until):
                yield index, raw, said


def export(where: Where, since: str | None, until: str | None, records: Sequence[str], *, redacted: bool) -> int:
    """Print leaves or bundles, one JSON object a line; returns the exit status.

    Args:
        where: Whose logs.
        since, until: Times of ISO 8601, UTC where they have no zone; the second is not part of it.
        records: Bundles of these, in the place of leaves.
        redacted: Bundles by which nobody can test guesses of the questions; without `records`, of all closed then.
    """
    return told(where, partial(_export, where, since, until, records, redacted))


def _export(
    where: Where, since: str | None, until: str | None, records: Sequence[str], redacted: bool, directory: Directory
) -> int:
    if records:
        return _export_records(where, [record_of(record) for record in records], redacted, directory)
    first, last = 0 if since is None else time_of(since), None if until is None else time_of(until)
    windows = [_opened(log, first, last) for log in directory.logs()]
    named: list[str] = []
    count, seen = 0, []
    for window in windows:
        end = window.start
        for index, _, said in window.leaves():
            end = index + 1
            if said.record_id is not None and said.type in ("final", "aborted"):
                count += 1
                named += [said.record_id] if count <= MOST else []
        seen.append(Window(window.log, window.start, end, first, last))
    noted(directory, "export", named, count)
    erasures = Erasures(directory)
    for window in seen:
        for index, raw, said in window.leaves():
            if not redacted:
                shown(line_of(stood(window.log, index, raw)))
            elif said.type in ("final", "aborted"):
                _show_bundle(directory, erasures, stood(window.log, index, raw), redacted=True)
    return VERIFIED


def _export_records(where: Where, records: Sequence[str], redacted: bool, directory: Directory) -> int:
    closings = []
    for record in records:
        found = find(directory, record)
        if found is None or found.closing is None:
            said = "is in no log" if found is None else "is still open"
            return nothing(where, f"{record} {said}: nothing is exported.", record_id=record)
        closings.append(found.closing)
    noted(directory, "export", records)
    erasures = Erasures(directory)
    for closing in closings:
        _show_bundle(directory, erasures, closing, redacted=redacted)
    return VERIFIED


def _show_bundle(directory: Directory, erasures: Erasures, closing: Stood, *, redacted: bool) -> None:
    r, erased = blinding_of(closing, blinds_of(directory), erasures)
    made = bundle(closing, closing.log.head(), directory.signer(closing.log), r, erased)
    shown(without_request(made, closing, r) if redacted and r is not None else made)


def time_of(text: str) -> int:
    """A time of ISO 8601 in µs since 1970 UTC; raises `Unreadable` where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"`{text}` is no time: write one as 2026-11-24 or 2026-11-24T14:00:00Z") from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    whole = found.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000 + found.microsecond


def _opened(log: StoredLog, since: int, until: int | None) -> Window:
    return Window(log, log.since(since), None if until is None else log.until(until), since, until)
