"""From the records of a request to measurements: which instrument, how much, with which labels, in which span.

Nothing is summed up here: `aggregate` (direct) and `sdk_metrics` (replay) do that with the same measurements.
What counts when: rulings 20, 23, 25, 42, 49 and 52. It runs when views are rendered, never while a request runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tracegate.facts import INITIAL, Attempt, Target, Usage
from tracegate.record import Record, Recorder
from tracegate.summary import gateway_ns, led_here, served
from tracegate.telemetry.cause import error_class, error_type
from tracegate.telemetry.metrics_labels import (
    NO_ROUTE,
    UNKNOWN,
    Labels,
    Names,
    RouteLabels,
    TargetLabels,
    TargetLabelSets,
    labels,
)
from tracegate.telemetry.model import Measurement
from tracegate.telemetry.names import (
    METRIC_GEN_AI_CLIENT_INFERENCE_DURATION,
    METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_INPUT_TOKENS,
    METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_OUTPUT_TOKENS,
    METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK,
    METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_READ_INPUT_TOKENS,
    METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_WRITE_INPUT_TOKENS,
    METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS,
    METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS,
    METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_REASONING_OUTPUT_TOKENS,
    METRIC_TRACEGATE_ATTEMPTS,
    METRIC_TRACEGATE_COST_MICROS,
    METRIC_TRACEGATE_COST_UNKNOWN,
    METRIC_TRACEGATE_FALLBACKS,
    METRIC_TRACEGATE_GATEWAY_OVERHEAD,
    METRIC_TRACEGATE_REGION_CONFLICTS,
    METRIC_TRACEGATE_REQUEST_DURATION,
    METRIC_TRACEGATE_RESPONSES_SERVED,
    METRIC_TRACEGATE_USAGE_UNKNOWN,
    TRACEGATE_FALLBACK_FROM,
    TRACEGATE_FALLBACK_REASON,
    TRACEGATE_FALLBACK_TO,
)

Made = tuple[str, int | float, Labels]
"""Instrument, amount and labels of a measurement, before it knows its span."""

_new = tuple.__new__  # half the cost of calling the class; there are a dozen per request

COST_UNKNOWN_REASONS = ("no_price", "no_usage", "broken", "cancelled")


class Measurements:
    """Makes the measurements of closed requests; remembers label sets only.

    Args:
        targets: The configured targets; anything else that is called was named by a client.
        routes: Names of the configured routes.
        tokens: Whether the histograms of tokens per attempt are recorded (opt-in).
        others: How many names that are not configured may become labels.
        served: How many served models of one target may become labels.
    """

    __slots__ = ("_configured", "_routes", "_targets", "_tokens", "names")

    def __init__(
        self,
        targets: Iterable[Target] = (),
        routes: Iterable[str] = (),
        *,
        tokens: bool = False,
        others: int = 100,
        served: int = 32,
    ) -> None:
        known = tuple(targets)
        ids = [target.id for target in known]
        self.names = Names((NO_ROUTE, *ids, *routes), others)
        self._tokens = tokens
        self._targets = TargetLabelSets(Names(ids, others), served)
        self._routes: dict[str, RouteLabels] = {}
        self._configured = known

    def __call__(self, recorder: Recorder, without: Collection[Record] = ()) -> list[Measurement]:
        """The measurements of a request whose SERVER record is closed.

        Args:
            recorder: Of the request.
            without: Records that were still open when the request was handed over; each comes later, by `late`.
        """
        out: list[Measurement] = []
        answer = served(recorder.attempts)
        for record in recorder.records:
            if record.attempt is not None and record.outcome is not None and record not in without:
                out += self._attempt(recorder, record, record.attempt, answer)
        return out + self._request(recorder, answer)

    def late(self, recorder: Recorder, record: Record) -> list[Measurement]:
        """The measurements of a record that closed after the SERVER record."""
        return [] if record.attempt is None else self._attempt(recorder, record, record.attempt, None)

    def zeros(self) -> list[Measurement]:
        """The series that exist at 0 from the start, a few per configured target (ruling 42)."""
        made: list[tuple[str, Labels]] = []
        for target in self._configured:
            attempt = Attempt(target, 0, INITIAL, 0, False)  # knows which region will be claimed
            of = self._targets.of(attempt)
            made += [
                (METRIC_TRACEGATE_REGION_CONFLICTS, of.pair),
                (METRIC_TRACEGATE_USAGE_UNKNOWN, of.pair),
                (METRIC_TRACEGATE_ATTEMPTS, of.attempt("initial")),
                (METRIC_TRACEGATE_RESPONSES_SERVED, of.expected(attempt.region)),
                *((METRIC_TRACEGATE_COST_UNKNOWN, of.cost_unknown(why)) for why in COST_UNKNOWN_REASONS),
            ]
        return [Measurement(instrument, 0, key, 0, b"", b"") for instrument, key in made]

    def _request(self, recorder: Recorder, answer: Attempt | None) -> list[Measurement]:
        """What is measured once per request, in the SERVER span."""
        server = recorder.server
        end = server.start if server.end is None else server.end
        name = NO_ROUTE
        for record in recorder.records:
            if record.kind == "route":
                name = record.name
                break
        route = self.names.label(name, proven=answer is not None)
        of = self._routes.get(route)
        if of is None:
            of = self._routes[route] = RouteLabels(route)
        when, trace, span = recorder.wall + end - recorder.origin, recorder.trace, server.span
        duration, overhead = (end - server.start) / 1e9, gateway_ns(recorder, end) / 1e9
        request = of.request(server.outcome, recorder.inbound.stream)
        return [
            _new(Measurement, (METRIC_TRACEGATE_REQUEST_DURATION, duration, request, when, trace, span)),
            _new(Measurement, (METRIC_TRACEGATE_GATEWAY_OVERHEAD, overhead, of.route, when, trace, span)),
        ]

    def _attempt(
        self, recorder: Recorder, record: Record, attempt: Attempt, answer: Attempt | None
    ) -> list[Measurement]:
        """What is measured once per upstream call, in its span."""
        of, end = self._targets.of(attempt), record.end or record.start
        model, why, cost = attempt.answer.model, attempt.why, attempt.cost
        error = class_ = None
        if record.outcome == "error":
            error, class_ = error_type(record), error_class(record)
        plain = of.inference(model)
        made: list[Made] = [
            (METRIC_TRACEGATE_ATTEMPTS, 1, of.attempt(why.kind, error, class_)),
            (
                METRIC_GEN_AI_CLIENT_INFERENCE_DURATION,
                (end - attempt.start) / 1e9,
                of.inference(model, error) if error else plain,
            ),
        ]
        if attempt.streaming and attempt.first_event is not None:
            first = (attempt.first_event - attempt.start) / 1e9
            made.append((METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK, first, plain))
        if (usage := reported(attempt)) is not None:
            self._usage(made, of, model, usage, plain)
        elif attempt.outcome == "ok":
            made.append((METRIC_TRACEGATE_USAGE_UNKNOWN, 1, of.pair))
        if cost is None or cost.micros is None:
            reason = UNKNOWN if cost is None or cost.unknown is None else cost.unknown
            made.append((METRIC_TRACEGATE_COST_UNKNOWN, 1, of.cost_unknown(reason)))
        elif cost.micros:
            made.append((METRIC_TRACEGATE_COST_MICROS, cost.micros, of.cost(cost.currency)))
        told = attempt.answer.region is not None or attempt.target.region_observed is not None
        if told and attempt.region_conflict is not None:
            made.append((METRIC_TRACEGATE_REGION_CONFLICTS, 1, of.pair))
        if why.kind == "fallback":
            made.append((METRIC_TRACEGATE_FALLBACKS, 1, self._fallback(recorder, attempt, of)))
        if attempt is answer:
            made.append((METRIC_TRACEGATE_RESPONSES_SERVED, 1, of.served(attempt)))
        when, trace, span = recorder.wall + end - recorder.origin, recorder.trace, record.span
        return [_new(Measurement, (instrument, amount, key, when, trace, span)) for instrument, amount, key in made]

    def _usage(self, made: list[Made], of: TargetLabels, model: str | None, usage: Usage, plain: Labels) -> None:
        if usage.modalities:
            for modality, tokens in by_modality(usage.input, "input_tokens", usage.modalities):
                key = of.inference(model, None, modality)
                made.append((METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS, tokens, key))
            for modality, tokens in by_modality(usage.output, "output_tokens", usage.modalities):
                key = of.inference(model, None, modality)
                made.append((METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS, tokens, key))
        else:
            key = of.inference(model, None, UNKNOWN)
            if usage.input:
                made.append((METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS, usage.input, key))
            if usage.output:
                made.append((METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS, usage.output, key))
        if usage.cache_read:
            made.append((METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_READ_INPUT_TOKENS, usage.cache_read, plain))
        if usage.cache_write:
            made.append((METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_WRITE_INPUT_TOKENS, usage.cache_write, plain))
        if usage.reasoning:
            made.append((METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_REASONING_OUTPUT_TOKENS, usage.reasoning, plain))
        if self._tokens and usage.input is not None:
            made.append((METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_INPUT_TOKENS, usage.input, plain))
        if self._tokens and usage.output is not None:
            made.append((METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_OUTPUT_TOKENS, usage.output, plain))

    def _fallback(self, recorder: Recorder, attempt: Attempt, to: TargetLabels) -> Labels:
        led, reason = led_here(recorder.attempts, attempt), attempt.why.reason
        return labels(
            {
                TRACEGATE_FALLBACK_FROM: UNKNOWN if led is None else self._targets.of(led).id,
                TRACEGATE_FALLBACK_TO: to.id,
                TRACEGATE_FALLBACK_REASON: UNKNOWN if reason is None else reason,
            }
        )


def by_modality(whole: int | None, what: str, split: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Tokens by modality; what was not split, or is split into more than there is, is `unknown`.

    >>> by_modality(10, "input_tokens", [("audio.input_tokens", 4), ("text.output_tokens", 9)])
    [('audio', 4), ('unknown', 6)]
    """
    if not whole:
        return []
    parts = [(name.partition(".")[0], count) for name, count in split if name.partition(".")[2] == what and count]
    rest = whole - sum(count for _, count in parts)
    if rest < 0:
        return [(UNKNOWN, whole)]
    return [*parts, (UNKNOWN, rest)] if rest else parts


def reported(attempt: Attempt) -> Usage | None:
    """Usage that is a report: a complete answer's, with a number in it (rulings 22 and 52)."""
    usage = attempt.answer.usage
    known = attempt.outcome == "ok" and usage is not None and (usage.input is not None or usage.output is not None)
    return usage if known else None
