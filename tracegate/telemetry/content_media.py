"""Images, sound, video and documents of a message in the convention's form: `blob`, `uri` or `file`.

Data stays base64 as it was written: it is neither decoded nor looked at.
Source: `gen-ai-input-messages.json` of the pinned convention; the members are OpenAI's, those of others are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracegate.telemetry.model import Structured
from tracegate.telemetry.text import fit

_URLS = {
    "image_url": "image",
    "audio_url": "audio",  # vLLM
    "video_url": "video",  # vLLM, OpenRouter
    "document_url": "document",  # Mistral
}
_SOUNDS = {"mp3": "audio/mpeg"}  # else the format is the subtype: `audio/wav`


def media(part: Mapping[str, Any]) -> dict[str, Structured] | None:
    """The part, or `None` where it is of another type, or not as its type should be."""
    kind = part.get("type")
    value = part.get(kind) if isinstance(kind, str) else None
    if kind in _URLS:
        url = value.get("url") if isinstance(value, dict) else value
        return _of_url(url, _URLS[kind]) if isinstance(url, str) else None
    if not isinstance(value, dict):
        return None
    data = value.get("data")
    if kind == "input_audio" and isinstance(data, str):
        form = value.get("format")
        return _blob("audio", _SOUNDS.get(form, f"audio/{form}") if isinstance(form, str) else None, data)
    if kind == "file":
        id, content = value.get("file_id"), value.get("file_data")
        if isinstance(id, str):
            return {"type": "file", "modality": "document", "file_id": fit(id)}
        if isinstance(content, str):
            return _of_url(content, "document") if content.startswith("data:") else _blob("document", None, content)
    return None


def _of_url(url: str, modality: str) -> dict[str, Structured]:
    if url[:5].lower() == "data:":
        head, comma, data = url[5:].partition(",")
        if comma and head.lower().endswith(";base64"):
            return _blob(modality, head.partition(";")[0] or None, data)
    return {"type": "uri", "modality": modality, "uri": url}


def _blob(modality: str, mime: str | None, data: str) -> dict[str, Structured]:
    told: dict[str, Structured] = {"type": "blob", "modality": modality}
    if mime is not None:
        told["mime_type"] = fit(mime)
    told["content"] = data
    return told
