"""What `tracegate stack up|down|status` does: one stack of this user, told of by a state file outside the tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from tracegate.clock import Clock, SystemClock
from tracegate.stack import building, places, state
from tracegate.stack.alone import alone
from tracegate.stack.fetch import Unreached, ask
from tracegate.stack.parts import StackError, maker
from tracegate.stack.servers import ORDER, PROGRAMS, JaegerStore, health
from tracegate.stack.stack import Stack, end
from tracegate.stack.standing import found_up

Say = Callable[[str], None]


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the stack that is up has everything it writes."""
    return places.state(environ) / "stack"


def build(say: Say, *, at: Path | None = None) -> None:
    """Build what is missing, unless a stack is up, which needs nothing more; says first what, and about how long.

    Not a coroutine, so that Ctrl-C ends it: it raises `KeyboardInterrupt`, and what was built stays.

    Raises:
        StackError: It can't be built.
    """
    if found_up(at or folder()) is None:
        building.workshop(say, download_go=True).build([maker(program) for program in PROGRAMS.values()])


async def up(
    say: Say,
    *,
    at: Path | None = None,
    jaeger_store: JaegerStore = "memory",
    durable: bool = False,
    programs: Mapping[str, Path] | None = None,
) -> Stack:
    """Start the stack, leave it running, and say where it is; what it runs is built by then.

    Args:
        say: Told of progress and addresses, some lines at a time.
        at: Its folder; `folder()` by default.
        jaeger_store, durable, programs: As `Stack` takes them.

    Raises:
        StackError: A stack is up already, or it can't be started: then nothing runs.
    """
    at = at or folder()
    with _lock(at):
        if (before := state.read(at)) is not None:
            if before.alive():
                raise StackError(f"a stack is up already:\n{addresses(before.ports)}\nEnd it: `tracegate stack down`.")
            shutil.rmtree(at)  # what is left of one that something else ended
        stack = Stack(folder=at, jaeger_store=jaeger_store, durable=durable, programs=programs, usual=True)
        await stack.up()
    ports = stack.plan.ports
    say(f"{addresses(ports)}\n\n{what_to_open(ports)}\nEnd it:      tracegate stack down")
    return stack


async def down(say: Say, *, at: Path | None = None, clock: Clock | None = None) -> None:
    """End what `up` started, and remove its data and logs; says so when nothing was up.

    Raises:
        StackError: The state file can't be read; then nothing is ended.
    """
    at = at or folder()
    with _lock(at):
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
    say(f"\n{addresses(found.ports)}\nState, data and logs: {at}")
    return 0 if well else 1


def _lock(at: Path) -> AbstractContextManager[None]:
    """Nobody else starts or ends the stack of that folder meanwhile; raises `StackError` when somebody does."""

    def taken() -> None:
        raise StackError("the stack is being started or ended by another `tracegate stack`")

    return alone(at.with_name(f"{at.name}.lock"), taken)


async def _health(name: str, ports: Mapping[str, int]) -> str:
    try:
        answer = await ask(health(name, ports))
    except Unreached as exc:
        return f"does not answer: {exc}"
    return "ready" if answer.status == 200 else f"not ready: {answer.status}"


def addresses(ports: Mapping[str, int]) -> str:
    """Where each server of a stack is."""
    lines = [
        ("Collector", "OTLP over HTTP", f"http://127.0.0.1:{ports['otlp_http']}"),
        ("", "OTLP over gRPC", f"http://127.0.0.1:{ports['otlp_grpc']}"),
        ("", "`audit.ship`", f"http://127.0.0.1:{ports['otlp_audit']}"),
        ("Jaeger", "traces", f"http://127.0.0.1:{ports['jaeger']}"),
        ("Prometheus", "metrics", f"http://127.0.0.1:{ports['prometheus']}"),
        ("VictoriaLogs", "log events", f"http://127.0.0.1:{ports['victorialogs']}"),
    ]
    return "\n".join(f"{who:13} {what:15} {where}" for who, what, where in lines)


def what_to_open(ports: Mapping[str, int]) -> str:
    """What a person looks at in a stack, and how to send to it."""

    def at(name: str) -> str:
        return f"http://127.0.0.1:{ports[name]}"

    return (
        f"Send to it:  OTEL_EXPORTER_OTLP_ENDPOINT={at('otlp_http')} tracegate serve\n"
        f"Open:        {at('victorialogs')}/select/vmui  log events, in a browser\n"
        f"             {at('jaeger')}/api/v3/traces/TRACE_ID  a trace, as JSON\n"
        f"             {at('prometheus')}/api/v1/query?query=up  numbers, as JSON\n"
        "             Jaeger and Prometheus are built without their web pages: point a\n"
        "             Grafana at both"
    )
