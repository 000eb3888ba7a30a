"""What the endpoints need of the running gateway, made once at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracegate.build.tree import Tree
from tracegate.clock import Clock, Ids
from tracegate.server.auth import Keyring
from tracegate.server.headers import HeaderWriter
from tracegate.server.watch import Rounds
from tracegate.telemetry.metrics_tally import Active
from tracegate.telemetry.view import View

if TYPE_CHECKING:  # where no log is kept, none of it is needed
    from tracegate.audit.process import Audit


@dataclass(slots=True)
class Gateway:
    """The running gateway.

    Args:
        clock, ids: The only time and randomness there is.
        keyring: Who may call.
        routes: What they may select.
        headers: Renders response headers.
        view: Where closed requests go.
        active: Counts requests in flight by route, for the metric.
        name: Our pseudonym in `Via`, to see loops.
        deadline_ns: Longest time for a request whose route is not known yet.
        body_limit: Bytes of a request body.
        request_limit: Requests that may be open at once.
        attempt_limit: Upstream calls that one request may make.
        comments: Whether streams end with the comment block.
        content: Whether a view tells what was asked, so that it is kept as long as the request lasts.
        audit: The logs in which inference requests leave their records; `None` where none are kept.
        not_ready: Names of what is not ready, empty when all is; telemetry is never among them.
        open: Requests that are open now, for `request_limit`.
        rounds: Looks at the requests that are young.
    """

    clock: Clock
    ids: Ids
    keyring: Keyring
    routes: Tree
    headers: HeaderWriter
    view: View
    active: Active
    name: str
    deadline_ns: int = 600_000_000_000
    body_limit: int = 32_000_000
    request_limit: int = 2000
    attempt_limit: int = 12
    comments: bool = True
    content: bool = False
    audit: Audit | None = None
    not_ready: set[str] = field(default_factory=set)
    open: int = 0
    rounds: Rounds = field(init=False)

    def __post_init__(self) -> None:
        self.rounds = Rounds(self.clock)
