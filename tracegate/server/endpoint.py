"""The life of one request: admission, answer or error, records closed, views told.

Every endpoint of the API goes through here, refused requests too, so that none can be answered without a SERVER
record, a request id and a count. Nothing that is raised below leaves it but the cancel of a server that stops.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import TYPE_CHECKING, Any

from tracegate.errors import Failed, Rejected, TimedOut, TracegateError, Unavailable
from tracegate.facts import Attempt
from tracegate.record import Recorder
from tracegate.server.admission import ONE_SECOND_NS, admit
from tracegate.server.client import client_of
from tracegate.server.gateway import Gateway
from tracegate.server.inbound import Scope, inbound_of, path_of, values_of
from tracegate.server.reading import check_digest, read_body
from tracegate.server.status import error_answer, error_event
from tracegate.server.watch import GRACE_NS, Receive, Watch

if TYPE_CHECKING:  # where no log is kept, none of it is needed
    from tracegate.audit.answer import Answer as Leaves

logger = logging.getLogger("tracegate.server")

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Answer = Callable[["Session"], Awaitable[None]]

_NO_SCOPE: Scope = {}
_NO_HEADERS: dict[bytes, bytes] = {}

PASSED_ON = frozenset({"openai-processing-ms", "x-should-retry"})
"""Of the provider's head, beside its content type (ruling 63)."""


class Endpoint:
    """An ASGI application for one path.

    Args:
        gateway: The running gateway.
        answer: Answers an admitted request, or raises.
        route: The path's template, `http.route`.
        methods: Those that are answered; others get a 405.
        api: `tracegate.request.api`; `None` for paths that infer nothing, whose requests leave no record.
    """

    def __init__(
        self, gateway: Gateway, answer: Answer, *, route: str, methods: Collection[str], api: str | None = None
    ) -> None:
        self.route = route
        self.methods = tuple(methods)
        self.api = api
        self._gateway = gateway
        self._answer = answer

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        return Session(self, self._gateway, scope, receive, send).run(self._answer)


