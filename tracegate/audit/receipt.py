"""Receipts: the signed statement of where a record's leaf stands, and bundles: a receipt with its proof.

A receipt is made from the leaf alone, so it is the same whenever it is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracegate.audit.canonical import decode, encode, unique
from tracegate.audit.encodings import base64_of, base64url_of, from_base64url
from tracegate.audit.events import Aborted
from tracegate.audit.keys import SIGNATURE, Key, Signer
from tracegate.audit.kinds import Final
from tracegate.audit.leaf import read
from tracegate.audit.merkle import leaf_hash
from tracegate.errors import Malformed, Unreadable

SLIM_ABOVE = 4096
"""Bytes of a leaf above which a stream's receipt has its hash only."""

_HEX = frozenset("0123456789abcdef")
_RECEIPT = {"v": int, "log": str, "index": int, "created": int, "keyid": str}
_OPTIONAL = {"leaf": str, "leaf_hash": str, "r": str, "sig": str}
_BUNDLE = {"record_id": str, "tlog_proof": str, "erased": int, "blinds": dict}


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt or a bundle, read. What is absent is `None`; which of it is needed is the verifier's to say.

    `leaf` are the bytes; `leaf_hash` stands in their place where they were left out. `r` is the record's blinding,
    `blinds` those of single fields in its place. `proof` is the text of a `tlog-proof`, `erased` the index of the leaf
    that says so.
    """

    log: str
    index: int
    created: int
    keyid: str
    leaf: bytes | None = None
    leaf_hash: bytes | None = None
    r: bytes | None = None
    sig: bytes | None = None
    record_id: str | None = None
    proof: str | None = None
    erased: int | None = None
    blinds: Mapping[str, bytes] | None = None

    @property
    def hash(self) -> bytes:
        """The leaf's hash in the tree."""
        if self.leaf is not None:
            return leaf_hash(self.leaf)
        assert self.leaf_hash is not None  # noqa: S101  # `_receipt` lets none pass that has neither
        return self.leaf_hash

    def signed_by(self, key: Key) -> bool:
        """Whether its signature is a key's over what it says."""
        text = signed_text(self.log, self.index, self.hash, self.created)
        return self.sig is not None and key.verifies(self.sig, text)


def signed_text(log: str, index: int, hashed: bytes, created: int) -> bytes:
    """What a receipt's signature is over."""
    return f"tracegate-receipt/v1\n{log}\n{index}\n{base64_of(hashed)}\n{created}\n".encode()


def created_of(leaf: Final | Aborted) -> int:
    """When a record was closed, in whole seconds since 1970 UTC."""
    if isinstance(leaf, Final):
        return leaf.t_end // 1_000_000
    return (leaf.t if leaf.t_end is None else leaf.t_end) // 1_000_000


def make_receipt(signer: Signer, index: int, raw: bytes, r: bytes | None, *, slim: bool = False) -> dict[str, Any]:
    """The receipt of a leaf that closes a record.

    Args:
        signer: Of the log.
        index: Of the leaf.
        raw: Its bytes.
        r: The record's blinding; `None` when it was erased.
        slim: Only the leaf's hash, and no blinding.

    Raises:
        Malformed: The leaf closes no record.
    """
    found = read(raw)
    if not isinstance(found.leaf, Final | Aborted):
        raise Malformed("a receipt is of a leaf that closes a record")
    return receipt_at(signer, index, raw, found.hash, created_of(found.leaf), r, slim=slim)


def receipt_at(
    signer: Signer, index: int, raw: bytes, hashed: bytes, created: int, r: bytes | None, *, slim: bool = False
) -> dict[str, Any]:
    """As `make_receipt`, for whoever has just written the leaf and knows its hash and when it was closed."""
    receipt: dict[str, Any] = {
        "v": 1,
        "log": signer.key.name,
        "index": index,
        "created": created,
        "keyid": signer.key.keyid,
        "sig": base64url_of(signer.sign(signed_text(signer.key.name, index, hashed, created))),
    }
    if slim:
        receipt["leaf_hash"] = hashed.hex()
        return receipt
    receipt["leaf"] = base64url_of(raw)
    if r is not None:
        receipt["r"] = base64url_of(r)
    return receipt


def receipt_text(receipt: Mapping[str, Any]) -> str:
    """A receipt as a stream's closing comment has it: base64url of its canonical bytes."""
    return base64url_of(encode(receipt))


def make_bundle(
    receipt: Mapping[str, Any], record_id: str, proof: str | None, erased: int | None = None
) -> dict[str, Any]:
    """The bundle of a receipt: with its record, its proof once there is one, and the index of its erasure leaf."""
    bundle = {"record_id": record_id, **receipt}
    if proof is not None:
        bundle["tlog_proof"] = proof
    if erased is not None:
        bundle["erased"] = erased
    return bundle


def parse_receipt(text: str) -> Receipt:
    """The receipt of a stream's closing comment.

    Raises:
        Malformed: It is none, or not in its one form.
    """
    return _receipt(decode(from_base64url(text)), {**_RECEIPT, **_OPTIONAL})


def parse_bundle(raw: bytes) -> Receipt:
    """The bundle of its JSON, whose spacing and order are free; a receipt alone is one too.

    Raises:
        Unreadable: It is no JSON object, or has a member twice.
        Malformed: A member is missing, not known, or of another kind.
    """
    try:
        value = json.loads(raw.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as exc:
        raise Unreadable(f"not JSON: {exc}") from None
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return _receipt(value, {**_RECEIPT, **_OPTIONAL, **_BUNDLE})


def _receipt(value: dict[str, Any], kinds: Mapping[str, type]) -> Receipt:
    for name in _RECEIPT:
        if name not in value:
            raise Malformed(f"a receipt without `{name}`")
    for name, part in value.items():
        if type(part) is not kinds.get(name):
            raise Malformed(f"`{name}` of a receipt {'is of a wrong kind' if name in kinds else 'is not known'}")
    if value["v"] != 1:
        raise Malformed(f"a receipt of version {value['v']}; known is 1")
    if ("leaf" in value) == ("leaf_hash" in value):
        raise Malformed("a receipt has a `leaf` or a `leaf_hash`")
    if value["index"] < 0 or value["created"] < 0 or value.get("erased", 0) < 0:
        raise Malformed("a receipt with a number below 0")
    return Receipt(
        log=value["log"],
        index=value["index"],
        created=value["created"],
        keyid=value["keyid"],
        leaf=_bytes(value, "leaf", None),
        leaf_hash=_hash(value.get("leaf_hash")),
        r=_bytes(value, "r", 32),
        sig=_bytes(value, "sig", SIGNATURE),
        record_id=value.get("record_id"),
        proof=value.get("tlog_proof"),
        erased=value.get("erased"),
        blinds=_blinds(value.get("blinds")),
    )


def _bytes(value: Mapping[str, Any], name: str, size: int | None) -> bytes | None:
    try:
        return from_base64url(value[name], size) if name in value else None
    except Malformed as exc:
        raise Malformed(f"`{name}` of a receipt is {exc}") from None


def _hash(text: str | None) -> bytes | None:
    if text is None:
        return None
    if len(text) != 64 or not _HEX.issuperset(text):
        raise Malformed("`leaf_hash` of a receipt is not 64 hex digits")
    return bytes.fromhex(text)


def _blinds(value: Mapping[str, Any] | None) -> dict[str, bytes] | None:
    if value is None:
        return None
    if not all(isinstance(text, str) for text in value.values()):
        raise Malformed("`blinds` of a receipt is of a wrong kind")
    return {name: from_base64url(text, 32) for name, text in value.items()}
