"""The worked bytes of the audit formats: a log of six leaves, two responses and their bundles, from a fixed key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))

ORIGIN: str = VECTORS["origin"]
VKEY: str = VECTORS["vkey"]
SEED = bytes.fromhex(VECTORS["seed"])
LEAVES = [leaf.encode() for leaf in VECTORS["leaves"]]
HASHES = [bytes.fromhex(value) for value in VECTORS["leaf_hashes"]]
ROOTS = [bytes.fromhex(value) for value in VECTORS["roots"]]
CHECKPOINT: str = VECTORS["checkpoint"]
UNARY: dict[str, Any] = VECTORS["unary"]
STREAM: dict[str, Any] = VECTORS["stream"]
UNARY_RESPONSE: bytes = UNARY["response"].encode()
STREAM_RESPONSE: bytes = STREAM["response"].encode()
BODY: bytes = VECTORS["body"].encode()
R = [bytes.fromhex(value) for value in VECTORS["r"]]
DIGESTS = {name: bytes.fromhex(value) for name, value in VECTORS["digests"].items()}
SSE = STREAM_RESPONSE.partition(b"\r\n\r\n")[2].partition(b": tracegate-")[0]
