"""An answer as far as it was released, kept while it passes: bounded, and read late.

What passes is only put aside. Of a stream it is read whenever enough has come together, so that what is held is the
text and not the many times larger events around it; a whole answer is read when it is told.
"""

from __future__ import annotations

from typing import Any

from tracegate.dialects.sse import Decoder
from tracegate.telemetry.content_messages import Message
from tracegate.telemetry.content_values import MOST, Room, read_json
from tracegate.telemetry.model import Structured

TOGETHER = 32 * 1024
"""Bytes of a stream that are read at once: less than a millisecond of the event loop."""

EVENT = 4 * MOST
"""Bytes of one event; a larger one, and what follows it, is cut. Dialects bound events themselves."""

CHOICES = 128
"""Most choices of one answer. Source: OpenAI's API reference, `n`."""


class Said:
    """What one attempt said.

    Args:
        stream: It comes as events, not as one object.
    """

    __slots__ = ("_choices", "_decoder", "_fault", "_raw", "_room", "_size")

    def __init__(self, *, stream: bool) -> None:
        self._decoder = Decoder(EVENT) if stream else None
        self._raw: list[bytes] = []
        self._size = 0
        self._room = Room(MOST)
        self._choices: dict[int, Message] = {}
        self._fault: Exception | None = None

    def add(self, data: bytes) -> None:
        """Take what was released; never raises, for the answer has to go on."""
        self._raw.append(data)
        self._size += len(data)
        if self._decoder is not None and self._size >= TOGETHER:
            self._read()

    @property
    def held(self) -> int:
        """Bytes that it holds, about."""
        return self._size + MOST - self._room.left

    def messages(self) -> list[Structured]:
        """One message for each choice of which something was said, in their order.

        Raises:
            Exception: What went wrong when it was read.
        """
        self._read()
        if self._fault is not None:
            raise self._fault
        return [message.told() for _, message in sorted(self._choices.items())]

    def _read(self) -> None:
        raw, self._raw, self._size = self._raw, [], 0
        if self._fault is not None or not raw:
            return
        try:
            self._take(b"".join(raw))
        except Exception as exc:  # noqa: BLE001  # raised where it is told, and counted there
            self._fault = exc

    def _take(self, data: bytes) -> None:
        decoder = self._decoder
        if decoder is None:
            self._object(data)
            return
        for event in decoder.feed(data):
            self._object(event.data)
        if decoder.failure is not None and self._choices:
            next(reversed(self._choices.values())).cut += len(data)

    def _object(self, data: bytes) -> None:
        """One answer, or one event of it; anything else is not looked at, `[DONE]` for one."""
        value = read_json(data)
        choices = value.get("choices") if isinstance(value, dict) else None
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                said = choice.get("delta") or choice.get("message")
                if isinstance(said, dict):
                    self._choice(choice.get("index"), position).add(said, self._room)

    def _choice(self, index: Any, position: int) -> Message:
        index = index if isinstance(index, int) else position
        known = self._choices.get(index)
        if known is None:
            known = Message(pieces=self._decoder is not None)
            if len(self._choices) < CHOICES:
                self._choices[index] = known
        return known
