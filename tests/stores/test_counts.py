"""The dashboard's counts are exact where `increase()` is not, by Prometheus' own evaluation (`promtool test rules`)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from dashboards.query import counts, total
from tracegate.stack import building

pytestmark = pytest.mark.stores

# An export each 15 s. Each series is one start of a gateway, for each is an instance of its own.
SERIES = {
    'x{instance="idle"}': "7x240",  # counted before the hour that is looked at, and nothing in it
    'x{instance="zeros"}': "0x40 3x200",  # was there at 0, and grew to 3
    'x{instance="first"}': "_x80 1x160",  # appears with its first event
    'x{instance="away"}': "_x20 2x40 _x120 6x60",  # away for half an hour, and counted 4 more meanwhile
    'x{instance="ended"}': "_x10 1x20 5x20",  # ended long before the hour did
    'x{instance="restarted"}': "_x90 4x150",  # came in its place, and counts from 0
}
COUNTED = 0 + 3 + 1 + 6 + 5 + 4


def _evaluated(tmp_path: Path, expected: Mapping[str, float]) -> None:
    """Hold each query's only sample, at the end of the hour, against what is expected."""
    tests = [
        {"expr": expr, "eval_time": "1h", "exp_samples": [{"labels": "{}", "value": value}]}
        for expr, value in expected.items()
    ]
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    file = tmp_path / "test.yml"
    file.write_text(
        yaml.safe_dump({"tests": [{"interval": "15s", "input_series": series, "promql_expr_test": tests}]}), "utf-8"
    )
    (promtool,) = building.programs(["promtool"]).values()
    command = [str(promtool), "test", "rules", str(file)]
    done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_counts_are_exact_over_first_events_gaps_and_restarts(tmp_path: Path) -> None:
    """A total is what was counted, and the points of a graph add up to it."""
    points = counts("x").replace("$__interval", "1m")
    _evaluated(
        tmp_path,
        {
            total("x").replace("$__range", "2h"): COUNTED + 7,  # longer than anything was there: all is new
            total("x").replace("$__range", "59m"): COUNTED,  # what was there at its start does not count
            f"sum_over_time(({points})[58m:1m])": COUNTED,
        },
    )


def test_increase_is_not(tmp_path: Path) -> None:
    """The reason for all this: it sees one growth only, and what it makes of a first event is 0."""
    _evaluated(
        tmp_path,
        {
            'sum(increase(x{instance="first"}[59m]))': 0,
            'sum(increase(x{instance="restarted"}[59m]))': 0,
        },
    )
