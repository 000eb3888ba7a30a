"""A log of ours before foreign implementations: Go's sumdb/note and tlog, Tessera's fsck; and theirs before us."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.audit.made import SIGNER, grown
from tests.audit.vectors import CHECKPOINT, LEAVES, ORIGIN, ROOTS, VKEY
from tests.house.repository import ROOT
from tests.torture.served import served
from tracegate.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from tracegate.audit.directory import Directory
from tracegate.audit.encodings import base64_of
from tracegate.audit.keys import parse_vkey
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.tiles import bundle_of, tiles_of
from tracegate.stack import places, toolchain

pytestmark = pytest.mark.stores


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from tests/audit/go; ten seconds the first time, then one."""
    go = toolchain.found(places.cache(os.environ))
    made = tmp_path_factory.mktemp("audit") / "audit"
    env = {**toolchain.alone(), "CGO_ENABLED": "0", "GOPROXY": go.proxy}
    command = [str(go.program), "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", str(made), "."]
    done = subprocess.run(
        command, cwd=ROOT / "tests" / "audit" / "go", env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return made


def _log(folder: Path, entries: list[bytes], checkpoint: str | None = None) -> str:
    """Write the files of a log; returns its root."""
    tree, files = grown([leaf_hash(entry) for entry in entries])
    for tile in tiles_of(len(entries)):
        if tile.level == "entries":
            files[tile.path] = bundle_of(entries[tile.index * 256 : tile.index * 256 + tile.width])
    head = Checkpoint(ORIGIN, len(entries), tree.root())
    files["checkpoint"] = (checkpoint or str(sign_checkpoint(head, SIGNER))).encode()
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return base64_of(tree.root())


def _check(program: Path, folder: Path, vkey: str = VKEY) -> tuple[int, str]:
    command = [str(program), "check", str(folder), vkey]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_log_of_the_vectors_is_accepted(program: Path, tmp_path: Path) -> None:
    """Its checkpoint as it stands, its tiles and entries as we write them."""
    _log(tmp_path, LEAVES, CHECKPOINT)
    assert _check(program, tmp_path) == (
        0,
        f"note: signed by {ORIGIN}\ntlog: 6 leaves, root {base64_of(ROOTS[6])}\nfsck: 6 leaves\n",
    )


@pytest.mark.parametrize("size", [256, 257, 65_800])
def test_logs_of_several_levels_are_accepted(program: Path, tmp_path: Path, size: int) -> None:
    """Full tiles, partial ones, three levels of them; roots and proofs are the same."""
    root = _log(tmp_path, [b"leaf %d" % index for index in range(size)])
    assert _check(program, tmp_path) == (
        0,
        f"note: signed by {ORIGIN}\ntlog: {size} leaves, root {root}\nfsck: {size} leaves\n",
    )


def test_the_log_of_a_gateway_is_accepted(program: Path, tmp_path: Path) -> None:
    """As it wrote it itself, while it served more than a bundle's leaves."""
    served(tmp_path, 16)
    (log,) = Directory(tmp_path / "log").logs()
    head = log.head()
    assert head is not None
    assert head.size > 256
    assert _check(program, log.folder, log.key.vkey) == (
        0,
        f"note: signed by {log.origin}\n"
        f"tlog: {head.size} leaves, root {base64_of(head.checkpoint.root)}\n"
        f"fsck: {head.size} leaves\n",
    )


def test_it_would_notice(program: Path, tmp_path: Path) -> None:
    """A changed entry, a changed hash, another key."""
    _log(tmp_path, LEAVES)
    for name in ("tile/entries/000.p/6", "tile/0/000.p/6", "checkpoint"):
        path = tmp_path / name
        raw = path.read_bytes()
        at = raw.index(b"\n6\n") + 1 if name == "checkpoint" else len(raw) - 3
        path.write_bytes(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :])
        assert _check(program, tmp_path)[0] == 1, name
        path.write_bytes(raw)
    assert _check(program, tmp_path)[0] == 0
    assert _check(program, tmp_path, VKEY[:-8] + "AAAAAAA4")[0] == 1


def test_a_note_that_go_signed_is_accepted_by_us(program: Path) -> None:
    """Key, key id and signature of another implementation."""
    head = Checkpoint(ORIGIN, 6, ROOTS[6])
    done = subprocess.run([str(program), "sign", ORIGIN], input=head.text, capture_output=True, text=True, check=True)
    vkey, _, note = done.stdout.partition("\n")
    assert open_checkpoint(note, parse_vkey(vkey)) == head
