"""A log of any size in memory, signed by the key of the vectors, and what is made from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.vectors import HASHES, LEAVES, ORIGIN, SEED
from tracegate.audit.canonical import encode
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.keys import WITNESS, Signer
from tracegate.audit.merkle import inclusion, leaf_hash
from tracegate.audit.proof import Proof
from tracegate.audit.receipt import make_bundle, make_receipt
from tracegate.audit.segments import frame, name_of
from tracegate.audit.signature import Request, ResponseSigner
from tracegate.audit.tiles import TileNodes, bundle_of, tiles_of
from tracegate.audit.tree import Tree

SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED))
OTHER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1"))
WATCHER = Signer("w.example/w", Ed25519PrivateKey.from_private_bytes(bytes(32)), WITNESS)
RECORDS = ("tg-0199c0de-7d3a-7c11-8f2e-5b0f6a9d2c41", "tg-0199c0de-9e4b-7c11-8f2e-5b0f6a9d2c45")


class Files(dict[str, bytes]):
    """Files by name."""

    def names(self) -> list[str]:
        """All of them."""
        return list(self)

    def read(self, name: str) -> bytes:
        """See `ReadFile`."""
        try:
            return self[name]
        except KeyError:
            raise FileNotFoundError(name) from None


def grown(hashes: list[bytes]) -> tuple[Tree, Files]:
    """A tree of leaf hashes and the files of its tiles."""
    tree, files = Tree(), Files()
    for value in hashes:
        tree.append(value)
    files.update((tile.path, raw) for tile, raw in tree.take())
    return tree, files


def proof_of(index: int, raw: bytes) -> str:
    """The proof of a leaf that takes the place of one of the vectors."""
    hashes = [*HASHES[:index], leaf_hash(raw), *HASHES[index + 1 :]]
    tree, files = grown(hashes)
    note = sign_checkpoint(Checkpoint(ORIGIN, len(LEAVES), tree.root()), SIGNER)
    path = inclusion(index, len(LEAVES), TileNodes(len(LEAVES), files.read))
    return str(Proof(index, tuple(path), str(note)))


def changed(index: int, **members: Any) -> bytes:
    """A leaf of the vectors with other members; `...` removes one, a dot in a name (as `__`) goes one level down."""
    leaf: dict[str, Any] = json.loads(LEAVES[index])
    for name, value in members.items():
        *above, last = name.split("__")
        part = leaf
        for step in above:
            part = part[step]
        part[last] = value
        if value is ...:
            del part[last]
    return encode(leaf)


def bundle(index: int, raw: bytes, r: bytes | None, **members: Any) -> bytes:
    """The bundle of a leaf in the place of one of the vectors, signed and proved; `...` removes a member."""
    record_id = json.loads(raw)["record_id"]
    whole = make_bundle(make_receipt(SIGNER, index, raw, r), record_id, proof_of(index, raw)) | members
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def signature_of(
    signer: Signer, fields: Mapping[str, str], request: Request, created: int, *, path: bool = True
) -> tuple[str, str]:
    """The two fields of the signature of an answer with the status 200."""
    head = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    stated, signature = ResponseSigner(signer, path=path).sign(200, head, request, created)
    return stated.decode(), signature.decode()


def log_files(leaves: list[bytes], *, published: int | None = None, segments: tuple[int, ...] = (0,)) -> Files:
    """The files of a log of leaves; `published` of them are under its checkpoint, a segment begins at each index."""
    size = len(leaves) if published is None else published
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree, files = grown(hashes[:size])
    for tile in tiles_of(size):
        if tile.level == "entries":
            files[tile.path] = bundle_of(leaves[tile.index * 256 : tile.index * 256 + tile.width])
    files["checkpoint"] = str(sign_checkpoint(Checkpoint(ORIGIN, size, tree.root()), SIGNER)).encode()
    files["log.json"] = encode({"created": 1_795_359_162, "origin": ORIGIN, "v": 1, "vkey": SIGNER.key.vkey})
    for start, end in zip(segments, [*segments[1:], len(leaves)], strict=True):
        frames = [frame(leaf, hashed) for leaf, hashed in zip(leaves[start:end], hashes[start:end], strict=True)]
        files[name_of(start)] = b"".join(frames)
    return files
