"""What the endpoints need of the running gateway, made once at start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tracegate.clock import Clock, Ids
from tracegate.hop import Hop
from tracegate.inbound import TrustMode
from tracegate.record import Gate
from tracegate.server.auth import Caller, Keyring
from tracegate.server.headers import HeaderWriter
from tracegate.telemetry.view import View


class Selected(Protocol):
    """What a client's `model` selected: the recorded hop at the top, and the longest time for everything."""

    hop: Hop
    deadline_ns: int


class Routes(Protocol):
    """The routes and targets that clients can name."""

    def select(self, model: str, may: Callable[[str], bool]) -> Selected:
        """What `model` names for a caller; raises `Rejected` 404 with the nearest names otherwise."""

    def names(self, may: Callable[[str], bool]) -> list[str]:
        """What a caller may send as `model`."""


@dataclass(slots=True)
class Gateway:
    """The running gateway.

    Args:
        clock, ids: The only time and randomness there is.
        keyring: Who may call.
        routes: What they may select.
        headers: Renders response headers.
        view: Where closed requests go.
        trust: How an inbound trace context is treated where a tenant does not say.
        deadline_ns: Longest time for a request whose route is not known yet.
        body_limit: Bytes of a request body.
        request_limit: Requests that may be open at once.
        attempt_limit: Upstream calls that one request may make.
        comments: Whether streams end with the comment block.
        gate: Awaited before the first attempt and before a stream's head.
        name: Our pseudonym in `Via`, to see loops.
        not_ready: Names of what is not ready, empty when all is.
        active: Requests that are open now.
    """

    clock: Clock
    ids: Ids
    keyring: Keyring
    routes: Routes
    headers: HeaderWriter
    view: View
    name: str
    trust: TrustMode = "parent"
    deadline_ns: int = 600_000_000_000
    body_limit: int = 32_000_000
    request_limit: int = 2000
    attempt_limit: int = 12
    comments: bool = True
    gate: Gate | None = None
    not_ready: set[str] = field(default_factory=set)
    active: int = 0


__all__ = ["Caller", "Gateway", "Routes", "Selected"]
