"""Logs on disk that are to be shipped, and a sink that answers by script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.leaves import GATEWAY
from tests.audit.made import grown
from tests.audit.vectors import SEED
from tracegate.audit.canonical import encode
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.events import Pruned
from tracegate.audit.keys import Signer
from tracegate.audit.leaf import write
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.reading import StoredLog
from tracegate.audit.reading import name_of as log_name
from tracegate.audit.segments import frame, name_of
from tracegate.audit.tiles import bundle_of, tiles_of
from tracegate.shipment import PartlyTaken, ShippedLeaf
from tracegate.testing.clock import EPOCH, FakeClock

NAME = "r1-w0/2026-11"
US = 1_000


def origin(name: str = NAME) -> str:
    """Of the log of a replica and an epoch."""
    return f"gw.example/tracegate/prod/{name}"


def signer(name: str = NAME) -> Signer:
    """Of a log, by the key of the vectors."""
    return Signer(origin(name), Ed25519PrivateKey.from_private_bytes(SEED))


def leaf(index: int, name: str = NAME) -> bytes:
    """One leaf of many, made some milliseconds after those before it."""
    return encode({"log": origin(name), "n": index, "t": EPOCH // US + 1_000 * index, "type": "heartbeat", "v": 1})


def prune_leaf(below: int, name: str = NAME) -> bytes:
    """The leaf that says that all below another were pruned."""
    told = Pruned(v=1, log=origin(name), gateway=GATEWAY, t=EPOCH // US, min_index=below, by="somebody", policy="p")
    return write(told)


def write_log(root: Path, size: int, name: str = NAME, *, pruned: int = 0, behind: int = 0) -> StoredLog:
    """Write a log of so many leaves, under its checkpoint and behind it, over what was there of it.

    Where some are pruned, its last leaf says so.
    """
    leaves = [leaf(index, name) for index in range(size)]
    if pruned:
        leaves[-1] = prune_leaf(pruned, name)
    tail = [leaf(index, name) for index in range(size, size + behind)]
    tree, files = grown([leaf_hash(raw) for raw in leaves])
    for tile in tiles_of(size):
        if tile.level == "entries":
            files[tile.path] = bundle_of(leaves[tile.index * 256 : tile.index * 256 + tile.width])
        if tile.level in ("entries", 0) and tile.index < pruned // 256:
            del files[tile.path]
    if tail:
        files[name_of(size)] = b"".join(frame(raw, leaf_hash(raw)) for raw in tail)
    made = signer(name)
    files["log.json"] = encode({"created": EPOCH // 10**9, "origin": made.key.name, "v": 1, "vkey": made.key.vkey})
    files["checkpoint"] = str(sign_checkpoint(Checkpoint(made.key.name, size, tree.root()), made)).encode()
    for path, raw in files.items():
        (root / name / path).parent.mkdir(parents=True, exist_ok=True)
        (root / name / path).write_bytes(raw)
    return StoredLog(root / name)


Step = Exception | Callable[[], Coroutine[Any, Any, object]] | None
"""An answer that refuses; something to wait for, after which it takes; `None` takes."""


class ScriptedSink:
    """A `Sink` that answers by script, and takes everything at its end; it refuses leaves of some indices for good."""

    def __init__(self, *script: Step, refuses: Sequence[int] = ()) -> None:
        self.script = list(script)
        self.refuses = set(refuses)
        self.tries: list[list[int]] = []
        self.times: list[int] = []
        self.clock = FakeClock()  # of what sends
        self.taken: list[tuple[str, int]] = []

    async def send(self, leaves: Sequence[ShippedLeaf]) -> None:
        """See `Sink.send`."""
        self.tries.append([leaf.index for leaf in leaves])
        self.times.append(self.clock.now())
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is not None:
            await step()
        await asyncio.sleep(0)  # one turn of the loop: a real one waits too, and others go on meanwhile
        kept = [leaf for leaf in leaves if leaf.index not in self.refuses]
        self.taken += [(log_name(leaf.log), leaf.index) for leaf in kept]
        if len(kept) < len(leaves):
            raise PartlyTaken(len(leaves) - len(kept), "by script")

    @property
    def indices(self) -> list[int]:
        """Of the leaves that it took, in their order."""
        return [index for _, index in self.taken]
