"""Receipts for whoever asks by a record's id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.audit.failing import SlowLane
from tests.audit.stored import (
    HOST,
    NAME,
    ORIGIN,
    S,
    T,
    aborted,
    at,
    closed,
    erasure,
    final,
    intent,
    keep,
    opened,
    r_of,
    record_at,
    signer_of,
    store,
)
from tracegate.audit.blinds import Blinds
from tracegate.audit.directory import Directory
from tracegate.audit.encodings import base64url_of
from tracegate.audit.events import Leaf
from tracegate.audit.issuing import AGAIN_NS, WAIT_NS, Issued, Issuer
from tracegate.audit.receipt import parse_bundle
from tracegate.clock import Clock
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run

OTHER = f"{HOST}/r1-w1/2026-11"
ENDED, OPEN, BROKEN, GONE = (record_at(T, n) for n in range(4))
FIRST = intent(ENDED, T)
LEAVES: list[Leaf] = [
    opened(),
    FIRST,
    final(ENDED, T, at(1, FIRST)),
    intent(OPEN, T),
    intent(BROKEN, T),
    aborted(BROKEN, T + S, at(4, intent(BROKEN, T))),
    final(GONE, T),
    erasure(T + 2 * S, GONE),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An answer, a request that runs, one that broke off, and one that was erased."""
    store(tmp_path, LEAVES)
    keep(tmp_path, {ENDED: 2, BROKEN: 5})
    return tmp_path


def _issued(
    root: Path,
    record: str,
    *,
    tenant: str = "acme",
    durable: Mapping[str, int] | None = None,
    meanwhile: Callable[[Clock], Coroutine[Any, Any, None]] | None = None,
) -> tuple[Issued | None, int]:
    """What is told, and after how many ns."""

    async def main() -> tuple[Issued | None, int]:
        clock = FakeClock()
        directory = Directory(root)
        lane = SlowLane(clock, 0)
        issuer = Issuer(directory, Blinds(directory.private), clock, lane, 60 * S, lambda: durable or {})
        begun = clock.now()
        beside = asyncio.create_task(meanwhile(clock)) if meanwhile is not None else None
        found = await issuer.issue(record, lambda of: of == tenant)
        if beside is not None:
            await beside
        return found, clock.now() - begun

    return run(main)


def test_a_record_that_is_proved_is_told_at_once(root: Path) -> None:
    """With its proof and its blinding."""
    found, took = _issued(root, ENDED)
    assert found is not None
    assert found.bundle is not None
    assert (took, found.tenant, found.bundle["r"]) == (0, "acme", base64url_of(r_of(ENDED)))
    assert found.bundle["tlog_proof"].startswith("c2sp.org/tlog-proof@v1\nindex 2\n")


def test_who_may_not_know_is_told_nothing(root: Path) -> None:
    """As of a record that there is not."""
    assert _issued(root, ENDED, tenant="umbrella") == (None, 0)
    assert _issued(root, record_at(T, 99)) == (None, 0)


def test_a_request_that_runs_is_open(root: Path) -> None:
    """Nothing is waited for."""
    assert _issued(root, OPEN) == (Issued("acme"), 0)


def test_a_request_that_broke_off_has_its_leaf(root: Path) -> None:
    """And its proof."""
    found, _ = _issued(root, BROKEN)
    assert found is not None
    assert found.bundle is not None
    assert "tlog_proof" in found.bundle


def test_what_was_erased_says_so(root: Path) -> None:
    """By the leaf that tells of it."""
    found, _ = _issued(root, GONE)
    assert found is not None
    assert found.bundle is not None
    assert (found.bundle["erased"], "r" in found.bundle) == (7, False)


def test_the_checkpoint_is_waited_for(root: Path) -> None:
    """Up to two seconds."""
    store(root, LEAVES, published=2)

    async def publish(clock: Clock) -> None:
        await clock.sleep_until(clock.now() + 700_000_000)
        store(root, LEAVES)

    found, took = _issued(root, ENDED, meanwhile=publish)
    assert found is not None
    assert found.bundle is not None
    assert "tlog_proof" in found.bundle
    assert 700_000_000 <= took <= 700_000_000 + AGAIN_NS


def test_a_leaf_that_was_taken_back_is_not_told(root: Path) -> None:
    """What another process had written behind its checkpoint; another leaf has its place now."""
    store(root, LEAVES, published=2)

    async def publish(clock: Clock) -> None:
        await clock.sleep_until(clock.now() + 700_000_000)
        store(root, [*LEAVES[:2], final(GONE, T)])

    found, took = _issued(root, ENDED, meanwhile=publish)
    assert (found, took // 100_000_000) == (Issued("acme"), 7)


def test_without_a_checkpoint_the_own_process_vouches(root: Path) -> None:
    """For what it knows to be durable; what another has written may be taken back, so it counts as open."""
    store(root, LEAVES, published=2)
    found, took = _issued(root, ENDED, durable={ORIGIN: 3})
    assert took == WAIT_NS
    assert found is not None
    assert found.bundle is not None
    assert "tlog_proof" not in found.bundle
    assert parse_bundle(json.dumps(found.bundle).encode()).signed_by(signer_of(ORIGIN).key)
    for durable in ({ORIGIN: 2}, {OTHER: 3}, {}):
        found, took = _issued(root, ENDED, durable=durable)
        assert (found, took) == (Issued("acme"), WAIT_NS)
    (root / NAME / "checkpoint").unlink()
    assert _issued(root, ENDED) == (Issued("acme"), WAIT_NS)


def test_all_logs_are_asked(root: Path) -> None:
    """Those of other workers too, and of earlier epochs, whose keys were destroyed."""
    record = record_at(T + S, 9)
    store(
        root,
        [opened(T, OTHER), final(record, T + S, origin=OTHER), closed(T + 3 * S, "rotate", OTHER)],
        origin=OTHER,
        key=False,
    )
    found, _ = _issued(root, record)
    assert found is not None
    assert found.bundle is not None
    assert (found.bundle["log"], "sig" in found.bundle, "tlog_proof" in found.bundle) == (OTHER, False, True)
