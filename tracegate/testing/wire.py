"""From a step and a request to what happens on the wire: a `Plan`, which `simulator` and `memory` both play.

A plan is data: actions in order, waits among them. It knows nothing of sockets; framing is the player's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from tracegate.testing.script import NEVER, At, Drip, Encoding, Step
from tracegate.testing.wire_answer import Minted, chunks, completion, said
from tracegate.testing.wire_error import error_object, status_of
from tracegate.testing.wire_flavour import Flavour
from tracegate.testing.wire_request import Asked
from tracegate.testing.wire_sse import DONE, encoded, event, ping
from tracegate.wire.headers import Headers

CODINGS: Mapping[Encoding, str] = {
    "gzip": "gzip",
    "deflate": "deflate",
    "raw-deflate": "deflate",
    "not-gzip": "gzip",
}
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\r\n"
NOT_HTTP = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nProtocol mismatch.\r\n\r\n"
BAD_CHUNK = b"this is no chunk size\r\n"
SSE_TYPE = "text/event-stream; charset=utf-8"


class Pause:
    """Nothing happens for so many nanoseconds."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns


class Head:
    """The head is sent, whole or one half of it, maybe in drips."""

    __slots__ = ("drip", "part")

    def __init__(self, drip: Drip | None = None, part: Literal["whole", "first", "second"] = "whole") -> None:
        self.drip = drip
        self.part = part


class Data:
    """Bytes of the body; `event` says that a whole event ends here."""

    __slots__ = ("data", "event")

    def __init__(self, data: bytes, *, event: bool = False) -> None:
        self.data = data
        self.event = event


class Raw:
    """Bytes that break the framing, or are no HTTP at all."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class End:
    """The body's framing ends as it should."""

    __slots__ = ()


class Close:
    """The connection ends, by a reset or by a close."""

    __slots__ = ("reset",)

    def __init__(self, *, reset: bool) -> None:
        self.reset = reset


