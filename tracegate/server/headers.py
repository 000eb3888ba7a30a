"""What every response says in its head, one renderer per field, from the records and nothing else.

A whole answer's fields are final: its attempts are closed. A stream's are a snapshot at the commit: its attempt is
open, so its duration, its cost and the upstream time are absent (ruling 17) and follow in the comment block.
The fields are structured fields of RFC 9651, but `Via` (RFC 9110), `Server-Timing` (W3C), `traceresponse` (W3C
draft) and the request id. Signing and caching are not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from tracegate.errors import Denied, Failed, NothingTried, Rejected, Unavailable
from tracegate.facts import Attempt
from tracegate.record import Recorder
from tracegate.server.comments import comment_block
from tracegate.server.members import SERVED, GatewayFacts, Members, Plain, broke, cost_of
from tracegate.server.structured import milliseconds, string, token
from tracegate.summary import gateway_ns, served, times, total

Fields = list[tuple[bytes, bytes]]

__all__ = ["Fields", "GatewayFacts", "HeaderWriter"]

LIMIT = 4096
"""Bytes of our fields together, names and separators included."""

ENOUGH = 1536  # of the two long fields: beyond, all are counted


@dataclass(frozen=True, slots=True)
class Shape:
    """How much is said where the whole would be too long.

    Args:
        slim: Without optional parameters.
        members: Most members of `Tracegate-Attempts`; the middle is counted instead.
        unnamed: Without the served model.
    """

    slim: bool = False
    members: int | None = None
    unnamed: bool = False


WHOLE = Shape()


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that the client gets: what was raised, our status, and the attempt whose error it is, if one's is."""

    exc: BaseException
    status: int
    attempt: Attempt | None


