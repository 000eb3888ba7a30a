"""Imports go one way, and the contracts that say so would notice if they did not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping

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


PLANTED = (
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
    ("policies/retry.py", "def late() -> None:\n    import opentelemetry.trace", OPENTELEMETRY),
    ("server/__init__.py", "import opentelemetry.trace", OPENTELEMETRY),
    ("record.py", "from opentelemetry import trace", OPENTELEMETRY),
    ("dialects/dialect.py", "import httpx", HTTPX),
    ("telemetry/view.py", "import httpx", HTTPX),
    ("upstream/exchange.py", "from starlette.requests import Request", STARLETTE),
    ("record.py", "import time", CLOCK),
    ("policies/policy.py", "from random import random", CLOCK),
    ("prices/table.py", "import genai_prices", DATA),
)
"""A wrong import each, and the contract that forbids it."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What `lint-imports` says of each contract in a copy of the package that has all of them."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "tracegate", copy / "tracegate", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for file, line, _ in PLANTED:
        with (copy / "tracegate" / file).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    done = run("lint-imports", "--no-logo", "--no-cache", cwd=copy, scripts=True)
    assert done.returncode == 1, done.stdout
    parts = re.split(r"^(\w.+)\n-+\n", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED)
def test_a_planted_violation_breaks_its_contract(said: Mapping[str, str], file: str, line: str, contract: str) -> None:
    """The contract names that import, by itself and not at the end of a way through others."""
    importer = "tracegate." + file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    if imports := re.search(r"(?:import|from) (tracegate[.\w]+|\w+)", line):
        assert re.search(rf"^- +{importer} -> {imports[1]} \(l[.]\d+\)$", said[contract], re.MULTILINE)
    else:
        assert f"- {importer}\n" in said[contract]  # nobody said where it belongs
