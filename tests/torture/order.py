"""What was on the disk before what was sent: a trace of a gateway's system calls, held to the two phases of a record.

A leaf is durable where a sync of its segment ended that began behind its write. A provider is called behind the
record's intent, an answer or a closing comment is sent behind its final, and so is nothing of a stream before its
intent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.torture.clients import RECORD, number_of
from tests.torture.traced import Call
from tracegate.audit.canonical import decode
from tracegate.audit.receipt import parse_receipt
from tracegate.audit.segments import CHECK, HEAD

What = Literal["call", "answer", "stream", "comment"]

_RECEIPT = re.compile(rb"^: tracegate-receipt ([\w-]+)\n", re.MULTILINE)
_ASKED = re.compile(rb"Who serves\? \d+")


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that a gateway sent.

    Args:
        what: A call of a provider, a whole answer, the head of a stream, a closing comment.
        record: Whose.
        at: Where it began.
        call: With which it was sent.
    """

    what: What
    record: str
    at: int
    call: Call

    @property
    def needs(self) -> str:
        """The leaf that must be durable before it."""
        return "intent" if self.what in ("call", "stream") else "final"


def durable(calls: Sequence[Call]) -> dict[tuple[str, str], int]:
    """From where on a leaf is durable, by record and type."""
    found: dict[tuple[str, str], int] = {}
    waiting: dict[str, list[tuple[int, tuple[str, str]]]] = {}
    for call in calls:
        if not call.on.endswith(".seg") or call.ended is None:
            continue
        if call.name == "write":
            waiting.setdefault(call.on, []).extend((call.ended, leaf) for leaf in _leaves(call.data[: call.result]))
        elif call.name in ("fdatasync", "fsync") and call.result == 0:
            written = waiting.pop(call.on, [])
            waiting[call.on] = [one for one in written if one[0] > call.begun]
            found |= {leaf: call.ended for at, leaf in written if at <= call.begun}
    return found


def sent(calls: Sequence[Call], port: int, records: Mapping[int, str]) -> Iterator[Sent]:
    """What a gateway sent.

    Args:
        calls: Of it.
        port: Where it listens.
        records: Of requests, by their numbers.
    """
    for call in calls:
        if "TCP:" not in call.on or call.name not in ("write", "writev", "sendto", "sendmsg"):
            continue
        data = call.data
        if f":[127.0.0.1:{port}->" not in call.on:
            if _ASKED.search(data):
                yield Sent("call", records.get(number_of(data), "?"), call.begun, call)
            continue
        if head := RECORD.search(data):
            streamed = b"text/event-stream" in data.partition(b"\r\n\r\n")[0]
            yield Sent("stream" if streamed else "answer", head[1].decode(), call.begun, call)
        for receipt in _RECEIPT.finditer(data):
            leaf = parse_receipt(receipt[1].decode()).leaf
            assert leaf is not None
            yield Sent("comment", decode(leaf)["record_id"], call.begun, call)


def early(calls: Sequence[Call], every: Sequence[Sent]) -> list[str]:
    """What was sent before the leaf that it needs was on the disk."""
    leaves = durable(calls)
    return [
        f"{one.what} of {one.record} at {one.at}: its {one.needs} is durable from {leaves.get((one.record, one.needs))}"
        for one in every
        if leaves.get((one.record, one.needs), one.at) >= one.at
    ]


def _leaves(frames: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(frames):
        end = at + HEAD + int.from_bytes(frames[at : at + HEAD - CHECK], "big")
        leaf: dict[str, Any] = decode(frames[at + HEAD : end])
        if "record_id" in leaf:
            yield leaf["record_id"], leaf["type"]
        at = end
