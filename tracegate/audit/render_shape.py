"""The shape of a leaf: what it has in common with others, apart from what is its own.

Two leaves of one key are the same text but for their values: ids, digests, times, counts, and texts of the provider;
which of them are absent is part of the key. `render_forms` makes use of that; no leaf is written here.

The shapes are an intent of any request, and the final of a whole answer that the first attempt gave. What is decided
here is decided as `render` and `render_attempts` decide it; a test holds both together.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from tracegate.audit.blinding import CANONICAL, REQUEST, TEXT, WIRE, Blinding
from tracegate.audit.canonical import LARGEST
from tracegate.audit.kinds import At, ClockState
from tracegate.audit.leaf import encode
from tracegate.audit.render import Question, Sent
from tracegate.audit.render_attempts import usage_of
from tracegate.facts import INITIAL, Route
from tracegate.record import Recorder
from tracegate.summary import microseconds

Key: TypeAlias = tuple[object, ...]
Values: TypeAlias = tuple[int | str, ...]

_plain = re.compile(r"(?!unknown\Z)[ !#-\[\]-~]{1,256}").fullmatch
"""A text of the provider that a leaf has as it came."""


class Shape(NamedTuple):
    """A leaf taken apart: its key, and its values in the order of its bytes."""

    key: Key
    own: Values


def asked_of(recorder: Recorder, question: Question, route: Route | None, clock: ClockState | None) -> Shape:
    """An intent taken apart; `route` is known to the key by its identity only."""
    inbound, blinding, request = recorder.inbound, question.blinding, recorder.request_id
    key = (
        inbound.tenant,
        inbound.key,
        inbound.alias,
        inbound.method,
        inbound.stream,
        question.path,
        question.media,
        id(route),
        clock,
    )
    own = (
        blinding.hash,
        f"tg-{request}",
        question.size,
        blinding.committed(REQUEST, question.digest),
        request,
        recorder.server.span.hex(),
        microseconds(recorder.origin),
        microseconds(recorder.wall),
        recorder.trace.hex(),
    )
    return Shape(key, own)


def closed_of(
    recorder: Recorder, begun: int, asked: Values, blinding: Blinding, sent: Sent, prev: At | None
) -> Shape | None:
    """A final taken apart, of a request without an error; `None` where it is none of the usual ones.

    Args:
        recorder: Of the request; its attempts and routes are closed.
        begun: Names the shape of its intent.
        asked: The values of its intent, see `asked_of`.
        blinding: The record's.
        sent: Its answer.
        prev: Where the intent stands, if it was written.
    """
    if len(recorder.attempts) != 1 or sent.chunks is not None:
        return None
    attempt = recorder.attempts[0]
    answer, cost, end, target = attempt.answer, attempt.cost, attempt.end, attempt.target
    if (
        attempt.outcome != "ok"
        or (attempt.why is not INITIAL and attempt.why != INITIAL)
        or attempt.streaming
        or attempt.committed is None
        or attempt.lost
        or end is None
        or cost is None
    ):
        return None
    micros, said, named, texts = cost.micros, answer.id, attempt.request_id, sent.texts
    if (micros is not None and not 0 <= micros <= LARGEST) or len(texts) > 1 or (texts and texts[0][0]):
        return None
    if (said is not None and not _plain(said)) or (named is not None and not _plain(named)):
        return None
    if prev is not None and prev.log is not None:
        return None
    usage = usage_of(attempt)
    key = (
        begun,
        id(target),
        attempt.status,
        attempt.connection.tls,
        answer.model,
        answer.fingerprint,
        answer.region,
        answer.finish_reasons,
        said is None,
        named is None,
        usage is None,
        not micros if micros is not None else None,
        cost.source,
        cost.currency,
        cost.digest,
        prev is None,
        sent.status,
        sent.media,
        sent.ended,
        sent.finish_reasons,
        sent.canonical is None,
        not texts,
    )
    hashed, record, size, commit, request, span, mono, start, trace = asked
    own: list[int | str] = [] if micros is None else [micros]
    own.append(microseconds(end - attempt.start))
    if said is not None:
        own.append(said)
    own.append(microseconds(attempt.start - recorder.origin))
    if named is not None:
        own.append(named)
    used = None if usage is None else encode(usage).decode()
    if used is not None:
        own.append(used)
    if micros is not None:
        own.append(micros)
    if prev is not None:
        own += (prev.hash, prev.index)
    own += (hashed, record, size, commit, request, sent.size)
    if sent.canonical is not None:
        own.append(blinding.committed(CANONICAL, sent.canonical))
    if texts:
        own.append(blinding.committed(f"{TEXT}0", texts[0][1]))
    own += (blinding.committed(WIRE, sent.digest), span, microseconds(recorder.wall_of(sent.end)), mono, start, trace)
    if used is not None:
        own.append(used)
    return Shape(key, tuple(own))
