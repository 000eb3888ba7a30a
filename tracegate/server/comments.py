"""The final comment block of a stream: what its head could not know yet.

Lines that begin with `:` are ignored by every reader of server-sent events; each is one field, written as the header
of the same name would be. The empty line at the end dispatches nothing, for no data stands before it.
"""

from __future__ import annotations

from tracegate.facts import Attempt
from tracegate.record import Recorder, verdict
from tracegate.server.members import Members, broke, cost_of
from tracegate.server.structured import token_or_string
from tracegate.summary import served, total


def comment_block(members: Members, recorder: Recorder, exc: BaseException | None, receipt: str | None = None) -> bytes:
    """The block of a request whose attempts and routes are closed.

    Args:
        members: Of this gateway.
        recorder: Of the request; `inbound.chunks` counts what was sent to the client.
        exc: What broke the stream, `None` when it is complete.
        receipt: Of its leaf, as text; `None` where there is none.
    """
    attempts = recorder.attempts
    answer = served(attempts)
    lines = [f": tracegate-served-by {_served_by(members, recorder, answer)}"]
    if attempts:
        tried = ", ".join(members.tried(recorder, attempt) for attempt in attempts)
        lines.append(f": tracegate-attempts {tried}")
    if answer is not None and (usage := _usage(answer)):
        lines.append(f": tracegate-usage {usage}")
    if attempts and (cost := cost_of(total(attempts))) is not None:
        lines.append(f": tracegate-cost {cost}")
    lines.append(f": tracegate-outcome {_outcome(recorder, answer, exc)}")
    if receipt is not None:
        lines.append(f": tracegate-receipt {receipt}")
    return "\n".join([*lines, "", ""]).encode("ascii")


def _served_by(members: Members, recorder: Recorder, answer: Attempt | None) -> str:
    if answer is None:
        return members.gateway
    error = broke(recorder, answer)
    said = members.origin(answer) + ("" if error is None else f";error={error}")
    return f"{said}, {members.gateway}"


def _usage(answer: Attempt) -> str:
    """A dictionary of what the provider reported; what came before a break is no report (ruling 22)."""
    usage = answer.answer.usage if answer.outcome == "ok" else None
    if usage is None:
        return ""
    parts = {
        "input": usage.input,
        "output": usage.output,
        "cache-read": usage.cache_read,
        "cache-write": usage.cache_write,
        "reasoning": usage.reasoning,
    }
    return ", ".join(f"{key}={tokens}" for key, tokens in parts.items() if tokens is not None)


def _outcome(recorder: Recorder, answer: Attempt | None, exc: BaseException | None) -> str:
    outcome, reason = verdict(exc)
    said: str = outcome
    if outcome == "ok" and answer is not None and (finish := _finish(answer.answer.finish_reasons)) is not None:
        said += f";finish={finish}"
    if outcome == "error":
        error = broke(recorder, answer) if answer is not None and answer.outcome == "error" else reason
        said += "" if error is None else f";error={error}"
    return f"{said};chunks={recorder.inbound.chunks}"


def _finish(reasons: tuple[str, ...]) -> str | None:
    """One reason as a token; several choices with different ones as a string."""
    return token_or_string(",".join(dict.fromkeys(reasons)))
