"""From the records of a request to its log events, each in the context of a span.

One `gen_ai.client.operation.exception` per failed attempt, none for the route (ruling 13); a region that contradicts
the configured one is told to the operator (rulings 2 and 56); a fallback is told on the route that decided it.
Texts are redacted before they reach a record (ruling 12).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tracegate.facts import Attempt, Fact
from tracegate.record import Record, Recorder
from tracegate.summary import led_here
from tracegate.telemetry import cause, names
from tracegate.telemetry.attributes import of_fallback
from tracegate.telemetry.model import LogView, Value
from tracegate.telemetry.text import fit

# Source: the OpenTelemetry logs data model, "SeverityNumber".
INFO = (9, "INFO")
WARN = (13, "WARN")

SEVERITY: Mapping[str, tuple[int, str]] = {
    names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION: WARN,
    names.EVENT_TRACEGATE_REGION_CONFLICT: WARN,
    names.EVENT_TRACEGATE_ROUTE_FALLBACK: INFO,
}


def events(recorder: Recorder, without: Collection[Record] = ()) -> list[LogView]:
    """The log events of a request; `without` as in `spans`."""
    found: list[LogView] = []
    for record in recorder.records:
        if record.attempt is not None and record.outcome is not None and record not in without:
            found += events_of(recorder, record)
    return found


def events_of(recorder: Recorder, record: Record) -> list[LogView]:
    """The log events of one closed hop; only attempts have any."""
    attempt = record.attempt
    if attempt is None:
        return []
    found = []
    if attempt.why.kind == "fallback" and (led := led_here(recorder.attempts, attempt)) is not None:
        found.append(_fallback(recorder, record, led, attempt))
    if (configured := attempt.region_conflict) is not None and (region := attempt.region) is not None:
        found.append(_conflict(recorder, record, attempt, region, configured))
    if record.outcome == "error":
        found.append(_exception(recorder, record, attempt))
    return found


def _exception(recorder: Recorder, record: Record, attempt: Attempt) -> LogView:
    said: dict[str, Value] = {
        names.EXCEPTION_TYPE: cause.error_class(record) or "server_error",
        names.ERROR_TYPE: cause.error_type(record) or "_OTHER",
    }
    if text := cause.message(record):
        said[names.EXCEPTION_MESSAGE] = fit(text)
    return _view(names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION, recorder, record, record.end, said | _who(attempt))


def _conflict(recorder: Recorder, record: Record, attempt: Attempt, region: Fact, configured: str) -> LogView:
    said: dict[str, Value] = {
        names.TRACEGATE_TARGET_REGION: fit(region.value),
        names.TRACEGATE_TARGET_REGION_EVIDENCE: region.evidence,
        names.TRACEGATE_TARGET_REGION_CONFIGURED: configured,
    }
    return _view(names.EVENT_TRACEGATE_REGION_CONFLICT, recorder, record, record.end, said | _who(attempt))


def _fallback(recorder: Recorder, record: Record, led: Attempt, attempt: Attempt) -> LogView:
    route = _deciding(recorder, record, led)
    said: dict[str, Value] = {names.TRACEGATE_ROUTE_NAME: route.name} if route.kind == "route" else {}
    return _view(names.EVENT_TRACEGATE_ROUTE_FALLBACK, recorder, route, record.start, said | of_fallback(led, attempt))


def _deciding(recorder: Recorder, record: Record, led: Attempt) -> Record:
    """The nearest hop above both attempts: the one whose policy went from one to the other."""
    above, left = record.parent, next(r for r in recorder.records if r.attempt is led)
    over: set[Record] = set()
    while (parent := left.parent) is not None:
        over.add(parent)
        left = parent
    while above is not None and above not in over:
        above = above.parent
    return recorder.server if above is None else above


def _who(attempt: Attempt) -> dict[str, Value]:
    return {
        names.GEN_AI_PROVIDER_NAME: attempt.target.provider_name,
        names.GEN_AI_REQUEST_MODEL: attempt.target.model,
        names.TRACEGATE_TARGET_ID: attempt.target.id,
        names.TRACEGATE_ATTEMPT_INDEX: attempt.index,
    }


def _view(name: str, recorder: Recorder, record: Record, when: int | None, said: dict[str, Value]) -> LogView:
    severity, text = SEVERITY[name]
    return LogView(
        name=name,
        severity=severity,
        severity_text=text,
        time=recorder.wall_of(record.start if when is None else when),
        trace=recorder.trace,
        span=record.span,
        attributes={names.TRACEGATE_REQUEST_ID: recorder.request_id, **said},
    )
