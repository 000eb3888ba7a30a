"""A whole gateway in process, on virtual time, with simulated providers in memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.agreement.client import Answer
from tracegate.build.audit import gateway_of
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.server.assemble import assemble
from tracegate.telemetry.view import View
from tracegate.testing.audit import MemoryLog
from tracegate.testing.clock import FakeClock
from tracegate.testing.collected import Collected
from tracegate.testing.driver import AppBroke, ClientExchange, drive
from tracegate.testing.ids import SeededIds
from tracegate.testing.memory import MemoryExchange

PATH = "/v1/chat/completions"


class House:
    """The gateway, its providers, its log and what was seen; made inside a virtual run, and closed in it.

    Args:
        config: The configuration, as YAML or already loaded.
        scripts: What each model does, beside those whose names begin with `sim-`.
        views: Where closed requests go, beside `view.requests`.
        seed: Of ids and draws.
        log: How its log is kept; see `MemoryLog`.
    """

    def __init__(
        self,
        config: str | Config,
        scripts: Mapping[str, Any] | None = None,
        *views: View,
        seed: int = 1,
        log: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.config = loaded(config) if isinstance(config, str) else config
        self.exchange = MemoryExchange(self.clock, scripts)
        self.view = Collected(*views)
        self.log: MemoryLog | None = None
        if self.config.audit.mode != "off":
            ids = SeededIds(seed + 1000)  # so that no draw of the gateway's depends on its log
            self.log = MemoryLog(self.clock, ids, gateway_of(self.config, self.clock, ids), **(log or {}))
        self.assembled = assemble(
            self.config,
            self.view,
            clock=self.clock,
            ids=SeededIds(seed),
            exchanges=dict.fromkeys(self.config.providers, self.exchange),
            audit=None if self.log is None else self.log.audit,
        )
        self.app = self.assembled.app

    async def close(self) -> None:
        """Close the log; it must be sound."""
        if self.log is not None:
            await self.log.close()
            assert self.log.faults() == []

    def post(
        self, model: str = "chat", *, headers: Mapping[str, str] | None = None, window: int | None = None, **body: Any
    ) -> ClientExchange:
        """A chat completion, to be driven step by step."""
        sent = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
        return drive(self.app, "POST", PATH, headers or {}, json.dumps(sent).encode(), window=window)

    async def unread(self, for_ns: int) -> None:
        """A stream whose client reads nothing, in a server that can't drop a connection: in this time it just ends."""

        async def client() -> None:
            async with self.post(stream=True, window=0) as exchange:
                assert await exchange.head() == 200
                await self.clock.sleep_until(self.clock.now() + for_ns)

        with pytest.raises(AppBroke, match="without completing"):
            await client()

    async def ask(
        self,
        model: str = "chat",
        *,
        leave_ns: int | None = None,
        leave_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        """A chat completion, read to its end or left."""
        async with self.post(model, headers=headers, **body) as exchange:
            if leave_ns is not None:
                self.clock.call_at(self.clock.now() + leave_ns, exchange.disconnect)
            chunks: list[bytes] = []
            answer = Answer(None)
            try:
                answer.status, answer.headers = await exchange.head(), exchange.headers
                while chunk := await exchange.next_chunk():
                    chunks.append(chunk)
                    if leave_after is not None and len(chunks) >= leave_after:
                        exchange.disconnect()
                        answer.left = True
                        break
            except RuntimeError:  # the driver says that this client has hung up
                answer.left = True
        answer.body = b"".join(chunks)
        return answer


def loaded(text: str, env: Mapping[str, str] | None = None) -> Config:
    """A configuration from its text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tracegate.yaml"
        file.write_text(text)
        return load(str(file), env or {})
