"""Good answers in OpenAI's format: `chat.completion` as one object, `chat.completion.chunk` as many.

Source: https://platform.openai.com/docs/api-reference/chat. What single providers add comes from `wire_flavour`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracegate.testing.script import Step, ToolCall
from tracegate.testing.wire_flavour import Flavour
from tracegate.testing.wire_request import Asked
from tracegate.testing.wire_schema import instance

TEXT = "Hello! This is a simulated answer."
_WORDS = (
    "every",
    "hop",
    "is",
    "a",
    "span",
    "that",
    "carries",
    "provider,",
    "model,",
    "region,",
    "latency",
    "and",
    "cost",
)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Minted:
    """What is made for one call: the answer's id, the request's id, and its time in UTC seconds."""

    id: str
    request: str
    created: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says, in the pieces in which it would stream it."""

    text: tuple[str, ...]
    reasoning: tuple[str, ...]
    refusal: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    finish: str | None
    choices: int


def said(step: Step, asked: Asked, received: str) -> Said:
    """What a step says to a request; `received` is the request told as JSON, for `say: request`."""
    calls = step.calls or ((ToolCall(asked.tool(), _json(instance(asked.parameters(), {}))),) if step.tools else ())
    text = _text(step, asked, received) if not calls and step.refusal is None else ""
    natural = "tool_calls" if calls else "stop"
    return Said(
        text=_pieces(text),
        reasoning=_pieces(step.reasoning or ""),
        refusal=_pieces(step.refusal or ""),
        calls=calls,
        finish=natural if step.finish is None else step.finish or None,
        choices=step.choices or asked.n or 1,
    )


def completion(step: Step, flavour: Flavour, asked: Asked, words: Said, minted: Minted) -> Object:
    """A whole answer."""
    message: Object = {
        "role": "assistant",
        "content": None if words.calls or words.refusal else "".join(words.text),
    }
    if words.reasoning:
        message["reasoning_content"] = "".join(words.reasoning)
    if words.calls:
        message["tool_calls"] = [_call(call, index, minted) for index, call in enumerate(words.calls)]
    message |= {"refusal": "".join(words.refusal) or None, "annotations": []}
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": words.finish, **flavour.choice}
        for index in range(words.choices)
    ]
    answer: Object = {"id": minted.id, "object": "chat.completion", "created": minted.created}
    answer |= _served(step, asked) | {"choices": choices}
    if step.usage != "never":
        answer["usage"] = _usage(step, flavour, asked, _completion_tokens(words))
    return {**answer, **_signs(step, flavour), **flavour.top}


def chunks(step: Step, flavour: Flavour, asked: Asked, words: Said, minted: Minted) -> tuple[list[Object], int]:
    """The chunks of a stream, and how many of them come before the first with output."""
    frame: Object = {"id": minted.id, "object": "chat.completion.chunk", "created": minted.created}
    frame |= _served(step, asked) | _signs(step, flavour)
    on_last = step.usage == "last" or (step.usage == "asked" and flavour.usage_on_last)
    apart = step.usage == "always" or (step.usage in ("asked", "each") and asked.wants_usage and not on_last)
    made: list[Object] = [dict(flavour.first_chunk)] if flavour.first_chunk else []
    opening = len(made) + words.choices
    tokens = 0
    for delta, finish in _deltas(words, minted):
        tokens += words.choices if delta and "role" not in delta else 0
        for index in range(words.choices):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish, **flavour.chunk_choice}
            chunk = frame | {"choices": [choice]}
            if step.usage == "each" or (on_last and finish is not None and index == words.choices - 1):
                chunk["usage"] = _usage(step, flavour, asked, tokens)
            elif apart and asked.wants_usage:
                chunk["usage"] = None
            made.append(chunk)
    if apart:
        made.append(frame | {"choices": [], "usage": _usage(step, flavour, asked, tokens)})
    return made, opening


def _deltas(words: Said, minted: Minted) -> Iterator[tuple[Object, str | None]]:
    """The deltas of one choice, each with the finish reason that came with it."""
    yield {"role": "assistant", "content": None if words.calls else "", "refusal": None}, None
    for piece in words.reasoning:
        yield {"reasoning_content": piece}, None
    for piece in words.text:
        yield {"content": piece}, None
    for piece in words.refusal:
        yield {"refusal": piece}, None
    for index, call in enumerate(words.calls):
        opened = _call(call, index, minted)
        opened["function"]["arguments"] = ""
        yield {"tool_calls": [{"index": index, **opened}]}, None
        for piece in _arguments(call):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
    if words.finish is not None:
        yield {}, words.finish


def _text(step: Step, asked: Asked, received: str) -> str:
    if step.say == "request":
        return received
    if step.say == "prompt":
        return asked.prompt()
    if step.words is not None:
        return " ".join(itertools.islice(itertools.cycle(_WORDS), step.words))
    if step.text is not None:
        return step.text
    wanted = asked.format()
    if wanted.get("type") == "json_schema":
        schema: Mapping[str, Any] = wanted.get("json_schema", {}).get("schema", {})
        return _json(instance(schema, schema))
    return '{"answer":"text"}' if wanted.get("type") == "json_object" else TEXT


def _pieces(text: str) -> tuple[str, ...]:
    """Words with the blanks behind them, so that the pieces together are the text."""
    return tuple(re.findall(r"\s*\S+\s*$|\s*\S+|\s+", text))


def _arguments(call: ToolCall) -> list[str]:
    return re.findall(r"(?s).{1,8}", call.arguments)


def _call(call: ToolCall, index: int, minted: Minted) -> Object:
    # Derived from the request's id, so that the same seed gives the same calls.
    name = f"call_{minted.request[:22]}{index:02d}"
    return {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _completion_tokens(words: Said) -> int:
    each = len(words.text) + len(words.reasoning) + len(words.refusal)
    return words.choices * (each + sum(1 + len(_arguments(call)) for call in words.calls))


def _served(step: Step, asked: Asked) -> Object:
    served = asked.model if step.served is None else step.served
    return {"model": served} if served else {}


def _signs(step: Step, flavour: Flavour) -> Object:
    """Service tier and fingerprint, as far as they are told."""
    fingerprint = flavour.fingerprint if step.fingerprint is None else step.fingerprint
    tier = ("default" if flavour.details and not flavour.usage_on_last else "") if step.tier is None else step.tier
    return ({"service_tier": tier} if tier else {}) | ({"system_fingerprint": fingerprint} if fingerprint else {})


def _usage(step: Step, flavour: Flavour, asked: Asked, completion_tokens: int) -> Object:
    given = asked.prompt_tokens if step.prompt_tokens is None else step.prompt_tokens
    made = completion_tokens if step.completion_tokens is None else step.completion_tokens
    usage: Object = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    if flavour.details or step.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": step.cached_tokens or 0, "audio_tokens": 0}
    if flavour.details or step.reasoning_tokens is not None:
        usage["completion_tokens_details"] = {
            "reasoning_tokens": step.reasoning_tokens or 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    return usage


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
