"""The shape of a request: all that many requests have in common, apart from what is each one's own.

Two requests of one key are told in the same words, but for `Shape.values` and `Shape.amounts`: ids, times, counts and
texts of the provider. Which of them are absent is part of the key, and how long they are, too, so that even the
lengths in their bytes are the same. `forms` makes use of that; nothing is encoded or added up here.

Only the usual trees have a shape: a SERVER, one route below it, and its attempts, however many and however they ended.
What is decided here is decided as `attributes`, `spans` and `metrics` decide it; a test holds both together.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, TypeAlias

from tracegate.facts import Attempt, Target
from tracegate.record import Record, Recorder
from tracegate.summary import gateway_ns, served, total
from tracegate.telemetry import cause, names
from tracegate.telemetry.aggregate import Counted
from tracegate.telemetry.asked import Asked
from tracegate.telemetry.protobuf import double, varint
from tracegate.telemetry.text import fit
from tracegate.wire.body import Body

Key: TypeAlias = tuple[object, ...]

TRACE, SPAN, PARENT, TIMES, ASKED, SAID = "trace", "span", "parent", "times", "asked", "said"
"""Slots that are no attribute: ids, both times, the request's parameters, and the description of an error."""

SERVER = (
    *(TRACE, SPAN, PARENT, TIMES),
    names.TRACEGATE_REQUEST_ID,
    names.TRACEGATE_TOTAL_COST_MICROS,
    names.TRACEGATE_TOTAL_INPUT_TOKENS,
    names.TRACEGATE_TOTAL_OUTPUT_TOKENS,
    names.TRACEGATE_CLIENT_REQUEST_ID,
    names.TRACEGATE_AUDIT_RECORD_ID,
    names.TRACEGATE_AUDIT_RECORD_SEQ,
    names.TRACEGATE_LATENCY_TTFB_MS,
    names.TRACEGATE_LATENCY_GATEWAY_OVERHEAD_MS,
    SAID,
)
ROUTE = (*SERVER[:8], SAID)
ATTEMPT = (
    *(TRACE, SPAN, PARENT, TIMES, ASKED),
    names.TRACEGATE_REQUEST_ID,
    names.TRACEGATE_ATTEMPT_BACKOFF_MS,
    names.TRACEGATE_UPSTREAM_REQUEST_ID,
    names.GEN_AI_RESPONSE_ID,
    names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    names.TRACEGATE_STREAM_CHUNKS,
    names.GEN_AI_USAGE_INPUT_TOKENS,
    names.GEN_AI_USAGE_OUTPUT_TOKENS,
    names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    names.TRACEGATE_LATENCY_CONNECT_MS,
    names.TRACEGATE_LATENCY_SENT_MS,
    names.TRACEGATE_COST_MICROS,
    names.TRACEGATE_COST_INPUT_MICROS,
    names.TRACEGATE_COST_OUTPUT_MICROS,
    names.TRACEGATE_COST_CACHE_READ_MICROS,
    names.TRACEGATE_COST_CACHE_WRITE_MICROS,
    SAID,
)
"""The slots of each kind of span, in the order in which its values stand in its bytes."""

NUMBERS = 4096
"""Integers whose bytes are kept; when they are full they are forgotten and begin anew."""

NOTHING = (b"", b"", b"", b"", b"")
"""Five values that are absent."""

_times = Struct("<BQBQ").pack  # as the encoder writes both


class Shape(NamedTuple):
    """One request, taken apart.

    `values` has one entry for each slot of the SERVER, the route and each attempt: the value's bytes as the last part
    of its attribute, empty where it is absent. `amounts` has one entry for each attempt, and one for the request.
    """

    key: Key
    values: list[bytes]
    amounts: list[Counted]


class _Numbers(dict[int | None, bytes]):
    """Integers as varints; nothing for what is absent."""

    __slots__ = ()

    def __missing__(self, number: int) -> bytes:
        if not 0 <= number < 2**63:
            raise ValueError(number)
        if len(self) >= NUMBERS:
            self.clear()
            self[None] = b""
        found = self[number] = varint(number)
        return found


_numbers = _Numbers({None: b""})
_new = tuple.__new__  # half the cost of calling the class


def shape_of(recorder: Recorder, asked: Asked) -> Shape | None:
    """A closed request taken apart, `None` where it is none of the usual ones."""
    records, attempts, inbound = recorder.records, recorder.attempts, recorder.inbound
    if len(records) < 3 or len(attempts) != len(records) - 2:
        return None
    server, route = records[0], records[1]
    remote, body = inbound.remote, inbound.body
    if route.kind != "route" or route.notes or body is None or "n" in body.fields:
        return None  # `n` decides how many finish reasons a broken answer has
    if remote is not None and (inbound.trust != "parent" or remote.tracestate):
        return None
    try:
        return _shape(recorder, server, route, body, asked)
    except (_Unusual, UnicodeEncodeError, ValueError):
        return None


class _Unusual(Exception):
    """Something that no shape has room for."""


