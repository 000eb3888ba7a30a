"""The demo beside a real stack, as a person runs it: all agrees, and nothing of it is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tracegate.cli.demo_scenes import SCENES

pytestmark = pytest.mark.stores


def test_all_that_is_read_back_agrees(tmp_path: Path) -> None:
    """A stack of its own, which is gone afterwards, as is its folder; none of its servers answers any more."""
    command = [str(Path(sys.executable).with_name("tracegate")), "demo", "--stack"]
    # A state of its own: another's stack may be up, and is not to be used. A folder of its own: to see what is left.
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    traces = re.findall(r"^    http://127\.0\.0\.1:\d+/api/v3/traces/[0-9a-f]{32}$", done.stdout, re.MULTILINE)
    assert len(set(traces)) == len(SCENES)
    assert len(re.findall(r"^  ✓ (?:Jaeger|calls|logs)  ", done.stdout, re.MULTILINE)) >= 2 * len(SCENES)
    assert "✗" not in done.stdout
    assert f"{len(SCENES)} traces in Jaeger, 34 numbers in Prometheus and 25 events in VictoriaLogs: they agree" in (
        done.stdout
    )
    assert list(tmp_path.iterdir()) == []
