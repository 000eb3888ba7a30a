"""Checkpoints: the signed head of a log. Source: C2SP tlog-checkpoint; ours have no extension lines."""

from __future__ import annotations

from dataclasses import dataclass

from tracegate.audit.encodings import base64_of, from_base64, number
from tracegate.audit.keys import Key, Signer
from tracegate.audit.notes import Note, parse_note, sign_note
from tracegate.errors import Malformed


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and the root of a log."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64_of(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """The signed note of a checkpoint."""
    return sign_note(checkpoint.text, signer)


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text.

    Raises:
        Malformed: It is none, or has extension lines.
    """
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0]:
        raise Malformed("a checkpoint is three lines: origin, size, root")
    return Checkpoint(lines[0], number(lines[1]), from_base64(lines[2], 32))


def open_checkpoint(note: str, key: Key) -> Checkpoint:
    """The checkpoint of a signed note whose key is the log's own.

    Raises:
        Malformed: It is no checkpoint, of another log, or not signed by that key.
    """
    opened = parse_note(note)
    checkpoint = parse_checkpoint(opened.text)
    if checkpoint.origin != key.name:
        raise Malformed(f"a checkpoint of `{checkpoint.origin}`; the key is of `{key.name}`")
    if not opened.signed_by(key):
        raise Malformed(f"not signed by {key.keyid}")
    return checkpoint
