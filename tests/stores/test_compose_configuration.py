"""The programs that can be had here have nothing to say of the configurations of the compose files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.dashboards.rendered import binds, rendered
from tests.house.repository import ROOT
from tracegate.stack import building

pytestmark = pytest.mark.stores

HERE = ROOT / "collector" / "compose"
FILES = {"tempo": [HERE / "compose.yaml"], "jaeger": [HERE / "compose.yaml", HERE / "compose.jaeger.yaml"]}


@pytest.mark.parametrize("name", FILES)
def test_the_collector_validates_what_it_merges_there(name: str) -> None:
    """With the arguments and variables of its service; `validate` prints nothing at all."""
    collector = rendered(FILES[name], {})["services"]["collector"]
    mounts = {target: str(HERE / source) for source, target in binds(collector)}
    configs = [f"--config={mounts[argument.removeprefix('--config=')]}" for argument in collector["command"]]
    (program,) = building.programs(["otelcol-tracegate"]).values()
    command = [str(program), "validate", *configs]
    done = subprocess.run(command, env=collector["environment"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_prometheus_takes_its_configuration_and_the_rules(tmp_path: Path) -> None:
    """`promtool check config`, where the folder of the rules is the one that is mounted."""
    prometheus = rendered(FILES["tempo"], {})["services"]["prometheus"]
    mounts = {target: HERE / source for source, target in binds(prometheus)}
    text = mounts["/etc/prometheus/prometheus.yml"].read_text("utf-8")
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace("/etc/prometheus/rules", str(mounts["/etc/prometheus/rules"].resolve())), "utf-8")
    (promtool,) = building.programs(["promtool"]).values()
    command = [str(promtool), "check", "config", str(file)]
    done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 2 rule files found" in done.stdout
    assert "FAILED" not in done.stdout
