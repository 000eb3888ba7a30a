"""What a simulated provider saw and did, call by call: the truth that spans, headers and metrics are compared with."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from tracegate.wire.headers import Headers, header

KEEP = 100_000

_TIMES = ("asked", "began", "arrived", "first_sent", "first_body", "last_sent", "ended", "hung_up")
_PLAIN = ("number", "connection", "nth", "provider", "model", "step", "method", "path", "status", "events", "size")


class Entry:
    """One upstream call, as the provider saw it. Times are monotonic nanoseconds, `None` for what never happened.

    Attributes:
        number: Of this call, from 0, in order of arrival.
        connection, nth: On which connection, and as its how-manieth request, from 1.
        provider, model, step: Who was asked for what, and what was done, as `script_text.describe` says it.
        method, path, headers, body: As they came; names in lower case.
        status: As it was sent; `None` when no head was.
        events, size: Whole events and bytes of the body that were sent.
        asked: In memory only: the exchange was asked for.
        began, arrived: First byte and end of the request; `None` where it never came (in memory: no connection).
        first_sent: First byte of the head, or of what stands in its place.
        first_body, last_sent: First and last byte of the body.
        ended: The answer was complete, its framing too, or the provider closed the connection by script.
        closed: How the provider ended the connection by script: `close` or `reset`.
        hung_up: The caller left before that.
    """

    __slots__ = (*_TIMES, *_PLAIN, "body", "closed", "headers")

    def __init__(
        self,
        number: int,
        provider: str = "",
        model: str = "",
        step: str = "",
        method: str = "POST",
        path: str = "",
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        self.number = number
        self.connection: int | None = None
        self.nth = 0
        self.provider = provider
        self.model = model
        self.step = step
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.status: int | None = None
        self.events = 0
        self.size = 0
        self.closed: str | None = None
        self.asked: int | None = None
        self.began: int | None = None
        self.arrived: int | None = None
        self.first_sent: int | None = None
        self.first_body: int | None = None
        self.last_sent: int | None = None
        self.ended: int | None = None
        self.hung_up: int | None = None

    def __repr__(self) -> str:
        return f"Entry({self.number}, {self.provider}/{self.model}, {self.step!r}, status={self.status})"

    @property
    def over(self) -> bool:
        """Whether nothing more can happen to this call."""
        return self.ended is not None or self.hung_up is not None

    def header(self, name: str) -> str | None:
        """The first value of a field of the request; `name` in lower case."""
        return header(self.headers, name)

    def told(self) -> dict[str, Any]:
        """The entry as JSON has it; a body that is not UTF-8 stands in `body_base64`."""
        told: dict[str, Any] = {name: getattr(self, name) for name in (*_PLAIN, "closed", "headers", *_TIMES)}
        try:
            told["body"] = self.body.decode()
        except UnicodeDecodeError:
            told["body_base64"] = base64.b64encode(self.body).decode()
        return told


def read_entry(told: Mapping[str, Any]) -> Entry:
    """The entry that `Entry.told` told."""
    entry = Entry(told["number"])
    for name in (*_PLAIN, "closed", *_TIMES):
        setattr(entry, name, told[name])
    entry.headers = tuple((name, value) for name, value in told["headers"])
    encoded = told.get("body_base64")
    entry.body = base64.b64decode(encoded) if encoded is not None else told["body"].encode()
    return entry


class Log:
    """Entries in order of arrival; the oldest go when there are more than `keep`.

    Args:
        keep: How many entries are kept.
    """

    def __init__(self, keep: int = KEEP) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._count = 0

    def open(
        self, provider: str, model: str, step: str, method: str, path: str, headers: Headers, body: bytes
    ) -> Entry:
        """A new entry; see `Entry`."""
        entry = Entry(self._count, provider, model, step, method, path, headers, body)
        self._count += 1
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all entries; numbers go on from 0."""
        self._entries.clear()
        self._count = 0

    @property
    def count(self) -> int:
        """Calls since the beginning, those no longer kept included."""
        return self._count

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]

    def of(self, model: str) -> list[Entry]:
        """The calls that asked for a model, by its name or as `provider/model`."""
        return [entry for entry in self._entries if model in (entry.model, f"{entry.provider}/{entry.model}")]
