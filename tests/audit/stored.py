"""Audit directories on disk: logs of any leaves at any times, with their keys and their erasable tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.audit.leaves import ABORTED, FINAL, GATEWAY, INTENT
from tracegate.audit.blinding import CANONICAL, REQUEST, TEXT, WIRE, Mac, committed, r_hash, text_digest
from tracegate.audit.canonical import canonical_body, encode
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.events import Aborted, Closed, Erased, Heartbeat, Leaf, Opened
from tracegate.audit.keys import Signer
from tracegate.audit.kinds import At, Final, Intent, Res
from tracegate.audit.leaf import write
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.segments import frame, name_of
from tracegate.audit.slots import Erasable, slots_of
from tracegate.audit.tiles import bundle_of, tiles_of
from tracegate.audit.tree import Tree
from tracegate.clock import uuid7

HOST = "gw.example/tracegate/prod"
NAME = "r1-w0/2026-11"
ORIGIN = f"{HOST}/{NAME}"
T = 1_795_359_164_000_000
"""µs since 1970 UTC: when the tests' first record came."""

S = 1_000_000
QUESTION = b'{"messages":[{"content":"what is it?"}]}'
ANSWER = b'{"choices":[{"index":0,"message":{"content":"Paris it is."}}],"id":"chatcmpl-9"}'
TENANT_KEY = b"k" * 32


def record_at(t: int, n: int = 0) -> str:
    """The id of a record whose request came at a time in µs."""
    return f"tg-{uuid7(t * 1000, n.to_bytes(10, 'big'))}"


def opened(t: int = T - S, origin: str = ORIGIN) -> Opened:
    """The first leaf of a log."""
    return Opened(v=1, log=origin, gateway=GATEWAY, t=t, reason="new")


def closed(t: int, reason: Any = "stop", origin: str = ORIGIN) -> Closed:
    """The last leaf of a run."""
    return Closed(v=1, log=origin, gateway=GATEWAY, t=t, reason=reason, open_intents=0)


def beat(t: int, origin: str = ORIGIN) -> Heartbeat:
    """A leaf about no record."""
    return Heartbeat(v=1, log=origin, gateway=GATEWAY, t=t, open_intents=0)


def erasure(t: int, *records: str, origin: str = ORIGIN) -> Erased:
    """That records were erased."""
    return Erased(
        v=1, log=origin, gateway=GATEWAY, t=t, record_ids=list(records), count=len(records), by="x", reason="asked"
    )


def r_of(record: str) -> bytes:
    """The blinding of a record of these tests."""
    return hashlib.sha256(record.encode()).digest()


def intent(record: str, t: int, origin: str = ORIGIN) -> Intent:
    """The intent of a record."""
    return msgspec.structs.replace(
        INTENT, log=origin, record_id=record, t_start=t, r_hash=r_hash(r_of(record)).hex(), req=_req(record)
    )


def final(
    record: str, t: int, prev: At | None = None, origin: str = ORIGIN, body: bytes = ANSWER, took: int = S, **more: Any
) -> Final:
    """The final of a record, whose answer is this body."""
    r, form = r_of(record), canonical_body(body)
    text = text_digest("Paris it is.")
    assert form is not None
    assert text is not None
    res = Res(
        status=200,
        media="application/json",
        bytes=len(body),
        ended="complete",
        commit_wire=committed(r, WIRE, hashlib.sha256(body).digest()),
        commit_canonical=committed(r, CANONICAL, hashlib.sha256(form).digest()),
        commit_text=committed(r, f"{TEXT}0", text),
        finish_reasons=["stop"],
    )
    said = {"outcome": "ok", "outcome_reason": None, "late": None, "cache": None, "attempts_omitted": None} | more
    return msgspec.structs.replace(
        FINAL,
        log=origin,
        record_id=record,
        t_start=t,
        t_end=t + took,
        prev_intent=prev,
        r_hash=r_hash(r).hex(),
        req=_req(record),
        res=res,
        **said,
    )


def aborted(record: str, t: int, prev: At, origin: str = ORIGIN) -> Aborted:
    """The end of an intent that never got a final."""
    return msgspec.structs.replace(
        ABORTED,
        log=origin,
        record_id=record,
        t=t,
        t_start=t,
        t_end=None,
        prev_intent=prev,
        r_hash=r_hash(r_of(record)).hex(),
    )


def at(index: int, leaf: Leaf) -> At:
    """Where a leaf stands."""
    return At(index=index, hash=leaf_hash(write(leaf)).hex())


def signer_of(origin: str) -> Signer:
    """The key of a log of these tests."""
    return Signer(origin, _private(origin))


def store(
    root: Path,
    leaves: Sequence[Leaf],
    *,
    origin: str = ORIGIN,
    published: int | None = None,
    segments: Sequence[int] = (0,),
    created: int | None = None,
    key: bool = True,
) -> list[bytes]:
    """Write a log as its gateway does; returns its leaves.

    Args:
        root: The audit directory.
        leaves: In their order.
        origin: Of the log.
        published: How many are under its checkpoint; `None`: all.
        segments: Where segments begin.
        created: When it was made, in seconds; else when its first leaf was.
        key: Whether its private key is there.
    """
    raws = [write(leaf) for leaf in leaves]
    size = len(raws) if published is None else published
    hashes = [leaf_hash(raw) for raw in raws]
    tree, files = Tree(), dict[str, bytes]()
    for value in hashes[:size]:
        tree.append(value)
    files.update((tile.path, raw) for tile, raw in tree.take())
    for tile in tiles_of(size):
        if tile.level == "entries":
            files[tile.path] = bundle_of(raws[tile.index * 256 : tile.index * 256 + tile.width])
    signer = signer_of(origin)
    files["checkpoint"] = str(sign_checkpoint(Checkpoint(origin, size, tree.root()), signer)).encode()
    made = getattr(leaves[0], "t", T) // S if created is None else created
    files["log.json"] = encode({"created": made, "origin": origin, "v": 1, "vkey": signer.key.vkey})
    for start, end in zip(segments, [*segments[1:], len(raws)], strict=True):
        files[name_of(start)] = b"".join(map(frame, raws[start:end], hashes[start:end]))
    replica, epoch = origin.split("/")[-2:]
    for name, raw in files.items():
        put(root / replica / epoch / name, raw)
    if key:
        pem = _private(origin).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        put(root / "keys" / replica / f"{epoch}.key", pem)
    return raws


def keep(root: Path, records: Mapping[str, int], *, name: str = NAME, body: bytes = ANSWER) -> None:
    """Write the erasable table of a log: for each record the index of the leaf that closes it."""
    form, text = canonical_body(body), text_digest("Paris it is.")
    assert form is not None
    assert text is not None
    rows = [("wire", hashlib.sha256(body).digest()), ("canonical", hashlib.sha256(form).digest()), ("text", text)]
    slots = [
        slots_of(Erasable(record, "acme", r_of(record), rows), index, Mac(TENANT_KEY))
        for record, index in records.items()
    ]
    put(root / "private" / f"{name}.slots", b"".join(slots))
    put(root / "private" / "tenants" / "0.key", TENANT_KEY)


def put(path: Path, raw: bytes) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _req(record: str) -> Any:
    question = committed(r_of(record), REQUEST, hashlib.sha256(QUESTION).digest())
    return msgspec.structs.replace(INTENT.req, bytes=len(QUESTION), commit=question)


def _private(origin: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(origin.encode()).digest())
