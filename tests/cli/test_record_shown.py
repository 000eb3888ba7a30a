"""How leaves and records are shown to people."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.audit.leaves import ABORTED, AT, GATEWAY, INTENT, SAMPLES, TRIED
from tests.audit.stored import NAME, ORIGIN, T, erasure, final, opened, record_at, store
from tracegate.audit.events import Aborted, Amend, Leaf
from tracegate.audit.kinds import Actor, Requested, Served, Tried
from tracegate.audit.leaf import write
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.reading import StoredLog
from tracegate.audit.records import Stood
from tracegate.cli.record_shown import found_table, leaf_tree, line_of, moment, record_tree

RECORD = record_at(T)


@pytest.fixture
def log(tmp_path: Path) -> StoredLog:
    """Any log."""
    store(tmp_path, [opened()])
    return StoredLog(tmp_path / NAME)


def _stood(log: StoredLog, leaf: Leaf, index: int = 7) -> Stood:
    raw = write(leaf)
    return Stood(log, index, raw, leaf_hash(raw), leaf)


def _printed(shown: object) -> str:
    console = Console(highlight=False, width=1000)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_a_moment_is_exact() -> None:
    """To the microsecond."""
    assert moment(T + 250_001) == "2026-11-22 14:52:44.250001 UTC"


@pytest.mark.parametrize("leaf", SAMPLES, ids=lambda leaf: type(leaf).__name__)
def test_every_leaf_is_shown_member_by_member(log: StoredLog, leaf: Leaf) -> None:
    """Whatever it says."""
    said = _printed(leaf_tree(_stood(log, leaf)))
    value = msgspec.json.decode(write(leaf))
    assert said.startswith(f"{value['type']}  leaf 7 of {ORIGIN}\n")
    assert all(f" {name}" in said for name in value if name not in ("v", "type", "log"))


def test_a_leaf_for_programs_is_its_bytes(log: StoredLog) -> None:
    """As a text, and its hash."""
    stood = _stood(log, INTENT)
    assert line_of(stood) == {"log": ORIGIN, "index": 7, "hash": stood.hash.hex(), "leaf": stood.raw.decode()}


def test_a_record_is_one_tree(log: StoredLog) -> None:
    """Its attempts with what vouches for their claims; those that ended later, what erased it."""
    late = Tried(
        n=1,
        kind="hedge",
        provider="openai",
        target="openai-eu",
        model_requested="gpt-5.5",
        outcome="open",
        t_us=1,
        region_conflict=True,
    )
    plain = msgspec.structs.replace(TRIED, n=2, region_conflict=None, outcome="ok")
    closing = final(RECORD, T, attempts=[TRIED, late, plain])
    amend = Amend(v=1, log=ORIGIN, gateway=GATEWAY, t=9, record_id=RECORD, of=AT, attempts=[TRIED])
    leaves = [_stood(log, closing), _stood(log, amend, 8), _stood(log, erasure(T, RECORD), 9)]
    said = _printed(record_tree(leaves, published=False))
    for part in (
        f"{RECORD}  ok\n",
        "0  hedge     error     openai · target openai-eu · gpt-5.5-2026-08-07 (asserted) · eu (observed) · 200 · ",
        "region conflict: configured us",
        "1  hedge     open      openai · target openai-eu · gpt-5.5  region conflict: configured another",
        "2  hedge     ok        openai",
        "cost      0.000007 USD (local)",
        "usage     input 1, output 2, cache_read 3, cache_write 4, reasoning 5",
        f"final     leaf 7 of {ORIGIN}  behind the checkpoint",
        f"amend     leaf 8 of {ORIGIN}\n",
        f"erasure   leaf 9 of {ORIGIN}  by x: asked",
    ):
        assert part in said, part


def test_what_is_not_known_is_left_out(log: StoredLog) -> None:
    """An aborted leaf may know little, an answer may have had no head, no attempt and no cost."""
    short = Aborted(v=1, log=ORIGIN, gateway=GATEWAY, t=9, record_id=RECORD, prev_intent=AT, cause="crash")
    said = _printed(record_tree([_stood(log, short)], published=True))
    assert [line.strip("├└│─ ") for line in said.splitlines()] == [
        f"{RECORD}  aborted (crash)",
        "gateway   node n, version 1",
        "leaves",
        f"aborted   leaf 7 of {ORIGIN}  under a checkpoint",
    ]
    bare = final(RECORD, T, attempts=[], usage=None, cost=None, served=[], outcome="error", outcome_reason="denied")
    res = msgspec.structs.replace(bare.res, status=None, media=None)
    said = _printed(record_tree([_stood(log, msgspec.structs.replace(bare, res=res, route=None))], published=True))
    assert f"{RECORD}  error (denied)\n" in said
    assert "answer    no head, no content type, 80 bytes, complete, after 1000 ms" in said
    assert not any(name in said for name in ("attempts", "cost ", "usage", "served by", "route"))


def test_what_was_found_is_a_table(log: StoredLog) -> None:
    """A row a record, with who served it."""
    served = [Served(provider="openai", model="m", model_src="asserted"), Served(provider="azure", region="eu")]
    unknown = msgspec.structs.replace(INTENT, actor=Actor(), requested=Requested())
    bare = Aborted(v=1, log=ORIGIN, gateway=GATEWAY, t=9, record_id=RECORD, prev_intent=AT, cause="shutdown")
    leaves: list[Leaf] = [final(RECORD, T, served=served), ABORTED, bare, unknown]
    lines = _printed(found_table([(_stood(log, leaf), "trace") for leaf in leaves])).splitlines()
    assert "openai m (asserted), azure eu" in lines[1]
    assert [line.split()[-1] for line in lines[1:]] == ["trace"] * 4
    assert "aborted (shutdown)" in lines[3]
