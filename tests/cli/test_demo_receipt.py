"""What the demo shows of the audit log is what the verifier says."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.audit.made import Files, log_files
from tests.audit.vectors import LEAVES, ORIGIN, STREAM, STREAM_RESPONSE, UNARY, UNARY_RESPONSE
from tracegate.cli.demo_receipt import flipped, head, show_custody

NOW = 1_795_359_400


def kept(folder: Path, leaves: int) -> Path:
    """A folder with a log of the first leaves of the vectors."""
    files: Files = log_files(LEAVES[:leaves])
    for name, raw in files.items():
        path = folder / "a" / "2026-11" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return folder


def shown(tmp_path: Path, saved: bytes, bundle: object, *, sizes: tuple[int, int] = (1, 6)) -> tuple[bool, list[str]]:
    """Whether the demo is content, and what it prints."""
    before, after = (head(kept(tmp_path / str(size), size)) for size in sizes)
    console = Console(file=(out := io.StringIO()))
    answer = ("Answer 1", saved)
    content = show_custody(console, before, after, answer, json.dumps(bundle).encode(), NOW)
    return content, out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("saved", "bundle"),
    [(UNARY_RESPONSE, UNARY["bundle"]), (STREAM_RESPONSE, STREAM["bundle"])],
    ids=["unary", "stream"],
)
def test_an_answer_is_proved_and_a_changed_one_refused(tmp_path: Path, saved: bytes, bundle: object) -> None:
    """Both heads, both verdicts, and why the second is what it is."""
    content, lines = shown(tmp_path, saved, bundle)
    assert content
    assert lines[0].startswith(f"The audit log {ORIGIN}")
    assert lines[1].split()[:3] == ["before", "1", "leaf"]
    assert lines[2].split()[:3] == ["after", "6", "leaves"]
    assert lines[4].split()[0] == "verified"
    assert "inclusion" in lines[4]
    assert lines[6].split() == ["refused"]
    assert len(lines) > 7


def test_nothing_is_content_with_less(tmp_path: Path) -> None:
    """A tree that did not grow, and a bundle of another record."""
    assert not shown(tmp_path / "a", UNARY_RESPONSE, UNARY["bundle"], sizes=(6, 6))[0]
    content, lines = shown(tmp_path / "b", UNARY_RESPONSE, STREAM["bundle"])
    assert not content
    assert lines[4].split() == ["refused"]


def test_one_bit_of_the_body_is_another() -> None:
    """And nothing of the head."""
    changed = flipped(UNARY_RESPONSE)
    differ = [at for at, (one, other) in enumerate(zip(UNARY_RESPONSE, changed, strict=True)) if one != other]
    assert len(differ) == 1
    assert differ[0] > UNARY_RESPONSE.index(b"\r\n\r\n") + 3
