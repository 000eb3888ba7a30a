"""Reading scripts: as a text, which may be a model's name, and as a mapping, as YAML and JSON have it.

Text: steps separated by `:`, parts of a step by `+`, and `xN` behind a step for N calls of it.

```
503x3                      three times 503, then good answers   (behind a counted last step, good ones follow)
503                        always 503
429+retry-after=2:ok       once 429 with `Retry-After: 2`, then good answers
ok:503:again               every other call fails: `again` starts over
first-token=2s+pace=20ms   a slow stream
cut=3+reset                reset after three events
```

A part is a status, a short form (`SHORT`), or the name of a field of `Step` with its value, `-` for `_`; a field that
is true or false is written by its bare name, with `no-` for false. Durations have a unit (`250ms`); places are `start`,
`mid-head`, `head`, `half`, `end`, a number of events (`3`) or bytes (`100b`); drips are `8b@50ms`; `none` leaves
something out. Reserved characters in a value are written as in a URL (`%3A`), tables and lists as JSON in that form.

A mapping has the same names: `{steps: [{status: 503, retry_after: 2}, ok], again: true}`; a step may be a text, a list
stands for its steps.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from tracegate.testing import script as vocabulary
from tracegate.testing.script import NEVER, OK, At, Drip, Script, ScriptError, Step, ToolCall

Scripted = Script | Step | str | Mapping[str, Any] | Sequence[Any]
"""What may be given for a script."""

PREFIX = "sim-"
"""A model's name that begins so is a script in text form."""

UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}

SHORT: Mapping[str, Mapping[str, Any]] = {
    "ok": {},
    "reset-before-head": {"cut": At("start"), "how": "reset"},
    "reset-after-head": {"cut": At("head"), "how": "reset"},
    "close-before-head": {"cut": At("start")},
    "close-after-head": {"cut": At("head")},
    "silence": {"stall": At("start")},
    "role-only": {"cut": At("events", 1)},
    "no-events": {"cut": At("head"), "how": "end"},
    "truncated": {"cut": At("half"), "how": "end"},
    "error-first": {"error_event": 0},
    "error-200": {"status": 200, "problem": "server_error"},
    "empty": {"say": "empty"},
    "html": {"say": "html"},
    "not-http": {"say": "not-http"},
    "echo": {"say": "request"},
    "context-length": {"problem": "context_length"},
    "content-filter": {"problem": "content_filter"},
    "quota": {"problem": "quota"},
    "filtered": {"finish": "content_filter"},
    "gzip": {"encoding": "gzip"},
    "deflate": {"encoding": "deflate"},
    "crlf": {"newline": "crlf"},
    "reset": {"how": "reset"},
    "clean": {"how": "end"},
}
"""Short forms of the text form, and what each sets."""

_TYPES = typing.get_type_hints(Step, vars(vocabulary))
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Step)}
_DURATIONS = {
    "wait", "first_event", "first_token", "pace", "stall_for", "linger", "garbage_after", "idle_after", "connect",
}  # fmt: skip
_PLACES = {"start", "mid-head", "head", "half", "end"}


def read_script(given: Scripted) -> Script:
    """The script that a text, a mapping, a list or a step stands for.

    Raises:
        ScriptError: It can't be read; the text says where and what is allowed.
    """
    match given:
        case Script():
            return given
        case Step():
            return Script((given,))
        case str():
            return _read_text(given)
        case Mapping() if "steps" in given or "again" in given:
            if unknown := set(given) - {"steps", "again"}:
                raise ScriptError(f"unknown key `{unknown.pop()}` of a script; it has `steps` and `again`")
            again = given.get("again", False) is True
            return Script(_read_steps(given.get("steps", ()), again), again)
        case Mapping():
            return Script((_read_mapping(given),))
        case Sequence():
            return Script(_read_steps(given, False))
    raise ScriptError(f"a script is a text, a list or a mapping, not {given!r}")


def describe(step: Step) -> str:
    """A step in text form: reading it gives the step back."""
    parts: list[str] = []
    for name, default in _DEFAULTS.items():
        value = getattr(step, name)
        if value == default:
            continue
        key = name.replace("_", "-")
        if name == "status":
            parts.insert(0, str(value))
        elif isinstance(value, bool):
            parts.append(key if value else f"no-{key}")
        else:
            parts.append(f"{key}={_write(name, value)}")
    return re.sub(r"x(?=\d+$)", "%78", "+".join(parts)) or "ok"  # no value may look like a count


def _read_text(text: str) -> Script:
    parts = text.split(":")
    again = len(parts) > 1 and parts[-1] == "again"
    return Script(_read_steps(parts[:-1] if again else parts, again), again)