def _shape(recorder: Recorder, server: Record, route: Record, body: Body, asked: Asked) -> Shape:
    inbound, attempts, remote = recorder.inbound, recorder.attempts, recorder.inbound.remote
    trace, request = recorder.trace, recorder.request_id.encode()
    wall = recorder.wall - recorder.origin
    ended = _end(server)
    overhead = gateway_ns(recorder, ended)
    error = cause.server_error_type(recorder)
    cost, given, made, _, _ = total(attempts)
    totals = [request, _numbers[cost], _numbers[given], _numbers[made]]
    answer = served(attempts)
    first = inbound.first_sent
    values = [
        trace,
        server.span,
        b"" if remote is None else remote.span,
        _times(0x39, wall + server.start, 0x41, wall + ended),
        *totals,
        b"" if inbound.client_request_id is None else _text(inbound.client_request_id),
        b"tg-" + request if inbound.recorded else b"",
        _numbers[inbound.record_seq],
        b"" if first is None else double((first - recorder.origin) / 1e6),
        double(overhead / 1e6),
        b"" if error is None else cause.message(server).encode(),
        trace,
        route.span,
        server.span,
        _times(0x39, wall + route.start, 0x41, wall + _end(route)),
        *totals,
        cause.message(route).encode() if route.outcome == "error" else b"",
    ]
    key: list[object] = [
        inbound.method,
        inbound.path,
        inbound.scheme,
        inbound.route,
        inbound.protocol,
        inbound.host,
        inbound.port,
        inbound.user_agent,
        inbound.trust,
        inbound.api,
        inbound.tenant,
        inbound.key,
        inbound.alias,
        inbound.status,
        inbound.stream,
        inbound.degraded,
        server.outcome,
        server.reason,
        error,
        None if answer is None else answer.index,
        route.name,
        id(route.about),
        route.outcome,
        route.reason,
    ]
    if route.outcome == "error":
        key += (cause.error_type(route), cause.error_class(route))
    amounts = []
    target, wanted = None, b""
    for record, attempt in zip(recorder.records[2:], attempts, strict=True):
        if record.parent is not route or record.attempt is not attempt:
            raise _Unusual
        if target is None or (attempt.target is not target and _alters(target, attempt.target)):
            wanted = asked(body, attempt.target)
        target = attempt.target
        amounts.append(_attempt(key, values, wall, trace, request, wanted, record, attempt))
    took = (ended - server.start) / 1e9
    amounts.append(([took, overhead / 1e9], wall + ended, trace, server.span))
    key += map(len, values)
    return _new(Shape, (tuple(key), values, amounts))


def _attempt(
    key: list[object],
    values: list[bytes],
    wall: int,
    trace: bytes,
    request: bytes,
    wanted: bytes,
    record: Record,
    attempt: Attempt,
) -> Counted:
    """Add what one attempt has to key and values; returns what is measured of it."""
    answer, connection, target, why, cost = (
        attempt.answer,
        attempt.connection,
        attempt.target,
        attempt.why,
        attempt.cost,
    )
    start, end, outcome, above = record.start, _end(record), record.outcome, record.parent
    first, usage = attempt.first_event, answer.usage if outcome == "ok" else None
    if above is None or attempt.skipped or (usage is not None and usage.modalities):
        raise _Unusual
    took = (end - attempt.start) / 1e9
    amounts: list[int | float] = [1, took]
    key += (
        id(target),
        outcome,
        record.reason,
        why.kind,
        why.reason,
        attempt.resend,
        attempt.status,
        attempt.committed is None,
        attempt.streaming,
        connection.reused,
        connection.protocol,
        connection.resent,
        answer.model,
        answer.region,
        answer.fingerprint,
        answer.service_tier,
        answer.finish_reasons,
    )
    first_s = chunks = said = b""
    if outcome == "error":
        error = attempt.error
        if error is None:
            key += (None, cause.error_type(record), cause.error_class(record), None)
        else:
            key += (error.class_, error.token, error.status, error.code)
        said = cause.message(record).encode()
    if attempt.streaming and first is not None:
        waited = (first - attempt.start) / 1e9
        first_s, chunks = double(waited), _numbers[attempt.chunks]
        amounts.append(waited)
    tokens = money = NOTHING
    if usage is None:
        key.append(None)
        if outcome == "ok":
            amounts.append(1)
    else:
        given, made, read, written, thought, _, _ = usage
        key.append((not given, not made, not read, not written, not thought))  # 0 is told, but not counted
        if given is not None or made is not None:
            amounts += [count for count in (given, made, read, written, thought) if count]
        else:
            amounts.append(1)
        tokens = _numbers[given], _numbers[made], _numbers[read], _numbers[written], _numbers[thought]
    if cost is None or cost.micros is None:
        key.append(None if cost is None else cost.unknown)
        amounts.append(1)
    else:
        micros, currency, source, _, into, out, from_cache, to_cache, _, digest = cost
        key += (currency, source, digest, not micros)
        if micros:
            amounts.append(micros)
        money = _numbers[micros], _numbers[into], _numbers[out], _numbers[from_cache], _numbers[to_cache]
    span, sent, backoff = record.span, connection.sent, why.backoff_ns
    values += (
        trace,
        span,
        above.span,
        _times(0x39, wall + start, 0x41, wall + end),
        wanted,
        request,
        b"" if backoff is None else _numbers[round(backoff / 1e6)],
        b"" if attempt.request_id is None else _text(attempt.request_id),
        b"" if answer.id is None else _text(answer.id),
        first_s,
        chunks,
        *tokens,
        b"" if connection.connect_ns is None else double(connection.connect_ns / 1e6),
        b"" if sent is None else double((sent - attempt.start) / 1e6),
        *money,
        said,
    )
    return amounts, wall + end, trace, span


def _alters(one: Target, other: Target) -> bool:
    """Whether a request may have other parameters at one target than at the other."""
    own = one.defaults or one.forced or other.defaults or other.forced
    return bool(own) or one.provider_name != other.provider_name


def _end(record: Record) -> int:
    if record.end is None or record.outcome is None:
        raise _Unusual
    return record.end


def _text(text: str) -> bytes:
    """A text of the client or a provider; nothing would be said by an empty one, but it would be there."""
    if not text:
        raise _Unusual
    return fit(text).encode()
