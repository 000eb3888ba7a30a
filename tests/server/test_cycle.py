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


class Answered:
    """A cycle of the class given, and what it came to."""

    def __init__(self, of: type[RequestResponseCycle], method: str = "POST", keep_alive: bool = True) -> None:
        self.transport = Transport()
        self.ended = 0
        silent = logging.getLogger("tests.cycle")
        self.cycle = of(
            scope=cast("Any", {"type": "http", "method": method}),
            transport=cast("asyncio.Transport", self.transport),
            flow=FlowControl(cast("asyncio.Transport", self.transport)),
            logger=silent,
            access_logger=silent,
            access_log=False,
            default_headers=[(b"date", b"Tue, 24 Nov 2026 10:00:00 GMT")],
            message_event=asyncio.Event(),
            expect_100_continue=True,
            keep_alive=keep_alive,
            on_response=self._end,
        )

    def _end(self) -> None:
        self.ended += 1

    async def told(self, messages: Sequence[Message]) -> tuple[object, ...]:
        """Send messages; all that can be seen of it afterwards."""
        fault = ""
        try:
            for message in messages:
                await self.cycle.send(cast("Any", message))
        except RuntimeError as exc:
            fault = type(exc).__name__
        cycle, transport = self.cycle, self.transport
        state = (
            cycle.keep_alive,
            cycle.response_complete,
            cycle.message_event.is_set(),
            cycle.waiting_for_100_continue,
        )
        return b"".join(transport.written), transport.closed, self.ended, state, fault


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
        theirs = await Answered(RequestResponseCycle, method, keep_alive).told(messages)
        assert await Answered(Cycle, method, keep_alive).told(messages) == theirs

    asyncio.run(main())


def test_a_whole_answer_is_one_write() -> None:
    """And a stream's head goes with its first part."""

    async def main() -> None:
        whole, streamed = Answered(Cycle), Answered(Cycle)
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
            assert (await Answered(Cycle).told(messages)) == (await Answered(RequestResponseCycle).told(messages))
            ours = Answered(Cycle)
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
        ours = Answered(Cycle)
        assert (await ours.told(messages))[-1] == "RuntimeError"
        if "length" in str(messages[0]) and len(messages) == 2:
            assert ours.transport.written == []

    asyncio.run(main())


@pytest.mark.parametrize("left", [False, True])
def test_a_client_that_does_not_read_is_waited_for(left: bool) -> None:
    """What it reads no more because it left is dropped."""

    async def main() -> None:
        ours = Answered(Cycle)
        ours.cycle.flow.pause_writing()
        sent = asyncio.ensure_future(ours.told(ANSWERS["whole"]))
        await asyncio.sleep(0)
        assert ours.transport.written == []
        ours.cycle.disconnected = left
        ours.cycle.flow.resume_writing()
        await sent
        assert len(ours.transport.written) == (0 if left else 1)
        ours.cycle.disconnected = True
        ours.cycle.flow.pause_writing()
        await ours.cycle.send(cast("Any", body(b"more")))  # returns at once

    asyncio.run(main())
