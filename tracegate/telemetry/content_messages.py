"""Messages in the convention's form: a role, and parts of text, reasoning, tool calls, responses, media.

A message is put together from what is said in OpenAI's form, all at once or in pieces, so prompts, whole answers and
streamed ones go one way. What the convention has no part for keeps its own type and members.
Source: `gen-ai-{input,output}-messages.json` of the pinned convention; https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any, Literal

from tracegate.telemetry.content_media import media
from tracegate.telemetry.content_values import CUT, Room, read_json, structured
from tracegate.telemetry.model import Structured
from tracegate.telemetry.text import fit

_TEXTS = frozenset(("text", "input_text", "output_text"))
_RESPONSES = frozenset(("tool", "function"))


def message_of(said: Mapping[str, Any], room: Room) -> Message:
    """One whole message of a prompt."""
    role, name = said.get("role"), said.get("name")
    message = Message(fit(role) if isinstance(role, str) else "user", fit(name) if isinstance(name, str) else None)
    if message.role in _RESPONSES:
        message.respond(said, room)
    else:
        message.add(said, room)
    return message


class Message:
    """One message as far as it was said; `cut` is how many bytes of it there was no room for.

    Args:
        role: Whose it is.
        name: Of the participant.
        pieces: What is added are pieces that belong together, not messages of their own.
    """

    __slots__ = ("_calls", "_name", "_parts", "_pieces", "cut", "role")

    def __init__(self, role: str = "assistant", name: str | None = None, *, pieces: bool = False) -> None:
        self.role = role
        self.cut = 0
        self._name = name
        self._pieces = pieces
        self._parts: list[_Text | _Call | _Audio | dict[str, Structured]] = []
        self._calls: dict[int, _Call] = {}  # by the index that a stream gives them

    def add(self, said: Mapping[str, Any], room: Room) -> None:
        """Take what a message or a delta of OpenAI's form says."""
        before = room.cut
        self._text("reasoning", said.get("reasoning_content") or said.get("reasoning"), room)
        content = said.get("content")
        if isinstance(content, list):
            for part in content:
                self._part(part, room)
        else:
            self._text("text", content, room)
        self._text("refusal", said.get("refusal"), room)
        for image in _list(said.get("images")):  # OpenRouter
            self._part(image, room)
        for call in _list(said.get("tool_calls")):
            self._call(call, room)
        if isinstance(function := said.get("function_call"), dict):  # what tool calls once were
            self._call({"function": function}, room)
        if isinstance(audio := said.get("audio"), dict):
            self._audio(audio, room)
        self.cut += room.cut - before

    def respond(self, said: Mapping[str, Any], room: Room) -> None:
        """Take what a tool gave."""
        before = room.cut
        content, id = said.get("content"), said.get("tool_call_id")
        told: dict[str, Structured] = {"type": "tool_call_response"}
        if isinstance(id, str):
            told["id"] = fit(id)
        if isinstance(content, str):
            told["response"] = room.text(content)
        else:
            inner = Message()
            inner.add({"content": content}, room)
            told["response"] = inner.parts()
        room.part()
        self._parts.append(told)
        self.cut += room.cut - before

    def parts(self) -> list[Structured]:
        """What was said, in its order."""
        return [part if isinstance(part, dict) else part.told() for part in self._parts]

    def told(self) -> dict[str, Structured]:
        """The message."""
        told: dict[str, Structured] = {"role": self.role}
        if self._name is not None:
            told["name"] = self._name
        told["parts"] = self.parts()
        if self.cut:
            told[CUT] = self.cut
        return told

    def _text(self, kind: Literal["text", "reasoning", "refusal"], text: object, room: Room) -> None:
        """A text, which continues the last part where it is a piece of it."""
        if not isinstance(text, str) or not text or not (fits := room.text(text)):
            return
        last = self._parts[-1] if self._pieces and self._parts else None
        if not isinstance(last, _Text) or last.kind != kind:
            room.part()
            last = _Text(kind)
            self._parts.append(last)
        last.text.write(fits)

    def _part(self, part: object, room: Room) -> None:
        """One part of a content that has several."""
        if isinstance(part, str):
            self._text("text", part, room)
        if not isinstance(part, dict):
            return
        kind = part.get("type")
        if kind in _TEXTS:
            self._text("text", part.get("text"), room)
        elif kind == "refusal":
            self._text("refusal", part.get("refusal"), room)
        elif kind == "thinking":  # Mistral
            for thought in _list(part.get("thinking")):
                self._text("reasoning", thought.get("text") if isinstance(thought, dict) else None, room)
        else:
            self._whole(media(part) or _generic(part), room)

    def _whole(self, told: dict[str, Structured], room: Room) -> None:
        """A part of which a part would mean nothing; what is too large of it is left out."""
        content = told.get("content")
        if told["type"] == "blob" and isinstance(content, str) and len(content) > room.left:
            room.cut += len(content)
            told = {**told, "content": ""}
        if room.whole(told):
            self._parts.append(told)

    def _call(self, call: object, room: Room) -> None:
        if not isinstance(call, dict):
            return
        function = call.get("function") or call.get("custom")
        function = function if isinstance(function, dict) else {}
        known = self._begun(call) if self._pieces else None
        arguments = function.get("arguments", function.get("input"))
        if known is None:
            if room.left <= 0:
                room.cut += len(arguments) if isinstance(arguments, str) else 0
                return
            room.part()
            known = _Call()
            self._parts.append(known)
            if isinstance(index := call.get("index"), int):
                self._calls[index] = known
        known.id = known.id or _name(call.get("id"))
        known.name = known.name or _name(function.get("name"))
        if isinstance(arguments, str):
            cut = room.cut
            known.arguments.write(room.text(arguments))
            known.cut = known.cut or room.cut > cut
        elif arguments is not None and room.whole(
            given := structured(arguments)
        ):  # Ollama and others give the value itself
            known.given = given

    def _begun(self, call: Mapping[str, Any]) -> _Call | None:
        """The call that a piece continues."""
        index = call.get("index")
        if isinstance(index, int):
            return self._calls.get(index)
        last = self._parts[-1] if self._parts else None
        return last if isinstance(last, _Call) and call.get("id") in (None, last.id) else None

    def _audio(self, audio: Mapping[str, Any], room: Room) -> None:
        """Spoken answers: told by their id and transcript, for the sound itself comes in pieces that don't join."""
        last = self._parts[-1] if self._pieces and self._parts else None
        if not isinstance(last, _Audio):
            room.part()
            last = _Audio()
            self._parts.append(last)
        last.id = last.id or _name(audio.get("id"))
        if isinstance(transcript := audio.get("transcript"), str):
            last.transcript.write(room.text(transcript))
        if isinstance(data := audio.get("data"), str):
            room.cut += len(data)


