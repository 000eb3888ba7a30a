"""The facts of a request out of its ASGI scope, before anything is known of who calls.

Nothing is believed here: whether a trace context is joined, linked or ignored is decided with the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from tracegate.inbound import Inbound, Remote
from tracegate.telemetry.context import parse_remote

CLIENT_ID = 128  # characters of a client's own request id that are kept (ruling 29)
KEPT = 512  # characters of its path and of its user agent; views keep many, so none may be large


Scope = MutableMapping[str, Any]


def inbound_of(scope: Scope, headers: Mapping[bytes, bytes], route: str, api: str | None) -> Inbound:
    """What the server knows of a request before it answers."""
    server = scope.get("server") or (None, None)
    client_id = headers.get(b"x-request-id")
    agent = headers.get(b"user-agent")
    beta = headers.get(b"openai-beta")
    return Inbound(  # by place: names take as long as all the rest
        scope["method"],
        scope["path"][:KEPT],
        route,
        api,
        scope["scheme"],
        server[0],
        server[1],
        scope["http_version"],
        None if agent is None else agent[:KEPT].decode("latin-1"),
        None if client_id is None else client_id[:CLIENT_ID].decode("latin-1"),
        (("openai-beta", beta.decode()),) if beta is not None and beta.isascii() else (),
        None,
        "ignore",
    )


def remote_of(scope: Scope, headers: Mapping[bytes, bytes]) -> Remote | None:
    """The inbound trace context; `None` where there is none or it is not exactly what W3C asks for."""
    parent = headers.get(b"traceparent")
    if parent is None or len(values_of(scope, b"traceparent")) > 1:
        return None
    return parse_remote(parent.decode("latin-1"), ",".join(values_of(scope, b"tracestate")))


def loops(scope: Scope, name: str) -> bool:
    """Whether a request came through this gateway before: our pseudonym is in its `Via` (RFC 9110, section 7.6.3)."""
    members = ",".join(values_of(scope, b"via")).split(",")
    return any(member.split()[1:2] == [name] for member in members)  # protocol, then who received it


def path_of(scope: Scope) -> str:
    """The path as the client sent it, not decoded, the prefix of a mount included, without the query."""
    raw: bytes | None = scope.get("raw_path")
    path: str = scope["path"]
    return path if raw is None else raw.decode("latin-1")


def values_of(scope: Scope, name: bytes) -> list[str]:
    """The values of every field of a name."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
