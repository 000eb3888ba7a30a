"""What an attempt says: the facts of one exchange, and nothing that is not known."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.telemetry.made import AZURE, MISTRAL, MS, PLAIN, Made, of, refused
from tracegate.errors import Broken, TimedOut, Unreachable
from tracegate.facts import Answer, Attempt, Cost, Target, Usage, Why, unpriced
from tracegate.telemetry import names, registry
from tracegate.telemetry.attributes_attempt import of_attempt
from tracegate.telemetry.model import Value

STREAM = b'{"model":"chat","messages":[],"stream":true,"n":2}'


def said(made: Made, exc: BaseException | None = None) -> dict[str, Value]:
    """The attributes of the request's last attempt, closed with `exc`."""
    record = made.recorder.records[-1]
    made.close(record, exc)
    return plain_of(made)


def plain_of(made: Made) -> dict[str, Value]:
    """The attributes of the request's last attempt."""
    record = made.recorder.records[-1]
    attributes = of_attempt(made.recorder, record, of(record))
    assert len(list(attributes)) == len(set(attributes)) == len(attributes)
    return dict(attributes)


def test_a_success_says_all_it_knows() -> None:
    """All of a unary answer of an Azure model, nothing more."""
    made = Made(b'{"model":"chat","messages":[],"temperature":0.7,"max_tokens":512}')
    attempt = made.answer(made.attempt(made.route()))
    attempt.connection.connect_ns = 1_500_000
    attempt.connection.reused = False
    assert said(made) == {
        names.GEN_AI_OPERATION_NAME: "chat",
        names.GEN_AI_PROVIDER_NAME: "azure.ai.openai",
        names.GEN_AI_REQUEST_MODEL: "gpt-5.5",
        names.GEN_AI_REQUEST_TEMPERATURE: 0.7,
        names.GEN_AI_REQUEST_MAX_TOKENS: 512,
        names.GEN_AI_RESPONSE_ID: "chatcmpl-1",
        names.GEN_AI_RESPONSE_MODEL: "gpt-5.5-2026-08-07",
        names.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",),
        names.GEN_AI_USAGE_INPUT_TOKENS: 812,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 96,
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 512,
        names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: 8,
        names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 30,
        names.OPENAI_API_TYPE: "chat_completions",
        names.OPENAI_RESPONSE_SERVICE_TIER: "default",
        names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: "fp_1",
        names.AZURE_RESOURCE_PROVIDER_NAMESPACE: "Microsoft.CognitiveServices",
        names.SERVER_ADDRESS: "shop.openai.azure.com",
        names.SERVER_PORT: 443,
        names.NETWORK_PROTOCOL_VERSION: "2",
        names.HTTP_RESPONSE_STATUS_CODE: 200,
        names.TRACEGATE_REQUEST_ID: made.recorder.request_id,
        names.TRACEGATE_HOP_KIND: "attempt",
        names.TRACEGATE_HOP_INDEX: 2,
        names.TRACEGATE_OUTCOME: "ok",
        names.TRACEGATE_ATTEMPT_INDEX: 0,
        names.TRACEGATE_ATTEMPT_KIND: "initial",
        names.TRACEGATE_ATTEMPT_COMMITTED: True,
        names.TRACEGATE_TARGET_ID: "gpt-azure",
        names.TRACEGATE_TARGET_REGION: "swedencentral",
        names.TRACEGATE_TARGET_REGION_EVIDENCE: "observed",
        names.TRACEGATE_TARGET_MODEL_EVIDENCE: "asserted",
        names.TRACEGATE_TARGET_FINGERPRINT: "fp_1",
        names.TRACEGATE_UPSTREAM_REQUEST_ID: "req-1",
        names.TRACEGATE_LATENCY_CONNECT_MS: 1.5,
        names.TRACEGATE_LATENCY_SENT_MS: 1.0,
        names.TRACEGATE_CONNECTION_REUSED: False,
        names.TRACEGATE_COST_MICROS: 4213,
        names.TRACEGATE_COST_INPUT_MICROS: 2000,
        names.TRACEGATE_COST_OUTPUT_MICROS: 2113,
        names.TRACEGATE_COST_CACHE_READ_MICROS: 60,
        names.TRACEGATE_COST_CACHE_WRITE_MICROS: 40,
        names.TRACEGATE_COST_CURRENCY: "USD",
        names.TRACEGATE_COST_SOURCE: "local",
        names.TRACEGATE_COST_PRICES_DIGEST: "sha256:abcd",
    }


