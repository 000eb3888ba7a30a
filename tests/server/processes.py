"""`tracegate serve` as the process it is, and an HTTP client for it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOON_S = 60.0
"""A bound on anything that is waited for; the machine may be busy."""

SCRIPT = str(Path(sys.executable).with_name("tracegate"))


@dataclass
class Process:
    """One that runs: where it serves, and what it said when it ended."""

    process: asyncio.subprocess.Process
    port: int
    greeting: list[str]
    out: str = ""
    err: str = ""
    over: bool = field(default=False)

    async def end(self, sign: signal.Signals | None = None, *, everybody: bool = False) -> int:
        """Send a signal, to its whole group if `everybody`, and wait; returns the exit status."""
        if sign is not None and everybody:
            os.killpg(self.process.pid, sign)
        elif sign is not None:
            self.process.send_signal(sign)
        async with asyncio.timeout(SOON_S):
            out, err = await self.process.communicate()
        self.out, self.err, self.over = out.decode(), err.decode(), True
        return self.process.returncode or 0

    def workers(self) -> list[int]:
        """The ids of its children, a helper of multiprocessing aside."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def run(*args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run `tracegate` to its end: exit status, stdout, stderr."""
    process = await _started(args, env, cwd)
    async with asyncio.timeout(SOON_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def serving(*args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> AsyncIterator[Process]:
    """Run `tracegate serve`; the block begins when it says that it serves, and kills what is left at its end."""
    process = await _started(("serve", *args), env, cwd)
    assert process.stdout is not None
    greeting: list[str] = []
    try:
        port = 0
        async with asyncio.timeout(SOON_S):
            while not port or not greeting[-1].startswith("  telemetry"):
                line = (await process.stdout.readline()).decode()
                if not line:
                    raise AssertionError(f"it ended: {await process.communicate()}")
                greeting.append(line.rstrip("\n"))
                found = re.fullmatch(r"Tracegate serves on https?://\S+:(\d+)/v1", greeting[-1])
                port = int(found[1]) if found else port
        yield Process(process, port, greeting)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


async def ask(
    port: int, body: Mapping[str, Any] | None = None, path: str = "/v1/chat/completions", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, fields, body as it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        data = b"" if body is None else json.dumps(body).encode()
        fields = {"host": "gw.test", "connection": "close", "content-length": str(len(data)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)
        async with asyncio.timeout(SOON_S):
            answer = await reader.read()
    finally:
        writer.close()
    start, _, rest = answer.partition(b"\r\n\r\n")
    lines = start.decode("latin-1").split("\r\n")
    return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), rest


async def _started(
    args: tuple[str, ...], env: Mapping[str, str] | None, cwd: Path | None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        SCRIPT,
        *args,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        start_new_session=True,
    )
