"""From records to attributes: what the SERVER span, routes and other hops say; attempts are in `attributes_attempt`.

Which name stands on which span, and when it is absent, is the namespace's table (`registry.yaml`) and rulings 8, 24,
37, 42, 50 and 53. Unknown is absent. Usage and cost stand on attempts only; ancestors carry totals under other names,
so that a backend that sums does not count twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tracegate.facts import Attempt, model_of, region_of
from tracegate.record import Record, Recorder
from tracegate.summary import below, gateway_ns, led_here, served, total
from tracegate.telemetry import cause, names
from tracegate.telemetry.blocks import KEPT, Attributes, Block
from tracegate.telemetry.model import Value
from tracegate.telemetry.text import fit

METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "QUERY"))
"""Methods that are written as they came; any other is `_OTHER` (HTTP conventions)."""


class Sums:
    """What the ancestors of some attempts say of them: how many, who served, totals; made once for all of them.

    Args:
        request_id: Of the request.
        attempts: In order of start.
    """

    __slots__ = ("attempts", "block", "shared")

    def __init__(self, request_id: str, attempts: Sequence[Attempt]) -> None:
        self.attempts = attempts
        shared: dict[str, Value] = {names.TRACEGATE_REQUEST_ID: request_id}
        self.shared = shared
        attempt = served(attempts)
        if attempt is None:
            self.block = _nobody(len(attempts))
        else:
            target, answer = attempt.target, attempt.answer
            self.block = _served(
                len(attempts),
                target.provider_name,
                answer.model,
                target.model,
                target.id,
                attempt.index,
                target.region_observed,
                answer.region,
                target.region,
            )
        if attempts:
            cost, tokens_in, tokens_out, _, _ = total(attempts)
            if cost is not None:
                shared[names.TRACEGATE_TOTAL_COST_MICROS] = cost
            if tokens_in is not None:
                shared[names.TRACEGATE_TOTAL_INPUT_TOKENS] = tokens_in
            if tokens_out is not None:
                shared[names.TRACEGATE_TOTAL_OUTPUT_TOKENS] = tokens_out


def of_server(recorder: Recorder, sums: Sums, error: str | None) -> Attributes:
    """What the SERVER span says: the HTTP facts, who called, and the request's sums; `error` is its `error.type`."""
    inbound, server = recorder.inbound, recorder.server
    own: dict[str, Value] = {}
    if inbound.client_request_id is not None:
        own[names.TRACEGATE_CLIENT_REQUEST_ID] = fit(inbound.client_request_id)
    if inbound.recorded:  # none is promised that could not be kept
        own[names.TRACEGATE_AUDIT_RECORD_ID] = f"tg-{recorder.request_id}"  # ruling 24
    if inbound.record_seq is not None:
        own[names.TRACEGATE_AUDIT_RECORD_SEQ] = inbound.record_seq
    if inbound.degraded:
        own[names.TRACEGATE_AUDIT_DEGRADED] = True
    if inbound.first_sent is not None:
        own[names.TRACEGATE_LATENCY_TTFB_MS] = (inbound.first_sent - recorder.origin) / 1e6
    end = server.start if server.end is None else server.end
    own[names.TRACEGATE_LATENCY_GATEWAY_OVERHEAD_MS] = gateway_ns(recorder, end) / 1e6
    http = _request(
        inbound.method,
        inbound.path,
        inbound.scheme,
        inbound.route,
        inbound.protocol,
        inbound.host,
        inbound.port,
        inbound.user_agent,
        server.outcome,
        server.reason,
        inbound.status,
        error,
    )
    caller = _called(inbound.trust, inbound.api, inbound.tenant, inbound.key, inbound.alias)
    return Attributes((http, caller, sums.block), own, sums.shared)


def of_route(recorder: Recorder, record: Record, whole: Sums) -> Attributes:
    """What a route span says: what was decided, and the sums of what is below it; `whole` are the request's."""
    inside = below(recorder, record)
    sums = whole if len(inside) == len(whole.attempts) else Sums(recorder.request_id, inside)
    own: dict[str, Value] = {}
    if record.notes:
        skipped = tuple(f"{facts['target']}={facts['reason']}" for what, facts in record.notes if what == "skipped")
        if skipped:
            own[names.TRACEGATE_ROUTE_SKIPPED] = skipped
    last = last_fallback(recorder.attempts, inside) if len(inside) > 1 else None
    if last is not None:
        own |= of_fallback(*last)
    name, alias, used, about = record.name, recorder.inbound.alias, last is not None, record.about
    route = (
        _route(name, alias, used, None, None, None)
        if about is None
        else _route(name, alias, used, about.strategy, about.candidates, about.version)
    )
    return Attributes((hop_of(record), route, sums.block), own, sums.shared)


def of_hop(recorder: Recorder, record: Record) -> Attributes:
    """What the span of a hop that is neither route nor attempt says."""
    return Attributes((hop_of(record),), {names.TRACEGATE_REQUEST_ID: recorder.request_id})


