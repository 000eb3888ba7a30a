"""The benchmark: Tracegate beside a bare Starlette handler, nginx and other gateways, in one run; or what outages cost.

```
python -m tests.bench                          what says most, about 4 minutes
python -m tests.bench --quick                  less of it, under a minute
python -m tests.bench --all                    everything, ten minutes under load too; half an hour, an estimate
python -m tests.bench --systems bare,nginx,tracegate,litellm,portkey
python -m tests.bench --work unary,tls --clients 16 --rounds 5
python -m tests.bench --json result.json --svg result.svg
python -m tests.bench outages                  latency while the Collector comes and goes, see `outages`
python -m tests.bench audit                    what the audit log costs, by itself (see `audit`) and a request
```

It prints a table and then one line for each bound that the chosen systems allow to be judged; the exit status is 1
where one is broken, 2 where a system can't be had. `works` says what work there is, `figures` what is measured of it,
`bounds` what has to be kept, `systems` who is measured:

| | |
|---|---|
| `bare` | a Starlette handler that answers by itself, served as the gateway is: the yardstick |
| `in-memory` | the gateway with the exchange of the test kit in the place of a network and a provider |
| `nginx` | a reverse proxy; left out by default where it is not installed |
| `tracegate` | `tracegate serve`: spans, metrics and log events to a receiver, every span of which must arrive |
| `off` | the same, exporting nothing; records and headers stay |
| `audit` | `tracegate` with a strict audit log on the disk of temporary files; none of the others has one |
| `httpx` | the same over httpx's transport |
| `sdk` | the same through the OpenTelemetry SDK |
| `litellm`, `portkey` | by choice only: installed on demand below `~/.cache/tracegate`, see `peers` |

CPU is user and system time of all processes of a system over the requests that were answered right. The systems are
alone on their core, everything else is on the others; they take turns, and begin anew in another order in each round.
Figures are medians over the rounds, with the least and the most; ratios are of one round. Compare within one run only.
A window in which others used the machine is repeated, and said where it stayed so. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import audit, nginx, outages, peers
from tests.bench.bounds import judged
from tests.bench.figures import Window
from tests.bench.measure import Measured, Plan, measured
from tests.bench.picture import svg
from tests.bench.report import Results, Verdict, table, told
from tests.bench.stage import NotStarted
from tests.bench.systems import CHOICE, LITELLM, NGINX, PORTKEY, System
from tests.bench.works import QUICK, WORKS
from tracegate import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit status."""
    given = parser().parse_args(arguments)
    if given.what == "outages":
        return outages.main()
    own = audit.main() if given.what == "audit" else []
    if own and not given.work:
        given.work = ["audit", "pace"]
    try:
        plan = plan_of(given)
        _say(f"{', '.join(work.name for work in plan.works)}: at most {plan.rounds} rounds")
        found = measured(plan, _say)
    except (nginx.Missing, NotStarted) as exc:
        _say(str(exc))
        return 2
    verdicts = [*own, *judged(found)]
    sys.stdout.write("\n".join([table(found), "", *(verdict.text for verdict in verdicts), ""]))
    _write(found, verdicts, given.json, given.svg)
    return 0 if all(verdict.kept or verdict.goal for verdict in verdicts) else 1


def plan_of(given: argparse.Namespace) -> Plan:
    """What the arguments ask for."""
    quick = QUICK if given.quick and not given.work else {}
    names = given.work or [*quick] or [name for name, work in WORKS.items() if work.default or given.all]
    chosen = _chosen(given.systems)
    every = given.all or given.systems is not None
    works = [WORKS[name] for name in names]
    usual = {work.name: work.all if given.all and work.all else work.clients for work in works}
    return Plan(
        works,
        {work.name: work.systems(chosen, every=every) for work in works},
        {name: given.clients or quick.get(name, clients) for name, clients in usual.items()},
        given.rounds or (2 if given.quick else 3),
        Window(given.seconds or (0.3 if given.quick else 0.5), soak_s=given.minutes * 60),
        repeats=5 if given.quick else 30,
    )


def _chosen(names: Sequence[str] | None) -> list[System]:
    if names is None:
        found = [system for system in CHOICE.values() if system not in (LITELLM, PORTKEY)]
        try:
            nginx.program()
        except nginx.Missing as exc:
            _say(f"{exc}; it is left out")
            found.remove(NGINX)
        return found
    return [CHOICE[name] for name in names]


def _write(found: Measured, verdicts: Sequence[Verdict], to_json: Path | None, to_svg: Path | None) -> None:
    at = datetime.now(UTC)
    about = {
        "at": at.isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {"tracegate": __version__, "litellm": peers.LITELLM, "portkey": peers.PORTKEY},
    }
    if to_json is not None:
        to_json.write_text(json.dumps(told(found, verdicts, about), indent=1) + "\n", encoding="utf-8")
    if to_svg is not None:
        title = f"Tracegate {__version__}, {about['cores']} cores, Python {about['python']}, {at:%d %B %Y}"
        to_svg.write_text(svg(Results(found.samples).rows(), title), encoding="utf-8")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m tests.bench", description="What the gateway costs, beside others.")
    made.add_argument("what", nargs="?", choices=("cost", "outages", "audit"), default="cost", help="default: cost")
    made.add_argument("--systems", type=_list([*CHOICE]), help=f"of {','.join(CHOICE)}; default: all but the last two")
    made.add_argument("--work", type=_list([*WORKS]), help=f"of {','.join(WORKS)}")
    made.add_argument("--clients", type=_numbers, help="how many at once, instead of what the work says; e.g. 1,16")
    made.add_argument("--rounds", type=int, help="how often everything is repeated; default: 3")
    made.add_argument("--seconds", type=float, help="for each window; default: 0.5")
    made.add_argument("--minutes", type=float, default=10, help="of `--work soak`; default: 10")
    made.add_argument("--quick", action="store_true", help="under a minute")
    made.add_argument("--all", action="store_true", help="all work, of all chosen systems, at all numbers of clients")
    made.add_argument("--json", type=Path, metavar="FILE", help="every sample, row and verdict")
    made.add_argument("--svg", type=Path, metavar="FILE", help="a picture of the table")
    return made


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
