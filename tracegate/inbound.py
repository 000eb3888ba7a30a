"""What came from the client and what was sent back: the facts of the SERVER record, written by the server only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tracegate.wire.body import Body
from tracegate.wire.headers import Headers

TrustMode = Literal["parent", "link", "ignore"]


@dataclass(frozen=True, slots=True)
class Remote:
    """An inbound W3C trace context, strictly parsed."""

    trace: bytes
    span: bytes
    flags: int
    tracestate: str = ""


@dataclass(slots=True)
class Inbound:
    """One request of a client, as the server saw it; filled as it goes.

    `chunks` counts the data events sent to the client, `[DONE]` not counted (ruling 26). `body` is the client's
    request, for views that tell its parameters; never shown as text. `audited` is false where the audit log is
    switched off. `record_seq` is where the leaf that closes its record stands in the log, once that is durable;
    `degraded` says that it was served although its record was not durable then; `lost`, that nothing that was sent
    names the record, because no leaf of it was durable.
    """

    method: str = "POST"
    path: str = "/v1/chat/completions"
    route: str = "/v1/chat/completions"
    api: str | None = "chat_completions"
    scheme: str = "http"
    host: str | None = None
    port: int | None = None
    protocol: str = "1.1"
    user_agent: str | None = None
    client_request_id: str | None = None
    passed: Headers = ()
    remote: Remote | None = None
    trust: TrustMode = "parent"
    authenticated: bool = False
    audited: bool = True
    tenant: str | None = None
    key: str | None = None
    alias: str | None = None
    stream: bool = False
    status: int | None = None
    first_sent: int | None = None
    chunks: int = 0
    body: Body | None = field(default=None, repr=False)
    record_seq: int | None = None
    degraded: bool = False
    lost: bool = False

    @property
    def recorded(self) -> bool:
        """Whether it leaves an audit record, whose id is then told: authenticated calls for inference (ruling 24)."""
        return self.authenticated and self.api is not None and self.audited and not self.lost
