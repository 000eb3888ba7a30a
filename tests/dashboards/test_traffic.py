"""What the compose files run of this repository, without Docker: gateway, simulated providers, and those who ask."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.dashboards.rendered import rendered
from tests.examples.running import TRACEGATE, run, serving
from tests.house.repository import ROOT
from tracegate.testing.process import SimulatorProcess

pytestmark = pytest.mark.slow

HERE = Path("collector/compose")
TIMES = 15


def test_the_traffic_shows_answers_fallbacks_and_errors(tmp_path: Path) -> None:
    """Everybody is answered, some by the second choice; the configuration is valid, and its key is the one used."""
    services = rendered([ROOT / HERE / "compose.yaml"], {})["services"]
    key = services["gateway"]["environment"]["GATEWAY_KEY"]
    assert services["traffic"]["environment"]["GATEWAY_KEY"] == key
    scripts = yaml.safe_load((ROOT / HERE / "providers.yaml").read_text("utf-8"))
    with SimulatorProcess(scripts) as sim:
        origin = sim.base_url.removesuffix("/v1")
        env = {**os.environ, "GATEWAY_KEY": key, "PROVIDERS": origin, "OTEL_SDK_DISABLED": "true"}
        env |= {"AUDIT_DIR": str(tmp_path), "AUDIT_SHIP": "none"}
        checked = run([TRACEGATE, "check", str(HERE / "tracegate.yaml")], env)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        with serving(["--config", str(HERE / "tracegate.yaml")], env) as (url, _):
            command = [sys.executable, str(HERE / "traffic.py"), url, f"--times={TIMES}", "--pause=0"]
            done = run(command, env)
        assert (done.returncode, done.stderr) == (0, "")
        lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
        assert Counter(route for route, _, _ in lines) == {"chat": 9, "cheap": 3, "preview": 3}
        assert {status for _, status, _ in lines} == {"200"}
        assert {"azure.ai.openai", "openai", "mistral_ai"} == {served.split(";")[0] for _, _, served in lines}
        statuses = Counter(entry.status for entry in sim.log())
        assert statuses[200] >= TIMES
        assert {503, 429} <= set(statuses)


def test_a_gateway_that_is_away_is_said() -> None:
    """And asked again."""
    env = {**os.environ, "GATEWAY_KEY": "any"}
    command = [sys.executable, str(HERE / "traffic.py"), "http://127.0.0.1:9/v1", "--times=2", "--pause=0"]
    done = run(command, env)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(" ", 1)[0] for line in done.stdout.splitlines()] == ["chat", "chat"]
    assert "refused" in done.stdout
