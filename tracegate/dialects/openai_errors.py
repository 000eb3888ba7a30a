"""Errors of the providers that speak OpenAI's format: the error object out of its many shapes.

The shapes: OpenAI's own `{"error": {…}}`; vLLM and Mistral `{"object": "error", …}`; Ollama `{"error": "text"}`; xAI
`{"code": "…", "error": "text"}`; FastAPI `{"detail": …}`; Azure's gateway and DashScope `{"code": …, "message": …}`;
Google `[{"error": {…}}]`; OpenRouter's error inside a choice, and Groq's in `x_groq`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from tracegate.dialects.openai_classes import classify
from tracegate.dialects.openai_shape import lenient
from tracegate.dialects.retry_after import retry_after_ns, should_retry
from tracegate.errors import Broken, Failed, Refused
from tracegate.facts import ErrorClass
from tracegate.wire.headers import Headers, by_name

_LONGEST = 1_000  # characters of a text that is no error object (ruling 12)
_DIGITS = 300  # of an integer that is kept: a longer one is read as a double, which has 309 at most, or is null
_DEEPEST = 32  # levels of an error object that are kept
_BUSY = frozenset({429, 503, 529})
"""Statuses of a provider that is asked too much: it says the same to everybody, and nothing of the request."""
_KEPT = 64  # of their bodies are kept, as what they say
_SHORT = 2_000  # bytes of a body that is kept


def decoded(data: bytes) -> Any:
    """The JSON of an answer that may be an error; integers keep their digits (ruling 58).

    Raises:
        ValueError: It is no JSON.
    """
    return lenient(data, digits=_DIGITS)


def refusal(status: int, headers: Headers, body: bytes, wall_s: int) -> Failed:
    """Classify an answer other than 2xx, once.

    Args:
        status: HTTP status.
        headers: Of the answer.
        body: What was read of it.
        wall_s: UTC seconds, to resolve dates in `Retry-After`.
    """
    if status < 400:
        return Broken("http_protocol_error", f"The provider answered {status}, which is no answer.", status=status)
    read = _known if status in _BUSY and len(body) <= _SHORT else _read
    class_, message, code, error = read(status, body)
    fields = by_name(headers)
    return Refused(
        class_,
        None,
        message,
        status=status,
        retry_after_ns=retry_after_ns(status, fields, wall_s),
        code=code,
        body=error,
        should_retry=should_retry(fields),
    )


def _read(status: int, body: bytes) -> tuple[ErrorClass, str, str | None, dict[str, Any] | None]:
    """Class, message, code and error object of a refusal; who is given the object writes nothing into it."""
    error = None
    try:
        error = error_object(decoded(body))
    except ValueError:
        message = _plain(body) or f"The provider answered {status} without a word."
    else:
        message = _message(error) if error else f"The provider answered {status}."
    return classify(status, error or {"message": message}), message, _code(error) if error else None, error


_known = lru_cache(_KEPT)(_read)


def refused_within(status: int, answer: Any) -> Refused:
    """Classify an error inside a 2xx, in a whole answer or an event (ruling 47).

    Args:
        status: The HTTP status that came.
        answer: The decoded answer, known to be an error.
    """
    error = error_object(answer) or {"message": "The provider sent an error without a word."}
    return Refused(
        classify(None, error), "http_protocol_error", _message(error), status=status, code=_code(error), body=error
    )


def error_object(answer: Any) -> dict[str, Any] | None:
    """The error object of an answer that is one, in OpenAI's shape: with a `message`, and every other member kept.

    Everything in it can be written as JSON again: half surrogate pairs as escapes, `NaN` and infinity as null. The
    message is for people and for spans too, so there half pairs are replaced.
    """
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return {"message": _whole(answer)} if isinstance(answer, str) and answer else None
    error = answer.get("error") or _inner(answer)
    if isinstance(error, dict):
        found = dict(error)
    else:
        found = {name: value for name, value in answer.items() if name not in ("object", "choices", "error")}
        if error:
            found["message"] = error
    if not found:
        return None
    if not isinstance(found.get("message"), str) or not found["message"]:
        found["message"] = _spoken(found)
    found["message"] = _whole(found["message"])
    return {name: _writable(value, 1) for name, value in found.items()}


def _inner(answer: Mapping[str, Any]) -> Any:
    """The error of the first choice that has one (OpenRouter), or of Groq's part."""
    choices, groq = answer.get("choices"), answer.get("x_groq")
    for part in [*(choices if isinstance(choices, list) else []), groq]:
        if isinstance(part, dict) and part.get("error"):
            return part["error"]
    return None


def _code(error: Mapping[str, Any]) -> str | None:
    """The provider's own code: a word where there is one, else a number."""
    values = [error.get("code"), error.get("type")]
    words = [value for value in values if isinstance(value, str) and value and not value.isdigit()]
    if words:
        return _whole(words[0])
    code = values[0]
    return _whole(str(code)) if isinstance(code, int | str) and not isinstance(code, bool) and code != "" else None


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    return message if isinstance(message, str) and message else "The provider sent an error without a word."


def _spoken(error: Mapping[str, Any]) -> str:
    """A message for an object that has no text as message: the most telling part of it."""
    for name in ("message", "detail", "details", "msg", "code", "type"):
        if error.get(name):
            return _compact(error[name])
    return _compact(error)


def _whole(text: str) -> str:
    """Text that can be written as UTF-8: without half surrogate pairs."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _writable(value: Any, depth: int) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict | list) and depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {name: _writable(part, depth + 1) for name, part in value.items()}
    if isinstance(value, list):
        return [_writable(part, depth + 1) for part in value]
    return value


def _compact(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text[:_LONGEST]


def _plain(body: bytes) -> str:
    """The text of a body that is no JSON; of a web page its title."""
    text = body.decode("utf-8", "replace")
    title = re.search(r"<title[^>]{0,200}>([^<]{1,1000})", text, re.IGNORECASE)
    if title is not None:
        text = title[1]
    elif text.lstrip()[:1] == "<":
        text = re.sub(r"<[^>]{0,1000}>", " ", text[: 8 * _LONGEST])
    return " ".join(text[: 8 * _LONGEST].split())[:_LONGEST]
