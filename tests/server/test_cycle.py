"""How an answer is written: the same bytes as uvicorn's own cycle writes, in fewer pieces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tracegate.server.cycle import Cycle

LENGTH = (b"content-length", b"4")
Message = dict[str, Any]


DATE = (b"date", b"Tue, 24 Nov 2026 10:00:00 GMT")


class Transport:
    """What was written to a client."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        """See `asyncio.Transport`."""
        self.written.append(data)

    def close(self) -> None:
        """See `asyncio.Transport`."""
        self.closed = True

    def is_closing(self) -> bool:
        """See `asyncio.Transport`."""
        return self.closed


class Connected:
    """A connection as a cycle sees it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.full = self.gone = False
        self.fields: Sequence[tuple[bytes, bytes]] = (DATE,)
        self.ends = 0
        self.reads = 0
        self.over: list[asyncio.Task[None]] = []
        self.taken = asyncio.Event()

    def read(self) -> None:
        """See `Connection`."""
        self.reads += 1

    async def room(self) -> None:
        """See `Connection`."""
        await self.taken.wait()

    def close(self) -> None:
        """See `Connection`."""
        self.transport.close()

    def answered(self) -> None:
        """See `Connection`."""
        self.ends += 1

    def ended(self, task: asyncio.Task[None]) -> None:
        """See `Connection`."""
        self.over.append(task)


class Answered:
    """One of our cycles, and what it came to."""

    def __init__(self, method: str = "POST", keep_alive: bool = True, expects: bool = True) -> None:
        self.transport = Transport()
        self.connection = Connected(self.transport)
        scope: Message = {"type": "http", "method": method}
        self.cycle = Cycle(self.connection, scope, keep_alive=keep_alive, expects=expects)

    async def told(self, messages: Sequence[Message]) -> tuple[object, ...]:
        """Send messages; all that can be seen of it afterwards."""
        fault = await told(self.cycle.send, messages)
        cycle, transport = self.cycle, self.transport
        state = cycle.keep_alive, cycle.complete, cycle._news, cycle.expects
        return b"".join(transport.written), transport.closed, self.connection.ends, state, fault


class AsUvicorn:
    """The same of uvicorn's."""

    def __init__(self, method: str = "POST", keep_alive: bool = True) -> None:
        self.transport = Transport()
        self.ended = 0
        silent = logging.getLogger("tests.cycle")
        self.cycle = RequestResponseCycle(
            scope=cast("Any", {"type": "http", "method": method}),
            transport=cast("asyncio.Transport", self.transport),
            flow=FlowControl(cast("asyncio.Transport", self.transport)),
            logger=silent,
            access_logger=silent,
            access_log=False,
            default_headers=[DATE],
            message_event=asyncio.Event(),
            expect_100_continue=True,
            keep_alive=keep_alive,
            on_response=self._end,
        )

    def _end(self) -> None:
        self.ended += 1

    async def told(self, messages: Sequence[Message]) -> tuple[object, ...]:
        """See `Answered.told`."""
        fault = await told(self.cycle.send, messages)
        cycle, transport = self.cycle, self.transport
        state = (
            cycle.keep_alive,
            cycle.response_complete,
            cycle.message_event.is_set(),
            cycle.waiting_for_100_continue,
        )
        return b"".join(transport.written), transport.closed, self.ended, state, fault


async def told(send: Any, messages: Sequence[Message]) -> str:
    """Send messages; the fault that was found with them."""
    try:
        for message in messages:
            await send(message)
    except RuntimeError as exc:
        return type(exc).__name__
    return ""


