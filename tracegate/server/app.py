"""The Starlette application: which path is answered by whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tracegate.errors import Rejected
from tracegate.server.chat import chat
from tracegate.server.endpoint import Endpoint
from tracegate.server.gateway import Gateway
from tracegate.server.listing import model, models
from tracegate.server.status import error_body

OURS = (
    "X-Served-By",
    "Tracegate-Attempts",
    "Tracegate-Record",
    "Tracegate-Cost",
    "Proxy-Status",
    "Server-Timing",
    "Via",
    "traceresponse",
    "X-Request-Id",
    "Retry-After",
)
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[Mapping[str, Any]]]


def application(gateway: Gateway, *, cors: Sequence[str] = (), lifespan: Lifespan | None = None) -> Starlette:
    """The gateway as an ASGI application.

    Args:
        gateway: The running gateway.
        cors: Browser origins that may call; the preflight needs no key (ruling 66).
        lifespan: Runs around serving.
    """
    app = Starlette(
        routes=[
            Route(
                "/v1/chat/completions",
                Endpoint(gateway, chat, route="/v1/chat/completions", api="chat_completions"),
                methods=["POST"],
            ),
            Route("/v1/models", Endpoint(gateway, models, route="/v1/models"), methods=["GET"]),
            Route("/v1/models/{id:path}", Endpoint(gateway, model, route="/v1/models/{id}"), methods=["GET"]),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/readyz", _readyz(gateway), methods=["GET"]),
        ],
        exception_handlers={HTTPException: _unroutable(gateway)},
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=list(cors),
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=list(OURS),
            )
        ]
        if cors
        else [],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a POST is never redirected (ruling 60)
    return app


async def _healthz(request: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


def _readyz(gateway: Gateway) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(request: Request) -> Response:
        waiting = sorted(gateway.not_ready)
        body = msgspec.json.encode({"ready": not waiting, "not_ready": waiting})
        return Response(body, status_code=503 if waiting else 200, media_type="application/json")

    return readyz


def _unroutable(gateway: Gateway) -> Callable[[Request, Exception], Response]:
    """404 and 405 of the router, in the shape that clients read (ruling 60)."""

    def unroutable(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)  # noqa: S101  # registered for that class only
        if exc.status_code == 405:
            allowed = (exc.headers or {}).get("Allow", "")
            refusal = Rejected(
                405, "method_not_allowed", f"{request.method} is not supported here. Allowed: {allowed or 'another'}."
            )
        else:
            refusal = Rejected(
                404,
                "unknown_url",
                f"Unknown path `{request.url.path[:200]}`. Known: POST /v1/chat/completions, GET /v1/models.",
                reason="not_found",
            )
        headers = {**(exc.headers or {}), "X-Request-Id": gateway.ids.request(gateway.clock.wall())}
        return Response(error_body(refusal), status_code=refusal.status, headers=headers, media_type="application/json")

    return unroutable
