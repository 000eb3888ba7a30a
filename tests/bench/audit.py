"""What the audit log costs by itself: `python -m tests.bench audit`, before it measures what it adds to requests.

It is measured in this process, on the disk that has the folder of temporary files: leaves a second, how long one waits
for the log and for the bare disk beside it, the size of a bundle, verifying, signing. What the log adds to a
request is work of the benchmark like any other, `audit` and `pace` of `works`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec

from tests.audit.made import SIGNER
from tests.audit.vectors import LEAVES, ORIGIN, STREAM, STREAM_RESPONSE, UNARY, UNARY_RESPONSE, VKEY
from tests.bench.figures import at
from tests.bench.report import Spread, Verdict
from tests.server.case import Case
from tracegate.audit.blinding import Blinding
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.committing import of_body
from tracegate.audit.keys import parse_vkey
from tracegate.audit.kinds import At, Final, Gateway, Intent
from tracegate.audit.leaf import read, write
from tracegate.audit.log import Log
from tracegate.audit.opening import Place
from tracegate.audit.policy import trusting
from tracegate.audit.proof import Proof
from tracegate.audit.receipt import make_bundle, make_receipt
from tracegate.audit.render import LeafWriter, Question, Sent
from tracegate.audit.render_forms import LeafForms
from tracegate.audit.saved import parse_saved
from tracegate.audit.signature import Request, ResponseSigner
from tracegate.audit.verify import Given, verify
from tracegate.clock import SystemClock

S = 1_000_000_000
PER_S = 300
"""Requests a second at which waiting is measured."""

APPENDERS = 64
LEAST_PER_S = 5_000
LARGEST = 6_144
"""Bytes of a bundle with three attempts."""

LONGEST_MS = 10.0
"""Of verifying."""

MILLION = 20
"""Hashes of a proof in a log of a million leaves."""

NOW = 1_795_359_300
"""A moment after the answers of the vectors."""

FRAME = bytes(1_500)
"""About as much as a final."""

TURNS = 10
"""How often disk and log take turns."""

SECRET = bytes(32)
ROWS = [(kind, bytes(32)) for kind in ("wire", "canonical", "text")]
"""What a record is found by, as many as of a whole answer."""

INTENT, FINAL = (read(LEAVES[index]).leaf for index in (1, 2))


def main(seconds: float = 10.0) -> list[Verdict]:
    """Measure, and judge what can be judged by itself; the rest is told."""
    with tempfile.TemporaryDirectory(prefix="tracegate-bench-") as kept:
        folder = Path(kept)
        alone, waits = asyncio.run(_waits(folder, int(PER_S * min(seconds, 5))))
        rates, cpu_us = asyncio.run(_rates(folder / "busy", seconds))
    spread = Spread.of(rates)
    whole, stream, large = verified()
    size = bundle_size()
    return [
        told("ms, two writes of 1.5 KB, each with its sync, p50 and p99", [at(alone, 0.5), at(alone, 0.99)]),
        told(f"ms, intent and final of {PER_S} requests a second, p50 and p99", [at(waits, 0.5), at(waits, 0.99)]),
        Verdict(f"leaves a second, by the second, at least {LEAST_PER_S:,}", spread, spread.median >= LEAST_PER_S),
        told("us CPU of the process for each of those leaves", [cpu_us]),
        Verdict(f"bytes of a bundle with three attempts: {size:,}, at most {LARGEST:,}", None, size <= LARGEST),
        *(
            Verdict(f"ms to verify {what}, at most {LONGEST_MS:g}", Spread.of(ms), statistics.median(ms) <= LONGEST_MS)
            for what, ms in (("a whole answer", whole), ("a stream", stream), ("a bundle alone", large))
        ),
        told("us CPU to sign an answer", [signed_us()]),
        told("us CPU to make an intent and a final of an answer", [written_us()]),
    ]


def told(says: str, values: Sequence[float]) -> Verdict:
    """A figure that has no bound."""
    return Verdict(f"{says}: {', '.join(f'{value:.2f}' for value in values)}", None, kept=True)


async def _waits(folder: Path, requests: int) -> tuple[list[float], list[float]]:
    """How long the disk and the log take for each of paced requests, in milliseconds, sorted.

    Of the disk: two frames, one synced after the other, which nobody who waits for it is spared. Of the log: an intent
    and a final, with what belongs to them and can be erased. By turns, so that whatever disturbs one disturbs both.
    """
    clock, alone, waits = SystemClock(), list[float](), list[float]()
    log = await _opened(folder / "paced", clock)
    file = os.open(folder / "frames", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def synced(_: int) -> None:
        began = clock.now()
        for _ in range(2):
            os.write(file, FRAME)
            os.fdatasync(file)
        alone.append((clock.now() - began) / 1e6)

    async def request(n: int) -> None:
        began = clock.now()
        at = await log.append(intent(n), S, r=SECRET)
        await log.append(final(n, at), S, rows=ROWS)
        waits.append((clock.now() - began) / 1e6)

    for first in range(0, requests, turn := max(requests // TURNS, 1)):
        for ask in (synced, request):
            await _paced(clock, range(first, first + turn), ask)
    os.close(file)
    await log.close()
    return sorted(alone), sorted(waits)


async def _paced(clock: SystemClock, numbers: range, ask: Callable[[int], Coroutine[None, None, None]]) -> None:
    start, tasks = clock.now(), list[asyncio.Task[None]]()
    for n in numbers:
        await clock.sleep_until(start + (n - numbers.start) * S // PER_S)
        tasks.append(asyncio.create_task(ask(n)))
    await asyncio.gather(*tasks)


async def _rates(folder: Path, seconds: float) -> tuple[list[float], float]:
    """How many leaves became durable in each second, or tenth of the time; and the CPU of one in microseconds."""
    clock, numbers = SystemClock(), count()
    log = await _opened(folder, clock)
    end = clock.now() + int(seconds * S)

    async def appender() -> None:
        while clock.now() < end:
            n = next(numbers)
            at = await log.append(intent(n), 10 * S)
            await log.append(final(n, at), 10 * S)

    used, size = time.process_time(), log.size
    tasks = [asyncio.create_task(appender()) for _ in range(APPENDERS)]
    rates, step = list[float](), min(S, int(seconds * S) // 10)
    since, before = clock.now(), log.size
    while (since + step) <= end:
        await clock.sleep_until(since + step)
        now = clock.now()
        rates.append((log.size - before) * S / (now - since))
        since, before = now, log.size
    await asyncio.gather(*tasks)
    cpu_us = (time.process_time() - used) * 1e6 / (log.size - size)
    await log.close()
    return rates, cpu_us


async def _opened(folder: Path, clock: SystemClock) -> Log:
    gateway = Gateway(node="n", run="r", version="1", config_digest="0" * 64)
    return await Log.open(Place(folder, ORIGIN), gateway, clock)


def intent(n: int) -> Intent:
    """That of the vectors, as the n-th record."""
    assert isinstance(INTENT, Intent)
    return msgspec.structs.replace(INTENT, record_id=_record(n))


def final(n: int, prev: At) -> Final:
    """As `intent`."""
    assert isinstance(FINAL, Final)
    return msgspec.structs.replace(FINAL, record_id=_record(n), prev_intent=prev)


def _record(n: int) -> str:
    return f"tg-0199c0de-7d3a-7c11-8f2e-{n:012x}"


def bundle_size(attempts: int = 3) -> int:
    """Bytes of the bundle of an answer that took so many attempts, in a log of a million leaves."""
    assert isinstance(FINAL, Final)
    refused, answered = FINAL.attempts
    tried = [msgspec.structs.replace(refused, n=n) for n in range(attempts - 1)]
    tried.append(msgspec.structs.replace(answered, n=attempts - 1))
    raw = write(msgspec.structs.replace(FINAL, attempts=tried))
    note = sign_checkpoint(Checkpoint(ORIGIN, 1_000_000, bytes(32)), SIGNER)
    proof = str(Proof(654_321, (bytes(32),) * MILLION, str(note)))
    made = make_bundle(make_receipt(SIGNER, 654_321, raw, bytes(32)), FINAL.record_id, proof)
    return len(msgspec.json.encode(made))


def verified(times: int = 30) -> tuple[list[float], list[float], list[float]]:
    """How long verifying takes in milliseconds: of a whole answer, a stream, a bundle alone."""
    policy = trusting([parse_vkey(VKEY)])
    unary, stream = (msgspec.json.encode(made["bundle"]) for made in (UNARY, STREAM))
    given = (
        Given(policy, NOW, UNARY_RESPONSE, unary),
        Given(policy, NOW, STREAM_RESPONSE, stream),
        Given(policy, NOW, bundle=unary),
    )
    assert all(verify(one).code == 0 for one in given)
    whole, streamed, alone = ([_took_ms(one) for _ in range(times)] for one in given)
    return whole, streamed, alone


def _took_ms(given: Given) -> float:
    began = time.perf_counter()
    verify(given)
    return (time.perf_counter() - began) * 1e3


def signed_us(times: int = 2_000) -> float:
    """CPU of signing one answer, in microseconds."""
    saved = parse_saved(UNARY_RESPONSE)
    fields = saved.fields.items()
    head = [(name.encode(), value.encode("latin-1")) for name, value in fields if not name.startswith("signature")]
    signer, request = ResponseSigner(SIGNER), Request("POST", "/v1/chat/completions")
    with _cpu() as used:
        for _ in range(times):
            signer.sign(200, head, request, NOW)
    return used() / times


def written_us(times: int = 2_000) -> float:
    """CPU of making the two leaves of a request, with all that they commit to, in microseconds."""
    case, body = Case(), parse_saved(UNARY_RESPONSE).body
    case.answered()
    leaves = LeafForms(LeafWriter(ORIGIN, INTENT.gateway, lambda: None))
    with _cpu() as used:
        for n in range(times):
            blinding, asked, of = Blinding(SECRET), hashlib.sha256(FRAME).digest(), of_body(body)
            question = Question(asked, len(FRAME), "application/json", blinding, "/v1/chat/completions")
            begun = leaves.intent(case.recorder, question)
            at = At(index=n, hash=asked.hex())
            sent = Sent(200, "application/json", of.size, of.wire, "complete", case.now, of.canonical, of.texts)
            leaves.final(case.recorder, begun, blinding, sent, None, at)
    return used() / times


@contextmanager
def _cpu() -> Iterator[Callable[[], float]]:
    """Gives what was used since, in microseconds."""
    before = time.process_time()
    yield lambda: (time.process_time() - before) * 1e6