def head(*fields: tuple[bytes, bytes], status: int = 200) -> Message:
    """The beginning of an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(fields)}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    """A part of it."""
    return {"type": "http.response.body", "body": data, "more_body": more}


ANSWERS: dict[str, list[Message]] = {
    "whole": [head((b"content-type", b"text/plain"), LENGTH), body(b"four")],
    "in parts of known length": [head(LENGTH), body(b"fo", more=True), body(b"ur")],
    "chunked": [head((b"X-Case", "\tümlaut".encode("latin-1"))), body(b"a", more=True), body(more=True), body(b"b")],
    "chunked in large parts": [head(), body(b"a" * 5_000, more=True), body(b"b" * 5_000)],
    "chunked with nothing in it": [head(), body()],
    "chunked as it says itself": [head((b"transfer-encoding", b"Chunked")), body(b"a")],
    "of a framing nobody knows": [head((b"transfer-encoding", b"gzip"), LENGTH), body(b"four")],
    "of two lengths": [head(LENGTH, (b"content-length", b"7")), body(b"four")],
    "of two framings": [head((b"transfer-encoding", b"chunked"), LENGTH), body(b"four")],
    "no content": [head(status=204), body()],
    "not modified": [head(status=304), body()],
    "of a status without a name": [head(status=599), body(b"a")],
    "the last one": [head((b"connection", b"x, Close"), LENGTH), body(b"four")],
    "of a connection that is kept": [head((b"connection", b"keep-alive"), LENGTH), body(b"four")],
    "without fields": [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}],
}


@pytest.mark.parametrize("messages", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("keep_alive", [True, False])
def test_an_answer_is_written_as_uvicorn_writes_it(messages: list[Message], method: str, keep_alive: bool) -> None:
    """To the last byte, and with the same end."""

    async def main() -> None:
        theirs = await AsUvicorn(method, keep_alive).told(messages)
        assert await Answered(method, keep_alive).told(messages) == theirs

    asyncio.run(main())


def test_a_whole_answer_is_one_write() -> None:
    """And a stream's head goes with its first part."""

    async def main() -> None:
        whole, streamed = Answered(), Answered()
        await whole.told(ANSWERS["whole"])
        await streamed.told([head()])
        assert (len(whole.transport.written), streamed.transport.written) == (1, [])
        await streamed.told([body(b"a", more=True), body(b"b", more=True)])
        assert [part[-6:] for part in streamed.transport.written] == [b"1\r\na\r\n", b"1\r\nb\r\n"]

    asyncio.run(main())


FORBIDDEN = [
    *[(b"x-%c" % byte, b"") for byte in (*range(0x21), 0x7F, *b'()<>@,;:\\[]={}"')],
    *[(b"x", b"a%cb" % byte) for byte in (*range(0x20), 0x7F) if byte != 9],
]


def test_no_field_can_split_an_answer() -> None:
    """Every byte is allowed, or not, as with uvicorn."""

    async def main() -> None:
        every = [(b"x-%c" % byte, b"") for byte in range(256)] + [(b"x", b"a%cb" % byte) for byte in range(256)]
        refused = []
        for field in every:
            messages = [head(field, LENGTH), body(b"four")]
            assert (await Answered().told(messages)) == (await AsUvicorn().told(messages))
            ours = Answered()
            await ours.told(messages)
            if not ours.transport.written:
                refused.append(field)
        assert refused == sorted(FORBIDDEN, key=every.index)

    asyncio.run(main())


WRONG: dict[str, list[Message]] = {
    "a body without a head": [body(b"four")],
    "two heads": [head(LENGTH), head(LENGTH)],
    "more after the end": [head(LENGTH), body(b"four"), body(b"five")],
    "more than its length": [head(LENGTH), body(b"fiver")],
    "less than its length": [head(LENGTH), body(b"two")],
    "something else": [{"type": "http.response.push"}],
}


@pytest.mark.parametrize("messages", WRONG.values(), ids=WRONG)
def test_what_an_application_must_not_send_is_its_fault(messages: list[Message]) -> None:
    """It is told, and a body that does not fit its head is never sent as if it did."""

    async def main() -> None:
        ours = Answered()
        assert (await ours.told(messages))[-1] == "RuntimeError"
        if "length" in str(messages[0]) and len(messages) == 2:
            assert ours.transport.written == []

    asyncio.run(main())


