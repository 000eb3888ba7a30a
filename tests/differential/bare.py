"""A client of bare HTTP: bytes out, bytes in, nothing added, decoded, followed or retried.

httptools parses what comes, so that an answer that is cut, or badly framed, is seen as that.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httptools

from tests.differential.ways import CLIENT_KEY, Way

LONGEST_S = 5.0
FIELDS = {"authorization": f"Bearer {CLIENT_KEY}", "content-type": "application/json"}
MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]


class Heard:
    """One answer as it came.

    Attributes:
        status, head: Of the answer; names in lower case. `headed` says whether the head was whole.
        body: Without its framing, with its content coding.
        ended: `whole`; `cut` (closed too early), `reset`, `misframed`; `silent` (the client gave up) or `left` (it had
            enough).
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.headed = False
        self.head: list[tuple[str, str]] = []
        self.body = b""
        self.ended = "cut"

    def field(self, name: str) -> str:
        """The value of a field, or an empty text."""
        return next((value for key, value in self.head if key == name), "")

    # What httptools calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        self.head.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.headed = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """The framing ended as it should."""
        self.ended = "whole"


def post(
    way: Way,
    body: bytes,
    fields: Mapping[str, str] = FIELDS,
    *,
    patience_s: float = LONGEST_S,
    enough: Callable[[Heard], bool] = lambda heard: False,
) -> Heard:
    """Ask for a chat completion; `MODEL` in the body becomes the way's model."""
    body = body.replace(b"MODEL", json.dumps(way.model).encode())
    return send("POST", f"{way.base_url}/chat/completions", body, fields, patience_s=patience_s, enough=enough)


def send(
    method: str,
    url: str,
    body: bytes = b"",
    fields: Mapping[str, str] = FIELDS,
    *,
    patience_s: float = LONGEST_S,
    enough: Callable[[Heard], bool] = lambda heard: False,
) -> Heard:
    """One request on a connection of its own; its answer is read to the end, or until the client has enough."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"host: {parts.netloc}"]
    lines += [f"content-length: {len(body)}"] if "transfer-encoding" not in fields else []
    lines += [f"{name}: {value}" for name, value in fields.items()]
    heard = Heard()
    parser = httptools.HttpResponseParser(heard)
    with socket.create_connection((parts.hostname, parts.port), patience_s) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        try:
            while heard.ended != "whole" and (data := sock.recv(65536)):
                parser.feed_data(data)
                if enough(heard):
                    heard.ended = "left"
                    break
        except ConnectionResetError:
            heard.ended = "reset"
        except TimeoutError:
            heard.ended = "silent"
        except httptools.HttpParserError:
            heard.ended = "misframed"
    if heard.headed:
        heard.status = parser.get_status_code()
        if heard.ended == "cut" and not heard.field("content-length") and not heard.field("transfer-encoding"):
            heard.ended = "whole"  # a close is the end of such a body
    return heard


def chat(stream: bool | None = None, **members: Any) -> bytes:
    """The body of a chat completion in compact JSON; a stream asks for its usage unless told otherwise."""
    body: dict[str, Any] = {"model": 0, "messages": MESSAGES}
    if stream is not None:
        body |= {"stream": stream, "stream_options": {"include_usage": True}}
    body |= members
    kept = {name: value for name, value in body.items() if value is not None}
    return json.dumps(kept, separators=(",", ":")).encode().replace(b'"model":0', b'"model":MODEL')
