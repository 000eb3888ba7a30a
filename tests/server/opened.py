"""A gateway in front of providers that play scripts, and answers as a client sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.agreement.house import PATH, House
from tracegate.config.model import Config
from tracegate.testing.driver import App, drive
from tracegate.testing.loop import run
from tracegate.testing.script_text import Scripted
from tracegate.testing.tree import record_tree

MS = 1_000_000
S = 1_000_000_000

KEY = "tg-key-0123456789abcdef"
SECRET = "sk-provider-0123456789abcdef"

KEYS = f"""
keys:
  app: {{tenant: acme, key: "{KEY}"}}
"""


def config(*models: str, more: str = "", route: str = "") -> str:
    """A configuration with a route `chat` that asks these models in order, each at a provider of its own.

    Args:
        models: Names; those that begin with `sim-` say themselves how they behave.
        more: Further sections.
        route: Further settings of the route, as `deadline: 2s, `.
    """
    numbered = list(enumerate(models))
    providers = "".join(
        f'  p{n}: {{dialect: openai, name: openai, base_url: "https://p{n}.test/v1", key: "{SECRET}"}}\n'
        for n, _ in numbered
    )
    targets = "".join(f"  t{n}: {{provider: p{n}, model: {json.dumps(model)}}}\n" for n, model in numbered)
    listed = ", ".join(f"t{n}" for n, _ in numbered)
    return (
        f"gateway: {{name: tracegate-test, node: node-1}}\n"
        f"providers:\n{providers}targets:\n{targets}"
        f"routes:\n  chat: {{{route}fallback: [{listed}], retry: 0}}\n{more}"
    )


@dataclass(frozen=True)
class Got:
    """One answer, whole."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only field of a name."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} is sent {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, in OpenAI's shape."""
        assert self.header("content-type") == "application/json"
        (error,) = self.json.values()
        assert {"message", "type", "param", "code"} <= error.keys()
        assert isinstance(error, dict)
        return error


async def got(
    app: App,
    method: str = "POST",
    path: str = PATH,
    headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
    body: bytes | list[bytes] | Mapping[str, Any] = b"",
) -> Got:
    """Ask an app and read the whole answer."""
    sent = json.dumps(body).encode() if isinstance(body, Mapping) else body
    async with drive(app, method, path, headers or {}, sent) as exchange:
        status = await exchange.head()
        return Got(status, exchange.headers, await exchange.read())


CALL: Mapping[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}


def opened(
    text: str | Config,
    asked: Callable[[House], Awaitable[None]],
    scripts: Mapping[str, Scripted] | None = None,
    *,
    seed: int = 0,
    leave_timers: bool = False,
) -> House:
    """Open a gateway in virtual time, let something be asked of it, and return it with what it recorded.

    Whatever was asked, no task, timer or count may be left, and every record is closed.
    """
    houses: list[House] = []

    async def main() -> None:
        house = House(text, scripts)
        houses.append(house)
        await asked(house)
        await asyncio.sleep(0)
        await house.close()

    run(main, seed=seed, leave_timers=leave_timers)
    house = houses[0]
    gateway = house.assembled.gateway
    assert gateway.open == 0
    assert [count for _, count in gateway.active.counts() if count] == []
    assert all(record.outcome is not None for request in house.view.requests for record in request.records)
    return house


def trees(house: House) -> list[str]:
    """Every request's records as text."""
    return [record_tree(request) for request in house.view.requests]
