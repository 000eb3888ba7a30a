"""Signed notes: a text and signatures under it, each by a named key. Source: C2SP signed-note, tlog-cosignature."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracegate.audit.encodings import base64_of, from_base64
from tracegate.audit.keys import SIGNATURE, Key, Signer, check_name
from tracegate.errors import Malformed

LARGEST = 1_000_000  # characters of a note
MOST = 100  # signatures of a note; C2SP asks verifiers to take at least 16
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_DASH = "— "


@dataclass(frozen=True, slots=True)
class Signature:
    """One line: who signed, by which key, and what the key made."""

    name: str
    id: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text, with its last line end, and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        lines = [f"{_DASH}{line.name} {base64_of(line.id + line.payload)}\n" for line in self.signatures]
        return f"{self.text}\n{''.join(lines)}"

    def signed_by(self, key: Key) -> bool:
        """Whether a log's key signed the text.

        Raises:
            Malformed: A signature says so, and is false.
        """
        payload = self._payload(key)
        if payload is None:
            return False
        if not key.verifies(payload, self.text.encode()):
            raise Malformed(f"the signature of {key.keyid} is false")
        return True

    def cosigned_at(self, key: Key) -> int | None:
        """When a witness's key cosigned the text, in seconds since 1970 UTC; `None` where it did not.

        Raises:
            Malformed: A signature says so, and is false.
        """
        payload = self._payload(key)
        if payload is None:
            return None
        seconds = int.from_bytes(payload[:8], "big")
        if len(payload) != 8 + SIGNATURE or not key.verifies(payload[8:], _cosigned(self.text, seconds)):
            raise Malformed(f"the cosignature of {key.keyid} is false")
        return seconds

    def _payload(self, key: Key) -> bytes | None:
        found = (line.payload for line in self.signatures if line.name == key.name and line.id == key.id)
        return next(found, None)


def parse_note(note: str) -> Note:
    """The note of its whole text; nothing is verified.

    Raises:
        Malformed: It is no signed note.
    """
    if len(note) > LARGEST:
        raise Malformed(f"a note of {len(note)} characters; at most {LARGEST}")
    if _CONTROL.search(note):
        raise Malformed("a note with a control character")
    text, blank, below = note.rpartition("\n\n")
    if not blank or not below.endswith("\n"):
        raise Malformed("a note without an empty line and signatures after its text")
    lines = below[:-1].split("\n")
    if len(lines) > MOST:
        raise Malformed(f"a note with {len(lines)} signatures; at most {MOST}")
    return Note(text + "\n", tuple(map(_signature, lines)))


def sign_note(text: str, signer: Signer) -> Note:
    """The note of a text and a log's signature over it."""
    return Note(text, (Signature(signer.key.name, signer.key.id, signer.sign(text.encode())),))


def cosign(note: Note, signer: Signer, seconds: int) -> Note:
    """The note with a witness's signature over its text and a time, in seconds since 1970 UTC, below the others."""
    payload = seconds.to_bytes(8, "big") + signer.sign(_cosigned(note.text, seconds))
    return Note(note.text, (*note.signatures, Signature(signer.key.name, signer.key.id, payload)))


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _signature(line: str) -> Signature:
    name, blank, body = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not blank:
        raise Malformed("a signature of a note is a dash, a name and base64")
    raw = from_base64(body)
    if len(raw) < 5:
        raise Malformed("a signature of a note has a key id and a signature")
    return Signature(check_name(name), raw[:4], raw[4:])