class HeaderWriter:
    """Renders the response headers and the final comment of one gateway."""

    __slots__ = ("_members", "_traceresponse", "_via", "public")

    def __init__(self, facts: GatewayFacts) -> None:
        self.public = facts.detail == "public"
        """Whether it is told to anybody, and so says less: a stream's receipt then has its leaf's hash only."""
        self._members = Members(facts)
        self._via = (b"via", f"1.1 {facts.pseudonym}".encode("ascii"))
        self._traceresponse = facts.traceresponse

    def success(self, recorder: Recorder, now: int) -> Fields:
        """Of an answer: whole (every attempt closed), or at the commit of a stream.

        Args:
            recorder: Of the request.
            now: Monotonic nanoseconds.
        """
        attempts = recorder.attempts
        if len(attempts) == 1 and (took := _plain_ns(attempts[0], now)) is not None:
            return self._plain(recorder, attempts[0], took, now)
        answer = served(attempts)
        return self._fit(recorder, None, None, now) if answer is None else self._usual(recorder, answer, now)

    def failure(self, recorder: Recorder, exc: BaseException, status: int, now: int) -> Fields:
        """Of an error before the head was sent.

        Args:
            recorder: Of the request.
            exc: What is told to the client.
            status: Our status.
            now: Monotonic nanoseconds.
        """
        index = exc.attempt if isinstance(exc, Failed) else None
        attempt = None if index is None else recorder.attempts[index]
        return self._fit(recorder, None, Failure(exc, status, attempt), now)

    def retimed(self, fields: Fields, recorder: Recorder, now: int) -> Fields:
        """The same fields at a later moment, for the log was waited for: the gateway took longer."""
        taken = f"gateway;dur={milliseconds(gateway_ns(recorder, now))}".encode()
        return [
            (name, value if name != b"server-timing" else taken + value[len(value.split(b",", 1)[0]) :])
            for name, value in fields
        ]

    def bare(self, request_id: str) -> Fields:
        """Of an answer that left no record: the router's own."""
        return [(b"x-served-by", self._members.gateway.encode()), self._via, (b"x-request-id", request_id.encode())]

    def comment(self, recorder: Recorder, exc: BaseException | None, receipt: str | None = None) -> bytes:
        """The final comment block of a stream; `exc` is what broke it, `None` when it is complete."""
        return comment_block(self._members, recorder, exc, receipt)

    def _plain(self, recorder: Recorder, attempt: Attempt, took: int, now: int) -> Fields:
        """The fields of nearly every whole answer, from kept texts; a test holds them to those of `_fields`."""
        words, answer, protocol = self._members.words(attempt.target), attempt.answer, attempt.connection.protocol
        key = (answer.model, answer.region, protocol, attempt.status)
        said = words.plain.get(key)
        if said is None:
            said = self._said(recorder, attempt)
            if len(words.plain) < SERVED:
                words.plain[key] = said
        upstream = milliseconds(took)
        attempts = f"{said.ended};dur={upstream}{said.asked}".encode()
        if len(said.served_by) + len(attempts) >= ENOUGH:
            return self._fit(recorder, attempt, None, now)
        timing = f"gateway;dur={milliseconds(gateway_ns(recorder, now))}, upstream;dur={upstream};desc={words.desc}"
        return self._head(recorder, said.served_by, attempts, said.proxy_status, timing)

    def _usual(self, recorder: Recorder, attempt: Attempt, now: int) -> Fields:
        """The fields of nearly every other answer, in part from kept texts; a test holds them to those of `_fields`."""
        words, answer = self._members.words(attempt.target), attempt.answer
        kept = words.heads
        key = (attempt.index, answer.model, answer.region, attempt.connection.protocol, attempt.status)
        said = kept.get(key)
        if said is None:
            status = self._proxy_status(recorder, attempt, None, WHOLE)
            served_by = self._served_by(recorder, attempt, None, WHOLE).encode()
            said = served_by, None if status is None else status.encode()
            if len(kept) < SERVED:
                kept[key] = said
        told = self._told(recorder, words.desc, now)
        if told is None:
            told = self._attempts(recorder, WHOLE), self._timing(recorder, attempt, None, now, WHOLE)
        attempts = told[0].encode()
        if len(said[0]) + len(attempts) >= ENOUGH:
            return self._fit(recorder, attempt, None, now)
        return self._head(recorder, said[0], attempts, said[1], told[1])

    def _told(self, recorder: Recorder, desc: str, now: int) -> tuple[str, str] | None:
        """What `_attempts` and `_timing` say of a whole answer that came after others had failed.

        `None` where there is more to it: a stream, a back-off, two attempts at once, or one that still runs.
        """
        if recorder.inbound.stream:
            return None
        upstream = reach = 0
        said = []
        for attempt in recorder.attempts:
            start, end = attempt.start, attempt.end
            if end is None or attempt.why.backoff_ns or not reach <= start <= end <= now:
                return None
            upstream += end - start
            reach = end
            before, behind = self._members.around(recorder, attempt)
            said.append(f"{before};dur={milliseconds(end - start)}{behind}")
        gateway = milliseconds(gateway_ns(recorder, now))
        return ", ".join(said), f"gateway;dur={gateway}, upstream;dur={milliseconds(upstream)};desc={desc}"

    def _said(self, recorder: Recorder, attempt: Attempt) -> Plain:
        """What is said of plain answers such as this, made once."""
        members, status = self._members, self._proxy_status(recorder, attempt, None, WHOLE)
        return Plain(
            served_by=self._served_by(recorder, attempt, None, WHOLE).encode(),
            ended=members.ended(recorder, attempt),
            asked=members.asked(attempt),
            proxy_status=None if status is None else status.encode(),
        )

    def _fit(self, recorder: Recorder, answer: Attempt | None, failure: Failure | None, now: int) -> Fields:
        fields = self._fields(recorder, answer, failure, now, WHOLE)
        if len(fields[0][1]) + len(fields[1][1]) < ENOUGH or _size(fields) <= LIMIT:
            return fields
        counts = range(len(recorder.attempts) - 1, 1, -1)
        shapes = [Shape(slim=True), *(Shape(slim=True, members=count) for count in counts)]
        for shape in [*shapes, Shape(slim=True, members=2, unnamed=True)]:
            fields = self._fields(recorder, answer, failure, now, shape)
            if _size(fields) <= LIMIT:
                break
        return fields

    def _fields(
        self, recorder: Recorder, answer: Attempt | None, failure: Failure | None, now: int, shape: Shape
    ) -> Fields:
        status = self._proxy_status(recorder, answer, failure, shape)
        return self._head(
            recorder,
            self._served_by(recorder, answer, failure, shape).encode(),
            self._attempts(recorder, shape).encode() if recorder.attempts else None,
            None if status is None else status.encode(),
            self._timing(recorder, answer, failure, now, shape),
        )

    def _head(
        self,
        recorder: Recorder,
        served_by: bytes,
        attempts: bytes | None,
        proxy_status: bytes | None,
        timing: str,
    ) -> Fields:
        request = recorder.request_id.encode()
        fields = [(b"x-served-by", served_by)]
        if attempts is not None:
            fields.append((b"tracegate-attempts", attempts))
        if recorder.inbound.recorded:
            fields.append((b"tracegate-record", b"tg-" + request))
        if (cost := cost_of(total(recorder.attempts))) is not None:
            fields.append((b"tracegate-cost", cost.encode()))
        if proxy_status is not None:
            fields.append((b"proxy-status", proxy_status))
        fields.append((b"server-timing", timing.encode()))
        fields.append(self._via)
        if self._traceresponse:
            fields.append((b"traceresponse", _traceresponse(recorder)))
        fields.append((b"x-request-id", request))
        return fields

    def _served_by(self, recorder: Recorder, answer: Attempt | None, failure: Failure | None, shape: Shape) -> str:
        members = self._members
        if answer is not None:
            return f"{members.origin(answer, slim=shape.slim, unnamed=shape.unnamed)}, {members.gateway}"
        if failure is not None and failure.attempt is not None:
            return f"{members.blamed(recorder, failure.attempt, slim=shape.slim)}, {members.gateway}"
        return members.gateway

    def _attempts(self, recorder: Recorder, shape: Shape) -> str:
        attempts, tried = recorder.attempts, self._members.tried
        if len(attempts) == 1:
            return tried(recorder, attempts[0], slim=shape.slim)
        if shape.members is None or shape.members >= len(attempts):
            return ", ".join([tried(recorder, attempt, slim=shape.slim) for attempt in attempts])
        last = shape.members // 2
        first = shape.members - last
        kept = [tried(recorder, attempt, slim=True) for attempt in (*attempts[:first], *attempts[-last:])]
        kept.insert(first, f"omitted;count={len(attempts) - shape.members}")
        return ", ".join(kept)

    def _proxy_status(
        self, recorder: Recorder, answer: Attempt | None, failure: Failure | None, shape: Shape
    ) -> str | None:
        """One member of RFC 9209: the attempt whose result the client gets, or why there is none."""
        attempt = answer
        said = "tracegate"
        if failure is not None:
            attempt = failure.attempt
            if attempt is None:
                return said + _own_error(failure.exc, failure.status, shape)
            error = broke(recorder, attempt)
            said += "" if error is None else f";error={error}"
        if attempt is None:
            return None
        if not shape.slim:
            said += self._members.words(attempt.target).hop
        protocol = attempt.connection.protocol
        if protocol is not None and token(protocol):
            said += f";next-protocol={protocol}"
        return said if attempt.status is None else f"{said};received-status={attempt.status}"

    def _timing(
        self, recorder: Recorder, answer: Attempt | None, failure: Failure | None, now: int, shape: Shape
    ) -> str:
        """`gateway` is what neither a provider nor a back-off took; `ttft` counts from the request's start."""
        spent = times(recorder, now)
        said = f"gateway;dur={milliseconds(spent.gateway)}"
        attempts = recorder.attempts
        if attempts and None not in [attempt.end for attempt in attempts]:
            last = answer or (None if failure is None else failure.attempt) or attempts[-1]
            said += f", upstream;dur={milliseconds(spent.upstream)}"
            if not shape.slim:
                said += f";desc={self._members.words(last.target).desc}"
        if spent.backoff:
            said += f", backoff;dur={milliseconds(spent.backoff)}"
        if recorder.inbound.stream and spent.ttft is not None:
            said += f", ttft;dur={milliseconds(spent.ttft)}"
        return said


