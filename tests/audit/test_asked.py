"""What a gateway does for a command that asks."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any, cast

import pytest

from tests.audit.failing import record
from tracegate.audit.asked import answered
from tracegate.audit.kinds import At
from tracegate.audit.log import LogUnavailable
from tracegate.audit.process import Audit
from tracegate.audit.retention import Before, Pruning
from tracegate.errors import Malformed
from tracegate.testing.loop import run

ERASE = {"do": "erase", "by": "ann", "reason": "asked for", "record_ids": [record(1)]}
READ = {"do": "read", "by": "ann", "what": "find", "record_ids": [record(1)], "count": 3}
ENDED = "gw.example/tracegate/prod/r1/2025-12"
PRUNE = {"do": "prune", "by": "ann", "log": "gw.example/tracegate/prod/r1/2026-01"}


class Pretended:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.epoch = self
        self.signer = self.key = self
        self.vkey = "vkey"
        self.origin = "gw.example/tracegate/prod/r1/2026-01"

    async def erase(self, records: list[str], *args: object) -> list[At]:
        """See `Audit`."""
        self.asked.append((records, *args))
        if "nobody" in args:
            raise OSError(errno.EIO, "Input/output error")
        return [At(index=7, hash="0" * 64, log=ENDED)] if record(1) in records else []

    async def prune(self, origin: str, before: Before, by: str) -> Pruning:
        """See `Audit`."""
        self.asked.append((origin, before, by))
        return Pruning(512, 9 if before.index else None, 4)

    async def rotate(self) -> None:
        """See `Audit`."""
        self.asked.append("rotate")

    async def was_read(self, *args: object) -> At:
        """See `Audit`."""
        self.asked.append(args)
        return At(index=8, hash="0" * 64, log=ENDED)


def _asked(asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[object]]:
    pretended = Pretended()
    return run(lambda: answered(cast("Audit", pretended), asked)), pretended.asked


def test_it_erases_prunes_and_notes_readers() -> None:
    """And says where the leaf stands that tells of it, also if that log has ended by now."""
    log = "gw.example/tracegate/prod/r1/2026-01"
    assert _asked(ERASE) == ({"log": ENDED, "index": 7}, [([record(1)], "ann", "asked for")])
    assert _asked(READ) == ({"log": ENDED, "index": 8}, [("ann", "find", [record(1)], 3)])
    assert _asked({"do": "rotate"}) == ({"log": log, "vkey": "vkey"}, ["rotate"])
    pruned = {"log": log, "min_index": 512, "removed": 4}
    assert _asked({**PRUNE, "before": 512}) == ({**pruned, "index": 9}, [(log, Before(512), "ann")])
    assert _asked({**PRUNE, "before_t": 7}) == (pruned, [(log, Before(t=7), "ann")])
    assert _asked({**READ, "record_ids": [], "count": 0})[1] == [("ann", "find", [], 0)]


def test_what_the_disk_refuses_is_told() -> None:
    """As that the log can't be written."""
    with pytest.raises(LogUnavailable, match="Input/output"):
        _asked({**ERASE, "by": "nobody"})


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({**ERASE, "record_ids": [record(2)]}, "nothing is kept of these records"),
        ({}, "`None` is nothing"),
        ({**ERASE, "by": None}, "`by` is missing"),
        ({**ERASE, "by": ""}, "`by` is missing"),
        ({**ERASE, "reason": 7}, "`reason` is missing"),
        ({**ERASE, "record_ids": "all"}, "a list of at most 100"),
        ({**ERASE, "record_ids": [7]}, "a list of at most 100"),
        ({**ERASE, "record_ids": [record(n) for n in range(101)]}, "a list of at most 100"),
        ({**ERASE, "record_ids": []}, "`erase` is nothing"),
        ({**ERASE, "do": "stop"}, "`stop` is nothing that a gateway does"),
        ({**READ, "what": "look"}, "`what` is one of find, show, export, receipt"),
        ({**READ, "count": 0}, "`count` is the number"),
        ({**READ, "count": True}, "`count` is the number"),
        (PRUNE, "`before` is an index, or `before_t` a time"),
        ({**PRUNE, "before": 512, "before_t": 7}, "`before` is an index"),
        ({**PRUNE, "before": True}, "`before` is an index"),
        ({**PRUNE, "before_t": "2026"}, "`before` is an index"),
        ({**PRUNE, "log": None, "before": 512}, "`log` is missing"),
    ],
)
def test_what_is_none_of_that_is_refused(asked: Mapping[str, Any], why: str) -> None:
    """Nothing is done."""
    with pytest.raises(Malformed, match=why):
        _asked(asked)
