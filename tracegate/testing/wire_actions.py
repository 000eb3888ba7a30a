"""What happens on the wire, as data: actions in order, made from a step and the pieces of a body.

First comes the whole answer, then what breaks it: a cut, a stall, a broken frame, each put into its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tracegate.testing.script import NEVER, At, Drip, Step

NOT_HTTP = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nProtocol mismatch.\r\n\r\n"
BAD_CHUNK = b"this is no chunk size\r\n"


class Pause:
    """Nothing happens for so many nanoseconds."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns


class Head:
    """The head is sent, whole or one half of it, maybe in drips."""

    __slots__ = ("drip", "part")

    def __init__(self, drip: Drip | None = None, part: Literal["whole", "first", "second"] = "whole") -> None:
        self.drip = drip
        self.part = part


class Data:
    """Bytes of the body; `event` says that a whole event ends here."""

    __slots__ = ("data", "event")

    def __init__(self, data: bytes, *, event: bool = False) -> None:
        self.data = data
        self.event = event


class Raw:
    """Bytes that break the framing, or are no HTTP at all."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class End:
    """The body's framing ends as it should."""

    __slots__ = ()


class Close:
    """The connection ends, by a reset or by a close."""

    __slots__ = ("reset",)

    def __init__(self, *, reset: bool) -> None:
        self.reset = reset


Action = Pause | Head | Data | Raw | End | Close
END = End()


def actions(step: Step, pieces: list[bytes], pings: int, opening: int, framing: str, *, stream: bool) -> list[Action]:
    """The whole answer, then what breaks it.

    Args:
        step: One step of a script.
        pieces: Of the body, in the content coding that is sent.
        pings: How many of the pieces are keep-alives; they come first.
        opening: How many of the others come before the first with output.
        framing: As `wire.Plan` has it.
        stream: Whether each piece that is no keep-alive is an event.
    """
    made: list[Action] = [Pause(step.wait), Head(step.head_drip)]
    for number, piece in enumerate(pieces, -pings):  # keep-alives have negative numbers
        pause = step.first_event // (pings + 1) if number <= 0 else step.pace
        if number == opening:
            pause = pause + step.first_token if number == 0 else step.first_token or step.pace
        made += (Pause(pause), Data(piece, event=stream and number >= 0))
    good_end: list[Action] = [Pause(step.linger), END]
    if framing == "close" or not step.keep_alive:
        good_end.append(Close(reset=False))
    made += good_end
    if step.bad_frame is not None:
        _interrupt(made, At("events", step.bad_frame), [Raw(BAD_CHUNK), Close(reset=False)])
    if step.cut is not None:
        ended = step.how == "end" or (step.how == "close" and framing == "close")
        _interrupt(made, step.cut, good_end if ended else [Close(reset=step.how == "reset")])
    if step.stall is not None:
        _interrupt(made, step.stall, [Pause(step.stall_for)], resume=step.stall_for < NEVER)
    if step.say == "not-http":
        made = [Pause(step.wait), Raw(NOT_HTTP), Close(reset=False)]
    if step.body_drip is not None:
        made = _dripped(step.body_drip, made)
    headed = any(isinstance(action, Head) and action.part != "first" for action in made)
    whole = size_of(made) == sum(map(len, pieces)) or step.how == "end"
    if headed and whole and framing in ("length", "none"):
        made = _ended_by_length(made)
    if isinstance(made[-1], Pause):
        made.append(END)  # never reached, so that there always is a next action
    return [action for action in made if not (isinstance(action, Pause) and action.ns == 0)]


def _interrupt(made: list[Action], at: At, instead: list[Action], *, resume: bool = False) -> None:
    """Put `instead` at a place and drop what comes after it, unless the answer resumes."""
    head = next((index for index, action in enumerate(made) if isinstance(action, Head)), len(made))
    match at.where:
        case "start":
            index = head
        case "mid-head":
            index = head + 1
            made[head : head + 1] = [Head(part="first"), Head(part="second")]
        case _:
            index = _place(made, head + 1, at)
    made[index:] = instead + (made[index:] if resume else [])


def _place(made: list[Action], index: int, at: At) -> int:
    """The index of a place in the body, where the action that it falls into is split."""
    events = sum(isinstance(action, Data) and action.event for action in made)
    size = size_of(made)
    count = at.count
    if at.where == "half" or (at.where == "events" and not events and count):
        count = size // 2
    by_events = at.where == "events" and events > 0
    left = {"head": 0, "end": size}.get(at.where, count)
    while left > 0 and index < len(made):
        action = made[index]
        if isinstance(action, Close | End | Raw):
            break
        index += 1
        if isinstance(action, Data):
            if not by_events and len(action.data) > left:
                made[index - 1 : index] = [Data(action.data[:left]), Data(action.data[left:], event=action.event)]
            left -= action.event if by_events else len(action.data)
    return index


def _ended_by_length(made: list[Action]) -> list[Action]:
    """The same where the body's last byte is its end, for its length was told: nothing can come late or be cut."""
    last = max(index for index, action in enumerate(made) if isinstance(action, Head | Data))
    return [*made[: last + 1], END, *(action for action in made[last + 1 :] if isinstance(action, Close))]


def size_of(made: Sequence[Action]) -> int:
    """How many bytes of the body are sent."""
    return sum(len(action.data) for action in made if isinstance(action, Data))


def _dripped(drip: Drip, made: list[Action]) -> list[Action]:
    dripped: list[Action] = []
    for action in made:
        if not isinstance(action, Data):
            dripped.append(action)
            continue
        data = action.data
        for at in range(0, len(data), drip.size):
            last = at + drip.size >= len(data)
            dripped += (Data(data[at : at + drip.size], event=action.event and last), Pause(drip.every))
    return dripped