Action = Pause | Head | Data | Raw | End | Close
END = End()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that happens to one call.

    Args:
        step: What it was made from; what follows the answer (garbage, an idle death) is read from it.
        status, reason, headers: The head, without what is said of one call only.
        framing: `length`, `chunked`, `close`, or `none` for a status that has no body.
        actions: In order; the last one ends the answer, or is an end behind a wait that never ends.
    """

    step: Step
    status: int
    reason: str
    headers: Headers
    framing: str
    actions: tuple[Action, ...]


def plan(step: Step, flavour: Flavour, asked: Asked, minted: Minted, received: str = "", key: str = "") -> Plan:
    """What a step does to a request.

    Args:
        step: One step of a script.
        flavour: Whose way it is said in.
        asked: What the request asks for.
        minted: The ids and the time of this call.
        received: The request told as JSON; needed for `say: request` only.
        key: The key that came; needed for messages that repeat it only.
    """
    status = 200 if step.body is not None and step.status is None else status_of(step)
    content = _content(step, flavour, asked, minted, received, key)
    framing = _framing(step, status, content)
    pieces = [] if framing == "none" else content.pieces
    if step.pings and pieces:
        pieces = [ping(step) if content.stream else b"\n"] * step.pings + pieces
    if step.encoding is not None:
        pieces = coded(step.encoding, pieces)
    actions = _actions(step, content, pieces, framing)
    headers: list[tuple[str, str]] = []
    if framing != "none":
        headers.append(("content-type", content.type))
    if framing == "length":
        size = _size(actions) if step.how == "end" else sum(map(len, pieces))
        headers.append(("content-length", str(size)))
    elif framing == "chunked":
        headers.append(("transfer-encoding", "chunked"))
    if step.encoding is not None:
        headers.append(("content-encoding", CODINGS[step.encoding]))
    if framing == "close" or not step.keep_alive:
        headers.append(("connection", "close"))
    return Plan(step, status, _reason(status), _head(step, flavour, headers), framing, tuple(actions))


@dataclass(frozen=True, slots=True)
class _Content:
    """A body in the pieces in which it is sent; `opening` of them come before the first with output."""

    pieces: list[bytes]
    type: str
    stream: bool = False
    opening: int = 0


def _content(step: Step, flavour: Flavour, asked: Asked, minted: Minted, received: str, key: str) -> _Content:
    if step.body is not None:
        return _Content([step.body.encode()] if step.body else [], step.content_type or "application/json")
    if step.say == "empty":
        return _Content([], step.content_type or "application/json")
    if step.say == "html":
        return _Content([HTML], step.content_type or "text/html")
    if step.failing:
        error = error_object(step, flavour, asked.model, key, minted.request)
        return _Content([encoded(error, flavour.indent)], step.content_type or "application/json")
    words = said(step, asked, received)
    if not asked.stream:
        answer = completion(step, flavour, asked, words, minted)
        return _Content([encoded(answer, flavour.indent)], step.content_type or "application/json")
    made, opening = chunks(step, flavour, asked, words, minted)
    payloads: list[object] = list(made)
    if step.error_event is not None:
        error = error_object(step, flavour, asked.model, key, minted.request)
        if flavour.errors == "openrouter":
            # A chunk that has both: https://openrouter.ai/docs/api-reference/errors
            choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
            error = {"id": minted.id, "object": "chat.completion.chunk", "choices": [choice], **error}
        payloads[step.error_event :] = [error]
    if step.done and (step.error_event is None or flavour.errors == "vllm"):
        payloads.append(DONE)
    events = [event(step, payload, number) for number, payload in enumerate(payloads)]
    return _Content(events, step.content_type or SSE_TYPE, True, opening)


def _framing(step: Step, status: int, content: _Content) -> str:
    if status in (204, 304):  # no body: RFC 9110, sections 15.3.5 and 15.4.5
        return "none"
    if step.bad_frame is not None:
        return "chunked"
    if step.framing != "auto":
        return step.framing
    return "chunked" if content.stream else "length"


def _actions(step: Step, content: _Content, pieces: list[bytes], framing: str) -> list[Action]:
    """The whole answer, then what breaks it."""
    made: list[Action] = [Pause(step.wait), Head(step.head_drip)]
    first = len(pieces) - len(content.pieces)
    for number, piece in enumerate(pieces, -first):  # keep-alives have negative numbers
        pause = step.first_event // (first + 1) if number <= 0 else step.pace
        if number == content.opening:
            pause = pause + step.first_token if number == 0 else step.first_token or step.pace
        made += (Pause(pause), Data(piece, event=content.stream and number >= 0))
    good_end: list[Action] = [Pause(step.linger), END]
    if framing == "close" or not step.keep_alive:
        good_end.append(Close(reset=False))
    made += good_end
    if step.bad_frame is not None:
        _interrupt(made, At("events", step.bad_frame), [Raw(BAD_CHUNK), Close(reset=False)])
    if step.cut is not None:
        ended = step.how == "end" or (step.how == "close" and framing == "close")
        _interrupt(made, step.cut, good_end if ended else [Close(reset=step.how == "reset")])
    if step.stall is not None:
        _interrupt(made, step.stall, [Pause(step.stall_for)], resume=step.stall_for < NEVER)
    if step.say == "not-http":
        made = [Pause(step.wait), Raw(NOT_HTTP), Close(reset=False)]
    if step.body_drip is not None:
        made = _dripped(step.body_drip, made)
    headed = any(isinstance(action, Head) and action.part != "first" for action in made)
    whole = _size(made) == sum(map(len, pieces)) or step.how == "end"
    if headed and whole and framing in ("length", "none"):
        made = _ended_by_length(made)
    if isinstance(made[-1], Pause):
        made.append(END)  # never reached, so that there always is a next action
    return [action for action in made if not (isinstance(action, Pause) and action.ns == 0)]


def _interrupt(made: list[Action], at: At, instead: list[Action], *, resume: bool = False) -> None:
    """Put `instead` at a place and drop what comes after it, unless the answer resumes."""
    head = next((index for index, action in enumerate(made) if isinstance(action, Head)), len(made))
    match at.where:
        case "start":
            index = head
        case "mid-head":
            index = head + 1
            made[head : head + 1] = [Head(part="first"), Head(part="second")]
        case _:
            index = _place(made, head + 1, at)
    made[index:] = instead + (made[index:] if resume else [])


def _place(made: list[Action], index: int, at: At) -> int:
    """The index of a place in the body, where the action that it falls into is split."""
    events = sum(isinstance(action, Data) and action.event for action in made)
    size = _size(made)
    count = at.count
    if at.where == "half" or (at.where == "events" and not events and count):
        count = size // 2
    by_events = at.where == "events" and events > 0
    left = {"head": 0, "end": size}.get(at.where, count)
    while left > 0 and index < len(made):
        action = made[index]
        if isinstance(action, Close | End | Raw):
            break
        index += 1
        if isinstance(action, Data):
            if not by_events and len(action.data) > left:
                made[index - 1 : index] = [Data(action.data[:left]), Data(action.data[left:], event=action.event)]
            left -= action.event if by_events else len(action.data)
    return index


def _ended_by_length(made: list[Action]) -> list[Action]:
    """The same where the body's last byte is its end, for its length was told: nothing can come late or be cut."""
    last = max(index for index, action in enumerate(made) if isinstance(action, Head | Data))
    return [*made[: last + 1], END, *(action for action in made[last + 1 :] if isinstance(action, Close))]


def _size(actions: list[Action]) -> int:
    return sum(len(action.data) for action in actions if isinstance(action, Data))


def _dripped(drip: Drip, made: list[Action]) -> list[Action]:
    dripped: list[Action] = []
    for action in made:
        if not isinstance(action, Data):
            dripped.append(action)
            continue
        data = action.data
        for at in range(0, len(data), drip.size):
            last = at + drip.size >= len(data)
            dripped += (Data(data[at : at + drip.size], event=action.event and last), Pause(drip.every))
    return dripped


def coded(encoding: Encoding, pieces: list[bytes]) -> list[bytes]:
    """Pieces in a content coding, each flushed, so that a reader has it when it has its bytes."""
    if encoding == "not-gzip":
        return pieces
    bits = {"gzip": 31, "deflate": 15, "raw-deflate": -15}[encoding]
    press = zlib.compressobj(wbits=bits)
    out = [press.compress(piece) + press.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*out[:-1], out[-1] + press.flush()] if out else [press.flush()]


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _head(step: Step, flavour: Flavour, own: list[tuple[str, str]]) -> Headers:
    fields = own + list(flavour.headers)
    if step.region is not None:
        fields = [field for field in fields if field[0] != "x-ms-region"]
        fields += [("x-ms-region", step.region)] if step.region else []
    if step.retry_after is not None:
        fields.append(("retry-after", step.retry_after))
    if step.retry_after_ms is not None:
        fields.append(("retry-after-ms", str(step.retry_after_ms)))
    for name, value in step.headers:
        fields = [field for field in fields if field[0] != name]
        fields += [(name, value)] if value is not None else []
    return tuple(fields)
