"""What is measured of a request, with which labels, and what may never become a label."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.telemetry.recorders import (
    AZURE,
    CASES,
    CUT,
    LOCAL,
    OPENAI,
    ROUTES,
    SLOW,
    TARGETS,
    Request,
    abandoned,
    broken,
    failed_over,
    plain,
    refused,
    streamed,
)
from tracegate.facts import Attempt, Cost, Usage
from tracegate.record import Record, Recorder
from tracegate.telemetry.metrics import Measurements, by_modality
from tracegate.telemetry.model import Measurement
from tracegate.testing.ids import SeededIds

CONVENTIONS = json.loads(Path(__file__).with_name("conventions.json").read_text())
INFERENCE = "gen_ai.client.inference."
# Section "metrics" of the GenAI conventions: the labels of every metric of an inference.
COMMON = {"gen_ai.request.model", "gen_ai.response.model", "server.address", "server.port"}

Told = list[tuple[str, int | float, dict[str, str | bool | int]]]


def told(measurements: list[Measurement], *beginnings: str) -> Told:
    """Instrument, amount and labels; only instruments that begin so, if any are given."""
    return [
        (made.instrument, made.amount, dict(made.labels))
        for made in measurements
        if not beginnings or made.instrument.startswith(beginnings)
    ]


def measured(recorder: Recorder, *beginnings: str) -> Told:
    """What is measured of a request when the three targets and the default route are configured."""
    return told(Measurements(TARGETS, ROUTES)(recorder), *beginnings)


def counted(recorder: Recorder, instrument: str) -> list[dict[str, str | bool | int]]:
    """The label sets under which an instrument counted."""
    return [labels for name, _, labels in measured(recorder) if name == instrument]


def test_a_plain_success_is_measured_once_in_every_way() -> None:
    """All instruments of an ok answer, with all their labels."""
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "server.address": "api.openai.com",
        "server.port": 443,
    }
    priced = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    assert [
        (
            "tracegate.attempts",
            1,
            {
                "gen_ai.provider.name": "openai",
                "tracegate.target.id": "gpt",
                "tracegate.attempt.kind": "initial",
            },
        ),
        (f"{INFERENCE}duration", 0.101, call),
        (f"{INFERENCE}usage.input_tokens", 100, call | {"gen_ai.token.modality": "unknown"}),
        (f"{INFERENCE}usage.output_tokens", 20, call | {"gen_ai.token.modality": "unknown"}),
        (f"{INFERENCE}usage.cache_read.input_tokens", 40, call),
        (f"{INFERENCE}usage.cache_write.input_tokens", 3, call),
        (f"{INFERENCE}usage.reasoning.output_tokens", 8, call),
        ("tracegate.cost.micros", 1500, priced | {"tracegate.cost.currency": "USD"}),
        (
            "tracegate.responses.served",
            1,
            {
                "gen_ai.provider.name": "openai",
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "tracegate.target.region": "us",
                "tracegate.target.region_evidence": "configured",
                "tracegate.outcome": "ok",
            },
        ),
        ("tracegate.request.duration", 0.104, {"tracegate.route.name": "default", "tracegate.outcome": "ok"}),
        ("tracegate.gateway.overhead", 0.003, {"tracegate.route.name": "default"}),
    ] == measured(plain())


def test_every_measurement_points_to_the_span_it_was_made_in() -> None:
    """Attempts' to the attempt, requests' to the SERVER span; times are those of the ends, in UTC."""
    recorder = plain()
    server, _, attempt = recorder.records
    for made in Measurements(TARGETS, ROUTES)(recorder):
        of = server if made.instrument in ("tracegate.request.duration", "tracegate.gateway.overhead") else attempt
        assert of.end is not None
        assert (recorder.trace, of.span, recorder.wall_of(of.end)) == (made.trace, made.span, made.time)


def test_a_stream_has_its_time_to_the_first_chunk() -> None:
    """Streaming only; the stream label stands on the request."""
    assert [amount for _, amount, _ in measured(streamed(), f"{INFERENCE}time_to_first_chunk")] == [0.1]
    assert measured(plain(), f"{INFERENCE}time_to_first_chunk") == []
    (labels,) = counted(streamed(), "tracegate.request.duration")
    assert labels == {"tracegate.route.name": "default", "tracegate.outcome": "ok", "gen_ai.request.stream": True}


def test_failed_attempts_are_counted_by_kind_and_error() -> None:
    """One count per upstream call; `error.type` only where it failed."""
    provider = {"gen_ai.provider.name": "openai", "tracegate.target.id": "gpt"}
    azure = {"gen_ai.provider.name": "azure.ai.openai", "tracegate.target.id": "azure-gpt"}
    assert [
        provider | {"tracegate.attempt.kind": "initial", "error.type": "429", "tracegate.error.class": "rate_limit"},
        provider
        | {
            "tracegate.attempt.kind": "retry",
            "error.type": "connection_read_timeout",
            "tracegate.error.class": "timeout",
        },
        azure | {"tracegate.attempt.kind": "fallback"},
    ] == counted(failed_over(), "tracegate.attempts")
    assert [labels.get("error.type") for labels in counted(failed_over(), f"{INFERENCE}duration")] == [
        "429",
        "connection_read_timeout",
        None,
    ]


def test_a_fallback_says_from_where_to_where_and_why() -> None:
    """The attempt that led there is the last one that failed for the reason given."""
    assert counted(failed_over(), "tracegate.fallbacks") == [
        {
            "tracegate.fallback.from": "gpt",
            "tracegate.fallback.to": "azure-gpt",
            "tracegate.fallback.reason": "timeout",
        }
    ]


def test_a_fallback_that_nothing_led_to_is_unknown() -> None:
    """Unknown is a label's value, never a guess."""
    request = Request()
    request.attempt(LOCAL, "fallback")
    unknown = {"tracegate.fallback.from": "unknown", "tracegate.fallback.reason": "unknown"}
    assert [unknown | {"tracegate.fallback.to": "llama"}] == counted(request.end(), "tracegate.fallbacks")


