"""What each query of "Chain of custody" must find: made from the files of the logs, from what clients asked, and from
what was done to the logs; never from anything that a gateway said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dashboards.check.counted import Labels
from dashboards.check.expected import Expected
from dashboards.check.kept import Kept
from dashboards.check.truth import Request, Span

LAG_S = 60.0
"""The longest that a leaf can have waited, for no gateway of the check lives longer."""


@dataclass(frozen=True, slots=True)
class Custody:
    """The logs of some gateways at the last export.

    Args:
        requests: Of those gateways.
        before, after: By gateway: how its log stood when it began to export, and when it had.
    """

    requests: Sequence[Request] = ()
    before: Mapping[str, Kept] = field(default_factory=dict)
    after: Mapping[str, Kept] = field(default_factory=dict)

    def of(self, jobs: Sequence[str]) -> Custody:
        """What a choice of gateways shows of it."""
        return Custody(
            [request for request in self.requests if request.job in jobs],
            {job: log for job, log in self.before.items() if job in jobs},
            {job: log for job, log in self.after.items() if job in jobs},
        )


def expectations(of: Custody) -> dict[tuple[str, str], Expected]:
    """By panel and letter."""
    jobs = list(of.before)
    sizes = {job: Span(of.before[job].leaves, of.after[job].leaves) for job in jobs}
    heads = {job: Span(of.before[job].published, of.after[job].published) for job in jobs}
    origins = {job: of.after[job].origin for job in jobs}
    # A client that asks for an answer leaves a record, whatever it gets; none is asked without a key here.
    records = {job: sum(request.job == job for request in of.requests) for job in jobs}

    def by_job(values: Mapping[str, float | Span]) -> dict[Labels, float | Span]:
        return {frozenset({("job", job)}): value for job, value in values.items()}

    def by_log(values: Mapping[str, float | Span]) -> dict[Labels, float | Span]:
        return {frozenset({("tracegate_audit_log", origins[job])}): value for job, value in values.items()}

    def told(*types: str) -> dict[str, float | Span]:
        return {
            job: Span(*(sum(log.types.get(type, 0) for type in types) for log in (of.before[job], of.after[job])))
            for job in jobs
        }

    zeros: dict[str, float | Span] = dict.fromkeys(jobs, 0)
    heads_of = {frozenset({("job", job), ("tracegate_audit_log", origins[job])}): heads[job] for job in jobs}
    modes = {frozenset({("job", job), ("tracegate_audit_mode", "strict")}): 1 for job in jobs}
    shipped = {job: Span(0, size.most) for job, size in sizes.items()}
    return {
        ("Gaps", "A"): Expected(by_job(zeros), "last"),
        ("Answers without a record", "A"): Expected(by_job(zeros), "last"),
        ("Records", "A"): Expected(by_job(records), "last"),
        ("Aborted intents", "A"): Expected(by_job(told("aborted")), "last"),
        ("Pauses", "A"): Expected(by_job(told("log.paused")), "last"),
        ("Open intents", "A"): Expected(by_job(zeros), "last"),
        ("Tree size", "A"): Expected(_ends(by_log(sizes), by_log(sizes)), "levels"),
        ("Published head", "A"): Expected(_ends(by_log(heads), by_log(heads)), "levels"),
        ("Heads", "A"): Expected(heads_of, "last"),
        ("Mode by gateway", "A"): Expected(modes, "last"),
        # All of it was at the sink before the last export, but for what was written since.
        ("Leaves shipped", "A"): Expected(_ends(by_job(shipped), by_job(heads)), "levels"),
        ("Leaves not shipped yet", "A"): Expected(_ends(by_job(shipped), by_job(_since(of))), "levels"),
        ("Shipping lag", "A"): Expected(
            _ends(by_job(dict.fromkeys(jobs, Span(0, LAG_S))), by_job(dict.fromkeys(jobs, Span(0, 1)))), "levels"
        ),
        ("Records by gateway", "A"): Expected(by_job(records), "sum"),
        ("Answers without a record, by gateway", "A"): Expected(by_job(zeros), "sum"),
        ("Heartbeats", "A"): Expected(by_job(told("heartbeat")), "sum"),
        ("Aborted intents, by gateway", "A"): Expected(by_job(told("aborted")), "sum"),
        ("Erasures", "A"): Expected(by_job(told("erasure")), "sum"),
        ("Reads", "A"): Expected(by_job(told("audit.read")), "sum"),
        ("Anchors", "A"): Expected(by_job(told("anchor")), "sum"),
        ("Heads that nobody took", "A"): Expected(by_job(zeros), "sum"),
    }


def _since(of: Custody) -> dict[str, float | Span]:
    """Leaves that can have come after all were at the sink."""
    return {job: Span(0, log.leaves - of.before[job].published) for job, log in of.after.items()}


def _ends(highest: Mapping[Labels, float | Span], last: Mapping[Labels, float | Span]) -> dict[Labels, float | Span]:
    """The highest and the last point of each series."""
    return {
        labels | {("level", level)}: value
        for level, values in (("highest", highest), ("last", last))
        for labels, value in values.items()
    }
