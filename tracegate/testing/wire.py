"""From a step and a request to what happens on the wire: a `Plan`, which `simulator` and `memory` both play.

A plan is data: actions in order, waits among them. It knows nothing of sockets; framing is the player's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from tracegate.testing.script import Encoding, Step
from tracegate.testing.wire_actions import Action, actions, size_of
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
SSE_TYPE = "text/event-stream; charset=utf-8"


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
    pings = len(pieces) - len(content.pieces) if pieces else 0
    made = actions(step, pieces, pings, content.opening, framing, stream=content.stream)
    headers: list[tuple[str, str]] = []
    if framing != "none":
        headers.append(("content-type", content.type))
    if framing == "length":
        size = size_of(made) if step.how == "end" else sum(map(len, pieces))
        headers.append(("content-length", str(size)))
    elif framing == "chunked":
        headers.append(("transfer-encoding", "chunked"))
    if step.encoding is not None:
        headers.append(("content-encoding", CODINGS[step.encoding]))
    if framing == "close" or not step.keep_alive:
        headers.append(("connection", "close"))
    return Plan(step, status, _reason(status), _head(step, flavour, headers), framing, tuple(made))


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
