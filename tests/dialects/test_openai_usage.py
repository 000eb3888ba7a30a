"""Tokens and money out of what providers report."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.dialects.recordings import UNARY
from tracegate.dialects.openai_shape import decode
from tracegate.dialects.openai_usage import usage_of, usage_shape
from tracegate.facts import Usage


def usage(text: str) -> Usage | None:
    """The usage of an answer with this report."""
    shape = decode(f'{{"usage":{text}}}'.encode()).usage
    return None if shape is None else usage_of(shape)


@pytest.mark.parametrize("text", ["null", "{}", "7", "[]", '{"prompt_tokens":null}', '{"total_tokens":9}'])
def test_a_report_without_counts_is_none(text: str) -> None:
    """Unknown stays unknown."""
    assert usage(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"prompt_tokens":1}', Usage(input=1)),
        ('{"prompt_tokens":0,"completion_tokens":0}', Usage(0, 0)),
        ('{"prompt_tokens":-1,"completion_tokens":2}', Usage(None, 2)),
        ('{"prompt_tokens":1.0,"completion_tokens":2}', Usage(1, 2)),
        ('{"prompt_tokens":1.5,"completion_tokens":2}', Usage(None, 2)),
        ('{"prompt_tokens":"1","completion_tokens":2}', Usage(None, 2)),
        ('{"prompt_tokens":true,"completion_tokens":2}', Usage(None, 2)),
        ('{"prompt_tokens":1e400,"completion_tokens":2}', Usage(None, 2)),
        ('{"prompt_tokens":123456789012345678901234567890,"completion_tokens":2}', Usage(None, 2)),
        ('{"prompt_tokens":1,"prompt_tokens_details":7}', Usage(1)),
        ('{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":1,"audio_tokens":"x"}}', Usage(1, cache_read=1)),
        ('{"prompt_tokens":5,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":1}', Usage(5, cache_read=4)),
        ('{"prompt_tokens":5,"cached_tokens":3}', Usage(5, cache_read=3)),
        ('{"prompt_tokens_details":{"cached_tokens":-3},"cached_tokens":3}', Usage(cache_read=3)),
        ('{"completion_tokens_details":{"reasoning_tokens":7}}', Usage(reasoning=7)),
    ],
)
def test_counts_are_taken_where_they_are_counts(text: str, expected: Usage) -> None:
    """Each provider's names; what is negative, no integer or beyond 64 bits is left out."""
    assert expected == usage(text)


@pytest.mark.parametrize(
    ("prompt", "completion", "total", "expected"), [(12, 2, 331, 319), (12, 319, 331, 319), (12, 2, 14, 2)]
)
def test_reasoning_beside_the_output_is_added(prompt: int, completion: int, total: int, expected: int) -> None:
    """xAI's total counts it apart; elsewhere it is inside."""
    text = (
        f'{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total},'
        '"completion_tokens_details":{"reasoning_tokens":317}}'
    )

    found = usage(text)

    assert found is not None
    assert expected == found.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"cost":0.00014', 140),
        ('"cost":0', 0),
        ('"cost":1', 1_000_000),
        ('"cost":0.0000005', 0),
        ('"cost":0.0000015', 2),
        ('"cost":0.0000025', 2),
        ('"cost":0.00000250000000000000000000001', 3),
        ('"cost":1.9e-5', 19),
        ('"cost":-1', None),
        ('"cost":1E400', None),
        ('"cost":"NaN"', None),
        ('"cost":null', None),
        ('"cost":{"total_cost":0.1}', None),
        ('"cost":true', None),
        ('"cost":0.0001,"is_byok":false,"cost_details":{"upstream_inference_cost":0.002}', 100),
        ('"cost":0.0001,"is_byok":true,"cost_details":{"upstream_inference_cost":0.002}', 2100),
        ('"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":null}', None),
        ('"cost":0,"is_byok":true', None),
        ('"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":"Infinity"}', None),
        ('"cost_in_usd_ticks":1895000', 190),
        ('"cost_in_usd_ticks":-1', None),
        ('"cost":2,"prompt_tokens":"odd"', 2_000_000),
        ('"cost":0.25,"prompt_tokens":"odd","cost_details":7,"is_byok":"no"', 250_000),
    ],
)
def test_money_is_exact_and_rounded_once(text: str, expected: int | None) -> None:
    """In millionths of a dollar, half to even, never through binary fractions."""
    found = usage(f'{{"completion_tokens":1,{text}}}')

    assert found is not None
    assert expected == found.cost_micros


def test_a_report_that_is_no_object_has_no_shape() -> None:
    """The lenient reading leaves out what it can't use."""
    nothing: Any = ["prompt_tokens"]

    assert usage_shape(nothing) is None
    shape = usage_shape({"cost": Decimal("0.5")})
    assert shape is not None
    assert shape.cost == Decimal("0.5")


def test_the_recorded_answer_is_read() -> None:
    """Zeros that the provider reports are known zeros, except for modalities that were not used."""
    shape = decode(UNARY).usage

    assert shape is not None
    assert usage_of(shape) == Usage(19, 10, cache_read=0, reasoning=0)
