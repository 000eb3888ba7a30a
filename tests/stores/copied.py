"""A receiver that passes on what it took, byte for byte: what was sent stands beside what stores made of it."""

from __future__ import annotations

from collections.abc import Mapping

from tracegate.stack.fetch import ask
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.receiver import PROTOBUF, Answer, Headers, Receiver


class Copied(Receiver):
    """Keeps a request if it is flawless, and answers what the Collector answers to it.

    Args:
        onwards: The Collector's address for OTLP over HTTP.
    """

    def __init__(self, onwards: str) -> None:
        super().__init__(registry=Registry.ours())
        self._onwards = onwards

    async def post(self, path: str, headers: Headers, body: bytes, *, port: int | None = None) -> Answer:
        """See `Receiver.post`."""
        answer = await super().post(path, headers, body, port=port)
        if answer.status != 200:
            return answer
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        about = {name: value for name, value in pairs if name.lower() in ("content-type", "content-encoding")}
        passed = await ask(f"{self._onwards}{path}", body, about)
        return Answer(passed.status, [("content-type", PROTOBUF)], passed.body)
