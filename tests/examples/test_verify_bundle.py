"""The verifier that stands alone: the vectors, what it refuses, and that it needs nothing of ours."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from examples import verify_bundle
from tests.audit.leaves import ABORTED
from tests.audit.made import OTHER, bundle
from tests.audit.vectors import BODY, LEAVES, ORIGIN, SSE, STREAM, UNARY, VKEY, R
from tests.house.repository import ROOT
from tracegate.audit.blinding import r_hash
from tracegate.audit.leaf import write

SCRIPT = ROOT / "examples" / "verify_bundle.py"


def _ran(folder: Path, raw: bytes | str, vkey: str = VKEY, body: bytes | None = None) -> int:
    (folder / "bundle").write_bytes(raw.encode() if isinstance(raw, str) else raw)
    (folder / "body").write_bytes(body or b"")
    return verify_bundle.main(str(folder / "bundle"), vkey, None if body is None else str(folder / "body"))


@pytest.mark.parametrize(("part", "body"), [(UNARY, BODY), (STREAM, SSE)])
def test_the_bundles_of_the_vectors_are_verified(tmp_path: Path, part: dict[str, Any], body: bytes) -> None:
    """With and without the body."""
    raw = json.dumps(part["bundle"])
    assert _ran(tmp_path, raw) == 0
    assert _ran(tmp_path, raw, body=body) == 0
    assert _ran(tmp_path, raw, body=body + b" ") == 1


def test_it_runs_by_itself(tmp_path: Path) -> None:
    """As a script, in a folder of its own; without arguments it says how it is used."""
    (tmp_path / "bundle").write_text(json.dumps(UNARY["bundle"]))
    ran = subprocess.run(
        [sys.executable, "-I", SCRIPT, "bundle", VKEY], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "verified: leaf 2 of gw.example/tracegate/prod/r1-w0/2026-11\n")
    ran = subprocess.run([sys.executable, "-I", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, "VKEY" in ran.stderr) == (2, True)


def test_it_needs_nothing_but_cryptography() -> None:
    """So that somebody who does not trust us can read and run it."""
    source = SCRIPT.read_text(encoding="utf-8")
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names == {"cryptography"}
    assert len(source.splitlines()) < 180


def test_every_changed_byte_is_refused(tmp_path: Path) -> None:
    """Never verified; of the leaf every 29th is tried."""
    raw = json.dumps(UNARY["bundle"], separators=(",", ":")).encode()
    leaf = raw.index(b'"leaf":') + 40, raw.index(b'"created"') - 40
    for at in [*range(leaf[0]), *range(leaf[0], leaf[1], 29), *range(leaf[1], len(raw))]:
        changed = bytearray(raw)
        changed[at] ^= 1
        assert _ran(tmp_path, bytes(changed), body=BODY) != 0, (at, raw[max(0, at - 20) : at + 5])


def test_what_is_not_there_is_incomplete(tmp_path: Path) -> None:
    """No proof yet, no blinding any more."""
    assert _ran(tmp_path, bundle(2, LEAVES[2], R[0], tlog_proof=...)) == 3
    assert _ran(tmp_path, bundle(2, LEAVES[2], None, erased=5)) == 3


def test_the_body_of_an_aborted_record_is_incomplete(tmp_path: Path) -> None:
    """Its leaf commits to none; its blinding is held to it where the leaf could say so much."""
    known = msgspec.structs.replace(ABORTED, log=ORIGIN, r_hash=r_hash(R[0]).hex())
    for leaf in (known, msgspec.structs.replace(known, r_hash=None, res=None)):
        raw = bundle(2, write(leaf), R[0])
        assert (_ran(tmp_path, raw), _ran(tmp_path, raw, body=BODY)) == (0, 3)
    assert _ran(tmp_path, bundle(2, write(known), R[1])) == 1


def test_another_key_or_leaf_is_refused(tmp_path: Path) -> None:
    """A key of another name, another log, no key at all; an intent; a checkpoint that nobody signed."""
    raw = json.dumps(UNARY["bundle"])
    for vkey in (OTHER.key.vkey, "no key", VKEY.replace("r1-w0", "r1-w1"), VKEY[:-4]):
        assert _ran(tmp_path, raw, vkey) == 1
    proof = UNARY["bundle"]["tlog_proof"]
    for members in (
        {"leaf": STREAM["bundle"]["leaf"]},
        {"tlog_proof": proof.replace("— gw", "- gw")},
        {"tlog_proof": proof.replace("index 2", "index 9")},
        {"index": 9},
    ):
        assert _ran(tmp_path, json.dumps({**UNARY["bundle"], **members})) == 1