@pytest.mark.parametrize("left", [False, True])
def test_a_client_that_does_not_read_is_waited_for(left: bool) -> None:
    """What it reads no more because it left is dropped."""

    async def main() -> None:
        ours = Answered()
        ours.connection.full = True
        sent = asyncio.ensure_future(ours.told(ANSWERS["whole"]))
        await asyncio.sleep(0)
        assert ours.transport.written == []
        ours.connection.gone = left
        ours.connection.full = False
        ours.connection.taken.set()
        await sent
        assert len(ours.transport.written) == (0 if left else 1)
        ours.connection.gone = ours.connection.full = True
        await ours.cycle.send(cast("Any", body(b"more")))  # returns at once

    asyncio.run(main())


# --- the request ---


def test_a_body_is_received_as_far_as_it_came() -> None:
    """At once what is there, else what comes next; a client that waits to be asked for it is."""

    async def main() -> None:
        ours = Answered()
        cycle = ours.cycle
        assert [cycle.came(part) for part in (b"a", b"bc", b"d")] == [1, 3, 4]
        assert await cycle.receive() == {"type": "http.request", "body": b"abcd", "more_body": True}
        assert ours.transport.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        waits = asyncio.ensure_future(cycle.receive())
        await asyncio.sleep(0)
        assert not waits.done()
        cycle.came(b"e")
        cycle.more = False
        cycle.tell()
        assert await waits == {"type": "http.request", "body": b"e", "more_body": False}
        assert (len(ours.transport.written), ours.connection.reads) == (1, 2)

    asyncio.run(main())


@pytest.mark.parametrize("end", ["left", "answered"])
def test_after_the_end_there_is_nothing_to_receive(end: str) -> None:
    """Whoever waits for something learns it, as does who asks later."""

    async def main() -> None:
        ours = Answered(expects=False)
        waits = asyncio.ensure_future(ours.cycle.receive())
        await asyncio.sleep(0)
        if end == "left":
            ours.connection.gone = True
            ours.cycle.tell()
        else:
            await ours.told(ANSWERS["whole"])
        assert await waits == await ours.cycle.receive() == {"type": "http.disconnect"}

    asyncio.run(main())


def test_a_wait_that_was_cancelled_leaves_nothing() -> None:
    """The next one waits as the first."""

    async def main() -> None:
        ours = Answered(expects=False)
        waits = asyncio.ensure_future(ours.cycle.receive())
        await asyncio.sleep(0)
        waits.cancel()
        await asyncio.wait([waits])
        ours.cycle.came(b"a")
        assert (await ours.cycle.receive())["body"] == b"a"

    asyncio.run(main())


# --- the application ---

FAULT = (
    b"HTTP/1.1 500 Internal Server Error\r\ndate: Tue, 24 Nov 2026 10:00:00 GMT\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\nconnection: close\r\n\r\n"
)


@pytest.mark.parametrize("messages", [[], [head(LENGTH)], ANSWERS["whole"]])
@pytest.mark.parametrize("end", ["return", "fault", "cancel"])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_an_application_that_does_not_finish_its_answer_breaks_it_off(
    messages: list[Message], end: str, left: bool, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As with uvicorn: as a fault of the server where nothing was sent, else by the end of the connection."""

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await told(send, messages)
            if end == "fault":
                raise ValueError("it broke")
            if end == "cancel":
                raise asyncio.CancelledError

        ours = Answered(method)
        task = ours.cycle.start(app, asyncio.get_running_loop())
        await asyncio.sleep(0)
        ours.connection.gone = left
        await asyncio.wait([task])
        await asyncio.sleep(0)
        whole = messages == ANSWERS["whole"]
        assert ours.connection.over == [task]
        assert ours.transport.closed is (end != "return" or not (whole or left))
        if not messages and not left:
            assert b"".join(ours.transport.written) == FAULT + (b"Internal Server Error" if method == "POST" else b"")
        said = {"fault": "Exception in ASGI application\n"}.get(end, "")
        if end == "return" and not (whole or left):
            said = f"ASGI callable returned without {'completing' if messages else 'starting'} response."
        assert [record.getMessage() for record in caplog.records] == ([said] if said else [])

    asyncio.run(main())
