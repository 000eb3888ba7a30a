"""What a process has loaded when it gives its first answer. Each module is time at every start, and memory for good."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest

from tests.server import processes
from tests.server.opened import CALL
from tests.server.test_serve import ENV, written
from tracegate.testing.simulator import Simulator

pytestmark = pytest.mark.slow

MODULES = {"off": 173, "strict": 232}
"""Of ours, by the mode of the audit log. A change that loads more has a reason, or is mended."""

SLACK = 0.05

LARGE = frozenset({"pydantic", "httpx", "httpcore", "opentelemetry", "google", "grpc", "rich"})
"""What some configurations need, and a plain one does not."""


def loaded(folder: Path, more: str) -> list[str]:
    """The modules, in the order in which they were loaded."""
    said: list[str] = []

    async def main() -> None:
        async with Simulator() as simulator:
            file = written(folder, simulator.base_url, more)
            env = {**ENV, "PYTHONPROFILEIMPORTTIME": "1"}
            async with processes.serving("--config", file, "--port", "0", env=env) as process:
                status, _, _ = await processes.ask(process.port, CALL)
                assert status == 200
                assert await process.end(signal.SIGKILL) == -signal.SIGKILL
                said.append(process.err)

    asyncio.run(main())
    return re.findall(r"^import time: .*\| +(\S+)$", said[0], re.MULTILINE)


@pytest.mark.parametrize("mode", ["off", "strict"])
def test_a_plain_gateway_loads_no_more_than_it_needs(tmp_path: Path, mode: str) -> None:
    """Telemetry goes to a Collector by OTLP, the provider is asked without a proxy, nothing is shipped or anchored."""
    audit = f"audit: {{mode: {mode}, dir: {tmp_path / 'audit'}}}\n"
    names = loaded(tmp_path, f"telemetry: {{otlp: 'http://127.0.0.1:9'}}\n{audit}")
    ours = [name for name in names if name.partition(".")[0] == "tracegate"]
    assert LARGE & {*names} == set()
    assert "tracegate.cli.serving" in ours
    most = MODULES[mode] * (1 + SLACK)
    assert len(ours) <= most, f"{len(ours)} modules, {MODULES[mode]} before: find what is new\n{sorted(ours)}"


def test_what_signs_is_loaded_only_where_there_is_an_audit_log(tmp_path: Path) -> None:
    """The room of the log and the package that signs for it are a quarter of all."""
    names = loaded(tmp_path, "telemetry: {otlp: none}\naudit: {mode: off}\n")
    assert [name for name in names if name.startswith(("tracegate.audit", "cryptography"))] == []
