"""Answers that leave no SERVER record: to unknown paths, to what is no whole request, and the two probes.

All errors have OpenAI's shape (ruling 60) and a request id, so that a client's report can be found in the log.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec

from tracegate.errors import Rejected
from tracegate.server.admission import not_allowed
from tracegate.server.endpoint import Headers, Send
from tracegate.server.gateway import Gateway
from tracegate.server.inbound import Scope
from tracegate.server.status import error_body
from tracegate.server.watch import Receive

logger = logging.getLogger("tracegate.server")

PATHS = "POST /v1/chat/completions, GET /v1/models"
AUDITED = "GET /v1/receipts/{record_id}, GET /v1/audit/keys"
"""Besides, where there is an audit log."""

PROBED = ("GET", "HEAD")


class Unknown:
    """The ASGI application of every path that is none of ours."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404."""
        path = scope["path"][:200]
        known = PATHS if self._gateway.audit is None else f"{PATHS}, {AUDITED}"
        text = f"Unknown path `{path}`. Known: {known}."
        await refuse(self._gateway, Rejected(404, "unknown_url", text, reason="not_found"), scope, send)


class Alive:
    """`GET /healthz`: this process answers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200."""
        if scope["method"] not in PROBED:
            return await refuse(self._gateway, not_allowed(scope["method"], PROBED), scope, send)
        return await answer(send, 200, b"text/plain; charset=utf-8", b"alive\n", [])


class Ready:
    """`GET /readyz`: 200, or 503 with the names of what is not ready; telemetry is never one of them."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 or 503."""
        if scope["method"] not in PROBED:
            return await refuse(self._gateway, not_allowed(scope["method"], PROBED), scope, send)
        waiting = sorted(self._gateway.not_ready)
        body = msgspec.json.encode({"ready": not waiting, "not_ready": waiting})
        return await answer(send, 503 if waiting else 200, b"application/json", body, [])


def on_the_wire(gateway: Gateway, refusal: Rejected) -> bytes:
    """A whole HTTP/1.1 answer that closes its connection, for what never became a request."""
    body, fields = _error(gateway, refusal, "-", "-")
    fields = [(b"content-length", b"%d" % len(body)), (b"connection", b"close"), *fields]
    status = b"%d %s" % (refusal.status, HTTPStatus(refusal.status).phrase.encode())
    lines = [b"HTTP/1.1 " + status, b"content-type: application/json", *(b"%s: %s" % field for field in fields)]
    return b"\r\n".join([*lines, b"", body])


async def refuse(gateway: Gateway, refusal: Rejected, scope: Scope, send: Send) -> None:
    """Answer with an error, which is logged."""
    body, fields = _error(gateway, refusal, scope["method"], scope["path"])
    await answer(send, refusal.status, b"application/json", body, fields)


async def answer(send: Send, status: int, content_type: bytes, body: bytes, fields: Headers) -> None:
    """Answer, with nothing but what is given."""
    head = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *fields]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _error(gateway: Gateway, refusal: Rejected, method: str, path: str) -> tuple[bytes, Headers]:
    request_id = gateway.ids.request(gateway.clock.wall())
    fields = [(name.encode(), value.encode()) for name, value in refusal.headers]
    fields += gateway.headers.bare(request_id)
    logger.info("%s %.200r %s %s", method, path, refusal.status, request_id)  # ruling 24
    return error_body(refusal), fields
