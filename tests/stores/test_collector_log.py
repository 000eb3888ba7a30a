"""The Collector has nothing to say of its configurations: not when it validates them, not while it runs."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.stores.collector_log import HARMLESS, complaints
from tests.stores.sent import Sent, post
from tracegate.clock import RandomIds, SystemClock
from tracegate.stack import building, ports
from tracegate.stack.readers import found
from tracegate.stack.servers import Plan, servers
from tracegate.stack.stack import Stack

pytestmark = pytest.mark.stores

CLOCK, IDS = SystemClock(), RandomIds()
CHECKOUT = Path(__file__).parents[2]
CONFIG = CHECKOUT / "collector" / "config"

MERGED = {"dev": ("dev.yaml",), "durable": ("dev.yaml", "dev-durable.yaml")}
"""The files of each configuration, in the order in which they are merged."""


def test_no_configuration_is_passed_over() -> None:
    """Every file there is belongs to one of those that are validated."""
    assert {path.name for path in CONFIG.iterdir()} == {name for files in MERGED.values() for name in files}


@pytest.mark.parametrize("where", ["defaults", "stack"])
@pytest.mark.parametrize("name", MERGED)
def test_a_configuration_is_valid_without_a_word(tmp_path: Path, name: str, where: str) -> None:
    """`validate` prints nothing at all, with the defaults of the variables, and as the stack sets them."""
    programs = building.programs(["otelcol-tracegate", "jaeger", "prometheus", "victoria-logs"])
    plan = Plan(CHECKOUT, tmp_path, ports.choose(IDS, usual=False), programs, durable=name == "durable")
    collector = servers(plan)["collector"]
    assert collector.command[1:] == tuple(f"--config={CONFIG / file}" for file in MERGED[name])
    env = collector.env if where == "stack" else {"TRACEGATE_COLLECTOR_DATA": str(tmp_path)}
    command = [collector.command[0], "validate", *collector.command[1:]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_is_deprecated_or_wrong_is_a_complaint() -> None:
    """And the harmless line is none."""
    lines = [
        "2026-11-24T08:57:34.955Z\tinfo\tservice\tEverything is ready.",
        "2026-11-24T08:57:34.955Z\tinfo\tservice\tThe option `x` is Deprecated.",
        "2026-11-24T08:57:34.955Z\terror\texporter\tExporting failed.",
        f"2026-11-24T08:57:34.955Z\twarn\tzpages\t{HARMLESS}",
    ]
    assert complaints("\n".join(lines)) == lines[1:3]


async def _all_three(stack: Stack) -> None:
    """Send one of each signal, and wait until the stores have them."""
    sent = Sent(IDS.trace().hex(), IDS.span().hex(), CLOCK.wall(), "x")
    await post(stack.otlp_http, "traces", sent.traces())
    await post(stack.otlp_http, "metrics", sent.metrics())
    await post(stack.otlp_http, "logs", sent.logs())
    await found(lambda: stack.jaeger.trace(sent.trace))
    counted = f'tracegate_cost_micros_total{{service_instance_id="{sent.trace}"}}'
    await found(lambda: stack.prometheus.query(counted))
    await found(lambda: stack.victorialogs.query(f"_time:1h trace_id:{sent.trace}"))


def test_the_log_of_a_running_collector_has_no_complaint(stack: Stack) -> None:
    """No deprecated name and no error, at its start, with all three signals, and at its end."""

    async def main() -> None:
        assert await stack.stop("collector") == 0
        before = len(stack.log("collector"))  # what other tests did to it is theirs
        await stack.start("collector")
        await _all_three(stack)
        assert await stack.stop("collector") == 0
        log = stack.log("collector")[before:]
        await stack.start("collector")
        assert HARMLESS in log
        assert complaints(log) == []

    asyncio.run(main())


def test_the_log_of_a_durable_collector_has_no_complaint() -> None:
    """Nor with its queues on disk, where it finds them again."""

    async def main() -> None:
        async with Stack(durable=True) as stack:
            for _ in range(2):
                await _all_three(stack)
                assert await stack.stop("collector") == 0
                await stack.start("collector")
            assert complaints(stack.log("collector")) == []

    asyncio.run(main())
