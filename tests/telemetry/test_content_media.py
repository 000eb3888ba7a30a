"""Media of a message take the convention's form."""

from __future__ import annotations

from typing import Any

import pytest

from tracegate.telemetry.content_media import media

PNG = "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
        ),
        (
            {"type": "image_url", "image_url": f"DATA:;BASE64,{PNG}"},
            {"type": "blob", "modality": "image", "content": PNG},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
            {"type": "uri", "modality": "image", "uri": "https://example.org/cat.png"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg/%3E"}},
            {"type": "uri", "modality": "image", "uri": "data:image/svg+xml,%3Csvg/%3E"},
        ),
        (
            {"type": "video_url", "video_url": {"url": "gs://films/a.mp4"}},
            {"type": "uri", "modality": "video", "uri": "gs://films/a.mp4"},
        ),
        (
            {"type": "audio_url", "audio_url": {"url": "https://example.org/a.wav"}},
            {"type": "uri", "modality": "audio", "uri": "https://example.org/a.wav"},
        ),
        (
            {"type": "document_url", "document_url": "https://example.org/a.pdf"},
            {"type": "uri", "modality": "document", "uri": "https://example.org/a.pdf"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "UklGRg=="},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "content": "SUQz"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "SUQz"}},
            {"type": "blob", "modality": "audio", "content": "SUQz"},
        ),
        (
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "modality": "document", "file_id": "file-1"},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "JVBERi0="},
        ),
        (
            {"type": "file", "file": {"file_data": "JVBERi0="}},
            {"type": "blob", "modality": "document", "content": "JVBERi0="},
        ),
    ],
)
def test_media_become_blob_uri_or_file(part: dict[str, Any], told: dict[str, Any]) -> None:
    """By where the data is; base64 stays as it was written."""
    assert media(part) == told


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"type": 7},
        {"type": "text", "text": "x"},
        {"type": "image_url"},
        {"type": "image_url", "image_url": {"url": 1}},
        {"type": "input_audio", "input_audio": "UklGRg=="},
        {"type": "input_audio", "input_audio": {"data": None}},
        {"type": "file", "file": {"filename": "a.pdf"}},
        {"type": "hologram", "hologram": {"data": "x"}},
    ],
)
def test_what_is_no_media_is_left_to_others(part: dict[str, Any]) -> None:
    """Also media that are not as their type says."""
    assert media(part) is None
