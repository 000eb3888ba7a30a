"""What the audit log counts of itself, as the counts that both renderers read when they collect.

The log is not known here: whoever keeps it says what it counted (`tracegate.custody`), from when it is open. Where the
log is switched off, only its mode is told. No label but the log's origin, of which a process has few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracegate.custody import AuditMode, Custodian, LogNumbers, Numbers
from tracegate.telemetry import names
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.metrics_tally import Counts, Tally

Values = Sequence[tuple[Labels, int | float]]

OF_PROCESS: dict[str, Callable[[Numbers], int | float | None]] = {
    names.METRIC_TRACEGATE_AUDIT_RECORDS: lambda numbers: numbers.records,
    names.METRIC_TRACEGATE_AUDIT_FAILURES: lambda numbers: numbers.failures,
    names.METRIC_TRACEGATE_AUDIT_ABORTED: lambda numbers: numbers.aborted,
    names.METRIC_TRACEGATE_AUDIT_PAUSES: lambda numbers: numbers.pauses,
    names.METRIC_TRACEGATE_AUDIT_ERASURES: lambda numbers: numbers.erasures,
    names.METRIC_TRACEGATE_AUDIT_READS: lambda numbers: numbers.reads,
    names.METRIC_TRACEGATE_AUDIT_HEARTBEATS: lambda numbers: numbers.heartbeats,
    names.METRIC_TRACEGATE_AUDIT_ANCHORS: lambda numbers: numbers.anchors,
    names.METRIC_TRACEGATE_AUDIT_UNANCHORED: lambda numbers: numbers.unanchored,
    names.METRIC_TRACEGATE_AUDIT_INTENTS_OPEN: lambda numbers: numbers.open_intents,
    names.METRIC_TRACEGATE_AUDIT_UNSHIPPED: lambda numbers: numbers.unshipped,
    names.METRIC_TRACEGATE_AUDIT_SHIP_LAG: lambda numbers: (
        None if numbers.ship_lag_ns is None else numbers.ship_lag_ns / 1e9
    ),
}
OF_LOG: dict[str, Callable[[LogNumbers], int]] = {
    names.METRIC_TRACEGATE_AUDIT_LEAVES: lambda log: log.leaves,
    names.METRIC_TRACEGATE_AUDIT_PUBLISHED: lambda log: log.published,
}


class Audited:
    """The audit log of a process, as telemetry sees it.

    Args:
        mode: Of the log, for the whole life of the process.
    """

    __slots__ = ("_keeper", "_labels", "mode")

    def __init__(self, mode: AuditMode) -> None:
        self.mode: AuditMode = mode
        self._keeper: Custodian | None = None
        self._labels: dict[str, Labels] = {}  # each made once: their bytes are found by identity

    def watch(self, keeper: Custodian) -> None:
        """The log is open: from now on its numbers are told."""
        self._keeper = keeper

    def counts(self) -> Sequence[Counts]:
        """Everything that is told of it."""
        mode = Tally(names.METRIC_TRACEGATE_AUDIT_MODE, names.TRACEGATE_AUDIT_MODE)
        mode.add(self.mode)
        return [mode, *(_Told(name, self) for name in (*OF_PROCESS, *OF_LOG))]

    def values(self, instrument: str) -> Values:
        """What an instrument says now: nothing before the log is open, and nothing that is unknown."""
        if self._keeper is None:
            return []
        numbers = self._keeper.numbers()
        if instrument in OF_LOG:
            return [(self._of(log.origin), OF_LOG[instrument](log)) for log in numbers.logs]
        value = OF_PROCESS[instrument](numbers)
        return [] if value is None else [((), value)]

    def _of(self, origin: str) -> Labels:
        return self._labels.setdefault(origin, ((names.TRACEGATE_AUDIT_LOG, origin),))


class _Told:
    """One instrument of it, see `Counts`."""

    __slots__ = ("_of", "instrument")

    def __init__(self, instrument: str, of: Audited) -> None:
        self.instrument = instrument
        self._of = of

    def counts(self) -> Values:
        return self._of.values(self.instrument)
