"""What is decoded of an answer in OpenAI's format: only what routing, records and the commit need.

Decoding proves that the JSON is well-formed. The quick decoder refuses things that are legal or harmless (half
surrogate pairs, members of another type than OpenAI's); then a lenient one decides (ruling 57).
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from tracegate.dialects.openai_usage import UsageShape, usage_shape

_ERRORS = ("error", "Error")  # vLLM, Mistral


class Delta(msgspec.Struct, gc=False):
    """What an event adds to a choice: the members that are output (ruling 39)."""

    content: str | list[msgspec.Raw] | None = None  # Mistral sends a list of parts
    tool_calls: list[msgspec.Raw] | None = None
    reasoning_content: str | None = None  # DeepSeek, DashScope, vLLM, xAI, llama.cpp
    reasoning: str | None = None  # Groq, OpenRouter, Ollama, vLLM
    refusal: str | None = None
    function_call: dict[str, msgspec.Raw] | None = None
    audio: dict[str, msgspec.Raw] | None = None
    reasoning_details: list[msgspec.Raw] | None = None  # OpenRouter, where reasoning is encrypted
    images: list[msgspec.Raw] | None = None  # OpenRouter


class Choice(msgspec.Struct, gc=False):
    """One choice of an answer or event."""

    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    error: Any = None  # OpenRouter


class Groq(msgspec.Struct, gc=False):
    """`x_groq`: usage in a stream, and why it stopped early."""

    usage: UsageShape | None = None
    error: Any = None


class Shape(msgspec.Struct, gc=False):
    """A whole answer, or one event of a stream."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: UsageShape | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    error: Any = None
    x_groq: Groq | None = None

    @property
    def says_error(self) -> bool:
        """Whether an error object stands anywhere in it."""
        choices = self.choices
        return bool(
            self.error
            or self.object in _ERRORS
            or (choices and (choices[0].error or (len(choices) > 1 and any(choice.error for choice in choices))))
            or (self.x_groq is not None and self.x_groq.error)
        )


_decoder = msgspec.json.Decoder(Shape)
_strict, _strict_lines = _decoder.decode, _decoder.decode_lines


def decode(data: bytes) -> Shape:
    """Decode one JSON object.

    Raises:
        ValueError: It is not JSON in UTF-8, or no object.
    """
    try:
        shape = _strict(data)
        if not data.isascii():
            data.decode()  # the decoder does not look into texts that it skips
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _fitted(lenient(data, real=Decimal))
    return shape


def decode_each(blocks: bytes) -> list[Shape] | None:
    """Decode the events of a read at once, in half the time; `None` where each has to be looked at.

    Args:
        blocks: Whole blocks of server-sent events. Those that are not all one line, `data: ` and an object, are left.
    """
    if blocks[:7] != b"data: {":
        return None
    last = len(blocks) - 2
    try:
        if blocks.find(b"\n") == last:  # one event, the commonest read by far
            shape = _strict(blocks[6:last])
            if not blocks.isascii():
                blocks.decode()  # see `decode`
            return [shape]
        lines = blocks[6:last].replace(b"}\n\ndata: {", b"}\n{")
        events = (last - 6 - len(lines)) // 7 + 1
        if lines.count(b"\n") != events - 1 or not lines.endswith(b"}"):
            return None
        shapes = _strict_lines(lines)
        if not lines.isascii():
            lines.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    # No value goes on behind a line, where `}` stands before a line end and `{` behind it: that is no JSON. So each
    # line has one at least, and none has two where there are as many as lines.
    return shapes if len(shapes) == events else None


def lenient(data: bytes, *, real: type[float] | type[Decimal] = float, digits: int = 18) -> Any:
    """Decode JSON as the standard library does: half surrogate pairs, `NaN`, numbers of any size.

    Args:
        data: JSON in UTF-8.
        real: The type of numbers that are no integer, and of longer ones.
        digits: The longest number that stays an integer; 18 fit in 64 bits.

    Raises:
        ValueError: It is not even that, or nested deeper than the stack.
    """
    try:
        decode = _own(real, digits)  # type: ignore[arg-type]  # mypy holds a class for not hashable
        return decode(data.removeprefix(BOM_UTF8).decode())
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


@lru_cache(8)
def _own(real: type[float] | type[Decimal], digits: int) -> Callable[[str], Any]:
    """The standard library's decoder; it makes a new one for each text otherwise."""

    def integer(written: str) -> int | float | Decimal:
        return int(written) if len(written) <= digits else real(written)

    return json.JSONDecoder(parse_float=real, parse_int=integer).decode


def _fitted(value: Any) -> Shape:
    """The shape of any JSON object; what has a wrong type is left out."""
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    choices, groq = value.get("choices"), value.get("x_groq")
    return Shape(
        id=_text(value.get("id")),
        object=_text(value.get("object")),
        model=_text(value.get("model")),
        choices=[_choice(at, choice) for at, choice in enumerate(choices) if isinstance(choice, dict)]
        if isinstance(choices, list)
        else None,
        usage=usage_shape(value.get("usage")),
        system_fingerprint=_text(value.get("system_fingerprint")),
        service_tier=_text(value.get("service_tier")),
        error=value.get("error"),
        x_groq=Groq(usage_shape(groq.get("usage")), groq.get("error")) if isinstance(groq, dict) else None,
    )


def _choice(position: int, choice: Mapping[str, Any]) -> Choice:
    index, delta = choice.get("index"), choice.get("delta")
    return Choice(
        index=index if isinstance(index, int) else position,
        # Nobody looks deeper into these than whether there is something.
        delta=Delta(**{name: delta.get(name) for name in Delta.__struct_fields__}) if isinstance(delta, dict) else None,
        finish_reason=_text(choice.get("finish_reason")),
        error=choice.get("error"),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
