"""Who calls, and whether at all: everything that is decided of a request before its body is read.

In this order: the limit of open requests, the method, the key; only then is anything else believed that came with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tracegate.errors import Rejected, Unavailable
from tracegate.record import Recorder
from tracegate.server.auth import Caller
from tracegate.server.client import Client
from tracegate.server.gateway import Gateway
from tracegate.server.inbound import Scope, loops, remote_of

ONE_SECOND_NS = 1_000_000_000


def admit(
    gateway: Gateway,
    methods: Collection[str],
    scope: Scope,
    headers: Mapping[bytes, bytes],
    recorder: Recorder,
    client: Client | None = None,
) -> Caller:
    """The caller of a request; its facts are written into `recorder.inbound`, and its trace is joined where it may.

    Args:
        gateway: The running gateway; this request is among those that are open.
        methods: Those that the path answers.
        scope: Of the request.
        headers: The same fields by name.
        recorder: Of the request.
        client: Where our own server serves it.

    Raises:
        Unavailable: As many requests are open as `limits.requests` allows; nobody was asked who they are.
        Rejected: 405, 401, or 502 for a request that came through this gateway before.
    """
    inbound = recorder.inbound
    if gateway.open > gateway.request_limit:
        raise Unavailable(
            f"The gateway has {gateway.request_limit} requests open, as many as `limits.requests` allows.",
            retry_after_ns=ONE_SECOND_NS,
        )
    if inbound.method not in methods:
        raise not_allowed(inbound.method, methods)
    caller = gateway.keyring.caller(headers, recorder.wall, client)
    inbound.authenticated = True
    inbound.audited = gateway.audit is not None
    inbound.tenant, inbound.key, inbound.trust = caller.tenant, caller.key, caller.trust
    if caller.trust != "ignore" and (remote := remote_of(scope, headers)) is not None:
        inbound.remote = remote
        if caller.trust == "parent":
            recorder.trace = remote.trace
    if b"via" in headers and loops(scope, gateway.name):
        raise Rejected(
            502,
            "proxy_loop_detected",
            f"The request came through `{gateway.name}` before: a route leads back to this gateway.",
        )
    return caller


def not_allowed(method: str, methods: Collection[str]) -> Rejected:
    """The refusal of a method (RFC 9110, section 15.5.6)."""
    allowed = ", ".join(methods)
    text = f"`{method[:20]}` is not supported here. Allowed: {allowed}."
    return Rejected(405, "method_not_allowed", text, headers=(("allow", allowed),))
