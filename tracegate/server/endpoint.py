"""The life of one request: admission, answer or error, records closed, views told.

Every endpoint of the API goes through here, refused requests too, so that none can be answered without a SERVER
record, a request id and a metric.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tracegate.errors import Rejected, TracegateError, Unavailable
from tracegate.record import Recorder
from tracegate.server.auth import Caller
from tracegate.server.gateway import Gateway
from tracegate.server.inbound import inbound_of, loops, remote_of
from tracegate.server.reading import read_body
from tracegate.server.status import error_answer, error_event
from tracegate.server.watch import Receive, Watch

logger = logging.getLogger("tracegate")

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Answer = Callable[["Session"], Awaitable[None]]

NOBODY = Caller(key="", tenant="", trust="ignore")
ONE_SECOND_NS = 1_000_000_000


class Endpoint:
    """An ASGI application for one path.

    Args:
        gateway: The running gateway.
        answer: Answers an admitted request, or raises.
        route: The path's template, `http.route`.
        api: `tracegate.request.api`; `None` for paths that infer nothing, whose requests leave no record.
    """

    def __init__(self, gateway: Gateway, answer: Answer, *, route: str, api: str | None = None) -> None:
        self._gateway = gateway
        self._answer = answer
        self._route = route
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        gateway = self._gateway
        gateway.active += 1
        try:
            await Session(gateway, scope, receive, send, self._route, self._api).run(self._answer)
        finally:
            gateway.active -= 1


class Session:
    """One request: what is read from the client, what is sent back, and the records of it."""

    __slots__ = (
        "_receive",
        "_refusal",
        "_send",
        "_task",
        "caller",
        "gateway",
        "headers",
        "inbound",
        "path_params",
        "recorder",
        "watch",
    )

    def __init__(
        self, gateway: Gateway, scope: Scope, receive: Receive, send: Send, route: str, api: str | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # an ASGI server calls us in a task
        self._task = task
        self._receive = receive
        self._send = send
        self.gateway = gateway
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.path_params: dict[str, str] = scope.get("path_params", {})
        self.inbound = inbound_of(scope, self.headers, route, api)
        self.caller = NOBODY
        self._refusal = self._admit(scope)
        inbound = self.inbound
        inbound.trust = self.caller.trust
        if inbound.trust != "ignore":
            inbound.remote = remote_of(scope, self.headers)
        joined = inbound.remote if inbound.trust == "parent" else None
        self.recorder = Recorder(
            inbound,
            gateway.clock,
            gateway.ids,
            trace=None if joined is None else joined.trace,
            ceiling=gateway.attempt_limit,
            gate=gateway.gate,
        )
        origin = self.recorder.origin
        self.watch = Watch(gateway.clock, receive, task, origin, origin + gateway.deadline_ns)

    def _admit(self, scope: Scope) -> TracegateError | None:
        """Who calls, and whether at all; the refusal is raised once there is a record to close with it."""
        gateway = self.gateway
        if gateway.active > gateway.request_limit:
            return Unavailable(
                f"The gateway has {gateway.request_limit} requests open, as many as `limits.requests` allows.",
                retry_after_ns=ONE_SECOND_NS,
            )
        try:
            self.caller = caller = gateway.keyring.caller(self.headers, gateway.clock.wall())
        except Rejected as exc:
            return exc
        inbound = self.inbound
        inbound.authenticated = True
        inbound.tenant, inbound.key = caller.tenant, caller.key
        if b"via" in self.headers and loops(scope, gateway.name):
            return Rejected(
                502,
                "proxy_loop_detected",
                f"The request came through `{gateway.name}` before: a route leads back to this gateway.",
            )
        return None

    async def run(self, answer: Answer) -> None:
        """Answer, or send the error; then close the records and tell the views. Raises only a cancel not its own."""
        error: BaseException | None = None
        try:
            try:
                if self._refusal is not None:
                    raise self._refusal
                await answer(self)
            except Exception as exc:
                error = exc
                if not isinstance(exc, TracegateError):
                    logger.exception("request %s failed by a fault of the gateway", self.recorder.request_id)
                await self._fail(exc)
        except asyncio.CancelledError as exc:
            error = exc
        self.watch.stop()
        recorder = self.recorder
        recorder.close(recorder.server, error)
        self.gateway.view.add(recorder)
        if isinstance(error, asyncio.CancelledError):
            if recorder.server.reason == "shutdown":
                raise error
            self._task.uncancel()

    async def body(self) -> bytes:
        """The client's body; from then on the watch listens for its leaving."""
        body = await read_body(self._receive, self.headers, self.gateway.body_limit)
        self.watch.body_read = True
        return body

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of the answer."""
        self.inbound.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, data: bytes, *, more: bool) -> None:
        """Send a part of the body; waits while the client does not read."""
        watch = self.watch
        watch.sending = True
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        watch.sending = False
        if self.inbound.first_sent is None:
            self.inbound.first_sent = self.gateway.clock.now()

    async def _fail(self, exc: Exception) -> None:
        """Tell the client: as a status before the head was sent, in band after it (ruling 27)."""
        gateway, recorder = self.gateway, self.recorder
        now = gateway.clock.now()
        if self.inbound.status is None:
            status, headers, body = error_answer(exc, recorder, now)
            headers += gateway.headers.failure(recorder, exc, status, now)
            await self.start(status, headers)
            await self.send(body, more=False)
            return
        self.inbound.chunks += 1  # the error event is one (ruling 52)
        event = error_event(exc, recorder)
        if gateway.comments:
            event += gateway.headers.comment(recorder, exc, now)
        await self.send(event, more=False)
