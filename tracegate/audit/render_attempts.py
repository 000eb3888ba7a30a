"""The attempts of a leaf, and who served: each attempt's facts as span and header have them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tracegate.audit.canonical import LARGEST, UNKNOWN
from tracegate.audit.kinds import Claim, LeafUsage, Omitted, Served, Tls, Tried
from tracegate.audit.leaf import encode
from tracegate.audit.structured import fits
from tracegate.errors import Failed
from tracegate.facts import Attempt, Evidence
from tracegate.record import Record, Recorder
from tracegate.summary import error_of, microseconds

MOST = 16  # attempts of a leaf; beyond, the middle is counted
FIRST, LAST = 8, 7  # those that stay then, beside the one that served
TEXT = 1000  # characters of a text of others


def attempts_of(recorder: Recorder, answer: Attempt | None, limit: int) -> tuple[list[Tried], Omitted | None]:
    """All attempts, or of very many the first, the last and the one that served, and the digest of the others."""
    by_attempt = {id(record.attempt): record for record in recorder.records if record.attempt is not None}
    tried = [_tried(recorder, by_attempt[id(attempt)], attempt, limit) for attempt in recorder.attempts]
    if len(tried) <= MOST:
        return tried, None
    kept = {*range(FIRST), *range(len(tried) - LAST, len(tried))}
    if answer is not None:
        kept.add(answer.index)
    others = [one for one in tried if one.n not in kept]
    digest = hashlib.sha256(encode(others)).hexdigest()
    return [one for one in tried if one.n in kept], Omitted(count=len(others), digest=digest)


def served_by(recorder: Recorder, answer: Attempt | None, exc: BaseException | None) -> list[Served]:
    """The members of the last `X-Served-By` without the gateway's own.

    Of an error that was told before the head, the provider whose error it is; else the one that served.
    """
    if exc is not None and recorder.inbound.status is None:
        blamed = exc.attempt if isinstance(exc, Failed) else None
        if blamed is None:
            return []
        attempt = recorder.attempts[blamed]
        error = error_of(recorder, attempt)
        return [
            Served(
                provider=_name(attempt),
                target=attempt.target.id,
                attempt=attempt.index,
                status=attempt.status if error is None else None,
                error=error,
            )
        ]
    return [] if answer is None else [_origin(recorder, answer)]


def usage_of(attempt: Attempt) -> LeafUsage | None:
    """What the provider reported; what came before a break is no report (ruling 22)."""
    usage = attempt.answer.usage if attempt.outcome == "ok" else None
    if usage is None:
        return None
    return LeafUsage(
        input=_count(usage.input),
        output=_count(usage.output),
        cache_read=_count(usage.cache_read),
        cache_write=_count(usage.cache_write),
        reasoning=_count(usage.reasoning),
    )


def fit(text: str | None, limit: int = TEXT) -> str | None:
    """A text of others as a leaf can hold it, or `None` where it says nothing."""
    if not text or text == UNKNOWN:
        return None
    if len(text) <= limit and text.isascii():  # nearly every text
        return text
    cut = text[:limit]
    try:
        cut.encode()
    except UnicodeEncodeError:
        cut = cut.encode("utf-8", "replace").decode()
    return None if cut == UNKNOWN else cut


def _tried(recorder: Recorder, record: Record, attempt: Attempt, limit: int) -> Tried:
    target, answer, error, cost = attempt.target, attempt.answer, attempt.error, attempt.cost
    region, conflict = attempt.region, attempt.region_conflict
    placed = None if region is None else fit(region.value, limit)
    model, fingerprint = fit(answer.model, limit), fit(answer.fingerprint, limit)
    evidence: dict[Claim, Evidence] = {}
    if region is not None and placed is not None:
        evidence["region"] = region.evidence
    if model is not None:
        evidence["model_returned"] = "asserted"
    if fingerprint is not None:
        evidence["fingerprint"] = "asserted"
    first = attempt.first_event if attempt.streaming else None
    micros = None if cost is None else _count(cost.micros)
    retry_after = None if error is None else error.retry_after_ns
    return Tried(
        n=attempt.index,
        kind=attempt.why.kind,
        reason=attempt.why.reason,
        provider=_name(attempt),
        target=target.id,
        host=fit(target.host, limit),
        region=placed,
        model_requested=fit(target.model, limit),
        model_returned=model,
        fingerprint=fingerprint,
        status=attempt.status,
        error=error_of(recorder, attempt),
        class_=error.class_ if error is not None else record.reason if attempt.outcome == "error" else None,
        error_code=None if error is None else fit(error.code, limit),
        outcome=attempt.outcome or "open",
        t_us=microseconds(attempt.start - recorder.origin),
        dur_us=None if attempt.end is None else microseconds(attempt.end - attempt.start),
        ttft_us=None if first is None else microseconds(first - attempt.start),
        wait_us=microseconds(attempt.why.backoff_ns) if attempt.why.backoff_ns else None,
        retry_after_us=None if retry_after is None else microseconds(retry_after),
        upstream_request_id=fit(attempt.request_id, limit),
        response_id=fit(answer.id, limit),
        usage=usage_of(attempt),
        cost_micros=micros,
        cost_src=None if cost is None or micros is None else cost.source,
        price_digest=None if cost is None or micros is None else cost.digest,
        tls=None if attempt.connection.tls is None else Tls(version=fit(attempt.connection.tls, limit)),
        finish_reasons=_reasons(answer.finish_reasons, limit) if attempt.committed is not None else None,
        region_conflict=None if conflict is None else True,
        region_configured=fit(conflict, limit),
        evidence=evidence or None,
    )


def _origin(recorder: Recorder, attempt: Attempt) -> Served:
    """Model and region each with the reason why they are believed, or neither (ruling 28)."""
    model, region = attempt.model, attempt.region
    named = _headed(model.value)
    placed = None if region is None else _headed(region.value)
    return Served(
        provider=_name(attempt),
        model=named,
        model_src=None if named is None else model.evidence,
        region=placed,
        region_src=None if region is None or placed is None else region.evidence,
        target=attempt.target.id,
        attempt=attempt.index,
        error=error_of(recorder, attempt),
    )


def _name(attempt: Attempt) -> str:
    target = attempt.target
    return next((name for name in (target.provider_name, target.provider) if _headed(name)), "provider")


def _headed(text: str) -> str | None:
    """A text that a header can hold, or `None`."""
    return text if fits(text) and text != UNKNOWN else None


def _reasons(reasons: Sequence[str], limit: int) -> list[str] | None:
    return [text for reason in reasons if (text := fit(reason, limit)) is not None] or None


def _count(count: int | None) -> int | None:
    return count if count is not None and 0 <= count <= LARGEST else None