def test_a_contradicted_region_is_counted() -> None:
    """The host proved another region than the configured one."""
    assert counted(failed_over(), "tracegate.region.conflicts") == [
        {"gen_ai.provider.name": "azure.ai.openai", "tracegate.target.id": "azure-gpt"}
    ]
    (served,) = counted(failed_over(), "tracegate.responses.served")
    assert (served["tracegate.target.region"], served["tracegate.target.region_evidence"]) == ("eastus2", "observed")


def test_usage_that_was_not_reported_is_counted_not_guessed() -> None:
    """An ok answer without usage, or with an empty one; a failed attempt is none of it (ruling 52)."""
    azure = {"gen_ai.provider.name": "azure.ai.openai", "tracegate.target.id": "azure-gpt"}
    assert [azure] == counted(failed_over(), "tracegate.usage.unknown")
    assert measured(failed_over(), f"{INFERENCE}usage") == []
    request = Request()
    request.attempt(usage=Usage())
    assert counted(request.end(), "tracegate.usage.unknown") == [
        {"gen_ai.provider.name": "openai", "tracegate.target.id": "gpt"}
    ]


def test_usage_on_the_chunks_of_a_broken_stream_is_no_report() -> None:
    """Ruling 22."""
    request = Request(stream=True)
    request.attempt(exc=CUT, commits=True)
    assert measured(request.end(CUT), f"{INFERENCE}usage", "tracegate.usage.unknown") == []


def test_unknown_cost_is_counted_by_reason_and_zero_cost_is_not_counted() -> None:
    """The rate limit cost nothing, which no counter says (ruling 23)."""
    recorder = failed_over()
    priced = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    azure = {"gen_ai.provider.name": "azure.ai.openai", "gen_ai.request.model": "gpt-4o"}
    assert [
        priced | {"tracegate.cost.unknown_reason": "broken"},
        azure | {"tracegate.cost.unknown_reason": "no_usage"},
    ] == counted(recorder, "tracegate.cost.unknown")
    assert counted(recorder, "tracegate.cost.micros") == []
    assert [labels["tracegate.cost.unknown_reason"] for labels in counted(abandoned(), "tracegate.cost.unknown")] == [
        "cancelled"
    ]