def _plain_ns(attempt: Attempt, now: int) -> int | None:
    """How long an only attempt took that gave a whole answer, asked for at once; `None` for any other."""
    end = attempt.end
    plain = (
        attempt.outcome == "ok"
        and attempt.committed is not None
        and not attempt.streaming
        and attempt.why.kind == "initial"
        and not attempt.why.backoff_ns
    )
    return end - attempt.start if plain and end is not None and end <= now else None


def _traceresponse(recorder: Recorder) -> bytes:
    return f"00-{recorder.trace.hex()}-{recorder.server.span.hex()}-01".encode()


def _own_error(exc: BaseException, status: int, shape: Shape) -> str:
    """Why no provider was asked, or none is to blame: parameters of RFC 9209."""
    match exc:
        case Rejected() if exc.code == "proxy_loop_detected":
            return ";error=proxy_loop_detected"
        case Rejected():
            text = f";error=http_request_error;status-code={status}"
            phrase = None if shape.slim else string(_phrase(status))
            return text if phrase is None else f"{text};status-phrase={phrase}"
        case Denied():
            return ";error=http_request_denied"
        case NothingTried():
            return ";error=http_request_denied" if status == 403 else ";error=destination_unavailable"
        case Unavailable() if exc.reason != "audit_unavailable":
            return ";error=proxy_internal_response"
        case Failed() if exc.token is not None and token(exc.token):
            return f";error={exc.token}"
        case _:
            return ";error=proxy_internal_error"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _size(fields: Fields) -> int:
    return sum(len(name) + len(value) + 4 for name, value in fields)
