"""What `tracegate stack up|down|status` does: one stack of this user, told of by a state file outside the tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tracegate.clock import Clock, SystemClock
from tracegate.stack import building, places, state
from tracegate.stack.fetch import Unreached, ask
from tracegate.stack.parts import StackError, maker
from tracegate.stack.servers import ORDER, PROGRAMS, JaegerStore, health
from tracegate.stack.stack import Stack, end

Say = Callable[[str], None]


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the stack that is up has everything it writes."""
    return places.state(environ) / "stack"


async def up(
    say: Say,
    *,
    at: Path | None = None,
    jaeger_store: JaegerStore = "memory",
    durable: bool = False,
    programs: Mapping[str, Path] | None = None,
) -> Stack:
    """Build what is missing, start the stack, leave it running, and say where it is.

    Args:
        say: Told of progress and addresses, some lines at a time.
        at: Its folder; `folder()` by default.
        jaeger_store, durable, programs: As `Stack` takes them.

    Raises:
        StackError: A stack is up already, or it can't be built or started; then nothing runs.
    """
    at = at or folder()
    if (before := state.read(at)) is not None:
        if before.alive():
            raise StackError(f"a stack is up already:\n{_addresses(before.ports)}\nEnd it: `tracegate stack down`.")
        shutil.rmtree(at)  # what is left of one that something else ended
    if programs is None:
        building.workshop(say, download_go=True).build([maker(program) for program in PROGRAMS.values()])
    stack = Stack(folder=at, jaeger_store=jaeger_store, durable=durable, programs=programs, usual=True)
    await stack.up()
    say(f"{_addresses(stack.plan.ports)}\n\n{_what_to_open(stack)}")
    return stack


async def down(say: Say, *, at: Path | None = None, clock: Clock | None = None) -> None:
    """End what `up` started, and remove its data and logs; says so when nothing was up.

    Raises:
        StackError: The state file can't be read; then nothing is ended.
    """
    at = at or folder()
    found = state.read(at)
    if found is None:
        say("no stack is up")
        return
    alive = found.alive()
    await end(found.processes, clock or SystemClock())
    shutil.rmtree(at)
    say(f"ended: {', '.join(alive) or 'nothing, all had ended by themselves'}; removed: {at}")


async def status(say: Say, *, at: Path | None = None) -> int:
    """Say what runs, and whether it is well; returns 0 when all is, 3 when nothing is up, 1 otherwise.

    The numbers are those of `status` actions of init scripts. Source: LSB 5.0, chapter 22.2.
    """
    at = at or folder()
    found = state.read(at)
    if found is None:
        say("no stack is up; start one: `tracegate stack up`")
        return 3
    well = True
    for name in ORDER:
        process = found.processes.get(name)
        if process is None:
            told = "was not started"
        elif process.alive():
            told = await _health(name, found.ports)
        else:
            told = "ended; its log is beside the state file"
        well = well and told == "ready"
        say(f"{name:13} {f'process {process.pid}' if process else '':16} {told}")
    say(f"\n{_addresses(found.ports)}\nState, data and logs: {at}")
    return 0 if well else 1


async def _health(name: str, ports: Mapping[str, int]) -> str:
    try:
        answer = await ask(health(name, ports))
    except Unreached as exc:
        return f"does not answer: {exc}"
    return "ready" if answer.status == 200 else f"not ready: {answer.status}"


def _addresses(ports: Mapping[str, int]) -> str:
    lines = [
        ("Collector", "OTLP over HTTP", f"http://127.0.0.1:{ports['otlp_http']}"),
        ("", "OTLP over gRPC", f"http://127.0.0.1:{ports['otlp_grpc']}"),
        ("Jaeger", "traces", f"http://127.0.0.1:{ports['jaeger']}"),
        ("Prometheus", "metrics", f"http://127.0.0.1:{ports['prometheus']}"),
        ("VictoriaLogs", "log events", f"http://127.0.0.1:{ports['victorialogs']}"),
    ]
    return "\n".join(f"{who:13} {what:15} {where}" for who, what, where in lines)


def _what_to_open(stack: Stack) -> str:
    return (
        f"Send to it:  OTEL_EXPORTER_OTLP_ENDPOINT={stack.otlp_http} tracegate serve\n"
        f"Open:        {stack.victorialogs.url}/select/vmui  log events, in a browser\n"
        f"             {stack.jaeger.url}/api/v3/traces/TRACE_ID  a trace, as JSON\n"
        f"             {stack.prometheus.url}/api/v1/query?query=up  numbers, as JSON\n"
        "             (the pages of Jaeger and Prometheus are not in their Go modules; point a Grafana at both)\n"
        "End it:      tracegate stack down"
    )
