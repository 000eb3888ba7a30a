"""What a client asked of the model, as attributes: read from the request as it was sent to one target.

Only the convention's request parameters are read, never messages, tools or metadata. A value of the wrong type is
absent here; whether it is an error is the provider's to judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from tracegate.facts import Target
from tracegate.telemetry import names
from tracegate.telemetry.model import Value
from tracegate.telemetry.text import fit
from tracegate.wire.body import Body

STOPS = 16
"""Stop sequences that are kept; OpenAI allows 4."""

OPENAI = frozenset(("openai", "azure.ai.openai"))
"""Providers whose attributes `openai.*` are written."""


class _Format(msgspec.Struct):
    type: str | None = None  # a JSON schema beside it is skipped, not decoded


_json = msgspec.json.Decoder()
_format = msgspec.json.Decoder(_Format)
_OUTPUT = {"json_object": "json", "json_schema": "json", "text": "text"}


def parameters(body: Body, target: Target) -> dict[str, Value]:
    """The request parameters of an attempt at `target`, its configured defaults and forced fields included."""
    fields: Mapping[str, msgspec.Raw | bytes] = body.fields
    if target.defaults or target.forced:
        fields = {**target.defaults, **fields, **target.forced}
    found: dict[str, Value] = {}
    for name, raw in fields.items():
        if name == "service_tier" and target.provider_name not in OPENAI:
            continue
        if name == "max_tokens" and "max_completion_tokens" in fields:
            continue  # the name that OpenAI deprecated
        known = parameter(name, raw) if name in READ else None
        if known is not None:
            found[known[0]] = known[1]
    return found


def parameter(name: str, raw: msgspec.Raw | bytes) -> tuple[str, Value] | None:
    """One member of a request that is among `READ`, as an attribute; `None` where its value says nothing."""
    attribute, read = _READERS[name]
    try:
        value = read(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        return None
    return None if value is None else (attribute, value)


def _double(raw: msgspec.Raw | bytes) -> float | None:
    value = _json.decode(raw)
    if value.__class__ is float:
        return value if math.isfinite(value) else None
    return float(value) if value.__class__ is int else None


def _integer(raw: msgspec.Raw | bytes) -> int | None:
    value = _json.decode(raw)
    return value if value.__class__ is int and -(2**63) <= value < 2**63 else None


def _text(raw: msgspec.Raw | bytes) -> str | None:
    value = _json.decode(raw)
    return fit(value) if value.__class__ is str else None


def _texts(raw: msgspec.Raw | bytes) -> tuple[str, ...] | None:
    value = _json.decode(raw)
    if value.__class__ is str:
        return (fit(value),)
    if value.__class__ is list and all(item.__class__ is str for item in value):
        return tuple(map(fit, value[:STOPS])) or None
    return None


def _choices(raw: msgspec.Raw | bytes) -> int | None:
    count = _integer(raw)
    return None if count == 1 else count


def _output(raw: msgspec.Raw | bytes) -> str | None:
    wanted = _format.decode(raw).type
    return None if wanted is None else _OUTPUT.get(wanted)


_READERS: Mapping[str, tuple[str, Callable[[msgspec.Raw | bytes], Value | None]]] = {
    "temperature": (names.GEN_AI_REQUEST_TEMPERATURE, _double),
    "top_p": (names.GEN_AI_REQUEST_TOP_P, _double),
    "top_k": (names.GEN_AI_REQUEST_TOP_K, _integer),
    "frequency_penalty": (names.GEN_AI_REQUEST_FREQUENCY_PENALTY, _double),
    "presence_penalty": (names.GEN_AI_REQUEST_PRESENCE_PENALTY, _double),
    "max_tokens": (names.GEN_AI_REQUEST_MAX_TOKENS, _integer),
    "max_completion_tokens": (names.GEN_AI_REQUEST_MAX_TOKENS, _integer),
    "seed": (names.GEN_AI_REQUEST_SEED, _integer),
    "stop": (names.GEN_AI_REQUEST_STOP_SEQUENCES, _texts),
    "n": (names.GEN_AI_REQUEST_CHOICE_COUNT, _choices),
    "response_format": (names.GEN_AI_OUTPUT_TYPE, _output),
    "reasoning_effort": (names.GEN_AI_REQUEST_REASONING_LEVEL, _text),
    "service_tier": (names.OPENAI_REQUEST_SERVICE_TIER, _text),
}

READ = frozenset(_READERS)
"""The members of a request that are read."""

ATTRIBUTES = frozenset(attribute for attribute, _ in _READERS.values())
"""The attributes that they become."""
