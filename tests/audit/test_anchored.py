"""What leaves say of heads that others hold: it must be so, and their time stamps must be of those heads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.audit.made import SIGNER
from tests.audit.vectors import CHECKPOINT, ORIGIN, ROOTS
from tracegate.audit.anchored import Heads, parted, proof_of, stamp_of
from tracegate.audit.anchoring import Held
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.events import Anchored
from tracegate.audit.kinds import Gateway
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.errors import Malformed
from tracegate.testing.clock import FakeClock

GATEWAY = Gateway(node="n", run="00000000-0000-7000-8000-000000000000", version="0", config_digest="0" * 64)
HEAD = Checkpoint(ORIGIN, 6, ROOTS[6])
STAMP = proof_of(CHECKPOINT, "AAAA")


def anchored(proof: str = STAMP, kind: str = "rfc3161", head: Checkpoint = HEAD) -> Anchored:
    """A leaf that tells of a head."""
    held = Held("witness" if kind == "witness" else "rfc3161", "somewhere", proof)
    return OwnLeaves(ORIGIN, GATEWAY, FakeClock()).anchored(head, held)


def root(size: int) -> bytes:
    """The root of so many leaves, of which the first were pruned."""
    if size < 3:
        raise LookupError(size)
    return ROOTS[size]


class Stamped:
    """Authorities that stamp what says so."""

    def stamped(self, response: bytes, note: bytes) -> datetime:
        """See `Authorities`."""
        assert note == CHECKPOINT.encode()
        if response != bytes(3):
            raise Malformed("the time stamp does not hold")
        return datetime(2026, 11, 24, 19, 0, 7, tzinfo=UTC)


def test_a_proof_is_a_checkpoint_and_a_line() -> None:
    """A person cuts it at the last empty line."""
    assert STAMP == f"{CHECKPOINT}\nAAAA\n"
    assert parted(STAMP) == (CHECKPOINT, "AAAA")


@pytest.mark.parametrize("proof", ["", "AAAA", "AAAA\n", f"{CHECKPOINT}\nAAAA", f"{CHECKPOINT}\nAAAA\nBBBB\n"])
def test_what_is_no_such_proof_is_refused(proof: str) -> None:
    """Each has one form."""
    with pytest.raises(Malformed, match="a proof is a checkpoint, an empty line, and a line"):
        parted(proof)


def test_the_stamp_of_a_leaf_is_over_the_head_that_the_leaf_names() -> None:
    """One that the log signed."""
    assert stamp_of(anchored(), SIGNER.key) == (bytes(3), CHECKPOINT.encode())


@pytest.mark.parametrize(
    ("proof", "why"),
    [
        (proof_of(str(sign_checkpoint(Checkpoint(ORIGIN, 5, ROOTS[5]), SIGNER)), "AAAA"), "of another head, of 5"),
        (proof_of(str(sign_checkpoint(Checkpoint(ORIGIN, 6, ROOTS[5]), SIGNER)), "AAAA"), "of another head, of 6"),
        (proof_of(CHECKPOINT.replace("\n6\n", "\n7\n"), "AAAA"), "is false"),
        (CHECKPOINT, "not a note|a note"),
        (proof_of(CHECKPOINT, "A"), "not base64"),
    ],
)
def test_a_proof_of_something_else_is_none(proof: str, why: str) -> None:
    """Of another head, or of one that the log did not sign."""
    with pytest.raises(Malformed, match=why):
        stamp_of(anchored(proof), SIGNER.key)


def test_heads_that_the_log_had_are_counted_by_kind() -> None:
    """One that ends in what was pruned is believed: the head that is signed tells of it."""
    heads = Heads(SIGNER.key, root, None)
    assert heads.told() is None
    leaves = [anchored(), anchored("x", "witness"), anchored(head=Checkpoint(ORIGIN, 2, bytes(32)))]
    assert [fault for leaf in leaves for fault in heads.faults(6, leaf)] == []
    assert heads.told() == "each a prefix of the log: 2 rfc3161, 1 witness"
    assert heads.stamps() is None


def test_a_head_that_the_log_never_had_is_found() -> None:
    """Of another root, or of more leaves than there were when the leaf was written."""
    heads = Heads(SIGNER.key, root, None)
    other = anchored(head=Checkpoint(ORIGIN, 5, ROOTS[6]))
    assert [*heads.faults(6, other)] == [("anchors", "its head of 5 leaves is no prefix of the log")]
    assert [*heads.faults(5, anchored())] == [("anchors", "a head of 6 leaves, which were not there yet")]


def test_time_stamps_are_checked_by_whoever_pins_an_authority() -> None:
    """The last that holds is told; those of witnesses have none."""
    heads = Heads(SIGNER.key, root, Stamped())
    assert [*heads.faults(6, anchored("x", "witness"))] == []
    assert heads.stamps() is None
    assert [*heads.faults(6, anchored())] == []
    assert heads.stamps() == "1; the last at 2026-11-24T19:00:07Z, over 6 leaves"
    false = anchored(proof_of(CHECKPOINT, "AAAB"))
    assert [*heads.faults(6, false)] == [("time stamps", "the time stamp does not hold")]