def test_a_request_that_met_a_dead_connection_says_so() -> None:
    """It was sent again, as the same attempt; of others nothing is said."""
    for resent in (None, True):
        made = Made()
        made.answer(made.attempt(made.route())).connection.resent = resent
        assert said(made).get(names.TRACEGATE_CONNECTION_RESENT) is resent


def test_a_refused_connection_says_little() -> None:
    """What no transport and no provider told is absent."""
    made = Made(b'{"model":"chat"}')
    record = made.attempt(made.route(), MISTRAL, price=unpriced)
    of(record).connection.sent = None
    assert said(made, Unreachable("connection_refused", "nobody listens")) == {
        names.GEN_AI_OPERATION_NAME: "chat",
        names.GEN_AI_PROVIDER_NAME: "mistral_ai",
        names.GEN_AI_REQUEST_MODEL: "mistral-large-latest",
        names.SERVER_ADDRESS: "api.mistral.ai",
        names.SERVER_PORT: 443,
        names.ERROR_TYPE: "connection_refused",
        names.TRACEGATE_ERROR_CLASS: "connection",
        names.TRACEGATE_REQUEST_ID: made.recorder.request_id,
        names.TRACEGATE_HOP_KIND: "attempt",
        names.TRACEGATE_HOP_INDEX: 2,
        names.TRACEGATE_OUTCOME: "error",
        names.TRACEGATE_OUTCOME_REASON: "connection",
        names.TRACEGATE_ATTEMPT_INDEX: 0,
        names.TRACEGATE_ATTEMPT_KIND: "initial",
        names.TRACEGATE_ATTEMPT_COMMITTED: False,
        names.TRACEGATE_TARGET_ID: "large",
    }


def test_a_retry_says_why_and_how_long_it_waited() -> None:
    """And that it is a resend; the provider's code stands on the span only."""
    made = Made()
    route = made.route()
    made.close(made.attempt(route), refused())
    second = made.attempt(route, AZURE, Why("retry", "rate_limit", 800 * MS + 400_000))
    of(second).status = 429
    found = said(made, refused())
    assert found[names.TRACEGATE_ATTEMPT_KIND] == "retry"
    assert found[names.TRACEGATE_ATTEMPT_REASON] == "rate_limit"
    assert found[names.TRACEGATE_ATTEMPT_BACKOFF_MS] == 800
    assert found[names.HTTP_REQUEST_RESEND_COUNT] == 1
    assert found[names.HTTP_RESPONSE_STATUS_CODE] == 429
    assert (found[names.ERROR_TYPE], found[names.TRACEGATE_ERROR_CLASS]) == ("429", "rate_limit")
    assert found[names.TRACEGATE_UPSTREAM_ERROR_CODE] == "rate_limit_exceeded"
    assert found[names.TRACEGATE_COST_MICROS] == 0
    assert found[names.TRACEGATE_COST_SOURCE] == "inferred"
    assert names.TRACEGATE_COST_PRICES_DIGEST not in found


