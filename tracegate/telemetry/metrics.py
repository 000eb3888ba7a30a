"""From the records of a request to measurements: which instrument, how much, with which labels, in which span.

Nothing is summed up here: `aggregate` (direct) and `sdk_metrics` (replay) do that with the same measurements.
What counts when: rulings 20, 23, 25, 42, 49 and 52. It runs when views are rendered, never while a request runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from tracegate.errors import TIMEOUT_TOKENS, Failed
from tracegate.facts import INITIAL, Attempt, Target, Usage
from tracegate.record import Record, Recorder
from tracegate.summary import served, times
from tracegate.telemetry import names
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

    def __call__(self, recorder: Recorder) -> list[Measurement]:
        """The measurements of a request whose SERVER record is closed; what is still open then is `late`."""
        out: list[Measurement] = []
        answer = served(recorder.attempts)
        for record in recorder.records:
            if record.attempt is not None and record.outcome is not None:
                out += self._attempt(recorder, record, record.attempt, answer)
        if recorder.inbound.api is not None:
            out += self._request(recorder, answer)
        return out

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
                (names.METRIC_TRACEGATE_REGION_CONFLICTS, of.pair),
                (names.METRIC_TRACEGATE_USAGE_UNKNOWN, of.pair),
                (names.METRIC_TRACEGATE_ATTEMPTS, of.attempt("initial", None)),
                (names.METRIC_TRACEGATE_RESPONSES_SERVED, of.served(target.model, attempt.region, "ok")),
                *((names.METRIC_TRACEGATE_COST_UNKNOWN, of.cost_unknown(why)) for why in COST_UNKNOWN_REASONS),
            ]
        return [Measurement(instrument, 0, key, 0, b"", b"") for instrument, key in made]

    def _request(self, recorder: Recorder, answer: Attempt | None) -> list[Measurement]:
        """What is measured once per request, in the SERVER span."""
        server = recorder.server
        end = server.start if server.end is None else server.end
        name = next((record.name for record in recorder.records if record.kind == "route"), NO_ROUTE)
        route = self.names.label(name, proven=answer is not None)
        of = self._routes.get(route)
        if of is None:
            of = self._routes[route] = RouteLabels(route)
        when, trace, span = recorder.wall_of(end), recorder.trace, server.span
        return [
            Measurement(
                names.METRIC_TRACEGATE_REQUEST_DURATION,
                (end - server.start) / 1e9,
                of.request(server.outcome, recorder.inbound.stream),
                when,
                trace,
                span,
            ),
            Measurement(
                names.METRIC_TRACEGATE_GATEWAY_OVERHEAD,
                times(recorder, end).gateway / 1e9,
                of.route,
                when,
                trace,
                span,
            ),
        ]

    def _attempt(
        self, recorder: Recorder, record: Record, attempt: Attempt, answer: Attempt | None
    ) -> list[Measurement]:
        """What is measured once per upstream call, in its span."""
        of, error, end = self._targets.of(attempt), error_type(record), record.end or record.start
        model, usage, why, cost = attempt.answer.model, reported(attempt), attempt.why, attempt.cost
        made: list[tuple[str, float, Labels]] = [
            (names.METRIC_TRACEGATE_ATTEMPTS, 1, of.attempt(why.kind, error)),
            (
                names.METRIC_GEN_AI_CLIENT_INFERENCE_DURATION,
                (end - attempt.start) / 1e9,
                of.inference(model, error),
            ),
        ]
        if attempt.streaming and attempt.first_event is not None:
            made.append(
                (
                    names.METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK,
                    (attempt.first_event - attempt.start) / 1e9,
                    of.inference(model),
                )
            )
        if usage is not None:
            made += self._usage(of, model, usage)
        elif attempt.outcome == "ok":
            made.append((names.METRIC_TRACEGATE_USAGE_UNKNOWN, 1, of.pair))
        if cost is None or cost.micros is None:
            reason = UNKNOWN if cost is None or cost.unknown is None else cost.unknown
            made.append((names.METRIC_TRACEGATE_COST_UNKNOWN, 1, of.cost_unknown(reason)))
        elif cost.micros:
            made.append((names.METRIC_TRACEGATE_COST_MICROS, cost.micros, of.cost(cost.currency)))
        if attempt.region_conflict is not None:
            made.append((names.METRIC_TRACEGATE_REGION_CONFLICTS, 1, of.pair))
        if why.kind == "fallback":
            made.append((names.METRIC_TRACEGATE_FALLBACKS, 1, self._fallback(recorder, attempt, of)))
        if attempt is answer:
            by = of.served(model, attempt.region, attempt.outcome)
            made.append((names.METRIC_TRACEGATE_RESPONSES_SERVED, 1, by))
        when, trace, span = recorder.wall_of(end), recorder.trace, record.span
        return [Measurement(instrument, amount, key, when, trace, span) for instrument, amount, key in made]

    def _usage(self, of: TargetLabels, model: str | None, usage: Usage) -> list[tuple[str, float, Labels]]:
        made: list[tuple[str, float, Labels]] = []
        for instrument, whole, what in (
            (names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS, usage.input, "input_tokens"),
            (names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS, usage.output, "output_tokens"),
        ):
            if whole:
                made += [
                    (instrument, tokens, of.inference(model, modality=modality))
                    for modality, tokens in by_modality(whole, what, usage.modalities)
                ]
        plain = of.inference(model)
        for instrument, tokens in (
            (names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_READ_INPUT_TOKENS, usage.cache_read),
            (names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_WRITE_INPUT_TOKENS, usage.cache_write),
            (names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_REASONING_OUTPUT_TOKENS, usage.reasoning),
        ):
            if tokens:
                made.append((instrument, tokens, plain))
        if self._tokens:
            for instrument, tokens in (
                (names.METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_INPUT_TOKENS, usage.input),
                (names.METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_OUTPUT_TOKENS, usage.output),
            ):
                if tokens is not None:
                    made.append((instrument, tokens, plain))
        return made

    def _fallback(self, recorder: Recorder, attempt: Attempt, to: TargetLabels) -> Labels:
        """From the attempt whose failure led here: the last before it that failed with the reason given."""
        before = [a for a in recorder.attempts[: attempt.index] if a.error is not None]
        reason = attempt.why.reason
        led = next((a for a in reversed(before) if a.error is not None and a.error.class_ == reason), None)
        return labels(
            {
                names.TRACEGATE_FALLBACK_FROM: UNKNOWN if led is None else self._targets.of(led).id,
                names.TRACEGATE_FALLBACK_TO: to.id,
                names.TRACEGATE_FALLBACK_REASON: UNKNOWN if reason is None else reason,
            }
        )


def by_modality(whole: int, what: str, split: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Tokens by modality; what was not split, or is split into more than there is, is `unknown`.

    >>> by_modality(10, "input_tokens", [("audio.input_tokens", 4), ("text.output_tokens", 9)])
    [('audio', 4), ('unknown', 6)]
    """
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


def error_type(record: Record) -> str | None:
    """`error.type` of an attempt, `None` unless it failed (rulings 7 and 9)."""
    if record.outcome != "error":
        return None
    if isinstance(record.error, Failed):
        return record.error.error_type
    return TIMEOUT_TOKENS["deadline"] if record.reason == "deadline" else record.reason
