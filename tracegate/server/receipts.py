"""`GET /v1/receipts/{record_id}`, and the public keys of the logs.

A tenant's key gets the receipts of its own records, an auditor's those of all; what an auditor reads is a leaf of the
log before it is told. None of these answers is signed or leaves a record. All disk work is done on a thread.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.routing import Route

from tracegate.audit.directory import Directory
from tracegate.audit.issuing import Issuer
from tracegate.audit.known_keys import KnownKeys
from tracegate.audit.lane import Lane
from tracegate.audit.log import LogUnavailable
from tracegate.audit.records import is_record
from tracegate.errors import Rejected, Unavailable
from tracegate.server.admission import ONE_SECOND_NS, not_allowed
from tracegate.server.endpoint import Endpoint, Headers, Send, Session
from tracegate.server.gateway import Gateway
from tracegate.server.inbound import Scope
from tracegate.server.unrecorded import PROBED, answer, refuse
from tracegate.server.watch import Receive

if TYPE_CHECKING:
    from tracegate.audit.process import Audit

AGAIN = (b"retry-after", b"1")
MARGIN = 60_000_000
"""µs that a request's leaves may take beside its deadline: to be waited for, and written late."""


def routes(gateway: Gateway, audit: Audit, auditors: Collection[str], deadline_ns: int) -> list[Route]:
    """What can be asked of the logs.

    Args:
        gateway: The running gateway.
        audit: The logs of this process; those of others stand beside them.
        auditors: Ids of the keys that may read the receipts of every tenant.
        deadline_ns: The longest that a request may take.
    """
    directory = Directory(audit.home.root)
    longest = deadline_ns // 1_000 + MARGIN
    issuer = Issuer(directory, audit.blinds, gateway.clock, audit.lane, longest, lambda: _durable(audit))
    receipts, keys = Receipts(audit, issuer, auditors), Keys(gateway, KnownKeys(directory), audit.lane)
    path = "/v1/receipts/{record_id}"
    return [
        Route(path, Endpoint(gateway, receipts, route=path, methods=["GET"])),
        Route("/v1/audit/keys", keys),
        Route("/.well-known/tracegate-keys", keys),
    ]


class Receipts:
    """Answers `GET /v1/receipts/{record_id}`.

    Args:
        audit: Where it is written that an auditor read.
        issuer: Has the receipts.
        auditors: Ids of the keys that may read those of every tenant.
    """

    __slots__ = ("_audit", "_auditors", "_issuer")

    def __init__(self, audit: Audit, issuer: Issuer, auditors: Collection[str]) -> None:
        self._audit = audit
        self._issuer = issuer
        self._auditors = frozenset(auditors)

    async def __call__(self, session: Session) -> None:
        """Answer: 200 with the bundle, 202 while the request is open.

        Raises:
            Rejected: 404 for an id that no log has, and for another tenant's.
            Unavailable: That an auditor reads can't be written.
        """
        record, inbound = str(session.scope["path_params"]["record_id"]), session.inbound
        audits = inbound.key in self._auditors
        issued = None
        if is_record(record):
            issued = await self._issuer.issue(record, lambda tenant: audits or tenant == inbound.tenant)
        if issued is None:
            text = f"There is no record `{record[:60]}` that this key may see."
            raise Rejected(404, "record_not_found", text, reason="not_found")
        if issued.tenant != inbound.tenant:
            await self._note(str(inbound.key), record)
        if issued.bundle is None:
            await _json(session, 202, {"record_id": record, "state": "open"}, [AGAIN])
        else:
            await _json(session, 200, issued.bundle, [] if "tlog_proof" in issued.bundle else [AGAIN])

    async def _note(self, key: str, record: str) -> None:
        try:
            await self._audit.was_read(key, "receipt", [record], 1)
        except LogUnavailable as exc:
            text = "The audit log can't take down that this record is read."
            raise Unavailable(text, reason="audit_unavailable", retry_after_ns=ONE_SECOND_NS) from exc


class Keys:
    """The ASGI application of `GET /v1/audit/keys`: the keys of all logs, for discovery; it asks for no key itself.

    Args:
        gateway: The running gateway.
        keys: Reads them.
        lane: Where disk work is done.
    """

    __slots__ = ("_gateway", "_keys", "_lane")

    def __init__(self, gateway: Gateway, keys: KnownKeys, lane: Lane) -> None:
        self._gateway = gateway
        self._keys = keys
        self._lane = lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200."""
        if scope["method"] not in PROBED:
            return await refuse(self._gateway, not_allowed(scope["method"], PROBED), scope, send)
        listed = await self._lane.run(self._keys.listed)
        return await answer(send, 200, b"application/json", msgspec.json.encode(listed), [])


def _durable(audit: Audit) -> dict[str, int]:
    log = audit.epoch.log
    return {log.writing: log.size}


async def _json(session: Session, status: int, value: dict[str, Any], fields: Headers) -> None:
    body, gateway = msgspec.json.encode(value), session.gateway
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *fields]
    await session.start(status, head + gateway.headers.success(session.recorder, gateway.clock.now()))
    await session.send(body, more=False)
