"""Heads of a log, signed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.vectors import CHECKPOINT, ORIGIN, ROOTS, SEED, VKEY
from tracegate.audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from tracegate.audit.keys import Key, Signer, parse_vkey
from tracegate.audit.notes import sign_note
from tracegate.errors import Malformed

KEY = parse_vkey(VKEY)
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED))


def test_the_checkpoint_of_the_vectors() -> None:
    """From origin, size and root come the bytes, and back."""
    head = Checkpoint(ORIGIN, 6, ROOTS[6])
    assert str(sign_checkpoint(head, SIGNER)) == CHECKPOINT
    assert open_checkpoint(CHECKPOINT, KEY) == head


def test_another_size_is_not_signed() -> None:
    """The signature is over all three lines."""
    with pytest.raises(Malformed, match="is false"):
        open_checkpoint(CHECKPOINT.replace("\n6\n", "\n5\n"), KEY)


def test_a_key_of_another_name_or_another_key_opens_nothing() -> None:
    """The name of the key is the origin, and the key must have signed."""
    with pytest.raises(Malformed, match="the key is of"):
        open_checkpoint(CHECKPOINT, Key(ORIGIN[:-1] + "2", KEY.kind, KEY.public))
    with pytest.raises(Malformed, match="not signed by"):
        open_checkpoint(CHECKPOINT, Key(ORIGIN, KEY.kind, bytes(32)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "three lines"),
        ("a\n6\n", "three lines"),
        ("\n6\nFw9Yedy8RNdfM2FIwtpNWXKnq/VtAytz0tsHvOc0H2Q=\n", "three lines"),
        ("a\n6\nFw9Yedy8RNdfM2FIwtpNWXKnq/VtAytz0tsHvOc0H2Q=\nmore\n", "three lines"),
        ("a\n06\nFw9Yedy8RNdfM2FIwtpNWXKnq/VtAytz0tsHvOc0H2Q=\n", "leading zeroes"),
        ("a\n6\nFw9Yedy8\n", "32"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, says: str) -> None:
    """Also when it is signed."""
    with pytest.raises(Malformed, match=says):
        parse_checkpoint(text)
    with pytest.raises(Malformed):
        open_checkpoint(str(sign_note(text or "x\n", SIGNER)), KEY)