def last_fallback(attempts: Sequence[Attempt], inside: Sequence[Attempt]) -> tuple[Attempt, Attempt] | None:
    """The last fallback within a route: from which attempt, to which; one from outside is not the route's."""
    for attempt in reversed(inside):
        if attempt.why.kind == "fallback":
            led = led_here(attempts, attempt)
            if led is not None and led in inside:
                return led, attempt
    return None


def of_fallback(led: Attempt, to: Attempt) -> dict[str, Value]:
    """From which target to which, and why."""
    return {
        names.TRACEGATE_FALLBACK_FROM: led.target.id,
        names.TRACEGATE_FALLBACK_TO: to.target.id,
        names.TRACEGATE_FALLBACK_REASON: str(to.why.reason),  # it is known: `led` was found by it
    }


def hop_of(record: Record) -> Block:
    """What every hop below the SERVER says of itself and of its end."""
    if record.outcome != "error":
        return _hop(record.kind, record.index, record.outcome, record.reason, None, None)
    return _hop(record.kind, record.index, "error", record.reason, cause.error_type(record), cause.error_class(record))


# --- blocks: each a pure function of what stands in its parentheses ---


@lru_cache(KEPT)
def _hop(
    kind: str, index: int, outcome: str | None, reason: str | None, error: str | None, class_: str | None
) -> Block:
    return Block(
        {
            names.TRACEGATE_HOP_KIND: kind,
            names.TRACEGATE_HOP_INDEX: index,
            names.TRACEGATE_OUTCOME: outcome,
            names.TRACEGATE_OUTCOME_REASON: reason,
            names.ERROR_TYPE: error,
            names.TRACEGATE_ERROR_CLASS: class_,
        }
    )


@lru_cache(KEPT)
def _request(
    method: str,
    path: str,
    scheme: str,
    route: str,
    protocol: str,
    host: str | None,
    port: int | None,
    agent: str | None,
    outcome: str | None,
    reason: str | None,
    status: int | None,
    error: str | None,
) -> Block:
    return Block(
        {
            names.HTTP_REQUEST_METHOD: method if method in METHODS else "_OTHER",
            names.HTTP_REQUEST_METHOD_ORIGINAL: None if method in METHODS else fit(method),
            names.URL_PATH: fit(path),
            names.URL_SCHEME: scheme,
            names.HTTP_ROUTE: route,
            names.NETWORK_PROTOCOL_VERSION: protocol,
            names.SERVER_ADDRESS: host,
            names.SERVER_PORT: None if host is None else port,
            names.USER_AGENT_ORIGINAL: None if agent is None else fit(agent),
            names.TRACEGATE_OUTCOME: outcome,
            names.TRACEGATE_OUTCOME_REASON: reason,
            names.HTTP_RESPONSE_STATUS_CODE: status,
            names.ERROR_TYPE: error,
        }
    )


@lru_cache(KEPT)
def _called(trust: str, api: str | None, tenant: str | None, key: str | None, alias: str | None) -> Block:
    return Block(
        {
            names.TRACEGATE_TRUST_MODE: trust,
            names.TRACEGATE_REQUEST_API: api,
            names.TRACEGATE_TENANT_ID: tenant,
            names.TRACEGATE_API_KEY_ID: key,
            names.TRACEGATE_REQUEST_ALIAS: None if alias is None else fit(alias),
        }
    )


@lru_cache(KEPT)
def _route(
    name: str,
    alias: str | None,
    used: bool,
    strategy: str | None,
    candidates: tuple[str, ...] | None,
    version: str | None,
) -> Block:
    return Block(
        {
            names.TRACEGATE_ROUTE_NAME: name,
            names.TRACEGATE_FALLBACK_USED: used,
            names.TRACEGATE_REQUEST_ALIAS: None if alias is None else fit(alias),
            names.TRACEGATE_ROUTE_STRATEGY: strategy,
            names.TRACEGATE_ROUTE_CANDIDATES: candidates,
            names.TRACEGATE_ROUTE_VERSION: version,
        }
    )


@lru_cache(KEPT)
def _nobody(attempts: int) -> Block:
    return Block({names.TRACEGATE_ATTEMPTS_COUNT: attempts})


@lru_cache(KEPT)
def _served(
    attempts: int,
    provider: str,
    named: str | None,
    requested: str,
    target: str,
    index: int,
    observed: str | None,
    asserted: str | None,
    configured: str | None,
) -> Block:
    region = region_of(observed, asserted, configured)
    return Block(
        {
            names.TRACEGATE_ATTEMPTS_COUNT: attempts,
            names.TRACEGATE_SERVED_BY_PROVIDER: provider,
            names.TRACEGATE_SERVED_BY_MODEL: fit(model_of(named, requested).value),
            names.TRACEGATE_SERVED_BY_TARGET: target,
            names.TRACEGATE_SERVED_BY_ATTEMPT: index,
            names.TRACEGATE_SERVED_BY_REGION: None if region is None else fit(region.value),
        }
    )
