"""The ASGI application: which path is answered by whom.

Starlette's router alone, without the two middlewares of its application: endpoints answer every error themselves, and
each middleware would put a function of its own around every message of every stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tracegate.server.chat import chat
from tracegate.server.endpoint import Answer, Endpoint
from tracegate.server.gateway import Gateway
from tracegate.server.listing import model, models
from tracegate.server.unrecorded import Alive, Ready, Unknown

EXPOSED = (
    "X-Served-By",
    "Tracegate-Attempts",
    "Tracegate-Record",
    "Tracegate-Cost",
    "Content-Digest",
    "Signature-Input",
    "Signature",
    "Proxy-Status",
    "Server-Timing",
    "Via",
    "traceresponse",
    "X-Request-Id",
    "Retry-After",
    "x-should-retry",
    "OpenAI-Processing-Ms",
)
"""What scripts of an allowed origin may read, beside what every script may (ruling 66)."""

Lifespan = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]


def application(
    gateway: Gateway,
    *,
    cors: Sequence[str] = (),
    auditors: Sequence[str] = (),
    deadline_ns: int = 0,
    lifespan: Lifespan | None = None,
) -> ASGIApp:
    """The gateway as an ASGI application.

    Args:
        gateway: The running gateway.
        cors: Browser origins that may call; the preflight needs no key (ruling 66).
        auditors: Ids of keys that may read the receipts of every tenant.
        deadline_ns: The longest that a request may take; without one that of what has no route.
        lifespan: Runs around serving.
    """
    chat_path, longest = "/v1/chat/completions", max(deadline_ns, gateway.deadline_ns)
    asked = Endpoint(gateway, chat, route=chat_path, methods=["POST"], api="chat_completions")
    router = Router(
        [
            Route(chat_path, asked),
            _listing(gateway, models, "/v1/models", "/v1/models"),
            _listing(gateway, model, "/v1/models/{id:path}", "/v1/models/{id}"),
            Route("/healthz", Alive(gateway)),
            Route("/readyz", Ready(gateway)),
            *_receipts(gateway, auditors, longest),
        ],
        redirect_slashes=False,  # a POST is never redirected (ruling 60)
        default=Unknown(gateway),
        lifespan=lifespan,
    )
    app = _Quick(chat_path, asked, router)
    if not cors:
        return app
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        app,
        allow_origins=cors,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )


class _Quick:
    """One path, asked for as it is, past the router, whose search costs a twentieth of a request."""

    __slots__ = ("_endpoint", "_path", "_router")

    def __init__(self, path: str, endpoint: Endpoint, router: Router) -> None:
        self._path = path
        self._endpoint = endpoint
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == self._path and scope["type"] == "http" and not scope.get("root_path"):
            answer = self._endpoint(scope, receive, send)
        else:
            answer = self._router(scope, receive, send)
        del scope, receive, send  # for as long as the answer lasts, only what it needs of them is kept
        await answer


def _receipts(gateway: Gateway, auditors: Sequence[str], longest: int) -> list[Route]:
    if gateway.audit is None:
        return []
    from tracegate.server.receipts import routes  # a gateway without a log starts without its room

    return routes(gateway, gateway.audit, auditors, longest)


def _listing(gateway: Gateway, answer: Answer, path: str, route: str) -> Route:
    return Route(path, Endpoint(gateway, answer, route=route, methods=["GET", "HEAD"]))