def test_a_price_function_that_gives_no_reason_leaves_it_unknown() -> None:
    """A reason is never invented."""
    request = Request()
    request.attempt(cost=Cost(None))
    (labels,) = counted(request.end(), "tracegate.cost.unknown")
    assert labels["tracegate.cost.unknown_reason"] == "unknown"


def test_an_answer_that_broke_was_served_and_its_outcome_says_so() -> None:
    """A committed answer counts, however it ended; what a provider did not say is `unknown`."""
    assert counted(broken(), "tracegate.responses.served") == [
        {
            "gen_ai.provider.name": "ollama",
            "gen_ai.response.model": "unknown",
            "tracegate.target.region": "unknown",
            "tracegate.target.region_evidence": "unknown",
            "tracegate.outcome": "error",
        }
    ]


def test_nothing_was_served_to_a_client_that_left_before_the_answer() -> None:
    """Cancelled is neither ok nor error, and has no error type."""
    assert counted(abandoned(), "tracegate.responses.served") == []
    assert counted(abandoned(), "tracegate.request.duration") == [
        {"tracegate.route.name": "default", "tracegate.outcome": "cancelled"}
    ]
    assert all("error.type" not in labels for _, _, labels in measured(abandoned()))


def test_a_refused_request_is_measured_on_no_route() -> None:
    """Ruling 25: a model that names nothing is never a label."""
    assert measured(refused()) == [
        ("tracegate.request.duration", 0.003, {"tracegate.route.name": "none", "tracegate.outcome": "error"}),
        ("tracegate.gateway.overhead", 0.003, {"tracegate.route.name": "none"}),
    ]


def test_a_request_that_infers_nothing_is_measured_too() -> None:
    """`GET /v1/models` is a request to an API endpoint (ruling 25)."""
    counted = [name for name, *_ in measured(Request(api=None, route=None).end())]
    assert counted == ["tracegate.request.duration", "tracegate.gateway.overhead"]


def test_tokens_are_split_by_modality_and_the_rest_is_unknown() -> None:
    """The parts add up to the whole; a split that does not fit is not believed."""
    assert by_modality(10, "input_tokens", []) == [("unknown", 10)]
    assert by_modality(10, "input_tokens", [("audio.input_tokens", 4)]) == [("audio", 4), ("unknown", 6)]
    both = [("audio.input_tokens", 4), ("text.input_tokens", 6), ("text.cache_read.input_tokens", 2)]
    assert by_modality(10, "input_tokens", both) == [("audio", 4), ("text", 6)]
    assert by_modality(3, "input_tokens", [("audio.input_tokens", 4)]) == [("unknown", 3)]
    assert [] == by_modality(0, "input_tokens", []) == by_modality(None, "input_tokens", [])
    assert [
        (amount, labels["gen_ai.token.modality"])
        for _, amount, labels in measured(streamed(), f"{INFERENCE}usage.input_tokens")
    ] == [(2, "audio"), (3, "unknown")]


def test_tokens_per_attempt_are_recorded_on_request_only() -> None:
    """The histograms are opt-in, have no modality, and take 0 as the number it is."""
    request = Request()
    request.attempt(usage=Usage(0, None))
    recorder = request.end()
    operation = f"{INFERENCE}operation."
    assert measured(recorder, operation) == []
    opted = Measurements(TARGETS, ROUTES, tokens=True)
    assert [(f"{operation}input_tokens", 0)] == [made[:2] for made in told(opted(recorder), operation)]
    assert [(f"{operation}input_tokens", 100), (f"{operation}output_tokens", 20)] == [
        made[:2] for made in told(opted(plain()), operation)
    ]


def test_what_was_open_when_the_request_ended_comes_later_once() -> None:
    """A shadow call that closes after the SERVER record is measured by `late`, and not before."""
    request = Request()
    request.attempt()
    shadow = request.begin(LOCAL, "shadow")
    recorder = request.end()
    measurements = Measurements(TARGETS, ROUTES)
    kinds = [labels["tracegate.attempt.kind"] for _, _, labels in told(measurements(recorder), "tracegate.attempts")]
    assert kinds == ["initial"]
    recorder.close(shadow, SLOW)
    assert kinds == [
        labels["tracegate.attempt.kind"]
        for _, _, labels in told(measurements(recorder, (shadow,)), "tracegate.attempts")
    ]
    assert [
        labels["tracegate.attempt.kind"]
        for _, _, labels in told(measurements.late(recorder, shadow), "tracegate.attempts")
    ] == ["shadow"]
    assert measurements.late(recorder, Record("cache", "store", 9, b"s" * 8, None, 0)) == []


