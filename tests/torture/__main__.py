"""The audit log under everything that can happen to it, in full; the tests beside this do a part of it.

```
python -m tests.torture killed --runs 500  gateways under load are killed, and all that clients got is verified: minutes
python -m tests.torture faults             every system call of two lives fails, or is the last one: minutes
python -m tests.torture power              the power fails at every moment of two lives: minutes
python -m tests.torture answers            every byte of answers of each kind, and of their bundles, is altered: minutes
python -m tests.torture altered            every byte of a log of a thousand leaves is altered in five ways: an hour
```

Each prints what it did, and what it found; the exit status is 1 where something is wrong. Linux only: `strace` is
needed, and the right to trace.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TypeVar

from tests.torture.altered import changes, found, quick, thousand_files
from tests.torture.answers import accepted
from tests.torture.cut import HOW, cuts, told
from tests.torture.killing import LIVES, Books, killed
from tests.torture.life import settings_in
from tests.torture.lives import Lives, faults
from tests.torture.served import served

T = TypeVar("T")

EVERY_S = 2.0  # progress is told so often
AT_ONCE = 2 * (os.cpu_count() or 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit status."""
    given = parser().parse_args(arguments)
    if given.what == "killed":
        wrong = of_killed(given.runs, given.seed)
    else:
        of = {"faults": of_faults, "power": of_power, "answers": of_answers, "altered": of_altered}
        wrong = of[given.what](given.step)
    for line in wrong[:20]:
        sys.stdout.write(f"NOT OK  {line}\n")
    sys.stdout.write(f"{'NOT OK' if wrong else 'OK    '}  {given.what}: {len(wrong)} wrong\n")
    return 1 if wrong else 0


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m tests.torture", description="The audit log, tortured.")
    made.add_argument("what", choices=("killed", "faults", "power", "answers", "altered"))
    made.add_argument("--runs", type=int, default=500, help="of `killed`; default: 500")
    made.add_argument("--seed", type=int, default=1, help="of `killed`")
    made.add_argument("--step", type=int, default=1, help="of the others: only every so many of the cases")
    return made


def of_killed(runs: int, seed: int) -> list[str]:
    """Kill gateways."""
    tallies = [*progress("logs", killed(runs, seed), -(-runs // LIVES))]
    counts = sum((tally.counts for tally in tallies), Counter[str]())
    sys.stdout.write("".join(f"{count:>7,} {what}\n" for what, count in sorted(counts.items())))
    return [fault for tally in tallies for fault in tally.faults]


def of_faults(step: int) -> list[str]:
    """Let every system call fail, once or for good, and be the last one."""
    with Lives() as lives, ThreadPoolExecutor(AT_ONCE) as pool:
        every = [fault for new in (False, True) for fault in faults(lives.traced(new=new)[1], new=new)][::step]
        lived = [*progress("faults", pool.map(lives.under, every), len(every))]
    sys.stdout.write(f"{sum(one.met for one in lived)} of {len(every)} faults came\n")
    return [f"{fault}: {said}" for fault, one in zip(every, lived, strict=True) for said in one.faults]


def of_power(step: int) -> list[str]:
    """Let the power fail at every moment."""
    wrong: list[str] = []
    with Lives() as lives, tempfile.TemporaryDirectory(prefix="tracegate-power-") as kept:
        for new in (False, True):
            moments = [*cuts(*lives.traced(new=new), told, Random(2), 1 / step)]
            for number, one in enumerate(progress("moments", moments, len(moments))):
                for how in HOW:
                    folder = Path(kept, f"{new}-{number}-{how}")
                    found = one.faults(how, settings_in(folder))
                    wrong += [f"{one.before.name}, {how} left: {said}" for said in found]
                    shutil.rmtree(folder)
    return wrong


def of_answers(step: int) -> list[str]:
    """Alter what clients got."""
    with tempfile.TemporaryDirectory(prefix="tracegate-served-") as kept:
        got = served(Path(kept), 1)
        books = Books(Path(kept, "log"))
        whole = [held for held in got if not held.streamed or held.receipt]
        found = progress("answers", ((held.status, [*accepted(books, held, step)]) for held in whole), len(whole))
        return [f"status {status}, {said}" for status, one in found for said in one]


def of_altered(step: int) -> list[str]:
    """Do everything at every byte."""
    files = thousand_files()
    parts = [(name, at) for name, raw in files.items() for at in range(0, len(raw), PART)]
    every = sum(len(raw) for raw in files.values())
    with ProcessPoolExecutor() as pool:
        done = [*progress("parts", pool.map(_altered, ((*part, step) for part in parts)), len(parts))]
    count = sum(count for count, _ in done)
    sys.stdout.write(f"{every:,} bytes in {len(files)} files, {count:,} alterations\n")
    return [missed for _, wrong in done for missed in wrong]


PART = 2_000  # bytes that one process does at a time


def _altered(part: tuple[str, int, int]) -> tuple[int, list[str]]:
    """What is done to a part of a file, and what of it is not found."""
    name, start, step = part
    files, count, missed = thousand_files(), 0, list[str]()
    with quick():
        for change in changes(name, files[name], start, start + PART, step):
            count += 1
            if not found(change.to(files)):
                missed.append(f"{change} is not found")
    return count, missed


def progress(what: str, done: Iterable[T], of: int) -> Iterator[T]:
    """Pass on what is done, and say from time to time how much it is."""
    since = last = time.monotonic()
    for number, one in enumerate(done, 1):
        yield one
        now = time.monotonic()
        if now - last > EVERY_S or number == of:
            sys.stderr.write(f"{number:,} of {of:,} {what}, {now - since:.0f} s\n")
            last = now


if __name__ == "__main__":
    sys.exit(main())
