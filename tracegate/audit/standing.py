"""Whether a receipt's leaf stands where the receipt says: its signature, the checkpoint, the witnesses, the path."""

from __future__ import annotations

from tracegate.audit.checkpoint import Checkpoint, open_checkpoint
from tracegate.audit.encodings import base64_of
from tracegate.audit.events import Aborted
from tracegate.audit.keys import Key
from tracegate.audit.kinds import Final
from tracegate.audit.merkle import included
from tracegate.audit.notes import parse_note
from tracegate.audit.policy import Policy
from tracegate.audit.proof import Proof, parse_proof
from tracegate.audit.receipt import Receipt, created_of
from tracegate.audit.verdict import Report
from tracegate.errors import Malformed


def check_standing(
    report: Report, receipt: Receipt, leaf: Final | Aborted | None, policy: Policy, against: str | None
) -> None:
    """Check the receipt's signature, and its proof where it has one.

    Args:
        report: Gets the checks, and size and root of the log.
        receipt: Or bundle.
        leaf: What its leaf says, where it could be read.
        policy: The keys that are trusted.
        against: A checkpoint of the log that was saved earlier or elsewhere.
    """
    if receipt.sig is not None:
        report.hold("receipt signature", receipt.keyid, lambda: _signature_fault(receipt, leaf, policy))
    elif receipt.proof is None:
        report.add("receipt signature", "missing", "there is neither a signature nor a proof")
    if receipt.proof is None:
        report.add("inclusion", "missing", "there is no proof; fetch the record's bundle")
        return
    try:
        key = policy.key(receipt.keyid)
        proof = parse_proof(receipt.proof)
        head = open_checkpoint(proof.checkpoint, key)
        reached = policy.reached(parse_note(proof.checkpoint))
    except Malformed as exc:
        report.add("checkpoint", "fail", str(exc))
        return
    if head.origin != receipt.log:
        report.add("checkpoint", "fail", f"of `{head.origin}`; the receipt is of `{receipt.log}`")
        return
    report.add("checkpoint", "pass", f"signed by {key.keyid}")
    report.facts.update(size=head.size, root=base64_of(head.root))
    if not reached:
        report.add("witnesses", "missing", "fewer than the policy asks for have cosigned the checkpoint")
    report.hold("inclusion", f"leaf {receipt.index} of {head.size}", lambda: _inclusion_fault(receipt, proof, head))
    if against is not None:
        _against(report, against, head, key)


def _signature_fault(receipt: Receipt, leaf: Final | Aborted | None, policy: Policy) -> str | None:
    key = policy.key(receipt.keyid)
    if key.name != receipt.log:
        return f"of the log `{receipt.log}`; the key is of `{key.name}`"
    if not receipt.signed_by(key):
        return "it is false: the leaf, its place or its time is another"
    if leaf is not None and created_of(leaf) != receipt.created:
        return f"made at {receipt.created}; the record was closed at {created_of(leaf)}"
    return None


def _inclusion_fault(receipt: Receipt, proof: Proof, head: Checkpoint) -> str | None:
    if proof.index != receipt.index:
        return f"the proof is of leaf {proof.index}; the receipt of leaf {receipt.index}"
    if not included(receipt.hash, proof.index, head.size, proof.path, head.root):
        return "the path does not lead from this leaf to the root"
    return None


def _against(report: Report, saved: str, head: Checkpoint, key: Key) -> None:
    try:
        other = open_checkpoint(saved, key)
    except Malformed as exc:
        report.add("saved checkpoint", "fail", str(exc))
        return
    if other == head:
        report.add("saved checkpoint", "pass", "the same head")
    elif other.size == head.size:
        report.add("saved checkpoint", "fail", f"another root of {head.size} leaves: the log has two forms")
    else:
        report.add("saved checkpoint", "missing", f"of {other.size} leaves; only the log itself can prove them one")
