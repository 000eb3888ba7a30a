"""A stream that is open takes no more memory than before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.house.repository import ROOT

pytestmark = pytest.mark.slow

BYTES = 11_720
"""Of one stream that is open. A change that takes more has a reason, or is mended."""

SLACK = 0.05


def test_an_open_stream_takes_no_more_memory_than_before() -> None:
    """In a process of its own: what other tests left, and whoever traces them, would count too."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-m", "tests.bench.open"]
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True, timeout=60)
    found = int(done.stdout)
    assert 0 < found <= BYTES * (1 + SLACK), f"an open stream takes {found} bytes, {BYTES} before: find what is new"
