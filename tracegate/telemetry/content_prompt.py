"""The prompt of an attempt: messages, instructions and tools of the request as it was sent to one target.

Each is bounded by itself. Of messages the newest are told first, for the oldest were told by the requests before; of
tools the first. What is left out is counted where the cut is (`CUT`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tracegate.facts import Target
from tracegate.telemetry import names
from tracegate.telemetry.content_messages import Message, message_of
from tracegate.telemetry.content_values import CUT, MOST, Room, elements, read_json, size_of, structured
from tracegate.telemetry.model import Structured
from tracegate.telemetry.text import fit
from tracegate.wire.body import Body

_INSTRUCTIONS = ("instructions", "system")
"""Members of a body that hold instructions apart from the messages. Chat completions have none: what the role `system`
says is a message, as the convention asks."""


def prompt(body: Body, target: Target) -> dict[str, Structured]:
    """The attributes that tell the prompt, the configured defaults and forced fields of the target included."""
    fields: Mapping[str, msgspec.Raw | bytes] = {**target.defaults, **body.fields, **target.forced}
    found: dict[str, Structured] = {
        names.GEN_AI_SYSTEM_INSTRUCTIONS: _instructions(fields, Room(MOST)),
        names.GEN_AI_INPUT_MESSAGES: _messages(fields.get("messages"), Room(MOST)),
        names.GEN_AI_TOOL_DEFINITIONS: _tools(fields, Room(MOST)),
    }
    return {name: value for name, value in found.items() if value}


def _messages(raw: msgspec.Raw | bytes | None, room: Room) -> list[Structured]:
    told: list[Message] = []
    left_out = 0
    for element in reversed(elements(raw)):
        if room.left <= 0:
            left_out += size_of(element)
        elif isinstance(said := read_json(element), dict):
            told.append(message_of(said, room))
    if told:
        told[-1].cut += left_out
    return [message.told() for message in reversed(told)]


def _instructions(fields: Mapping[str, msgspec.Raw | bytes], room: Room) -> list[Structured]:
    message = Message("system")
    for name in _INSTRUCTIONS:
        if name in fields:
            message.add({"content": read_json(fields[name])}, room)
    parts = message.parts()
    if parts and message.cut:
        last = parts[-1]
        parts[-1] = {**last, CUT: message.cut} if isinstance(last, dict) else last
    return parts


def _tools(fields: Mapping[str, msgspec.Raw | bytes], room: Room) -> list[Structured]:
    told: list[dict[str, Structured]] = []
    for element in (*elements(fields.get("tools")), *elements(fields.get("functions"))):
        if room.left <= 0:
            room.cut += size_of(element)
        elif isinstance(tool := read_json(element), dict):
            told.append(_definition(tool, room))
    if told and room.cut:
        told[-1][CUT] = room.cut
    return [*told]


def _definition(tool: Mapping[str, Any], room: Room) -> dict[str, Structured]:
    """A tool; what OpenAI nests below its type stands beside it in the convention."""
    kind = tool.get("type")
    kind = fit(kind) if isinstance(kind, str) else "function"
    inner = tool.get(kind)
    members = inner if isinstance(inner, dict) else tool
    name = members.get("name")
    told: dict[str, Structured] = {"type": kind, "name": fit(name) if isinstance(name, str) else kind}
    room.part()
    for key, value in members.items():
        if key in ("", "type", "name"):
            continue
        if key == "description" and isinstance(value, str):
            told[key] = room.text(value)
        elif room.whole(given := structured(value)):
            told[key] = given
    return told
