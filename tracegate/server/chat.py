"""`POST /v1/chat/completions`: one path for unary and streamed answers."""

from __future__ import annotations

from tracegate.events import Chunk
from tracegate.hop import Call, Reply
from tracegate.server.endpoint import Session
from tracegate.wire.body import Body
from tracegate.wire.headers import header

DONE = b"data: [DONE]\n\n"
PASSED_ON = ("openai-processing-ms", "x-should-retry")  # of the provider's header, beside its content type (ruling 63)


async def chat(session: Session) -> None:
    """Answer a chat completion."""
    gateway, inbound, recorder = session.gateway, session.inbound, session.recorder
    body = Body(await session.body())
    inbound.body = body
    inbound.alias = body.model
    inbound.stream = body.stream
    selected = gateway.routes.select(body.model, session.caller.may)
    deadline = recorder.origin + selected.deadline_ns
    session.watch.bound(deadline)
    reply = await selected.hop(Call(body, recorder, recorder.server, deadline, gateway.clock, gateway.ids))
    async with reply:
        if body.stream:
            await _stream(session, reply)
        else:
            await _whole(session, reply)


async def _whole(session: Session, reply: Reply) -> None:
    """A unary answer: every record but the SERVER's is closed before its head is rendered."""
    gateway = session.gateway
    data = b""
    while isinstance(event := await reply.next(), Chunk):
        data += event.data
    headers = [
        (b"content-type", _content_type(reply)),
        (b"content-length", b"%d" % len(data)),
        *_passed_on(reply),
        *gateway.headers.success(session.recorder, gateway.clock.now()),
    ]
    await session.start(200, headers)
    await session.send(data, more=False)


async def _stream(session: Session, reply: Reply) -> None:
    """A streamed answer: its head is a snapshot at the commit, its comment block is final."""
    gateway, recorder, inbound = session.gateway, session.recorder, session.inbound
    if gateway.gate is not None:
        await gateway.gate()
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        *_passed_on(reply),
        *gateway.headers.success(recorder, gateway.clock.now()),
    ]
    await session.start(200, headers)
    while isinstance(event := await reply.next(), Chunk):
        inbound.chunks += event.count
        await session.send(event.data, more=True)
    comment = gateway.headers.comment(recorder, None, gateway.clock.now()) if gateway.comments else b""
    await session.send(comment + DONE, more=False)


def _content_type(reply: Reply) -> bytes:
    return (header(reply.attempt.headers, "content-type") or "application/json").encode("latin-1")


def _passed_on(reply: Reply) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in reply.attempt.headers if name in PASSED_ON]
