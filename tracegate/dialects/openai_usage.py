"""Tokens and money as the providers that speak OpenAI's format report them, made one `Usage`.

The members differ by provider and none is required; each is named here with its source. A count that is negative or no
integer is no count.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from tracegate.facts import Usage

_MOST = 2**63  # counts and amounts end up in 64 bits


class InputDetails(msgspec.Struct, gc=False):
    """`prompt_tokens_details`."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None  # OpenRouter
    cache_creation_input_tokens: int | None = None  # DashScope
    text_tokens: int | None = None  # xAI, DashScope
    audio_tokens: int | None = None
    image_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    """`completion_tokens_details`."""

    reasoning_tokens: int | None = None
    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class CostDetails(msgspec.Struct, gc=False):
    """`cost_details` of OpenRouter."""

    upstream_inference_cost: Decimal | None = None


class UsageShape(msgspec.Struct, gc=False):
    """`usage`, as far as it is read."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek, https://api-docs.deepseek.com/guides/kv_cache
    cached_tokens: int | None = None  # Moonshot, Together
    cost: Decimal | None = None  # OpenRouter, in US dollars
    cost_details: CostDetails | None = None
    is_byok: bool | None = None
    cost_in_usd_ticks: int | None = None  # xAI


_MODALITIES = (
    "text.input_tokens",
    "audio.input_tokens",
    "image.input_tokens",
    "text.output_tokens",
    "audio.output_tokens",
    "image.output_tokens",
)
_NO_INPUT, _NO_OUTPUT = InputDetails(), OutputDetails()
_NOTHING = (None, None, None, None, None, (), None)


def usage_shape(usage: Any) -> UsageShape | None:
    """The shape of a `usage` that strict decoding refuses; members of a wrong type are left out."""
    if not isinstance(usage, Mapping):
        return None
    given, made = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    cost = _part(usage, "cost_details")
    byok = usage.get("is_byok")
    return UsageShape(
        prompt_tokens=_whole(usage.get("prompt_tokens")),
        completion_tokens=_whole(usage.get("completion_tokens")),
        total_tokens=_whole(usage.get("total_tokens")),
        prompt_tokens_details=InputDetails(**{n: _whole(given.get(n)) for n in InputDetails.__struct_fields__}),
        completion_tokens_details=OutputDetails(**{n: _whole(made.get(n)) for n in OutputDetails.__struct_fields__}),
        prompt_cache_hit_tokens=_whole(usage.get("prompt_cache_hit_tokens")),
        cached_tokens=_whole(usage.get("cached_tokens")),
        cost=_amount(usage.get("cost")),
        cost_details=CostDetails(_amount(cost.get("upstream_inference_cost"))),
        is_byok=byok if isinstance(byok, bool) else None,
        cost_in_usd_ticks=_whole(usage.get("cost_in_usd_ticks")),
    )


def usage_of(shape: UsageShape) -> Usage | None:
    """The usage in our words, `None` where the report says nothing that we read."""
    given = shape.prompt_tokens_details or _NO_INPUT
    made = shape.completion_tokens_details or _NO_OUTPUT
    said = (
        _count(shape.prompt_tokens),
        _output(shape, made),
        _first(given.cached_tokens, shape.prompt_cache_hit_tokens, shape.cached_tokens),
        _first(given.cache_write_tokens, given.cache_creation_input_tokens),
        _count(made.reasoning_tokens),
        _modalities(given, made),
        _micros(shape) if shape.cost is not None or shape.cost_in_usd_ticks is not None else None,
    )
    return None if said == _NOTHING else Usage(*said)


def _modalities(given: InputDetails, made: OutputDetails) -> tuple[tuple[str, int], ...]:
    """What was split by modality; OpenAI reports 0 for those that were not used, which says nothing."""
    counts = (
        given.text_tokens,
        given.audio_tokens,
        given.image_tokens,
        made.text_tokens,
        made.audio_tokens,
        made.image_tokens,
    )
    if not any(counts):
        return ()
    return tuple(
        (name, count)
        for name, count in zip(_MODALITIES, counts, strict=True)
        if count is not None and 0 < count < _MOST
    )


def _output(shape: UsageShape, made: OutputDetails) -> int | None:
    """Output tokens, reasoning included.

    xAI counts reasoning beside `completion_tokens`, not in it; its total shows that.
    Source: https://docs.x.ai/docs/key-information/consumption-and-rate-limits
    """
    output, reasoning = _count(shape.completion_tokens), _count(made.reasoning_tokens)
    if output is None or not reasoning or shape.prompt_tokens is None:
        return output
    return output + reasoning if shape.total_tokens == shape.prompt_tokens + output + reasoning else output


def _micros(shape: UsageShape) -> int | None:
    """The provider's own figure in millionths of a dollar, rounded once, half to even (ruling 43).

    OpenRouter's `cost` leaves out what it charges to one's own key at the provider (`is_byok`), which stands beside it.
    Sources: https://openrouter.ai/docs/use-cases/usage-accounting; xAI's ticks are 10^-10 dollars.
    """
    cost = shape.cost
    if cost is None:
        ticks = _count(shape.cost_in_usd_ticks)
        cost = None if ticks is None else Decimal(ticks).scaleb(-10)
    elif shape.is_byok:
        upstream = shape.cost_details.upstream_inference_cost if shape.cost_details is not None else None
        cost = cost + upstream if upstream is not None and upstream.is_finite() else None
    if cost is None or not cost.is_finite() or not 0 <= cost < 1_000_000_000:
        return None
    return int(cost.scaleb(6).to_integral_value(ROUND_HALF_EVEN))


def _first(*counts: int | None) -> int | None:
    for count in counts:
        if count is not None and 0 <= count < _MOST:
            return count
    return None


def _count(value: int | None) -> int | None:
    return value if value is not None and 0 <= value < _MOST else None


def _part(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = usage.get(name)
    return part if isinstance(part, Mapping) else {}


def _whole(value: Any) -> int | None:
    if isinstance(value, Decimal) and value.is_finite() and abs(value) < _MOST and value == value.to_integral_value():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _amount(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None
