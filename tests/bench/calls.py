"""How many Python functions a request calls, one that is refused first, and a chunk of a stream.

`python -m tests.bench.calls` says by whom.

No clock is looked at, so the count is the same on every machine, however busy. It is not the cost: some calls are dear.
But what creeps in creeps in as calls. The whole path is counted, telemetry included, from the application's first line
to the bytes of its spans: functions of the gateway and of the packages it uses, and those of the standard library that
they call. Left out are the test kit (client, provider, clock) with what it calls, the turns of the event loop, and
comprehensions, which Python 3.12 no longer calls.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from starlette.types import ASGIApp

import tracegate.testing
from tests.bench.work import KEY, MODEL, PATH, QUESTION, ROUTE
from tests.house.repository import ROOT
from tracegate.build.telemetry import telemetry_of
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.server.assemble import assemble
from tracegate.telemetry.post import Answer, Headers
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.script import Step

REQUESTS = 64
"""Two batches of the direct renderer: what it does once for a batch has its share in every request."""

SHORT, LONG = 20, 120
"""Words of the streams whose difference is the cost of a chunk."""

SETTLE_S = 1.0  # virtual: the renderer's tick is a tenth of that

KIT = (str(Path(tracegate.testing.__file__).parent), str(ROOT / "tests"))
STANDARD = sysconfig.get_path("stdlib")

CONFIG = f"""
listen: 127.0.0.1:0
providers:
  unary: {{row: openai, base_url: "http://127.0.0.1:9/unary/v1", key: sk-of-the-benchmark-1, region: swedencentral}}
  short: {{row: openai, base_url: "http://127.0.0.1:9/short/v1", key: sk-of-the-benchmark-2, region: swedencentral}}
  long: {{row: openai, base_url: "http://127.0.0.1:9/long/v1", key: sk-of-the-benchmark-3, region: swedencentral}}
  limited: {{row: openai, base_url: "http://127.0.0.1:9/limited/v1", key: sk-of-the-benchmark-4, region: swedencentral}}
targets:
  unary: unary/{MODEL}
  short: short/{MODEL}
  long: long/{MODEL}
  limited: limited/{MODEL}
  other: unary/{MODEL}-2024-07-18
routes:
  {ROUTE}: [unary, other]
  {ROUTE}-short: [short, other]
  {ROUTE}-long: [long, other]
  {ROUTE}-limited: {{fallback: [limited, unary], retry: 0}}
keys:
  load: {{tenant: bench, key: {KEY}}}
telemetry: {{otlp: "http://127.0.0.1:9"}}
"""
SCRIPTS: Mapping[str, Step] = {
    "unary/*": Step(words=36),
    "short/*": Step(words=SHORT),
    "long/*": Step(words=LONG),
    "limited/*": Step(status=429),
}

Calls = Counter[CodeType]


def of_request() -> dict[CodeType, float]:
    """Calls of one unary request, by function."""
    return _each(run(_counted(ROUTE, stream=False)), REQUESTS)


def of_limited() -> dict[CodeType, float]:
    """Calls of one unary request whose first provider answers 429, by function."""
    return _each(run(_counted(f"{ROUTE}-limited", stream=False)), REQUESTS)


def of_chunk() -> dict[CodeType, float]:
    """Calls of one chunk of a stream, by function."""
    long, short = run(_counted(f"{ROUTE}-long", stream=True)), run(_counted(f"{ROUTE}-short", stream=True))
    long.subtract(short)
    return _each(long, REQUESTS * (LONG - SHORT))


def _each(calls: Calls, of: int) -> dict[CodeType, float]:
    return {code: count / of for code, count in calls.items() if count}


def _counts(frame: FrameType) -> bool:
    """Whether a call is the gateway's: of the standard library those count that its code makes."""
    if frame.f_code.co_name in ("<listcomp>", "<dictcomp>", "<setcomp>"):
        return False
    by: FrameType | None = frame
    while by is not None and by.f_code.co_filename.startswith(STANDARD) and "-packages" not in by.f_code.co_filename:
        by = by.f_back
    return by is not None and not by.f_code.co_filename.startswith(KIT)


def configured() -> Config:
    """The configuration of what is counted."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counted.yaml"
        file.write_text(CONFIG, encoding="utf-8")
        return load(str(file), {})


async def _counted(model: str, *, stream: bool) -> Calls:
    """Calls of `REQUESTS` requests, one after the other, and of rendering them; what is made once is made before."""
    clock, ids = FakeClock(), SeededIds(1)
    config = configured()
    telemetry = telemetry_of(config, clock, ids, {}, post=_post)
    ways = dict.fromkeys(config.providers, MemoryExchange(clock, SCRIPTS))
    app = assemble(config, telemetry.view, active=telemetry.active, clock=clock, ids=ids, exchanges=ways).app
    asked: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": QUESTION}]}
    body = json.dumps(asked | {"temperature": 0.2, "max_tokens": 256} | ({"stream": True} if stream else {})).encode()
    await _ask(app, body)
    gc.collect()
    gc.disable()  # whatever is finalised meanwhile is somebody else's
    calls: Calls = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and _counts(frame):
            calls[frame.f_code] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        await _ask(app, body)
    finally:
        sys.setprofile(before)
        gc.enable()
    await telemetry.view.close(clock.now() + 1_000_000_000)
    return calls


async def _ask(app: ASGIApp, body: bytes) -> None:
    """Send requests and read their answers to the end; then let what they left to do be done."""
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}", "content-type": "application/json"}
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    for _ in range(REQUESTS):
        scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}
        scope |= {"http_version": "1.1", "scheme": "http", "method": "POST", "query_string": b"", "root_path": ""}
        scope |= {"path": PATH, "raw_path": PATH.encode(), "headers": [*fields, (b"content-length", b"%d" % len(body))]}
        scope |= {"client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 4000)}
        client = _Client(body)
        await app(scope, client.receive, client.send)
        assert client.status == 200
    await asyncio.sleep(SETTLE_S)  # virtual: it lets the renderer's tick come, which renders what is left


class _Client:
    """A client that sent everything at once and takes what it is given."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.status = 0

    async def receive(self) -> MutableMapping[str, Any]:
        """The request; then nothing more, ever."""
        body, self._body = self._body, None
        if body is None:
            await asyncio.Future()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a part of the answer."""
        self.status = message.get("status", self.status)


async def _post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
    return Answer(200, (), b"")


def _table(title: str, calls: Mapping[CodeType, float]) -> str:
    """The sum, and the functions that are called most."""
    lines = [f"{sum(calls.values()):8.2f}  calls of {title}"]
    for code, count in sorted(calls.items(), key=lambda item: -item[1]):
        file = Path(code.co_filename)
        lines.append(f"{count:8.2f}  {'/'.join(file.parts[-2:])}:{code.co_firstlineno} {code.co_qualname}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(_table("a unary request", of_request()))
    sys.stdout.write(_table("a unary request that is refused first", of_limited()))
    sys.stdout.write(_table("a chunk of a stream", of_chunk()))
