"""A decoder of server-sent events without input and output of its own: bytes in, whole events out.

It is not a client: nothing reconnects, and what an event means is the dialect's. Its rules are those of the WHATWG
HTML standard, section 9.2.6 (https://html.spec.whatwg.org/multipage/server-sent-events.html), with one addition:
each event comes with the bytes to forward, which are the provider's without its comments and with line ends made LF.
A block without `data` dispatches nothing and is dropped whole.
"""

from __future__ import annotations

from typing import NamedTuple

from tracegate.errors import Broken

_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event.

    `raw` is what to forward, its empty line included; `data` the payload; `name` the event's type, `None` for the
    default one. `id` and `retry` are this block's own, unlike the standard's last event id, which is the client's.
    """

    raw: bytes
    data: bytes
    name: bytes | None = None
    id: bytes | None = None
    retry: int | None = None


_plain = tuple.__new__  # half the cost of calling the class, which matters only for events of one line


class Decoder:
    """Decodes one stream.

    `failure` is set when an event is larger than the limit (`http_response_body_size`); nothing follows then. It is no
    exception, because the events before it are still to be told.

    Args:
        limit: Most bytes that one event may have; what the peer has not ended yet is kept up to this.
    """

    __slots__ = ("_begun", "_limit", "_return", "_tail", "failure")

    def __init__(self, limit: int) -> None:
        self.failure: Broken | None = None
        self._limit = limit
        self._begun = False
        self._return = False  # the last byte was CR: an LF that follows belongs to it
        self._tail = bytearray()  # the unfinished block, line ends made LF

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Take the next bytes, wherever they were cut, and return the events that they complete."""
        blocks = self.blocks(data)
        return self.events(blocks) if blocks else []

    def blocks(self, data: bytes) -> bytes:
        """Take the next bytes, and return the blocks that they complete, line ends made LF, for `events` to take apart.

        Each ends with its empty line. Whoever knows a quicker way to read some of them need not ask for events.
        """
        if not self._begun:
            if self.failure is not None:
                return b""
            data = self._begin(data)
        if self._return and data:
            self._return = False
            if data[0] == 10:
                data = data[1:]
        if 13 in data:  # bytes in the place of the number are found by an exception within
            self._return = data[-1] == 13
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        tail = self._tail
        if tail:
            searched = len(tail) - 1
            tail += data
            end = tail.rfind(b"\n\n", searched) + 2
            data = bytes(tail[:end]) if end > 1 else b""
            del tail[: len(data)]
        elif data[-2:] != b"\n\n":
            end = data.rfind(b"\n\n") + 2
            tail += data[end:] if end > 1 else data
            data = data[:end] if end > 1 else b""
        if len(tail) > self._limit:
            self._shrink()
        return data

    def events(self, blocks: bytes) -> list[ServerEvent]:
        """The events of whole blocks, up to one that is too large."""
        limit = self._limit
        if blocks.startswith(b"data: ") and blocks.find(b"\n") == len(blocks) - 2 and len(blocks) <= limit:
            return [_plain(ServerEvent, (blocks, blocks[6:-2], None, None, None))]  # the commonest read by far
        events: list[ServerEvent] = []
        for block in blocks[:-2].split(b"\n\n"):
            if len(block) + 2 > limit:
                self._fail()
                return events
            if block.startswith(b"data: ") and 10 not in block:
                events.append(_plain(ServerEvent, (block + b"\n\n", block[6:], None, None, None)))
            elif (event := _parsed(block)) is not None:
                events.append(event)
        return events

    def _begin(self, data: bytes) -> bytes:
        """Drop the byte order mark that may stand in front, however it is cut."""
        data = bytes(self._tail) + data
        self._tail.clear()
        if len(data) < 3 and _BOM.startswith(data):
            self._tail += data
            return b""
        self._begun = True
        return data.removeprefix(_BOM)

    def _shrink(self) -> None:
        """Make the unfinished block smaller, or fail."""
        # Comments may keep a connection alive for long without an empty line between them; they need no room.
        *lines, last = bytes(self._tail).split(b"\n")
        kept = [line for line in lines if not line.startswith(b":")]
        self._tail = bytearray(b"\n".join([*kept, last]))
        if len(self._tail) > self._limit:
            self._fail()

    def _fail(self) -> None:
        self._tail.clear()
        self._begun = False  # from now on `feed` looks at `failure`, which the usual path need not
        self.failure = Broken("http_response_body_size", f"An event of the stream is larger than {self._limit} bytes.")


def edge(blocks: bytes, at: int, of: int) -> int:
    """Where the block begins that stands at a place, or the blocks end.

    Args:
        blocks: None of them empty.
        at: Its number, from 0 on.
        of: How many there are.
    """
    place = 0
    if at <= of // 2:
        for _ in range(at):
            place = blocks.index(b"\n\n", place) + 2
        return place
    place = len(blocks)
    for _ in range(of - at):
        place = blocks.rindex(b"\n\n", 0, place - 2) + 2
    return place


def _parsed(block: bytes) -> ServerEvent | None:
    """The event of one block between empty lines, or `None` where it has no data."""
    lines = [line for line in block.split(b"\n") if line and not line.startswith(b":")]
    data: list[bytes] = []
    name = ident = retry = None
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value or None
        elif field == b"id":
            if b"\0" not in value:
                ident = value
        elif field == b"retry" and value.isdigit() and len(value) < 16:
            retry = int(value)
    return ServerEvent(b"\n".join(lines) + b"\n\n", b"\n".join(data), name, ident, retry) if data else None
