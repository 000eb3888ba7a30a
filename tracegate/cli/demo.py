"""`tracegate demo`: simulated providers and a gateway on this machine, a dozen requests, and the trace of each.

It needs no network, no key and no receiver: the spans it shows are those that would be exported.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracegate.cli.demo_scenes import CONFIG, PICTURED, SCENES, SCRIPTS, Scene
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.record import Recorder
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.telemetry.spans import spans
from tracegate.testing.collected import Collected
from tracegate.testing.picture import hop_rows
from tracegate.testing.simulator import Simulator

STYLES = {"ok": "green", "error": "red", "cancelled": "yellow"}
HEADERS = ("X-Served-By", "Tracegate-Attempts", "Tracegate-Cost", "Tracegate-Record")
PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client of one request saw."""

    status: int
    headers: Mapping[str, str]
    lines: list[str]


def run(*, keep: bool, svg: str | None = None, console: Console | None = None) -> int:
    """Show every scene; returns the exit status: 1 when traces and providers do not tell the same number of calls.

    Args:
        keep: Keep serving afterwards, until interrupted.
        svg: Where to write the picture of one trace.
        console: Where to print.
    """
    try:
        return asyncio.run(_demo(console or Console(highlight=False), keep, svg))
    except KeyboardInterrupt:
        return 0


async def _demo(console: Console, keep: bool, svg: str | None) -> int:
    async with Simulator(SCRIPTS) as simulator:
        config = _config(simulator.base_url)
        view = Collected()
        sock = bind(config.listen)
        port = sock.getsockname()[1]
        async with serving(assemble(config, view).app, sock, config):
            console.print(
                f"A gateway on 127.0.0.1:{port}, in front of four simulated providers. {len(SCENES)} requests.\n"
            )
            for number, scene in enumerate(SCENES):
                seen = await asyncio.to_thread(_ask, port, scene)
                recorder = (await view.until(number + 1))[number]
                _show(console, number, scene, seen, recorder)
                if svg is not None and number == PICTURED:
                    _draw(svg, recorder)
            agrees = _sum_up(console, view.requests, len(list(simulator.log)))
            if keep:
                console.print(_how_to_ask(port), soft_wrap=True)
                await asyncio.get_running_loop().create_future()
    return 0 if agrees else 1


def _config(origin: str) -> Config:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tracegate.yaml"
        file.write_text(CONFIG.format(origin=origin.removesuffix("/v1")) + "listen: 127.0.0.1:0\n")
        return load(str(file), os.environ)


def _ask(port: int, scene: Scene) -> Seen:
    """One request, as an ordinary HTTP client makes it."""
    body = {"model": scene.route, "stream": scene.stream, "messages": [{"role": "user", "content": "Tell me a story."}]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        lines: list[str] = []
        while line := response.readline():
            lines.append(line.decode().rstrip("\n"))
            if len(lines) == scene.leave_after:
                _hang_up(connection.sock)
                break
        return Seen(response.status, {name.lower(): value for name, value in response.getheaders()}, lines)
    finally:
        connection.close()


def _hang_up(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_RDWR)


def _show(console: Console, number: int, scene: Scene, seen: Seen, recorder: Recorder) -> None:
    console.print(Text(f"{number + 1:>2}  {scene.title}", style="bold"))
    console.print(Text(f"    model {scene.route}{' · stream' if scene.stream else ''} → {seen.status}", style="dim"))
    for name in HEADERS if scene.headers else HEADERS[:1]:
        value = seen.headers.get(name.lower())
        if value is not None:
            console.print(Text(f"    {name}: {value}", style="cyan"), soft_wrap=True)
    for line in seen.lines if scene.headers else ():
        if line.startswith(": tracegate-"):
            console.print(Text(f"    {line}", style="dim cyan"), soft_wrap=True)
    console.print(_tree(recorder))
    console.print()


def _tree(recorder: Recorder) -> Table:
    """The trace as aligned lines, coloured by what became of each hop."""
    table = Table.grid(padding=(0, 2))
    for _ in range(8):
        table.add_column(no_wrap=True)
    for row in hop_rows(spans(recorder)):
        cells = (row.kind, row.provider, row.model, row.region, row.latency, row.cost, row.error)
        table.add_row(
            Text(f"    {row.branch}{row.name}", style=STYLES[row.state]),
            *(Text(cell, style=STYLES[row.state] if cell == row.error else "") for cell in cells),
        )
    return table


def _sum_up(console: Console, requests: list[Recorder], calls: int) -> bool:
    attempts = sum(len(recorder.attempts) for recorder in requests)
    console.print(
        f"{len(requests)} requests, {attempts} attempts in their traces, {calls} calls in the providers' own log."
    )
    return attempts == calls


def _draw(path: str, recorder: Recorder) -> None:
    console = Console(record=True, width=140, file=io.StringIO())
    console.print(_tree(recorder))
    console.save_svg(path, title="one request, one trace")


def _how_to_ask(port: int) -> str:
    routes = ", ".join(dict.fromkeys(scene.route for scene in SCENES))
    return (
        f"\nStill serving; stop with Ctrl-C. Ask for one of: {routes}\n\n"
        f"  curl -i http://127.0.0.1:{port}{PATH} \\\n"
        '    -d \'{"model": "busy-day", "messages": [{"role": "user", "content": "hi"}]}\'\n\n'
        f"  OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 OPENAI_API_KEY=any python your_program.py\n"
    )