def test_a_stream_says_its_first_chunk_and_how_many() -> None:
    """Times to the first data event are seconds from the attempt's start."""
    made = Made(STREAM)
    made.answer(made.attempt(made.route()))
    found = said(made)
    assert found[names.GEN_AI_REQUEST_STREAM] is True
    assert found[names.GEN_AI_REQUEST_CHOICE_COUNT] == 2
    assert found[names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] == 0.002
    assert found[names.TRACEGATE_STREAM_CHUNKS] == 3
    assert found[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("stop",)
    assert names.TRACEGATE_STREAM_ABORTED not in found
    assert names.TRACEGATE_STREAM_SKIPPED not in found


def test_a_broken_stream_has_no_usage_and_an_error_for_each_open_choice() -> None:
    """Running usage is no report (ruling 22); reasons that arrived stay (ruling 14)."""
    made = Made(STREAM)
    attempt = made.answer(made.attempt(made.route()))
    attempt.skipped = 2
    found = said(made, Broken("http_response_incomplete", "cut", status=200))
    assert found[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("stop", "error")
    assert found[names.TRACEGATE_STREAM_ABORTED] is True
    assert found[names.TRACEGATE_STREAM_SKIPPED] == 2
    assert found[names.HTTP_RESPONSE_STATUS_CODE] == 200
    assert found[names.ERROR_TYPE] == "http_response_incomplete"
    assert found[names.TRACEGATE_ERROR_CLASS] == "broken_answer"
    assert not [name for name in found if name.startswith(("gen_ai.usage.", "tracegate.cost."))]


def test_a_cancelled_stream_has_the_reasons_that_arrived() -> None:
    """None is made up; it is neither an error nor ok."""
    made = Made(STREAM)
    made.answer(made.attempt(made.route()))
    found = said(made, asyncio.CancelledError("client_disconnect"))
    assert found[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("stop",)
    assert found[names.TRACEGATE_STREAM_ABORTED] is True
    assert found[names.TRACEGATE_OUTCOME] == "cancelled"
    assert found[names.TRACEGATE_OUTCOME_REASON] == "client_disconnect"
    assert names.ERROR_TYPE not in found


def test_a_stream_that_never_committed_has_no_reasons() -> None:
    """Facts of its held events are there all the same (ruling 51)."""
    made = Made(STREAM)
    attempt = of(made.attempt(made.route()))
    attempt.status = 200
    attempt.answer = Answer("chatcmpl-2", "gpt-5.5-x", finish_reasons=("stop",))
    found = said(made, TimedOut("first_token", "silent"))
    assert names.GEN_AI_RESPONSE_FINISH_REASONS not in found
    assert found[names.GEN_AI_RESPONSE_ID] == "chatcmpl-2"
    assert found[names.GEN_AI_RESPONSE_MODEL] == "gpt-5.5-x"
    assert found[names.TRACEGATE_TARGET_MODEL_EVIDENCE] == "asserted"
    assert found[names.TRACEGATE_ATTEMPT_COMMITTED] is False
    assert names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK not in found
    assert names.TRACEGATE_STREAM_CHUNKS not in found
    assert names.TRACEGATE_STREAM_ABORTED not in found


def test_error_reasons_are_bounded() -> None:
    """A client may ask for any number of choices."""
    made = Made(b'{"model":"chat","n":1000000}')
    made.answer(made.attempt(made.route()))
    reasons = said(made, Broken("http_response_incomplete", "cut", status=200))[names.GEN_AI_RESPONSE_FINISH_REASONS]
    assert isinstance(reasons, tuple)
    assert len(reasons) == 128


def test_a_provider_that_names_no_model_leaves_it_configured() -> None:
    """The response model is absent, the evidence says so (ruling 49)."""
    made = Made()
    attempt = made.answer(made.attempt(made.route(), MISTRAL), model=None)
    found = said(made)
    assert names.GEN_AI_RESPONSE_MODEL not in found
    assert found[names.TRACEGATE_TARGET_MODEL_EVIDENCE] == attempt.model.evidence == "configured"


def test_only_openai_has_openais_attributes() -> None:
    """The fingerprint has a name for every provider (ruling 5), the rest has not."""
    made = Made()
    made.answer(made.attempt(made.route(), MISTRAL))
    found = said(made)
    assert found[names.TRACEGATE_TARGET_FINGERPRINT] == "fp_1"
    assert not [name for name in found if name.startswith(("openai.", "azure."))]


def test_a_conflict_of_regions_is_told() -> None:
    """The stronger evidence is the fact, the configured value stands beside it (ruling 2)."""
    made = Made()
    made.answer(made.attempt(made.route(), replace(AZURE, region="westeurope")))
    found = said(made)
    assert found[names.TRACEGATE_TARGET_REGION] == "swedencentral"
    assert found[names.TRACEGATE_TARGET_REGION_EVIDENCE] == "observed"
    assert found[names.TRACEGATE_TARGET_REGION_CONFLICT] is True
    assert found[names.TRACEGATE_TARGET_REGION_CONFIGURED] == "westeurope"


def test_an_asserted_region_without_a_configured_one_is_no_conflict() -> None:
    """Nothing contradicts it."""
    made = Made()
    made.answer(made.attempt(made.route(), MISTRAL)).answer.region = "eu"
    found = said(made)
    assert (found[names.TRACEGATE_TARGET_REGION], found[names.TRACEGATE_TARGET_REGION_EVIDENCE]) == ("eu", "asserted")
    assert names.TRACEGATE_TARGET_REGION_CONFLICT not in found


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(), {}),
        (Usage(input=0), {names.GEN_AI_USAGE_INPUT_TOKENS: 0}),
        (
            Usage(10, 5, modalities=(("audio.input_tokens", 4), ("text.output_tokens", 5))),
            {
                names.GEN_AI_USAGE_INPUT_TOKENS: 10,
                names.GEN_AI_USAGE_OUTPUT_TOKENS: 5,
                "gen_ai.usage.audio.input_tokens": 4,
                "gen_ai.usage.text.output_tokens": 5,
            },
        ),
    ],
)
def test_usage_is_as_it_was_reported(usage: Usage, expected: dict[str, int]) -> None:
    """A reported 0 is a 0; what was not reported is absent."""
    made = Made()
    made.answer(made.attempt(made.route())).answer.usage = usage
    assert {name: value for name, value in said(made).items() if name.startswith("gen_ai.usage.")} == expected


