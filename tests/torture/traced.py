"""What a process asked of the system, as strace tells it: each call with where it began and where it ended.

The order of beginnings and ends is that in which strace saw them, over all threads: a call that ended before another
began happened before it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

WHOLE = 1_000_000
"""Bytes of an argument that are told: more than any call of the gateway has."""

FILES = "openat,write,pwrite64,ftruncate,fdatasync,fsync,rename,unlink,unlinkat,rmdir,mkdir"
"""Calls that change files, or say that a change is on the disk."""

WIRE = "write,writev,sendto,sendmsg"
"""Calls that send something over a socket."""

_LINE = re.compile(r"(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)")
_RETURNED = re.compile(r"\) += ")
_ENDED = re.compile(r"\) += (-?\d+)(?:<(.*)>)?[^\"]*")
_UNFINISHED = " <unfinished ...>"
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PIECE = re.compile(r'iov_base="((?:[^"\\]|\\.)*)"')
_OPEN = re.compile(r"(\d+)<(\w+:\[[^\]]*\]|[^>]*)>")


@dataclass(eq=False, slots=True)
class Call:
    """One system call.

    Args:
        thread: That made it.
        name: Of the call.
        said: Its arguments, as strace writes them.
        begun: Its place in the order of all beginnings and ends.
        ended: As `begun`; `None` where it did not return.
        result: What it returned; below 0 it failed.
        opened: The file of the descriptor that it returned.
    """

    thread: int
    name: str
    said: str
    begun: int
    ended: int | None = None
    result: int = -1
    opened: str = ""

    @property
    def on(self) -> str:
        """The file, or the socket, of its first argument; empty where that is no descriptor."""
        found = _OPEN.match(self.said)
        return found[2] if found else ""

    @property
    def names(self) -> list[str]:
        """The texts among its arguments: of a call that is given names, those."""
        return [_plain(text).decode() for text in _TEXT.findall(self.said)]

    @property
    def data(self) -> bytes:
        """What it was given to write, of which `result` bytes were taken."""
        pieces = _PIECE.findall(self.said) or _TEXT.findall(self.said)[:1]
        return b"".join(map(_plain, pieces))

    @property
    def number(self) -> int:
        """Its last argument, where that is a number."""
        return int(self.said.rpartition(", ")[2])


def calls_of(text: str) -> list[Call]:
    """The calls of a trace that was made with `-f -yy -s WHOLE`, in the order in which they began."""
    found: list[Call] = []
    open_: dict[int, Call] = {}
    for place, line in enumerate(text.split("\n")):
        told = _LINE.fullmatch(line)
        if told is None:
            continue  # a signal, or an end
        thread, rest = int(told[1]), told[4]
        if told[2]:
            call = open_[thread] = Call(thread, told[2], rest.removesuffix(_UNFINISHED), place)
            found.append(call)
            if rest.endswith(_UNFINISHED):
                continue
            # What is in quotes may look like an end; behind them there is one.
            returned = _RETURNED.search(rest, max(0, rest.rfind('"')))
            if returned is None:
                continue
            call.said, rest = rest[: returned.start()], rest[returned.start() :]
        else:
            call = open_[thread]
        ended = _ENDED.match(rest.lstrip(" "))
        if ended is not None:
            call.ended, call.result, call.opened = place, int(ended[1]), ended[2] or ""
    return found


def moments(calls: list[Call]) -> Iterator[tuple[Call, bool]]:
    """Beginnings and ends in their order; with each whether it is an end."""
    order = [(call.begun, False, call) for call in calls]
    order += [(call.ended, True, call) for call in calls if call.ended is not None]
    for _, ends, call in sorted(order, key=lambda moment: moment[:2]):
        yield call, ends


def _plain(text: str) -> bytes:
    raw, _ = codecs.escape_decode(text.encode("latin-1"))
    return bytes(raw)