class _Text:
    __slots__ = ("kind", "text")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.text = StringIO()  # holds many small pieces in no more than their own size

    def told(self) -> dict[str, Structured]:
        return {"type": self.kind, "content": self.text.getvalue()}


class _Call:
    __slots__ = ("arguments", "cut", "given", "id", "name")

    def __init__(self) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.arguments = StringIO()
        self.given: Structured = None
        self.cut = False

    def told(self) -> dict[str, Structured]:
        told: dict[str, Structured] = {"type": "tool_call"}
        if self.id is not None:
            told["id"] = self.id
        told["name"] = self.name or ""
        text = self.arguments.getvalue()
        if text:
            value = None if self.cut else read_json(text.encode("utf-8", "surrogatepass"))
            told["arguments"] = structured(value) if isinstance(value, dict | list) else text
        elif self.given is not None:
            told["arguments"] = self.given
        return told


class _Audio:
    __slots__ = ("id", "transcript")

    def __init__(self) -> None:
        self.id: str | None = None
        self.transcript = StringIO()

    def told(self) -> dict[str, Structured]:
        told: dict[str, Structured] = {"type": "file", "modality": "audio", "file_id": self.id or ""}
        if transcript := self.transcript.getvalue():
            told["transcript"] = transcript
        return told


def _generic(part: Mapping[str, Any]) -> dict[str, Structured]:
    """A part of a type that the convention does not have."""
    kind = part.get("type")
    told: dict[str, Structured] = {"type": fit(kind) if isinstance(kind, str) else "unknown"}
    return told | {key: structured(value) for key, value in part.items() if key not in ("", "type")}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(value: object) -> str | None:
    return fit(value) if isinstance(value, str) and value else None
