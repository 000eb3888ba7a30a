"""Imports go one way, and the contracts that say so would notice if they did not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.house.repository import ROOT, run

pytestmark = pytest.mark.slow

LAYERS = "Imports go one way"
AUDIT = "The audit room reads records, and knows nobody who calls or answers"
PURE = "Policies and dialects stay pure"
SANS_IO = "Dialects do no I/O and know no time"
OPENTELEMETRY = "opentelemetry is at home in telemetry"
HTTPX = "httpx is at home in upstream"
STARLETTE = "starlette is at home in server"
DATA = "The price data set is at home in the command that reads it"
CLOCK = "Only clock reads a clock or a random source"


def test_the_contracts_are_kept() -> None:
    """`lint-imports` finds no import in the wrong direction."""
    done = run("lint-imports", "--no-logo", scripts=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("facts.py", "import tracegate.errors", LAYERS),
        ("events.py", "import tracegate.errors", LAYERS),
        ("wire/body.py", "import tracegate.hop", LAYERS),
        ("hop.py", "import tracegate.recorded", LAYERS),
        ("policies/policy.py", "import tracegate.upstream.exchange", LAYERS),
        ("policies/policy.py", "import tracegate.telemetry.view", LAYERS),
        ("audit/leaf.py", "import tracegate.telemetry.view", LAYERS),
        ("audit/leaf.py", "import tracegate.upstream.exchange", AUDIT),
        ("telemetry/model.py", "import tracegate.server", LAYERS),
        ("unplaced.py", "", LAYERS),
        ("policies/policy.py", "import opentelemetry.trace", PURE),
        ("dialects/dialect.py", "import asyncio", SANS_IO),
        ("policies/policy.py", "def late() -> None:\n    import opentelemetry.trace", OPENTELEMETRY),
        ("server/__init__.py", "import opentelemetry.trace", OPENTELEMETRY),
        ("record.py", "from opentelemetry import trace", OPENTELEMETRY),
        ("dialects/dialect.py", "import httpx", HTTPX),
        ("telemetry/view.py", "import httpx", HTTPX),
        ("upstream/exchange.py", "from starlette.requests import Request", STARLETTE),
        ("record.py", "import time", CLOCK),
        ("policies/policy.py", "from random import random", CLOCK),
        ("prices/table.py", "import genai_prices", DATA),
    ],
)
def test_a_planted_violation_breaks_its_contract(tmp_path: Path, file: str, line: str, contract: str) -> None:
    """One wrong import in a copy of the package breaks the contract that forbids it."""
    shutil.copytree(ROOT / "tracegate", tmp_path / "tracegate", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "tracegate" / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    done = run("lint-imports", "--no-logo", "--no-cache", cwd=tmp_path, scripts=True)
    assert done.returncode == 1, done.stdout
    assert f"{contract} BROKEN" in done.stdout