def _read_steps(given: object, again: bool) -> tuple[Step, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ScriptError(f"`steps` is a list, not {given!r}")
    steps: list[Step] = []
    counted = False
    for item in given:
        counted = False
        for part in item.split(":") if isinstance(item, str) else ():
            found = re.fullmatch(r"(.+)x(\d+)", part)
            counted = found is not None
            steps += [_read_step(found[1])] * int(found[2]) if found else [_read_step(part)]
        if not isinstance(item, str):
            steps += read_script(item).steps
    if counted and not again:
        steps.append(OK)  # so many calls, and then good ones: else a count at the end would mean nothing
    return tuple(steps)


def _read_step(text: str) -> Step:
    changes: dict[str, Any] = {}
    for part in text.split("+"):
        name, equals, value = part.partition("=")
        if re.fullmatch(r"\d{3}", part):
            changes["status"] = int(part)
        elif not equals and name in SHORT:
            changes |= SHORT[name]
        elif equals:
            changes |= _changed(name, unquote(value))
        elif name.startswith("no-") and _field(name[3:]):
            changes |= _changed(name[3:], False)
        else:
            changes |= _changed(name, True)
    return Step(**changes)


def _read_mapping(given: Mapping[str, Any]) -> Step:
    changes: dict[str, Any] = {}
    for name, value in given.items():
        changes |= _changed(name, value)
    return Step(**changes)


def _field(name: str) -> str | None:
    field = name.replace("-", "_")
    return field if field in _DEFAULTS else None


def _changed(name: str, value: object) -> dict[str, Any]:
    field = _field(name)
    if field is None:
        raise ScriptError(f"unknown part `{name}`; known: {', '.join(sorted({*SHORT, *map(_dashed, _DEFAULTS)}))}")
    try:
        return {field: _read(field, value)}
    except (ValueError, TypeError) as exc:
        raise ScriptError(f"`{name}`: {exc}") from exc


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _read(name: str, value: object) -> object:
    """The value of a field, from text or from what YAML and JSON know."""
    if name in _DURATIONS:
        return _duration(value)
    if name in ("cut", "stall"):
        return _place(value)
    if name in _STRUCTURED:
        return _STRUCTURED[name](json.loads(value) if isinstance(value, str) and value[:1] in "{[" else value)
    kinds = _kinds(_TYPES[name])
    if kinds and isinstance(kinds[0], str):
        if value not in kinds:
            raise ValueError(f"is {value!r}; allowed: {', '.join(map(str, kinds))}")
        return value
    if bool in kinds:
        if not isinstance(value, bool):
            raise ValueError(f"is {value!r}; write true or false")
        return value
    if int in kinds:
        if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)):
            raise ValueError(f"is {value!r}; write a number of at least 0")
        return int(str(value))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"is {value!r}; write a text")
    return "" if value == "none" else str(value)


def _kinds(hint: object) -> tuple[object, ...]:
    """The members of a Literal or of a union, `None` left out; the type itself else."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    members = [member for member in typing.get_args(hint) if member is not type(None)]
    return tuple(kind for member in members for kind in _kinds(member)) if members else (hint,)


def _duration(value: object) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m)", str(value))
    if value == "never":
        return NEVER
    if found is None:
        raise ValueError(f"is {value!r}; write a number with a unit, as `250ms` (ns, us, ms, s, m)")
    return round(float(found[1]) * UNITS[found[2]])


def _place(value: object) -> At:
    text = str(value)
    if text in _PLACES:
        return At(typing.cast(vocabulary.Place, text))
    found = re.fullmatch(r"(\d+)(b?)", text)
    if found is None:
        raise ValueError(f"is {value!r}; write {', '.join(sorted(_PLACES))}, a number of events, or of bytes as `100b`")
    return At("bytes" if found[2] else "events", int(found[1]))


def _drip(value: object) -> Drip:
    size, at, every = str(value).partition("b@")
    if not at or not size.isdigit():
        raise ValueError(f"is {value!r}; write bytes and a pause, as `8b@50ms`")
    return Drip(int(size), _duration(every))


def _headers(value: object) -> tuple[tuple[str, str | None], ...]:
    if not isinstance(value, Mapping):
        raise ValueError(f"is {value!r}; write a table of names and texts (null takes a field away)")
    return tuple((str(k).lower(), None if v is None else str(v)) for k, v in value.items())


def _calls(value: object) -> tuple[ToolCall, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"is {value!r}; write a list of {{name, arguments}}")
    calls = []
    for item in value:
        if not isinstance(item, Mapping) or "name" not in item:
            raise ValueError(f"has {item!r}; a call is {{name, arguments}}")
        arguments = item.get("arguments", {})
        calls.append(ToolCall(item["name"], arguments if isinstance(arguments, str) else json.dumps(arguments)))
    return tuple(calls)


_STRUCTURED: Mapping[str, Callable[[object], object]] = {
    "head_drip": _drip,
    "body_drip": _drip,
    "headers": _headers,
    "calls": _calls,
}


def _write(name: str, value: object) -> str:
    match value:
        case At(where="events" | "bytes" as where, count=count):
            return f"{count}b" if where == "bytes" else str(count)
        case At(where=where):
            return where
        case Drip(size=size, every=every):
            return f"{size}b@{_span(every)}"
        case tuple() if name == "calls":
            return quote(json.dumps([dataclasses.asdict(call) for call in value]))
        case tuple():
            return quote(json.dumps(dict(value)))
        case int() if name in _DURATIONS:
            return _span(value)
    return "none" if value == "" else quote(str(value), safe=" ,;@'()!*")


def _span(ns: int) -> str:
    """A duration with the largest unit that leaves it whole."""
    if ns == NEVER:
        return "never"
    unit = next(unit for unit in reversed(UNITS) if ns % UNITS[unit] == 0)
    return f"{ns // UNITS[unit]}{unit}"
