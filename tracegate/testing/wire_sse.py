"""Writing server-sent events, in every form that the standard allows.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import json

from tracegate.testing.script import Step

NEWLINES = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}
DONE = "[DONE]"


def encoded(value: object, indent: int | None = None) -> bytes:
    """A value as JSON; what is not UTF-8 (half surrogate pairs) is escaped."""
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        return json.dumps(value, separators=separators, indent=indent, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=separators, indent=indent).encode()


def event(step: Step, payload: object, number: int) -> bytes:
    """One event as bytes: `payload` as JSON, a text as it is; `number` counts the events of the stream from 0."""
    newline = NEWLINES[step.newline]
    data = payload.encode() if isinstance(payload, str) else encoded(payload, 1 if step.multiline else None)
    if step.malformed == number:
        data = data[: len(data) // 2] if step.malformed_by == "json" else data[:-1] + b"\xff" + data[-1:]
    lines = [b"event: message", b"id: %d" % number] if step.named else []
    prefix = b"data:" if step.tight else b"data: "
    lines += [prefix + line for line in data.split(b"\n")]
    opening = b"\xef\xbb\xbf" if step.bom and number == 0 else b""
    if step.comments:
        opening += b": comment %d" % number + newline + newline
    return opening + newline.join(lines) + newline + newline


def ping(step: Step) -> bytes:
    """A keep-alive that no reader may take for an event."""
    newline = NEWLINES[step.newline]
    return b": keep-alive" + newline + newline
