"""Signed notes: written, read, and refused where a byte is another."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.vectors import CHECKPOINT, ORIGIN, SEED, VKEY
from tracegate.audit.keys import WITNESS, Signer, parse_vkey
from tracegate.audit.notes import LARGEST, Note, cosign, parse_note, sign_note
from tracegate.errors import Malformed

KEY = parse_vkey(VKEY)
LOG = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED))
WATCHER = Signer("w.example/w", Ed25519PrivateKey.from_private_bytes(bytes(32)), WITNESS)
OTHER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1"))


def test_the_note_of_the_vectors() -> None:
    """Signed again it has the same bytes; it reads back and verifies."""
    note = parse_note(CHECKPOINT)
    assert str(sign_note(note.text, LOG)) == str(note) == CHECKPOINT
    assert note.signed_by(KEY)


def test_a_note_is_not_signed_by_a_key_that_did_not() -> None:
    """A key that is not known says nothing of the others."""
    note = parse_note(CHECKPOINT)
    assert not note.signed_by(OTHER.key)
    assert note.cosigned_at(WATCHER.key) is None


def test_a_text_with_empty_lines_is_one_text() -> None:
    """The last empty line separates."""
    note = sign_note("a\n\nb\n", LOG)
    assert parse_note(str(note)) == note
    assert parse_note(str(note)).signed_by(KEY)


def test_a_witness_signs_the_time_too() -> None:
    """Its line stands below the log's, and gives the time back."""
    note = parse_note(str(cosign(parse_note(CHECKPOINT), WATCHER, 1_795_359_200)))
    assert note.signed_by(KEY)
    assert note.cosigned_at(WATCHER.key) == 1_795_359_200


def test_a_cosignature_of_another_time_or_length_is_false() -> None:
    """The eight bytes in front of it are signed."""
    note = cosign(parse_note(CHECKPOINT), WATCHER, 5)
    line = note.signatures[1]
    for payload in ((6).to_bytes(8, "big") + line.payload[8:], line.payload[:-1], line.payload + b"\0"):
        changed = Note(note.text, (type(line)(line.name, line.id, payload),))
        with pytest.raises(Malformed, match=r"the cosignature of .* is false"):
            changed.cosigned_at(WATCHER.key)


def test_every_changed_byte_is_refused() -> None:
    """Of the text and of the signature: false, not signed, or no note."""
    raw = CHECKPOINT.encode()
    for at in range(len(raw)):
        for byte in (raw[at] ^ 1, ord("\n")):
            changed = bytes((*raw[:at], byte, *raw[at + 1 :]))
            if changed != raw:
                assert not _signed(changed), at


def _signed(raw: bytes) -> bool:
    try:
        return parse_note(raw.decode()).signed_by(KEY)
    except (Malformed, UnicodeDecodeError):
        return False


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ("", "without an empty line"),
        ("text\n", "without an empty line"),
        ("text\n\n— a QUFBQUE=", "without an empty line"),
        ("text\n\n- a QUFBQUE=\n", "a dash, a name and base64"),
        ("text\n\n— a\n", "a dash, a name and base64"),
        ("text\n\n— a+b QUFBQUE=\n", "no blank, no plus"),
        ("text\n\n— a QUFBQUE\n", "base64"),
        ("text\n\n— a QUFBQQ==\n", "a key id and a signature"),
        ("te\txt\n\n— a QUFBQUE=\n", "control character"),
        ("te\rxt\n\n— a QUFBQUE=\n", "control character"),
        ("text\n\n" + "— a QUFBQUE=\n" * 101, "101 signatures"),
        ("x" * LARGEST + "\n\n", "at most 1000000"),
    ],
)
def test_what_is_no_note_is_refused(note: str, says: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(Malformed, match=says):
        parse_note(note)


def test_the_first_line_of_a_key_counts() -> None:
    """A second signature of the same key can't make up for a false one."""
    note = parse_note(CHECKPOINT)
    line = note.signatures[0]
    false = type(line)(line.name, line.id, bytes(64))
    with pytest.raises(Malformed, match="is false"):
        Note(note.text, (false, line)).signed_by(KEY)
