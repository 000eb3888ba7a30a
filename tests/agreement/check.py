"""The check itself, in its two forms (ruling 44): exact on the fake clock, bounded over sockets.

It is given one request: what the client saw, the spans that were exported for it, and what the providers logged of the
calls it caused. Calls are matched by the span id that reached the provider in `traceparent`, never by order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from tests.agreement.client import Answer, Member
from tracegate.testing.otlp.signals import LogRecord, Point, Span
from tracegate.testing.simulator_log import Entry

MS = 1_000_000


@dataclass(frozen=True)
class Times:
    """How times are compared.

    Args:
        offset: UTC less monotonic nanoseconds.
        within: Nanoseconds allowed for an interval of monotonic time; 0 is exact.
    """

    offset: int
    within: Callable[[int, int], int] = lambda start, end: 0


class Told(Protocol):
    """Where metrics and log events ended: a `Receiver`, or what was read back from stores."""

    @property
    def logs(self) -> Sequence[LogRecord]:
        """Every log event."""

    def series(self, metric: str) -> Sequence[Point]:
        """The last point of each series of a metric."""

    def total(self, metric: str) -> int | float | None:
        """The sum of a metric (the count of a histogram) over all its series; `None` without any."""


def of_request(spans: Sequence[Span], answer: Answer) -> list[Span]:
    """The spans of the trace that `traceresponse` names."""
    trace = bytes.fromhex((answer.header("traceresponse") or "").split("-")[1])
    return [span for span in spans if span.trace == trace]


def agree(answer: Answer, spans: Sequence[Span], entries: Iterable[Entry], times: Times) -> None:
    """Hold one request's views against each other and against the providers' log."""
    (server,) = [span for span in spans if span.kind == "server"]
    attempts = sorted((span for span in spans if span.kind == "client"), key=_index)
    routes = [span for span in spans if span.attributes.get("tracegate.hop.kind") == "route"]
    assert [_index(span) for span in attempts] == list(range(len(attempts)))
    called = {entry.header("traceparent"): entry for entry in entries}
    for span in attempts:
        entry = called.pop(f"00-{span.trace.hex()}-{span.span.hex()}-01", None)
        if entry is not None:
            _agrees_with_provider(span, entry, times)
        else:
            assert span.attributes.get("http.response.status_code") is None, "a status that nobody sent"
    assert not called, f"calls without a CLIENT span: {called}"
    _server(answer, server, attempts)
    if answer.status is not None and (attempts or answer.attempts):
        _attempts(answer, attempts)
        _served_by(answer, server, attempts)
    if answer.final:
        _money(answer, server, attempts)
    for route in routes:
        _route(route, [span for span in attempts if _below(span, route, spans)], attempts)


def agree_in_sum(told: Told, spans: Sequence[Span]) -> None:
    """Hold the metrics against the spans of everything that was asked."""
    attempts = [span for span in spans if span.kind == "client"]
    counted = Counter[tuple[object, ...]]()
    for point in told.series("tracegate.attempts"):
        labels = point.labels
        key = (
            labels["gen_ai.provider.name"],
            labels["tracegate.target.id"],
            labels["tracegate.attempt.kind"],
            labels.get("error.type"),
            labels.get("tracegate.error.class"),
        )
        counted[key] += int(point.value or 0)
    expected = Counter(
        (
            span.attributes["gen_ai.provider.name"],
            span.attributes["tracegate.target.id"],
            span.attributes["tracegate.attempt.kind"],
            span.attributes.get("error.type"),
            span.attributes.get("tracegate.error.class"),
        )
        for span in attempts
    )
    assert +counted == expected
    duration = told.total("gen_ai.client.inference.duration")
    assert (duration or 0) == len(attempts)
    seconds = sum(point.sum or 0 for point in told.series("gen_ai.client.inference.duration"))
    assert abs(seconds - sum(span.end - span.start for span in attempts) / 1e9) < 1e-6 * max(1, len(attempts))
    committed = [span for span in attempts if span.attributes.get("tracegate.attempt.committed") is True]
    assert (told.total("tracegate.responses.served") or 0) == len(committed)
    fallbacks = [span for span in attempts if span.attributes["tracegate.attempt.kind"] == "fallback"]
    assert (told.total("tracegate.fallbacks") or 0) == len(fallbacks)
    requests = [span for span in spans if span.kind == "server"]
    assert (told.total("tracegate.request.duration") or 0) == len(requests)
    for metric, attribute in (
        ("tracegate.cost.micros", "tracegate.cost.micros"),
        ("gen_ai.client.inference.usage.input_tokens", "gen_ai.usage.input_tokens"),
        ("gen_ai.client.inference.usage.output_tokens", "gen_ai.usage.output_tokens"),
    ):
        known = [cast(int, span.attributes[attribute]) for span in attempts if attribute in span.attributes]
        assert (told.total(metric) or 0) == sum(known)
    failed = [span for span in attempts if span.attributes["tracegate.outcome"] == "error"]
    events = [log for log in told.logs if log.name == "gen_ai.client.operation.exception"]
    assert sorted(log.span for log in events) == sorted(span.span for span in failed)
    by_span = {span.span: span for span in failed}
    assert all(
        log.attributes["exception.type"] == by_span[log.span].attributes["tracegate.error.class"] for log in events
    )


def _index(span: Span) -> int:
    index = span.attributes["tracegate.attempt.index"]
    assert isinstance(index, int)
    return index


def _agrees_with_provider(span: Span, entry: Entry, times: Times) -> None:
    """Rulings 15 and 16."""
    said = span.attributes
    start, end = span.start - times.offset, span.end - times.offset
    allowed = times.within(start, end)
    sent_ms = said.get("tracegate.latency.sent_ms")
    if entry.arrived is not None and isinstance(sent_ms, float):
        assert abs(start + round(sent_ms * MS) - entry.arrived) <= allowed + 1, "start + sent is not when it arrived"
    cancelled = said["tracegate.outcome"] == "cancelled"
    if said.get("http.response.status_code") is not None:
        assert said["http.response.status_code"] == entry.status
    if said["tracegate.outcome"] == "ok":
        assert entry.last_sent is not None
        assert abs(end - entry.last_sent) <= allowed, "end is not the provider's last byte"
    elif entry.hung_up is not None and (cancelled or said.get("tracegate.error.class") == "timeout"):
        later = times.within(start, max(end, entry.hung_up))  # the connection closes a turn of the loop after the end
        assert abs(end - entry.hung_up) <= later, "end is not when we hung up"
    elif entry.ended is not None and said.get("http.response.status_code") is None:
        assert abs(end - entry.ended) <= allowed, "end is not the break"


def _server(answer: Answer, server: Span, attempts: Sequence[Span]) -> None:
    said = server.attributes
    if answer.noticed or answer.status is not None:
        assert said.get("http.response.status_code") == answer.status
    assert said.get("tracegate.attempts.count", 0) == len(attempts)
    record = answer.header("tracegate-record")
    if answer.status is not None:
        assert record == said.get("tracegate.audit.record.id")
        assert answer.header("x-request-id") == said["tracegate.request.id"]
        assert (answer.header("traceresponse") or "").split("-")[1:3] == [server.trace.hex(), server.span.hex()]
        if answer.error is not None and record is not None:
            assert answer.error["record"] == record
    if answer.left and answer.noticed:
        assert said["tracegate.outcome"] == "cancelled"
        assert said["error.type"] == "connection_terminated"
    assert all(span.attributes["tracegate.request.id"] == said["tracegate.request.id"] for span in attempts)


def _attempts(answer: Answer, attempts: Sequence[Span]) -> None:
    """Every member of `Tracegate-Attempts` against its span; a snapshot may lack what came later (ruling 17)."""
    final = answer.final
    if final:
        assert len(answer.attempts) == len(attempts)
    for member, span in zip(answer.attempts, attempts, strict=False):
        said, params = span.attributes, member.params
        assert member.value == said["gen_ai.provider.name"]
        assert params["kind"] == said["tracegate.attempt.kind"]
        assert params.get("status") == said.get("http.response.status_code")
        if final or "dur" in params:
            assert abs(params["dur"] - (span.end - span.start) / MS) < 0.0011
            assert params.get("error") == _token(span)
            assert params.get("cancelled", False) == (said["tracegate.outcome"] == "cancelled")
        wait = said.get("tracegate.attempt.backoff_ms")
        assert round(params.get("wait", 0)) == (wait or 0) or abs(params["wait"] - float(str(wait))) <= 1
        if answer.error is not None and final and not answer.streamed:
            assert answer.error["attempts"][_index(span)]["kind"] == params["kind"]


def _token(span: Span) -> object:
    """What `error` says in `Tracegate-Attempts`: the token, only where no refusing status says it (ruling 7)."""
    error, status = span.attributes.get("error.type"), span.attributes.get("http.response.status_code")
    return None if error is None or error == str(status) else error


def _served_by(answer: Answer, server: Span, attempts: Sequence[Span]) -> None:
    *providers, gateway = answer.served_by
    assert gateway.value == "tracegate"
    said = server.attributes
    if not providers:
        assert said.get("tracegate.served_by.attempt") is None
        return
    (provider,) = providers
    span = attempts[provider.params["attempt"]]
    assert provider.value == span.attributes["gen_ai.provider.name"]
    if answer.status == 200:
        assert said["tracegate.served_by.attempt"] == provider.params["attempt"]
        assert said["tracegate.served_by.provider"] == provider.value
        _model(provider, span)
        assert provider.params.get("region") == span.attributes.get("tracegate.target.region")
        assert provider.params.get("region-src") == span.attributes.get("tracegate.target.region_evidence")
    else:
        said_error, said_status = provider.params.get("error"), provider.params.get("status")
        assert said_error == _token(span)
        assert said_status == (span.attributes.get("http.response.status_code") if said_error is None else None)


def _model(provider: Member, span: Span) -> None:
    asserted = span.attributes.get("gen_ai.response.model")
    assert provider.params["src"] == span.attributes["tracegate.target.model_evidence"]
    assert provider.params["model"] == (asserted or span.attributes["gen_ai.request.model"])


def _money(answer: Answer, server: Span, attempts: Sequence[Span]) -> None:
    costs = [span.attributes.get("tracegate.cost.micros") for span in attempts]
    known = [cost for cost in costs if isinstance(cost, int)]
    total = sum(known) if len(known) == len(costs) and costs else None
    assert server.attributes.get("tracegate.total.cost_micros") == total
    assert answer.cost == total


def _route(route: Span, attempts: Sequence[Span], every: Sequence[Span]) -> None:
    """What a route says of the attempts below it; a fallback is its own when what led to it is below it too."""
    said = route.attributes
    assert said["tracegate.attempts.count"] == len(attempts)
    served = [span for span in attempts if span.attributes.get("tracegate.attempt.committed")]
    if said["tracegate.outcome"] == "ok":
        assert route.status == "unset"
        assert said["tracegate.served_by.attempt"] == _index(served[-1])
    fallbacks = [span for span in attempts if span.attributes["tracegate.attempt.kind"] == "fallback"]
    assert bool(said.get("tracegate.fallback.used")) == any(_led(span, every) in attempts for span in fallbacks)
    for span in attempts:
        assert route.start <= span.start
        assert span.end <= route.end


def _led(span: Span, every: Sequence[Span]) -> Span | None:
    """The attempt whose failure led to this one."""
    reason = span.attributes.get("tracegate.attempt.reason")
    earlier = reversed(every[: _index(span)])
    return next((one for one in earlier if one.attributes.get("tracegate.error.class") == reason), None)


def _below(span: Span, ancestor: Span, spans: Sequence[Span]) -> bool:
    parents = {one.span: one.parent for one in spans}
    at = span.parent
    while at:
        if at == ancestor.span:
            return True
        at = parents.get(at, b"")
    return False
