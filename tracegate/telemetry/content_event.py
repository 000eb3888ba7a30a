"""From an attempt to the one event that tells prompt and answer: `gen_ai.client.inference.operation.details`.

It says what the attempt's span says, in the span's context, and the content beside it, as structure and not as text.
Finish reasons are the span's. What a client was not sent is not told.
"""

from __future__ import annotations

from tracegate.facts import Attempt
from tracegate.record import Record, Recorder
from tracegate.telemetry import names
from tracegate.telemetry.attributes_attempt import of_attempt
from tracegate.telemetry.content_answer import Said
from tracegate.telemetry.content_prompt import prompt
from tracegate.telemetry.model import LogView, Structured

# Source: the OpenTelemetry logs data model, "SeverityNumber".
DEBUG = (5, "DEBUG")


def answered(record: Record) -> Attempt | None:
    """The attempt of a closed record, if it is one that answered."""
    attempt = record.attempt
    return attempt if attempt is not None and attempt.committed is not None and record.outcome is not None else None


def details(recorder: Recorder, record: Record, attempt: Attempt, said: Said | None) -> LogView:
    """The event of an attempt.

    Args:
        recorder: Of the request.
        record: Of the attempt; closed.
        attempt: It committed.
        said: What was released of its answer, if anything was.
    """
    attributes: dict[str, Structured] = dict(of_attempt(recorder, record, attempt))
    body = recorder.inbound.body
    if body is not None:
        attributes |= prompt(body, attempt.target)
    if said is not None and (messages := said.messages()):
        attributes[names.GEN_AI_OUTPUT_MESSAGES] = messages
    severity, text = DEBUG
    return LogView(
        name=names.EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS,
        severity=severity,
        severity_text=text,
        time=recorder.wall_of(record.start if record.end is None else record.end),
        trace=recorder.trace,
        span=record.span,
        attributes=attributes,
    )