def test_series_that_must_exist_from_the_start_are_a_few_per_target() -> None:
    """Ruling 42: eight per target, whatever the routes; each a label set that is counted under later."""
    measurements = Measurements(TARGETS, ROUTES)
    zeros = measurements.zeros()
    assert {0} == {made.amount for made in zeros}
    assert {b""} == {made.span for made in zeros}
    assert 8 * len(TARGETS) == len(zeros)
    priced = {"gen_ai.provider.name": "azure.ai.openai", "gen_ai.request.model": "gpt-4o"}
    azure = {"gen_ai.provider.name": "azure.ai.openai", "tracegate.target.id": "azure-gpt"}
    assert [
        ("tracegate.region.conflicts", 0, azure),
        ("tracegate.usage.unknown", 0, azure),
        ("tracegate.attempts", 0, azure | {"tracegate.attempt.kind": "initial"}),
        (
            "tracegate.responses.served",
            0,
            {
                "gen_ai.provider.name": "azure.ai.openai",
                "gen_ai.response.model": "gpt-4o",
                "tracegate.target.region": "eastus2",
                "tracegate.target.region_evidence": "observed",
                "tracegate.outcome": "ok",
            },
        ),
        *(
            ("tracegate.cost.unknown", 0, priced | {"tracegate.cost.unknown_reason": reason})
            for reason in CONVENTIONS["enums"]["tracegate.cost.unknown_reason"]
        ),
    ] == told(zeros)[8:16]
    request = Request()
    request.attempt(LOCAL, model="llama3")
    later = {(made.instrument, made.labels) for made in measurements(request.end())}
    from_start = {(made.instrument, made.labels) for made in zeros}
    assert {"tracegate.attempts", "tracegate.responses.served"} == {name for name, _ in later & from_start}


@pytest.mark.parametrize("case", CASES)
def test_labels_are_those_of_the_pinned_conventions(case: Callable[[], Recorder]) -> None:
    """All labels an instrument must have, none that it does not know, values of the right type and set."""
    optional = {"error.type", "tracegate.error.class", "gen_ai.request.stream"}
    for name, _, labels in told(Measurements(TARGETS, ROUTES, tokens=True)(case())):
        if name.startswith("gen_ai."):
            must = {*CONVENTIONS["metric_required"], *COMMON, *CONVENTIONS["metric_attributes"].get(name, ())}
            may = {"error.type"} if name == f"{INFERENCE}duration" else set()
        else:
            must = set(CONVENTIONS["metric_attributes"][name]) - optional
            may = set(CONVENTIONS["metric_attributes"][name]) & optional
        assert must <= set(labels) <= must | may, name
        for label, value in labels.items():
            kind = CONVENTIONS["attributes"].get(label, "s")
            assert {"s": str, "i": int, "b": bool}[kind] is type(value)
            assert value in {*CONVENTIONS["enums"].get(label, (value,)), "unknown"}
        assert sorted(labels) == list(labels)


class Hostile:
    """A gateway whose clients and providers make up names."""

    def __init__(self) -> None:
        self.measurements = Measurements(TARGETS, ROUTES, others=5, served=4)
        self.labels: set[tuple[str, object]] = set()
        self._seed = 0

    def ask(self, name: str, *, answers: bool = True, **attempt: str) -> None:
        """A client asks for `openai/name`; the provider answers, or refuses."""
        self._seed += 1
        request = Request(route=f"openai/{name}", seed=self._seed)
        target = replace(OPENAI, id=f"openai/{name}", model=name)
        request.attempt(target, exc=None if answers else SLOW, commits=answers, **attempt)  # type: ignore[arg-type]  # keywords drawn at random
        self.take(request.end(None if answers else SLOW))

    def take(self, recorder: Recorder) -> None:
        """Measure a request."""
        self.labels |= {(made.instrument, made.labels) for made in self.measurements(recorder)}

    def values(self, label: str) -> set[object]:
        """All values that a label had."""
        found: set[object] = set()
        for _, labels in self.labels:
            assert isinstance(labels, tuple)
            found |= {value for key, value in labels if key == label}
        return found


