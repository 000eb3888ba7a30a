"""An OTLP receiver that answers at once and counts spans: `python -m tests.bench.sink`, ended by its standard input.

With `--delay 5` it answers after so many seconds.

It does not look into spans: that their bytes are right is what the tests of `telemetry` and the receiver of
`tracegate.testing` are for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from tests.bench.child import until_stdin_ends

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


class Counter:
    """How many spans arrived."""

    __slots__ = ("spans",)

    def __init__(self) -> None:
        self.spans = 0

    def take(self, path: bytes, body: bytes) -> None:
        """Count one export."""
        if path.endswith(b"/v1/traces"):
            self.spans += spans_in(body)


class Receiving(asyncio.Protocol):
    """One connection."""

    def __init__(self, counter: Counter, delay_s: float) -> None:
        self._counter = counter
        self._delay_s = delay_s
        self._got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a TCP one

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        got = self._got
        got += data
        while (end := got.find(b"\r\n\r\n")) >= 0:
            head = bytes(got[:end]).lower()
            size = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
            whole = end + 4 + size
            if len(got) < whole:
                return
            self._counter.take(head.split(b" ", 2)[1], bytes(got[end + 4 : whole]))
            del got[:whole]
            if self._delay_s:
                asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, ANSWER)
            else:
                self._transport.write(ANSWER)


def spans_in(request: bytes) -> int:
    """How many spans an `ExportTraceServiceRequest` has: field 1 (resource), in it field 2 (scope), in it field 2.

    >>> spans_in(bytes([0x0A, 8, 0x12, 6, 0x12, 1, 0, 0x12, 1, 0]))
    2
    """
    return sum(
        sum(1 for tag, _, _ in _fields(request, *scope[1:]) if tag == 0x12)
        for resource in _fields(request, 0, len(request))
        if resource[0] == 0x0A
        for scope in _fields(request, *resource[1:])
        if scope[0] == 0x12
    )


def _fields(data: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    """The length-delimited fields of a message between two places: tag, begin and end of each."""
    found: list[tuple[int, int, int]] = []
    while at < end:
        tag, at = data[at], at + 1
        size = shift = 0
        while True:
            byte, at = data[at], at + 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append((tag, at, at + size))
        at += size
    return found


async def main(delay_s: float) -> None:
    """Listen, say where, count until the input ends, say how many."""
    counter = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiving(counter, delay_s), "127.0.0.1", 0)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await until_stdin_ends()
    server.close()
    sys.stdout.write(json.dumps({"spans": counter.spans}) + "\n")


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(parser.parse_args().delay))
