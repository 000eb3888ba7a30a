"""Request parameters are read as they were sent to a target, and never anything else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.telemetry.made import AZURE, MISTRAL
from tracegate.telemetry import names
from tracegate.telemetry.parameters import parameters
from tracegate.wire.body import Body


def read(text: str, **target: Any) -> dict[str, Any]:
    """The parameters of a body with these members."""
    return parameters(Body(b'{"model":"m",' + text.encode() + b"}"), replace(AZURE, **target))


def test_all_parameters_are_read() -> None:
    """Each by the convention's name and type; doubles also where the client wrote an integer."""
    asked = {
        "temperature": 1,
        "top_p": 0.5,
        "top_k": 40,
        "frequency_penalty": -2,
        "presence_penalty": 0.25,
        "max_completion_tokens": 512,
        "seed": 7,
        "stop": ["END", "\n"],
        "n": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        "reasoning_effort": "low",
        "service_tier": "flex",
    }
    found = read(json.dumps(asked)[1:-1])
    assert found == {
        names.GEN_AI_REQUEST_TEMPERATURE: 1.0,
        names.GEN_AI_REQUEST_TOP_P: 0.5,
        names.GEN_AI_REQUEST_TOP_K: 40,
        names.GEN_AI_REQUEST_FREQUENCY_PENALTY: -2.0,
        names.GEN_AI_REQUEST_PRESENCE_PENALTY: 0.25,
        names.GEN_AI_REQUEST_MAX_TOKENS: 512,
        names.GEN_AI_REQUEST_SEED: 7,
        names.GEN_AI_REQUEST_STOP_SEQUENCES: ("END", "\n"),
        names.GEN_AI_REQUEST_CHOICE_COUNT: 3,
        names.GEN_AI_OUTPUT_TYPE: "json",
        names.GEN_AI_REQUEST_REASONING_LEVEL: "low",
        names.OPENAI_REQUEST_SERVICE_TIER: "flex",
    }
    assert type(found[names.GEN_AI_REQUEST_TEMPERATURE]) is float


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ('"stop":"END"', names.GEN_AI_REQUEST_STOP_SEQUENCES, ("END",)),
        ('"stop":[]', names.GEN_AI_REQUEST_STOP_SEQUENCES, None),
        ('"stop":["a",1]', names.GEN_AI_REQUEST_STOP_SEQUENCES, None),
        ('"stop":null', names.GEN_AI_REQUEST_STOP_SEQUENCES, None),
        ('"n":1', names.GEN_AI_REQUEST_CHOICE_COUNT, None),
        ('"n":true', names.GEN_AI_REQUEST_CHOICE_COUNT, None),
        ('"response_format":{"type":"text"}', names.GEN_AI_OUTPUT_TYPE, "text"),
        ('"response_format":{"type":"json_object"}', names.GEN_AI_OUTPUT_TYPE, "json"),
        ('"response_format":{"type":"grammar"}', names.GEN_AI_OUTPUT_TYPE, None),
        ('"response_format":{}', names.GEN_AI_OUTPUT_TYPE, None),
        ('"response_format":"json"', names.GEN_AI_OUTPUT_TYPE, None),
        ('"temperature":"hot"', names.GEN_AI_REQUEST_TEMPERATURE, None),
        ('"temperature":1e400', names.GEN_AI_REQUEST_TEMPERATURE, None),
        ('"temperature":true', names.GEN_AI_REQUEST_TEMPERATURE, None),
        ('"temperature":1' + "0" * 400, names.GEN_AI_REQUEST_TEMPERATURE, None),
        ('"seed":9223372036854775808', names.GEN_AI_REQUEST_SEED, None),
        ('"seed":-9223372036854775808', names.GEN_AI_REQUEST_SEED, -(2**63)),
        ('"seed":1.5', names.GEN_AI_REQUEST_SEED, None),
        ('"reasoning_effort":3', names.GEN_AI_REQUEST_REASONING_LEVEL, None),
        ('"reasoning_effort":"\\ud83d"', names.GEN_AI_REQUEST_REASONING_LEVEL, None),
        ('"max_tokens":5', names.GEN_AI_REQUEST_MAX_TOKENS, 5),
        ('"max_tokens":5,"max_completion_tokens":6', names.GEN_AI_REQUEST_MAX_TOKENS, 6),
        ('"max_completion_tokens":6,"max_tokens":5', names.GEN_AI_REQUEST_MAX_TOKENS, 6),
    ],
)
def test_odd_values(text: str, attribute: str, expected: object) -> None:
    """A value of the wrong type, or too large to export, is absent; the rest is read as it is."""
    assert read(text).get(attribute) == expected


def test_stop_sequences_are_bounded() -> None:
    """In number and in length."""
    found = read('"stop":' + json.dumps(["x" * 5000] * 40))[names.GEN_AI_REQUEST_STOP_SEQUENCES]
    assert (len(found), {len(text) for text in found}) == (16, {1024})


def test_what_the_target_sets_is_what_was_sent() -> None:
    """A default stands where the client said nothing, a forced field always."""
    found = read(
        '"temperature":0.1,"top_p":0.2',
        defaults={"temperature": b"0.9", "seed": b"1"},
        forced={"top_p": b"0.3"},
    )
    assert found == {
        names.GEN_AI_REQUEST_TEMPERATURE: 0.1,
        names.GEN_AI_REQUEST_TOP_P: 0.3,
        names.GEN_AI_REQUEST_SEED: 1,
    }


def test_the_service_tier_is_openais() -> None:
    """Another provider's tier has no name in the convention."""
    assert parameters(Body(b'{"model":"m","service_tier":"flex"}'), MISTRAL) == {}


def test_messages_and_tools_are_never_read() -> None:
    """Prompts stay where they are."""
    text = '"messages":[{"role":"user","content":"secret"}],"tools":[],"user":"me","metadata":{"a":"b"},"stream":true'
    assert read(text) == {}
