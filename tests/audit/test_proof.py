"""Proofs as text."""

from __future__ import annotations

import pytest

from tests.audit.vectors import CHECKPOINT, HASHES, ORIGIN, ROOTS, STREAM, UNARY, VKEY
from tracegate.audit.checkpoint import Checkpoint, open_checkpoint
from tracegate.audit.encodings import base64_of
from tracegate.audit.keys import parse_vkey
from tracegate.audit.merkle import included
from tracegate.audit.proof import HEADER, Proof, parse_proof
from tracegate.errors import Malformed

HASH = base64_of(HASHES[0])


@pytest.mark.parametrize("part", [UNARY, STREAM])
def test_the_proofs_of_the_vectors(part: dict[str, dict[str, str]]) -> None:
    """Read, verified, and written again to the same bytes."""
    text = part["bundle"]["tlog_proof"]
    proof = parse_proof(text)
    assert str(proof) == text
    assert proof.checkpoint == CHECKPOINT
    assert open_checkpoint(proof.checkpoint, parse_vkey(VKEY)) == Checkpoint(ORIGIN, 6, ROOTS[6])
    assert included(HASHES[proof.index], proof.index, 6, proof.path, ROOTS[6])


def test_an_extra_line_is_passed_over() -> None:
    """Nobody signs it, so nothing is trusted in it."""
    proof = parse_proof(f"{HEADER}\nextra bm90ZQ==\nindex 0\n\n{CHECKPOINT}")
    assert proof == Proof(0, (), CHECKPOINT)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a proof"),
        (f"{HEADER}\nindex 0\n", "not a proof"),
        (f"{HEADER[:-1]}2\nindex 0\n\n{CHECKPOINT}", "not a proof"),
        (f"{HEADER}\n\n{CHECKPOINT}", "without an index"),
        (f"{HEADER}\nextra bm90ZQ==\n\n{CHECKPOINT}", "without an index"),
        (f"{HEADER}\nextra bm90ZQ\nindex 0\n\n{CHECKPOINT}", "base64"),
        (f"{HEADER}\nindex 00\n\n{CHECKPOINT}", "leading zeroes"),
        (f"{HEADER}\nindex 0\nQQ==\n\n{CHECKPOINT}", "32"),
        (f"{HEADER}\nindex 0\n" + f"{HASH}\n" * 64 + f"\n{CHECKPOINT}", "64 hashes"),
    ],
)
def test_what_is_no_proof_is_refused(text: str, says: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(Malformed, match=says):
        parse_proof(text)
