"""Bundles from the logs on disk: the receipt of a record's closing leaf, with its proof once a checkpoint covers it.

A receipt is the same whenever and by whomever it is made. Where the key of an epoch was destroyed, the proof stands
for the signature.
"""

from __future__ import annotations

from typing import Any

from tracegate.audit.blinding import CANONICAL, TEXT, WIRE, blind
from tracegate.audit.encodings import base64url_of
from tracegate.audit.events import Aborted
from tracegate.audit.keys import Signer
from tracegate.audit.kinds import Final
from tracegate.audit.reading import SignedHead
from tracegate.audit.receipt import created_of, make_bundle, receipt_at
from tracegate.audit.records import Stood
from tracegate.audit.witnessed import covering
from tracegate.errors import Malformed


def bundle(
    closing: Stood, head: SignedHead | None, signer: Signer | None, r: bytes | None, erased: int | None = None
) -> dict[str, Any]:
    """The bundle of a record.

    Args:
        closing: The leaf that closes it.
        head: A checkpoint of its log; the bundle has a proof if it covers the leaf. One that witnesses signed is
            better, and taken instead if it does.
        signer: Of its log; the bundle has no signature without it.
        r: Its blinding; `None` where it is not there.
        erased: Index of the leaf that says that it was erased.

    Raises:
        Malformed: The leaf closes no record, or neither a signer nor a proof vouches for it.
    """
    leaf, log, index = closing.leaf, closing.log, closing.index
    if not isinstance(leaf, Final | Aborted):
        raise Malformed(f"leaf {index} of `{log.origin}` closes no record")
    head = covering(log, index) or head
    proof = None if head is None or index >= head.size else str(log.proof(index, head))
    created = created_of(leaf)
    if signer is not None:
        receipt = receipt_at(signer, index, closing.raw, closing.hash, created, r)
    elif proof is not None:
        receipt = {"v": 1, "log": log.origin, "index": index, "created": created, "keyid": log.key.keyid}
        receipt["leaf"] = base64url_of(closing.raw)
        if r is not None:
            receipt["r"] = base64url_of(r)
    else:
        raise Malformed(f"leaf {index} of `{log.origin}` is under no checkpoint, and there is no key to sign for it")
    return make_bundle(receipt, leaf.record_id, proof, erased)


def without_request(made: dict[str, Any], closing: Stood, r: bytes) -> dict[str, Any]:
    """The same bundle for somebody who may see the answer and not test guesses of the question.

    The blinds of the answer's fields stand in the place of the record's whole blinding.
    """
    names = [WIRE, CANONICAL]
    if isinstance(closing.leaf, Final):
        res = closing.leaf.res
        choices = max(len(res.commit_texts or ()) + 1, len(res.finish_reasons or ()))
        names += [f"{TEXT}{choice}" for choice in range(choices)]
    kept = {name: value for name, value in made.items() if name != "r"}
    return {**kept, "blinds": {name: base64url_of(blind(r, name)) for name in names}}
