"""Whether a leaf and what a client was told agree: the head of a response, the closing comment of a stream.

What the head says must be in the leaf; it may say less (a setting, its size, or a stream that was still running). The
closing comment is told at the end, so it says all that the leaf knows but the ids of targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from decimal import Decimal

from tracegate.audit.kinds import Final, Gateway, LeafUsage, Served, Tried
from tracegate.audit.signature import OWN, Fields
from tracegate.audit.structured import Bare, Member, fits, parse_dictionary, parse_item, parse_list

Said = Mapping[str, Bare | None]


def head_faults(leaf: Final, status: int, fields: Fields, *, whole: bool) -> Iterator[str]:
    """What of a head is not in the leaf.

    Args:
        leaf: Of the record.
        status: Of the response.
        fields: Its head as it was signed.
        whole: The answer is not a stream, so its head was written when all was known.
    """
    if leaf.res.status != status:
        yield f"status {status}; the leaf says {leaf.res.status}"
    if leaf.res.media != fields.get("content-type"):
        yield f"content type `{fields.get('content-type')}`; the leaf says `{leaf.res.media}`"
    if "x-served-by" in fields:
        yield from _served(leaf, fields["x-served-by"], whole=whole, all_said=False)
    if "tracegate-attempts" in fields:
        yield from _attempts(leaf, fields["tracegate-attempts"], all_said=False, counted=whole)
    elif whole and leaf.attempts:
        yield "no `Tracegate-Attempts`; the leaf has some"
    if "tracegate-cost" in fields or whole:
        yield from _cost(leaf, fields.get("tracegate-cost"))
    if "cache-status" in fields:
        yield from _cache(leaf, fields["cache-status"])


def closing_faults(leaf: Final, lines: Mapping[str, str]) -> Iterator[str]:
    """Where a closing comment and the leaf differ."""
    yield from _served(leaf, lines["served-by"], whole=True, all_said=True)
    if ("attempts" in lines) != bool(leaf.attempts):
        yield "the line of attempts and the leaf differ in whether there are any"
    elif "attempts" in lines:
        yield from _attempts(leaf, lines["attempts"], all_said=True, counted=True)
    yield from _usage(leaf, lines.get("usage"))
    yield from _cost(leaf, lines.get("cost"))
    yield from _outcome(leaf, lines["outcome"])


def _served(leaf: Final, text: str, *, whole: bool, all_said: bool) -> Iterator[str]:
    members = parse_list(text)
    own = members.pop()
    if str(own.value) != OWN:
        yield "the last who served is not a gateway of ours"
    yield from _differences("gateway", own.parameters, _gateway(leaf.gateway), optional={"node", "region", "v"})
    if not whole:
        for member in members:
            if not any(not list(_of(member, served, all_said=False)) for served in leaf.served):
                yield f"`{member.text}` served; the leaf does not know"
        return
    if len(members) != len(leaf.served):
        yield f"{len(members)} served; the leaf says {len(leaf.served)}"
        return
    for member, served in zip(members, leaf.served, strict=True):
        yield from _of(member, served, all_said=all_said)


def _of(member: Member, served: Served, *, all_said: bool) -> Iterator[str]:
    if str(member.value) != served.provider:
        yield f"provider `{member.value}`; the leaf says `{served.provider}`"
    known: Said = {
        "model": served.model,
        "src": served.model_src,
        "region": served.region,
        "region-src": served.region_src,
        "target": served.target,
        "attempt": served.attempt,
        "status": served.status,
        "error": served.error,
        "record": served.record,
        "age": served.age_s,
    }
    optional = {"target"} if all_said else set(known)
    yield from _differences("served by", member.parameters, known, optional=optional)


def _attempts(leaf: Final, text: str, *, all_said: bool, counted: bool) -> Iterator[str]:
    known = {tried.n: tried for tried in leaf.attempts}
    total = len(known) + (leaf.attempts_omitted.count if leaf.attempts_omitted else 0)
    members = parse_list(text)
    left_out, said = 0, len(members)
    for position, member in enumerate(members):
        if str(member.value) == "omitted" and type(count := member.parameters.get("count")) is int:
            left_out = count - 1
            continue
        n = position + left_out
        if n in known:
            yield from _tried(n, member, known[n], all_said=all_said)
        elif n >= total:
            yield f"attempt {n}; the leaf has {total}"
    if counted and said + left_out != total:
        yield f"{said + left_out} attempts; the leaf says {total}"


def _tried(n: int, member: Member, tried: Tried, *, all_said: bool) -> Iterator[str]:
    if str(member.value) != tried.provider:
        yield f"attempt {n}: provider `{member.value}`; the leaf says `{tried.provider}`"
    known: Said = {
        "status": tried.status,
        "error": tried.error,
        "cancelled": True if tried.outcome == "cancelled" else None,
        "dur": _milliseconds(tried.dur_us),
        "ttft": _milliseconds(tried.ttft_us),
        "kind": tried.kind,
        "wait": _milliseconds(tried.wait_us),
        "target": tried.target,
    }
    optional = {"target"} if all_said else set(known)
    yield from _differences(f"attempt {n}", member.parameters, known, optional=optional)


def _cost(leaf: Final, text: str | None) -> Iterator[str]:
    if (text is None) != (leaf.cost is None):
        yield "the cost is said here and not there"
    elif text is not None and leaf.cost is not None:
        item = parse_item(text)
        said = {"micros": item.value, **item.parameters}
        known: Said = {
            "micros": leaf.cost.micros,
            "unit": "micros",
            "currency": leaf.cost.currency,
            "basis": leaf.cost.basis,
        }
        yield from _differences("cost", {n: v for n, v in said.items() if not isinstance(v, tuple)}, known)


def _cache(leaf: Final, text: str) -> Iterator[str]:
    hit = any(member.parameters.get("hit") is True for member in parse_list(text) if str(member.value) == OWN)
    if hit != (leaf.cache is not None and leaf.cache.hit):
        yield "the cache took part here and not there"


def _usage(leaf: Final, text: str | None) -> Iterator[str]:
    usage = leaf.usage or LeafUsage()
    known: Said = {
        "input": usage.input,
        "output": usage.output,
        "cache-read": usage.cache_read,
        "cache-write": usage.cache_write,
        "reasoning": usage.reasoning,
    }
    said: dict[str, Bare] = {}
    for name, member in parse_dictionary(text).items() if text is not None else ():
        if member.parameters or isinstance(member.value, tuple):
            yield f"usage: `{name}={member.text}` is no count"
        else:
            said[name] = member.value
    yield from _differences("usage", said, known)


def _outcome(leaf: Final, text: str) -> Iterator[str]:
    item = parse_item(text)
    said = dict(item.parameters)
    if str(item.value) != leaf.outcome:
        yield f"outcome `{item.value}`; the leaf says `{leaf.outcome}`"
    error = said.pop("error", None)
    errors = {leaf.outcome_reason, *(s.error for s in leaf.served), *(a.error for a in leaf.attempts)}
    if (error is None) != (leaf.outcome != "error") or (error is not None and error not in errors):
        yield f"error `{error!s}`; the leaf says `{leaf.outcome_reason}`"
    finish = ",".join(dict.fromkeys(leaf.res.finish_reasons or ()))
    known: Said = {"finish": finish if leaf.outcome == "ok" and fits(finish) else None, "chunks": leaf.res.chunks}
    yield from _differences("outcome", said, known)


def _differences(what: str, said: Said, known: Said, optional: Set[str] = frozenset()) -> Iterator[str]:
    """Where parameters and the leaf differ; those that are optional may be left out of the parameters."""
    for name, value in said.items():
        if name not in known or known[name] is None or not _same(value, known[name]):
            yield f"{what}: {name} {_shown(value)}; the leaf says {_shown(known.get(name))}"
    for name, fact in known.items():
        if fact is not None and name not in said and name not in optional:
            yield f"{what}: {name} is not said; the leaf says {_shown(fact)}"


def _same(said: Bare | None, known: Bare | None) -> bool:
    """Equal in kind too: `1`, `true` and `1.0` are three things, but a duration may be written as an integer."""
    if isinstance(known, Decimal):
        return type(said) in (int, Decimal) and said == known
    if isinstance(known, str):
        return isinstance(said, str) and said == known
    return type(said) is type(known) and said == known


def _shown(value: Bare | None) -> str:
    return "nothing" if value is None else f"`{value!s}`"


def _milliseconds(us: int | None) -> Decimal | None:
    return None if us is None else Decimal(us) / 1000


def _gateway(gateway: Gateway) -> Said:
    return {"node": gateway.node, "region": gateway.region, "v": gateway.version}
