"""The client of the demo: one request over plain HTTP, and what came back in a few words."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from tracegate.cli.demo_scenes import Scene

PATH = "/v1/chat/completions"
PROMPT = "Tell me a story."


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client of one request saw; `left` where it did not wait for the end.

    `saved` is the same as bytes, as `curl -i` would save it.
    """

    status: int
    headers: Mapping[str, str]
    lines: list[str]
    left: bool = False
    saved: bytes = b""


def ask(port: int, scene: Scene) -> Seen:
    """One request, as an ordinary HTTP client makes it."""
    body = {"model": scene.route, "stream": scene.stream, "messages": [{"role": "user", "content": PROMPT}]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        head = [f"HTTP/1.1 {response.status} {response.reason}", *(f"{n}: {v}" for n, v in response.getheaders())]
        saved = "\r\n".join([*head, "", ""]).encode("latin-1")
        lines: list[str] = []
        while line := response.readline():
            saved += line
            lines.append(line.decode().rstrip("\n"))
            if len(lines) == scene.leave_after:
                connection.sock.shutdown(socket.SHUT_RDWR)
                return Seen(response.status, headers, lines, left=True, saved=saved)
        return Seen(response.status, headers, lines, saved=saved)
    finally:
        connection.close()


def told(seen: Seen) -> str:
    """What came back, in a few words."""
    status = f"{seen.status} {http.client.responses[seen.status]}"
    if seen.status >= 400:
        return f"{status}: {json.loads(seen.lines[0])['error']['message']}"
    data = [line.removeprefix("data: ") for line in seen.lines if line.startswith("data: ")]
    if not data:
        return status
    done = data[-1] == "[DONE]"
    status += f", {len(data) - done} events"
    if seen.left:
        return f"{status}, then the client left"
    if done:
        return f"{status} and [DONE]"
    return f"{status}, no [DONE]; the last says: {json.loads(data[-1])['error']['message']}"
