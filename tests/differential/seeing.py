"""What is compared of one request: the answer as a client saw it, and the calls as the provider logged them.

Everything becomes plain data under the same few names whatever the client, so that one table can speak of all. `kind`
is `answer`, `stream`, `error`, or `broken` for what is none of these. Left out is only what is time or chance: the
field `date`, and the ids of runs that LangChain draws; and the reason phrase, which says nothing beside the status
(RFC 9112, section 4).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

from tests.differential.bare import Heard
from tests.differential.differing import read_json
from tracegate.testing.simulator_log import Entry

Seen = dict[str, Any]

MASKED = {"date"}
_BLOCK = re.compile(rb"(?s).+?(?:\r\n\r\n|\n\n|\r\r|\Z)")


def of_answer(heard: Heard) -> Seen:
    """An answer of bare HTTP.

    Of an error the object is `error`, and what stands beside it `beside`; a stream is `events` and `comments`, block by
    block as they came; any other body is its bytes.
    """
    seen: Seen = {"kind": "broken", "status": heard.status, "ended": heard.ended, "head": of_fields(heard.head)}
    body = plain(heard)
    if heard.status is None:
        return seen | {"head": {}}
    if heard.status >= 400:
        return seen | {"kind": "error"} | of_error(body)
    if heard.field("content-type").startswith("text/event-stream") or body.startswith(b"data:"):
        blocks = _BLOCK.findall(body)
        events = [block for block in blocks if not silent(block)]
        return seen | {"kind": "stream", "events": events, "comments": [block for block in blocks if silent(block)]}
    return seen | {"kind": "answer" if heard.ended == "whole" else "broken", "body": body}


def of_error(body: bytes) -> Seen:
    """The body of an error, taken apart as OpenAI's client does."""
    try:
        told = read_json(body)
    except ValueError:
        return {"error": body, "beside": {}}
    if isinstance(told, dict) and "error" in told:
        return {"error": told["error"], "beside": {name: part for name, part in told.items() if name != "error"}}
    return {"error": told, "beside": {}}


def of_fields(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """A header by name; the order of fields of different names means nothing (RFC 9110, section 5.3)."""
    told: dict[str, str] = {}
    for name, value in sorted(fields, key=lambda field: field[0]):
        if name not in MASKED:
            told[name] = f"{told[name]}, {value}" if name in told else value
    return told


def of_call(entry: Entry) -> Seen:
    """One call as the provider saw it; `text` is the body as it came."""
    try:
        body = read_json(entry.body)
    except ValueError:
        body = None
    fields = of_fields([field for field in entry.headers if field[0] != "content-length"])  # `text` says it
    head = {"method": entry.method, "path": entry.path, "fields": fields}
    return head | {"body": body, "text": entry.body}


def plain(heard: Heard) -> bytes:
    """The body without its content coding, as far as it came; as it is where it is not in that coding."""
    if heard.field("content-encoding") not in ("gzip", "deflate"):
        return heard.body
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        try:
            return zlib.decompressobj(bits).decompress(heard.body)
        except zlib.error:
            continue
    return heard.body


def silent(block: bytes) -> bool:
    """Whether a block of a stream is comments only."""
    return all(line.startswith(b":") for line in block.splitlines() if line)
