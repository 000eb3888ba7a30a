"""Verify a bundle of Tracegate's audit log with nothing but `cryptography`, independently of Tracegate.

    python verify_bundle.py BUNDLE VKEY [BODY]

BUNDLE is the JSON that a gateway gives out for a record. VKEY is the log's public key, which you must have from
somewhere else. BODY is the answer's body as it was sent; of a stream, all bytes before its closing comment.

Exit status: 0 verified, 1 refused, 2 usage, 3 nothing is false but the proof or the content's blinding is missing.

Formats: C2SP signed-note, tlog-checkpoint, tlog-proof; RFC 6962 (tree), RFC 8785 (canonical JSON, of which the leaves
use the part without floats).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(Exception):
    """Something is false; the text says what."""


def require(holds: bool, fault: str) -> None:
    """Refuse unless it holds."""
    if not holds:
        raise Refused(fault)


def sha256(*parts: bytes) -> bytes:
    """The digest of parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def base64_strict(text: str, url: bool = False) -> bytes:
    """The bytes of base64 in its one form: with padding, or as base64url without."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4 if url else 0), b"-_" if url else None, validate=True)
    again = base64.urlsafe_b64encode(raw).rstrip(b"=") if url else base64.b64encode(raw)
    require(again.decode() == text, "base64 in another form than its one")
    return raw


def parse_vkey(vkey: str) -> tuple[str, str, bytes]:
    """Name, key id (`name+hex`) and public key of a verifier key."""
    found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", vkey)
    if found is None:
        raise Refused("not a verifier key, `<name>+<8 hex digits>+<base64>`")
    name, short, body = found.groups()
    raw = base64_strict(body)
    require(len(raw) == 33 and raw[0] == 1, "not an Ed25519 key of a log")
    require(sha256(name.encode(), b"\n", raw)[:4].hex() == short, "the key id is not that of the key")
    return name, f"{name}+{short}", raw[1:]


def check_signature(public: bytes, signature: bytes, message: str, what: str) -> None:
    """Refuse a signature that the key did not make over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message.encode())
    except InvalidSignature:
        raise Refused(f"the signature of the {what} is false") from None


def read_leaf(raw: bytes) -> dict[str, Any]:
    """The leaf of its bytes, which must be the canonical ones."""
    leaf = json.loads(raw)
    again = json.dumps(leaf, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    require(isinstance(leaf, dict) and again == raw, "the leaf is not in canonical form")
    require(leaf["v"] == 1 and leaf["type"] in ("final", "aborted"), "the leaf closes no record of version 1")
    return dict(leaf)


def open_checkpoint(note: str, name: str, keyid: str, public: bytes) -> tuple[int, bytes]:
    """Size and root of a checkpoint that the log signed."""
    text, _, below = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    require(origin == name, "the checkpoint is of another log")
    for line in below.removesuffix("\n").split("\n"):
        dash, signer, body = line.split(" ")
        raw = base64_strict(body)
        if dash == "—" and f"{signer}+{raw[:4].hex()}" == keyid:
            check_signature(public, raw[4:], text + "\n", "checkpoint")
            return int(size), base64_strict(root)
    raise Refused("the log did not sign the checkpoint")


def check_inclusion(leaf_hash: bytes, index: int, size: int, path: list[bytes], root: bytes) -> None:
    """Refuse a path that does not lead from the leaf to the root. Source: RFC 9162, section 2.1.3.2."""
    require(0 <= index < size, "there is no such leaf in that tree")
    at, last, found = index, size - 1, leaf_hash
    for sibling in path:
        require(last > 0, "the path is too long")
        if at % 2 or at == last:
            found = sha256(b"\1", sibling, found)
            while not at % 2 and at:
                at, last = at // 2, last // 2
        else:
            found = sha256(b"\1", found, sibling)
        at, last = at // 2, last // 2
    require(last == 0 and found == root, "the path does not lead from the leaf to the root")


def verify(bundle: dict[str, Any], vkey: str, body: bytes | None) -> str | None:
    """Verify a bundle; returns what is missing for a whole proof, `None` where nothing is."""
    name, keyid, public = parse_vkey(vkey)
    require(bundle["v"] == 1 and bundle["log"] == name and bundle["keyid"] == keyid, "of another log or key")
    raw = base64_strict(bundle["leaf"], url=True)
    leaf, leaf_hash, index = read_leaf(raw), sha256(b"\0", raw), bundle["index"]
    require(leaf["log"] == name and leaf["record_id"] == bundle["record_id"], "the leaf is of another log or record")
    shown = base64.b64encode(leaf_hash).decode()
    text = f"tracegate-receipt/v1\n{name}\n{index}\n{shown}\n{bundle['created']}\n"
    check_signature(public, base64_strict(bundle["sig"], url=True), text, "receipt")
    closed = leaf["t_end"] if "t_end" in leaf else leaf["t"]
    require(bundle["created"] == closed // 1_000_000, "the time is not the leaf's")
    if "tlog_proof" not in bundle:
        return "the proof: ask for the bundle again"
    above, _, checkpoint = bundle["tlog_proof"].partition("\n\n")
    first, place, *path = above.split("\n")
    require(first == "c2sp.org/tlog-proof@v1" and place == f"index {index}", "the proof is of another leaf")
    size, root = open_checkpoint(checkpoint, name, keyid, public)
    check_inclusion(leaf_hash, index, size, [base64_strict(line) for line in path], root)
    if "r" not in bundle:
        return "the blinding: the record was erased"
    r = base64_strict(bundle["r"], url=True)
    if "r_hash" in leaf:  # of an aborted record that could say so much
        require(sha256(b"tg-r/1", r).hex() == leaf["r_hash"], "the blinding is another record's")
    if body is not None:
        if leaf["type"] == "aborted":
            return "the answer: the record was aborted, so its leaf commits to none"
        blind = hmac.digest(r, b"tg-blind/1/res.wire", "sha256")
        committed = sha256(b"tg-commit/1", blind, sha256(body)).hex()
        require(committed == leaf["res"]["commit_wire"], "the body is another than the one that was sent")
    return None


def main(bundle: str, vkey: str, body: str | None = None) -> int:
    """Verify files and print the verdict; returns the exit status."""
    try:
        content = None if body is None else Path(body).read_bytes()
        found = json.loads(Path(bundle).read_bytes())
        missing = verify(found, vkey, content)
    except Refused as exc:
        print(f"refused: {exc}")
        return 1
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        print(f"refused: not a bundle of this form ({type(exc).__name__}: {exc})")
        return 1
    print(f"incomplete: {missing}" if missing else f"verified: leaf {found['index']} of {found['log']}")
    return 3 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
