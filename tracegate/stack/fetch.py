"""One HTTP request to a server of the stack, in a thread: few, small, on loopback. No client for anything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from tracegate.stack.parts import StackError

WITHIN_S = 10.0


class Unreached(StackError):
    """Nobody answered there, or not to the end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    url: str
    status: int
    body: bytes

    def text(self) -> str:
        """The body as text, for people too."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body of a 2xx as JSON; raises `StackError` for anything else."""
        if not 200 <= self.status < 300:
            raise StackError(f"{self.url} answered {self.status}: {self.text().strip()[:500]}")
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise StackError(f"{self.url} answered what is not JSON: {self.text()[:200]!r}") from exc


async def ask(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """GET, or POST of a body; raises `Unreached` when no whole answer came within `WITHIN_S` per step."""
    return await asyncio.to_thread(_ask, url, body, headers or {})


def _ask(url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=WITHIN_S)
    try:
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("GET" if body is None else "POST", target, body, dict(headers))
        response = connection.getresponse()
        return Answer(url, response.status, response.read())
    except (OSError, HTTPException) as exc:
        raise Unreached(f"{url}: {exc!r}") from exc
    finally:
        connection.close()
