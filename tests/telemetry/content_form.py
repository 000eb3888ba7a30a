"""The convention's form of messages, restated by hand from its JSON schemas: which member a part must have."""

from __future__ import annotations

from typing import Any

REQUIRED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "text": {"content": str},
    "reasoning": {"content": str},
    "tool_call": {"name": str},
    "tool_call_response": {"response": object},
    "blob": {"modality": str, "content": str},
    "file": {"modality": str, "file_id": str},
    "uri": {"modality": str, "uri": str},
}
MODALITIES = {"image", "video", "audio", "document"}


def wrong_in(messages: Any) -> list[str]:
    """What is not as the convention says, of a list of messages; lists may be tuples."""
    found: list[str] = []
    for at, message in enumerate(messages):
        if not isinstance(message.get("role"), str) or not isinstance(message.get("parts"), list | tuple):
            found.append(f"message {at} lacks its role or parts")
            continue
        if "finish_reason" in message:
            found.append(f"message {at} has a finish reason, which is the span's")
        for part in message["parts"]:
            kind = part.get("type")
            if not isinstance(kind, str):
                found.append(f"a part of message {at} has no type")
                continue
            for name, of in REQUIRED.get(kind, {}).items():
                if not isinstance(part.get(name), of):
                    found.append(f"a `{kind}` of message {at} lacks `{name}`")
            if part.get("modality", "image") not in MODALITIES:
                found.append(f"a `{kind}` of message {at} has the modality `{part['modality']}`")
    return found