def test_a_name_that_no_provider_answered_for_is_no_label() -> None:
    """A client's typing error becomes `other`, with the provider's name beside it."""
    hostile = Hostile()
    for name in ("typo", "another"):
        hostile.ask(name, answers=False, model=name)
    assert {"other"} == hostile.values("tracegate.target.id") == hostile.values("tracegate.route.name")
    assert {"other"} == hostile.values("gen_ai.request.model") == hostile.values("gen_ai.response.model")
    assert {"openai"} == hostile.values("gen_ai.provider.name")


def test_names_that_answered_become_labels_up_to_a_bound() -> None:
    """The first to come; then `other`. A configured name is never refused."""
    hostile = Hostile()
    for number in range(50):
        hostile.ask(f"model-{number}")
        hostile.ask(f"model-{number}")
    first = {f"openai/model-{number}" for number in range(5)}
    assert first | {"other"} == hostile.values("tracegate.target.id") == hostile.values("tracegate.route.name")
    hostile.take(plain())
    assert {"gpt", "default"} <= hostile.values("tracegate.target.id") | hostile.values("tracegate.route.name")


def test_a_provider_that_makes_up_models_and_regions_makes_a_bounded_number_of_series() -> None:
    """4 models besides the requested one, 16 regions besides the configured one, and `other`."""
    hostile = Hostile()
    for number in range(200):
        request = Request(seed=number)
        request.attempt(model=f"made-up-{number}", region=f"region-{number}")
        request.attempt(LOCAL, "hedge", model="llama3")
        hostile.take(request.end())
        request = Request(seed=number)
        request.attempt(model=f"made-up-{number}", region=f"region-{number}")
        hostile.take(request.end())
    assert {"made-up-0", "made-up-1", "made-up-2", "made-up-3", "llama3", "other"} == hostile.values(
        "gen_ai.response.model"
    )
    assert len(hostile.values("tracegate.target.region")) == 16 + 2
    assert len(hostile.labels) < 120


@pytest.mark.parametrize("name", ["x" * 201, "half a pair \ud83d"])
def test_a_name_that_is_too_long_or_no_text_is_other(name: str) -> None:
    """It could not be exported, or would be kept for ever."""
    request = Request()
    request.attempt(model=name)
    (labels,) = counted(request.end(), "tracegate.responses.served")
    assert labels["gen_ai.response.model"] == "other"


def test_a_target_that_changed_has_its_new_labels() -> None:
    """After a reload the same id may stand for another model."""
    measurements = Measurements(TARGETS, ROUTES)
    for target in (OPENAI, replace(OPENAI), replace(OPENAI, model="gpt-5")):
        request = Request()
        request.attempt(target)
        (labels,) = (made for made in told(measurements(request.end()), "tracegate.cost.micros"))
        assert target.model == labels[2]["gen_ai.request.model"]


def test_a_request_that_is_still_open_has_no_duration_yet() -> None:
    """Nothing raises: a view may be asked too early."""
    recorder = Request().recorder
    assert [amount for name, amount, _ in measured(recorder) if name == "tracegate.request.duration"] == [0.0]
    assert counted(recorder, "tracegate.request.duration") == [
        {"tracegate.route.name": "default", "tracegate.outcome": "unknown"}
    ]


def test_an_answer_is_served_by_the_attempt_that_was_not_superseded() -> None:
    """A hedge that lost after its commit is an attempt, not an answer."""
    request = Request()
    loser = request.attempt(exc=asyncio.CancelledError("superseded"), commits=True)
    winner: Attempt = request.attempt(AZURE, "hedge", reason="slow")
    assert (loser.lost, winner.lost) == (True, False)
    (labels,) = counted(request.end(), "tracegate.responses.served")
    assert labels["gen_ai.provider.name"] == "azure.ai.openai"


def test_ids_are_repeatable() -> None:
    """The cases of this file are the same in every run."""
    assert SeededIds(1).trace() == SeededIds(1).trace()
    assert plain().trace == plain().trace