class Session:
    """One request: what is read from the client, what is sent back, and the records of it."""

    __slots__ = (
        "_endpoint",
        "_label",
        "_send",
        "_task",
        "gateway",
        "headers",
        "inbound",
        "leaves",
        "may",
        "recorder",
        "scope",
        "watch",
    )

    may: Callable[[str], bool]  # whether the caller may select a name; known once it is admitted
    leaves: Leaves | None  # what the request leaves in the log; nothing, where it leaves no record

    def __init__(self, endpoint: Endpoint, gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # an ASGI server calls us in a task
        self._endpoint = endpoint
        self._label = ""
        self._send = send
        self._task = task
        self.gateway = gateway
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.inbound = inbound_of(scope, self.headers, endpoint.route, endpoint.api)
        self.recorder = Recorder(self.inbound, gateway.clock, gateway.ids, ceiling=gateway.attempt_limit)
        origin = self.recorder.origin
        self.watch = Watch(gateway.rounds, receive, task, origin, origin + gateway.deadline_ns, client_of(scope))
        self.leaves = None

    async def run(self, answer: Answer) -> None:
        """Answer, or tell the error; then close the records and tell the view."""
        error: BaseException | None = None
        gateway = self.gateway
        gateway.open += 1
        self._label = gateway.active.begin(None)
        try:
            try:
                self.may = admit(
                    gateway, self._endpoint.methods, self.scope, self.headers, self.recorder, self.watch.client
                ).may
                if gateway.audit is not None:
                    self._record()
                await answer(self)
            except Exception as exc:  # noqa: BLE001  # whatever it is, the client is told
                error = exc
                error = await self._tell(exc, exc)
            except asyncio.CancelledError as exc:
                error = exc
                if (told := self._cancelled(exc)) is not None:
                    error = told if _reason(exc) == "deadline" else exc
                    error = await self._tell(told, error)
        except Exception as exc:  # noqa: BLE001  # the answer is broken off, which the client sees
            error = exc
            self._fault(exc)
        except BaseException as exc:
            error = exc
            if not isinstance(exc, asyncio.CancelledError):
                raise
        finally:
            gateway.open -= 1
            gateway.active.end(self._label)
            self._close(error)
        if isinstance(error, asyncio.CancelledError):
            reason = self.recorder.server.reason
            if self.watch.sending and reason != "client_disconnect":
                self._drop()
            if reason == "shutdown":
                raise error  # whoever stops us waits for that
        while self._task.cancelling():  # the watch's cancels end here
            self._task.uncancel()

    def on_route(self, name: str, deadline_ns: int) -> int:
        """The route is known; returns the request's deadline in monotonic nanoseconds."""
        self._label = self.gateway.active.move(self._label, name)
        deadline = self.recorder.origin + deadline_ns
        self.watch.until(deadline)
        return deadline

    async def body(self) -> bytes:
        """The client's body; from then on the watch listens for its leaving."""
        parts: list[bytes] = []
        try:
            body = await read_body(self.watch.receive, self.headers, self.gateway.body_limit, parts)
        finally:
            if self.leaves is not None:
                self.leaves.received(parts)
        self.watch.body_read = True
        if self.leaves is not None and b"content-digest" in self.headers:
            said = ", ".join(values_of(self.scope, b"content-digest"))
            self.leaves.digest = said if check_digest(said, parts) else None
        return body

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of the answer."""
        watch = self.watch
        watch.sending = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        watch.sending = False
        self.inbound.status = status
        self.scope, self.headers = _NO_SCOPE, _NO_HEADERS  # a stream may be open for long

    async def send(self, data: bytes, *, more: bool) -> None:
        """Send a part of the body; waits while the client does not read."""
        watch = self.watch
        watch.sending = True
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        watch.sending = False
        if self.inbound.first_sent is None:
            self.inbound.first_sent = self.gateway.clock.now()

    async def whole(self, content_type: bytes, data: bytes, passed: Headers) -> None:
        """Send a whole answer, whose attempts and routes are closed."""
        gateway, recorder, leaves = self.gateway, self.recorder, self.leaves
        head = [(b"content-type", content_type), (b"content-length", b"%d" % len(data))]
        head += passed
        fields = gateway.headers.success(recorder, gateway.clock.now())
        if leaves is not None:
            leaves.whole(200, content_type.decode("latin-1"), data, None)
            fields += leaves.signed(200, head + fields)  # while the log is written
            if await leaves.durable():
                fields = gateway.headers.retimed(fields, recorder, gateway.clock.now())
            else:
                fields = gateway.headers.success(recorder, gateway.clock.now())
        head += fields
        send, watch, inbound = self._send, self.watch, self.inbound
        watch.sending = True
        await send({"type": "http.response.start", "status": 200, "headers": head})
        inbound.status = 200
        await send({"type": "http.response.body", "body": data})
        watch.sending = False
        inbound.first_sent = gateway.clock.now()

    async def finished(self, leaves: Leaves, exc: BaseException | None, tail: bytes = b"") -> str | None:
        """Bring the end of a stream into the log, before it is told; returns its receipt, where there is one.

        Args:
            leaves: Of this request.
            exc: What broke the stream.
            tail: Events that are sent with the comment block.

        Raises:
            Unavailable: The log does not take it, and nothing may be told without.
        """
        leaves.finish(exc, tail)
        return leaves.receipt(slim=self.gateway.headers.public) if await leaves.durable() else None

    def _record(self) -> Leaves | None:
        """What this request leaves in the log, from the moment on that it is known to leave a record."""
        audit = self.gateway.audit
        if self.leaves is None and audit is not None and self.inbound.recorded:
            self.leaves = leaves = audit.answer(self.recorder)
            media = self.headers.get(b"content-type")
            leaves.media = None if media is None else media.decode("latin-1")
            leaves.path = path_of(self.scope)
            self.recorder.gate = leaves.intent
        return self.leaves

    def _cancelled(self, exc: asyncio.CancelledError) -> TracegateError | None:
        """What a client that is still there is told of a cancel; nothing, where it takes no answer."""
        reason, watch = _reason(exc), self.watch
        if reason == "client_disconnect" or watch.sending:
            return None
        if reason != "deadline":
            return Unavailable("The gateway is stopping.", reason="shutdown", retry_after_ns=ONE_SECOND_NS)
        if watch.body_read:
            return TimedOut("deadline", "The total deadline of the request passed.")
        return Rejected(
            408,
            "request_timeout",
            "The request body did not arrive before the deadline of the request.",
            reason="timeout",
            headers=(("connection", "close"),),
        )

    async def _tell(self, exc: Exception, error: BaseException) -> BaseException:
        """Tell the client: as a status before the head was sent, in band after it (ruling 27).

        Args:
            exc: What it is told.
            error: What the SERVER record will say.

        Returns:
            What the SERVER record will say: another error, where this one's leaf was not durable.
        """
        if not isinstance(exc, TracegateError):
            self._fault(exc)
        leaves = self._record()
        if leaves is not None:
            self.watch.extend(self.gateway.clock.now() + GRACE_NS)  # the log is waited for
        if self.inbound.status is not None:
            return await self._break_off(exc, error)
        status, head, body = self._error(exc)
        if leaves is not None:
            try:
                durable = await leaves.ready()
                if durable:
                    leaves.whole(status, "application/json", body, error)
                    head += leaves.signed(status, head)  # while the log is written
                    durable = await leaves.durable()
            except Unavailable as refused:
                exc = error = refused
                durable = False
            if durable:
                head = self.gateway.headers.retimed(head, self.recorder, self.gateway.clock.now())
            else:
                status, head, body = self._error(exc)  # which names no record
        await self.start(status, head)
        await self.send(body, more=False)
        return error

    async def _break_off(self, exc: Exception, error: BaseException) -> BaseException:
        """Tell an error as the last event of a stream."""
        recorder, leaves, headers = self.recorder, self.leaves, self.gateway.headers
        self.inbound.chunks += 1  # the error event is one (ruling 52)
        event = error_event(exc, recorder)
        receipt = None
        if leaves is not None:
            try:
                if not leaves.refused:
                    receipt = await self.finished(leaves, error, event)
            except Unavailable as refused:
                error = refused
                event = error_event(refused, recorder)
            if leaves.refused:
                leaves.late(error, event)
        if self.gateway.comments:
            event += headers.comment(recorder, error, receipt)
        await self.send(event, more=False)
        return error

    def _error(self, exc: Exception) -> tuple[int, Headers, bytes]:
        """Status, head and body of an error before the head was sent."""
        recorder = self.recorder
        now = self.gateway.clock.now()
        status, headers, body = error_answer(exc, recorder, now)
        if isinstance(exc, Rejected):
            headers += [(name.encode(), value.encode()) for name, value in exc.headers]
        if isinstance(exc, Failed) and exc.attempt is not None:
            # Whether to retry is said by the error already (ruling 59).
            headers += passed_on(recorder.attempts[exc.attempt], without="x-should-retry")
        headers += self.gateway.headers.failure(recorder, exc, status, now)
        return status, headers, body

    def _drop(self) -> None:
        """Drop a connection whose client does not read: what lies unsent would keep it for ever."""
        if self.watch.client is not None:
            self.watch.client.drop()

    def _close(self, error: BaseException | None) -> None:
        self.watch.stop()
        recorder, inbound, leaves = self.recorder, self.inbound, self.leaves
        if leaves is not None:
            leaves.gone(error)
            self.leaves = recorder.gate = None  # both hold us, and we hold them
        recorder.close(recorder.server, error)
        if error is not None:
            for record in recorder.records:  # a traceback holds us, and we hold it: only the collector would free both
                if record.error is not None:
                    record.error.__traceback__ = None
        self.gateway.view.add(recorder)
        if not inbound.recorded and logger.isEnabledFor(logging.INFO):  # ruling 24
            logger.info("%s %s %s %s", inbound.method, inbound.route, inbound.status, recorder.request_id)

    def _fault(self, exc: Exception) -> None:
        """Log a fault of our own: where it happened, and never its text, for nobody knows what is in it."""
        frames = "".join(traceback.format_tb(exc.__traceback__))
        logger.error(
            "request %s failed by a fault of the gateway: %s\n%s", self.recorder.request_id, type(exc).__name__, frames
        )


def passed_on(attempt: Attempt, without: str = "") -> Headers:
    """The fields of a provider's answer that pass to the client, where they can be sent."""
    return [
        (name.encode(), value.encode())
        for name, value in attempt.headers
        if name in PASSED_ON and name != without and value.isascii() and value.isprintable()
    ]


def _reason(exc: asyncio.CancelledError) -> object:
    return exc.args[0] if exc.args else None
