"""The benchmark: CPU per request of the gateway, beside a bare Starlette handler in the same run; or what outages cost.

```
python -m tests.bench                      everything, under 4 minutes
python -m tests.bench --quick              what the bounds are about, under a minute
python -m tests.bench --systems bare,memory --tracing on --kinds unary --concurrency 16 --rounds 5
python -m tests.bench --json result.json   every sample too
python -m tests.bench outages              something else: latency while the Collector comes and goes, see `outages`
```

The figure is user and system time of the whole gateway process over the requests that were answered right, at full
load. Three systems: `bare`, a Starlette handler that reads the body and answers the provider's bytes, served with the
gateway's own server settings; `memory`, the gateway over the in-memory exchange of `tracegate.testing`, whose cost is
counted as the gateway's; `httpx`, the gateway over httpx's stock transport, to the simulator in a process of its own.
With tracing on, spans, log events and metrics go to a receiver in a process of its own, and every span must arrive.

The gateway is alone on one core, everything else on the other. Systems take turns in every round; figures are medians
over the rounds, with the least and the most; ratios are to the bare handler in the same round. Compare within one run
only. The exit status is 1 when a bound is broken: over the in-memory exchange, unary, with tracing on, a request costs
at most 4 times the bare one with 16 clients, and with 200 clients at most 1.2 times as much as with 16; and every span
must have arrived. Most of what `httpx` costs is httpx's own; its figures are printed without a bound. Linux only, for
it reads the CPU clock of other processes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import outages
from tests.bench.measure import BARE, TRACED, Plan, System, measured
from tests.bench.report import table, told, verdicts

SYSTEMS = ("bare", "memory", "httpx")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit status."""
    given = _parser().parse_args(arguments)
    if given.what == "outages":
        return outages.main()
    plan = plan_of(given)
    _say(f"{len(plan.systems)} systems, {plan.rounds} rounds of {plan.seconds:g} s a cell")
    samples, traced = measured(plan, _say)
    judged = verdicts(samples, traced)
    sys.stdout.write("\n".join([table(samples), *(verdict.text for verdict in judged), ""]))
    if given.json is not None:
        given.json.write_text(json.dumps(told(samples, traced), indent=1) + "\n", encoding="utf-8")
    return 0 if all(verdict.kept for verdict in judged) else 1


def plan_of(given: argparse.Namespace) -> Plan:
    """What the arguments ask for."""
    systems: list[System] = []
    for name in given.systems:
        if name == "bare":
            systems.append(BARE)
        else:
            systems += [System(name, tracing=how == "on") for how in given.tracing]
    plan = Plan(systems, [kind == "stream" for kind in given.kinds], given.concurrency, given.rounds, given.seconds)
    if given.quick:
        plan = Plan([BARE, TRACED, System("memory")], (False, True), (16, 200), rounds=3, seconds=0.5)
    return plan


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="CPU per request of the gateway.")
    parser.add_argument("what", nargs="?", choices=("cpu", "outages"), default="cpu", help="default: cpu")
    parser.add_argument("--systems", type=_list(SYSTEMS), default=SYSTEMS, help="default: bare,memory,httpx")
    parser.add_argument("--tracing", type=_list(("on", "off")), default=("on", "off"), help="default: on,off")
    parser.add_argument("--kinds", type=_list(("unary", "stream")), default=("unary", "stream"), help="of requests")
    parser.add_argument("--concurrency", type=_numbers, default=(1, 16, 64, 200), help="default: 1,16,64,200")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is repeated")
    parser.add_argument("--seconds", type=float, default=0.8, help="for each cell")
    parser.add_argument("--quick", action="store_true", help="only what the bounds are about")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every sample, row and verdict")
    return parser


def _list(known: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        wanted = text.split(",")
        if unknown := set(wanted) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        return [name for name in known if name in wanted]

    return read


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
