"""The facts of a request out of its ASGI scope."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from tracegate.inbound import Inbound, Remote
from tracegate.telemetry.context import parse_remote

CLIENT_ID_LIMIT = 128  # characters of a client's own request id that are kept (ruling 29)


def inbound_of(scope: MutableMapping[str, Any], headers: Mapping[bytes, bytes], route: str, api: str | None) -> Inbound:
    """What the server knows of a request before it answers."""
    server = scope.get("server") or (None, None)
    client_id = headers.get(b"x-request-id")
    agent = headers.get(b"user-agent")
    beta = headers.get(b"openai-beta")
    return Inbound(
        method=scope["method"],
        path=scope["path"],
        route=route,
        api=api,
        scheme=scope["scheme"],
        host=server[0],
        port=server[1],
        protocol=scope["http_version"],
        user_agent=None if agent is None else agent.decode("latin-1"),
        passed=() if beta is None else (("openai-beta", beta.decode("latin-1")),),
        client_request_id=None if client_id is None else client_id.decode("latin-1")[:CLIENT_ID_LIMIT],
    )


def remote_of(scope: MutableMapping[str, Any], headers: Mapping[bytes, bytes]) -> Remote | None:
    """The inbound trace context; `None` where there is none or it is not exactly what W3C asks for."""
    parent = headers.get(b"traceparent")
    if parent is None:
        return None
    if sum(1 for name, _ in scope["headers"] if name == b"traceparent") > 1:
        return None
    return parse_remote(parent.decode("latin-1"), ",".join(_all(scope, b"tracestate")))


def loops(scope: MutableMapping[str, Any], name: str) -> bool:
    """Whether a request came through this gateway before: our pseudonym is in its `Via` (RFC 9110, section 7.6.3)."""
    members = ",".join(_all(scope, b"via")).split(",")
    return any(name in member.split() for member in members)


def _all(scope: MutableMapping[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
