"""`POST /v1/chat/completions`: one path for unary and streamed answers."""

from __future__ import annotations

from tracegate.events import Chunk
from tracegate.hop import Call, Reply
from tracegate.server.endpoint import Session, passed_on
from tracegate.telemetry.parameters import READ
from tracegate.wire.body import Body
from tracegate.wire.headers import header

DONE = b"data: [DONE]\n\n"
EVENTS = b"text/event-stream; charset=utf-8"
ALIAS = 256  # characters of the client's `model` that are kept as the alias
MEDIA = 256  # characters of a provider's content type that pass; the leaf has it too, where nothing says `unknown`


async def chat(session: Session) -> None:
    """Answer a chat completion."""
    gateway, inbound, recorder = session.gateway, session.inbound, session.recorder
    inbound.body = body = Body(await session.body())
    inbound.alias = body.model[:ALIAS]
    inbound.stream = body.stream
    selected = gateway.routes.select(body.model, session.may)
    deadline = session.on_route(selected.name, selected.deadline_ns)
    reply = await selected.hop(Call(body, recorder, recorder.server, deadline, gateway.clock, gateway.ids))
    async with reply:
        if body.stream:
            await _stream(session, reply, body)
        else:
            await _whole(session, reply)


async def _whole(session: Session, reply: Reply) -> None:
    """A unary answer: every record but the SERVER's is closed before its head is rendered."""
    data = b""
    while isinstance(event := await reply.next(), Chunk):
        data += event.data
    await session.whole(_content_type(reply), data, passed_on(reply.attempt))


async def _stream(session: Session, reply: Reply, body: Body) -> None:
    """A streamed answer: its head is a snapshot at the commit, its comment block is final."""
    gateway, recorder, inbound, leaves = session.gateway, session.recorder, session.inbound, session.leaves
    if recorder.gate is not None:
        await recorder.gate()
    head = [(b"content-type", EVENTS), (b"cache-control", b"no-store")]
    head += passed_on(reply.attempt)
    head += gateway.headers.success(recorder, gateway.clock.now())
    if leaves is not None:
        leaves.begin(EVENTS.decode())
        head += leaves.signed(200, head)
    await session.start(200, head)
    del head  # a stream may be open for long: what it does not need any more goes
    if not gateway.content:
        body.keep(READ)
    while isinstance(event := await reply.next(), Chunk):
        await session.send(event.data, more=True)
        inbound.chunks += event.count
        if leaves is not None:
            leaves.send(event.data, event.texts)
        del event  # nothing of it is kept until the next one comes
    receipt = None if leaves is None else await session.finished(leaves, None)
    comment = gateway.headers.comment(recorder, None, receipt) if gateway.comments else b""
    await session.send(comment + DONE, more=False)


def _content_type(reply: Reply) -> bytes:
    said = (header(reply.attempt.headers, "content-type") or "").strip()
    fits = said and len(said) <= MEDIA and said.isascii() and said.isprintable() and said != "unknown"
    return said.encode() if fits else b"application/json"