def test_a_cost_may_have_no_parts() -> None:
    """The provider's own figure is one sum."""
    made = Made()
    made.answer(made.attempt(made.route(), price=lambda attempt: Cost(77, "EUR", None)))
    found = {name: value for name, value in said(made).items() if name.startswith("tracegate.cost.")}
    assert found == {names.TRACEGATE_COST_MICROS: 77, names.TRACEGATE_COST_CURRENCY: "EUR"}


@pytest.mark.parametrize(("protocol", "expected"), [("http/1.1", "1.1"), ("h2", "2"), ("h9", "h9")])
def test_the_protocol_is_a_version(protocol: str, expected: str) -> None:
    """As the HTTP conventions write it."""
    made = Made()
    attempt = of(made.attempt(made.route()))
    attempt.connection.protocol = protocol
    assert said(made, refused())[names.NETWORK_PROTOCOL_VERSION] == expected


def test_a_request_without_a_body_has_no_parameters() -> None:
    """The body may be gone, e.g. in a replay."""
    made = Made(PLAIN, body=None)
    made.answer(made.attempt(made.route()))
    assert not [name for name in said(made) if name.startswith("gen_ai.request.") and not name.endswith("model")]


def test_a_cut_by_the_servers_backstop_is_a_timeout() -> None:
    """The deadline passed while the client did not read; the attempt itself raised nothing."""
    made = Made()
    made.answer(made.attempt(made.route()))
    found = said(made, asyncio.CancelledError("deadline"))
    assert (found[names.ERROR_TYPE], found[names.TRACEGATE_ERROR_CLASS]) == ("http_response_timeout", "timeout")
    assert found[names.TRACEGATE_OUTCOME_REASON] == "deadline"
    assert names.TRACEGATE_UPSTREAM_ERROR_CODE not in found


CASES: list[Any] = [
    lambda made, attempt: None,
    lambda made, attempt: setattr(attempt, "skipped", 3),
    lambda made, attempt: setattr(attempt.answer, "region", "eu"),
]


@pytest.mark.parametrize("target", [AZURE, MISTRAL, replace(AZURE, region="x"), replace(MISTRAL, region="y")])
@pytest.mark.parametrize("body", [PLAIN, STREAM])
@pytest.mark.parametrize("exc", [None, refused(), Broken("dns_error", "x"), asyncio.CancelledError("superseded")])
def test_every_attempt_keeps_the_registry(target: Target, body: bytes, exc: BaseException | None) -> None:
    """All that is required, nothing that is not registered, and not too many."""
    span = registry.load().spans["tracegate.attempt"]
    for change in CASES:
        made = Made(body)
        attempt: Attempt = made.answer(made.attempt(made.route(), target, Why("hedge", "slow")))
        change(made, attempt)
        found = said(made, exc)
        assert span.required <= set(found) <= span.allowed
        assert len(found) <= 50  # everything known, a stream that was hedged, a region in conflict
