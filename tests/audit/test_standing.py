"""Whether a leaf stands where its receipt says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.made import SIGNER, WATCHER
from tests.audit.vectors import CHECKPOINT, HASHES, LEAVES, ORIGIN, ROOTS, SEED, UNARY
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.keys import Key, Signer
from tracegate.audit.kinds import Final
from tracegate.audit.leaf import read
from tracegate.audit.notes import cosign, parse_note
from tracegate.audit.policy import Policy, trusting
from tracegate.audit.receipt import Receipt, parse_bundle, signed_text
from tracegate.audit.standing import check_standing
from tracegate.audit.verdict import Report

POLICY = trusting([SIGNER.key])
BUNDLE: dict[str, Any] = UNARY["bundle"]


def _receipt(**members: Any) -> Receipt:
    whole = {**BUNDLE, **members}
    return parse_bundle(json.dumps({name: value for name, value in whole.items() if value is not ...}).encode())


def _checked(receipt: Receipt, policy: Policy = POLICY, against: str | None = None) -> dict[str, tuple[str, str]]:
    report, leaf = Report(), read(LEAVES[2]).leaf
    assert isinstance(leaf, Final)
    check_standing(report, receipt, leaf, policy, against)
    return {check.check: (check.result, check.detail) for check in report.checks}


def test_the_bundle_of_the_vectors_stands() -> None:
    """Signed, under a checkpoint, at its place; size and root are told."""
    report = Report()
    check_standing(report, _receipt(), None, POLICY, CHECKPOINT)
    assert [(check.check, check.result) for check in report.checks] == [
        ("receipt signature", "pass"),
        ("checkpoint", "pass"),
        ("inclusion", "pass"),
        ("saved checkpoint", "pass"),
    ]
    assert report.facts == {"size": 6, "root": CHECKPOINT.split("\n")[2]}


@pytest.mark.parametrize(
    ("members", "check", "says"),
    [
        ({"index": 3}, "receipt signature", "it is false"),
        ({"index": 3}, "inclusion", "the proof is of leaf 2"),
        ({"created": 1_795_359_165}, "receipt signature", "it is false"),
        ({"log": "other"}, "receipt signature", "of the log `other`"),
        ({"log": "other"}, "checkpoint", "the receipt is of `other`"),
        ({"keyid": "other+00000000"}, "receipt signature", "none of the keys"),
        ({"keyid": "other+00000000"}, "checkpoint", "none of the keys"),
        ({"leaf": ..., "leaf_hash": HASHES[3].hex()}, "inclusion", "the path does not lead"),
        ({"tlog_proof": "proof"}, "checkpoint", "not a proof"),
        ({"tlog_proof": BUNDLE["tlog_proof"].replace("\n6\n", "\n5\n")}, "checkpoint", "is false"),
    ],
)
def test_a_receipt_of_something_else_is_refused(members: dict[str, Any], check: str, says: str) -> None:
    """Another place, time, log, key, leaf or head."""
    result, detail = _checked(_receipt(**members))[check]
    assert (result, says in detail) == ("fail", True), detail


def test_a_time_that_is_signed_and_not_the_leafs_is_refused() -> None:
    """It follows from the leaf, so nobody is free to choose it."""
    signature = SIGNER.sign(signed_text(ORIGIN, 2, HASHES[2], 5))
    receipt = Receipt(ORIGIN, 2, 5, SIGNER.key.keyid, leaf=LEAVES[2], sig=signature)
    assert _checked(receipt)["receipt signature"] == ("fail", "made at 5; the record was closed at 1795359164")


def test_what_is_not_there_is_missing() -> None:
    """A signature that a destroyed key can't make is made up for by a proof, a proof by nothing."""
    assert "receipt signature" not in _checked(_receipt(sig=...))
    assert _checked(_receipt(tlog_proof=...))["inclusion"][0] == "missing"
    neither = _checked(_receipt(sig=..., tlog_proof=...))
    assert [result for result, _ in neither.values()] == ["missing", "missing"]


def test_witnesses_that_the_policy_asks_for_have_signed() -> None:
    """Or are missing; a false cosignature is refused."""
    policy = Policy({SIGNER.key.keyid: SIGNER.key}, {"w": WATCHER.key}, {}, "w")
    assert _checked(_receipt(), policy)["witnesses"][0] == "missing"
    cosigned = str(cosign(parse_note(CHECKPOINT), WATCHER, 5))
    proof = BUNDLE["tlog_proof"].replace(CHECKPOINT, cosigned)
    assert "witnesses" not in _checked(_receipt(tlog_proof=proof), policy)
    other = Signer("w.example/w", Ed25519PrivateKey.from_private_bytes(SEED), 4)
    forged = cosigned.replace(str(cosign(parse_note(CHECKPOINT), other, 5))[-20:], "")
    line = forged.split("— ")[-1]
    false = proof.replace(line, line[:20] + ("A" if line[20] != "A" else "B") + line[21:])
    assert _checked(_receipt(tlog_proof=false), policy)["checkpoint"][0] == "fail"


@pytest.mark.parametrize(
    ("size", "root", "result"), [(6, ROOTS[6], "pass"), (6, ROOTS[5], "fail"), (5, ROOTS[5], "missing")]
)
def test_a_checkpoint_that_was_saved_is_compared(size: int, root: bytes, result: str) -> None:
    """Two roots of one size are two forms of one log; another size proves nothing without the log."""
    saved = str(sign_checkpoint(Checkpoint(ORIGIN, size, root), SIGNER))
    assert _checked(_receipt(), against=saved)["saved checkpoint"][0] == result


def test_a_saved_checkpoint_is_signed_by_the_log() -> None:
    """What anybody can write is no evidence."""
    assert _checked(_receipt(), against="x")["saved checkpoint"][0] == "fail"
    other = Key("other", SIGNER.key.kind, SIGNER.key.public)
    assert _checked(_receipt(), trusting([other]), CHECKPOINT)["checkpoint"][0] == "fail"
