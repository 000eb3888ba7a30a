"""How leaves and records are shown to people: who asked, who was tried, what was answered, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from tracegate.audit.events import Aborted, Amend, Erased
from tracegate.audit.kinds import Final, Intent, LeafUsage, Served, Tried
from tracegate.audit.records import Stood

TIMES = frozenset(("t", "t_start", "t_end", "from", "to"))
"""Members of a leaf that are µs since 1970 UTC."""

STYLES = {"ok": "green", "error": "red", "cancelled": "yellow", "open": "yellow"}


def moment(t: int) -> str:
    """A time in µs since 1970 UTC, for people."""
    seconds, micros = divmod(t, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06d} UTC"


def line_of(stood: Stood) -> dict[str, Any]:
    """A leaf for programs; its bytes as one text, so that nobody writes them anew."""
    return {"log": stood.log.origin, "index": stood.index, "hash": stood.hash.hex(), "leaf": stood.raw.decode()}


def leaf_tree(stood: Stood) -> Tree:
    """A leaf of whatever type, member by member."""
    value = msgspec.json.decode(stood.raw)
    tree = Tree(Text(f"{value['type']}  leaf {stood.index} of {stood.log.origin}", "bold"))
    tree.add(Text(f"hash: {stood.hash.hex()}"))
    _grow(tree, {name: part for name, part in value.items() if name not in ("v", "type", "log")})
    return tree


def record_tree(leaves: Sequence[Stood], published: bool | None) -> Tree:
    """A record from the leaves that name it.

    Args:
        leaves: In their order; at least one of them is its intent, its final or its aborted leaf.
        published: Whether a checkpoint covers the leaf that closes it; `None` where none closes it.
    """
    asked = next(stood.leaf for stood in leaves if isinstance(stood.leaf, Intent | Final | Aborted))
    closing = next((stood.leaf for stood in leaves if isinstance(stood.leaf, Final | Aborted)), None)
    assert isinstance(asked, Intent | Final | Aborted)  # noqa: S101  # which the type checker can't see
    tree = Tree(Text(asked.record_id, "bold").append("  ").append_text(_state(closing)))
    for name, said in _asked(closing or asked):
        tree.add(Text(f"{name:<10}", "bold").append(said, "default"))
    attempts = [tried for stood in leaves for tried in _attempts(stood)]
    if attempts:
        branch = tree.add(Text("attempts", "bold"))
        for tried in attempts:
            branch.add(_tried(tried))
    if isinstance(closing, Final):
        for name, said in _answered(closing):
            tree.add(Text(f"{name:<10}", "bold").append(said, "default"))
    stands = tree.add(Text("leaves", "bold"))
    for stood in leaves:
        stands.add(_standing(stood, closing, published))
    return tree


def found_table(rows: Sequence[tuple[Stood, str]]) -> Table:
    """The records that a search found, and by what."""
    table = Table(box=None, pad_edge=False)
    for name in ("record", "came", "tenant", "asked for", "served by", "outcome", "found by"):
        table.add_column(name, no_wrap=True)
    for stood, by in rows:
        leaf = stood.leaf
        assert isinstance(leaf, Intent | Final | Aborted)  # noqa: S101  # nothing else is a record
        came = "" if leaf.t_start is None else moment(leaf.t_start)
        actor, asked = leaf.actor, leaf.requested
        closing = None if isinstance(leaf, Intent) else leaf
        said = [came, (actor and actor.tenant) or "", (asked and asked.model) or "", _servers(leaf)]
        table.add_row(leaf.record_id, *map(Text, said), _state(closing), by)
    return table


def _state(closing: Final | Aborted | None) -> Text:
    if closing is None:
        return Text("open: its request runs, or ran until its gateway died", "yellow")
    if isinstance(closing, Aborted):
        return Text(f"aborted ({closing.cause})", "red")
    reason = f" ({closing.outcome_reason})" if closing.outcome_reason else ""
    return Text(f"{closing.outcome}{reason}", STYLES[closing.outcome])


def _asked(leaf: Intent | Final | Aborted) -> Iterator[tuple[str, str]]:
    if leaf.t_start is not None:
        yield "came", moment(leaf.t_start)
    if leaf.actor is not None:
        who = {"tenant": leaf.actor.tenant, "key": leaf.actor.key_id, "subject": leaf.actor.subject}
        who["from"] = leaf.actor.ip_prefix
        yield "asked by", _said(who)
    if leaf.requested is not None:
        yield "asked for", _said({"model": leaf.requested.model, "regions": leaf.requested.region_constraint})
    if leaf.req is not None:
        yield "request", f"{leaf.req.method} {leaf.req.path}, {leaf.req.bytes} bytes"
    if leaf.route is not None:
        yield "route", leaf.route.name
    if leaf.trace_id is not None:
        yield "trace", leaf.trace_id
    yield "gateway", _said({"node": leaf.gateway.node, "version": leaf.gateway.version})


def _answered(leaf: Final) -> Iterator[tuple[str, str]]:
    res = leaf.res
    status = "no head" if res.status is None else str(res.status)
    took = f"after {(leaf.t_end - leaf.t_start) / 1000:g} ms"
    yield "answer", f"{status}, {res.media or 'no content type'}, {res.bytes} bytes, {res.ended}, {took}"
    for one in leaf.served:
        yield "served by", _served(one)
    if leaf.usage is not None:
        yield "usage", _usage(leaf.usage)
    if leaf.cost is not None:
        yield "cost", f"{leaf.cost.micros / 1e6:.6f} {leaf.cost.currency} ({leaf.cost.basis})"


def _attempts(stood: Stood) -> Sequence[Tried]:
    match stood.leaf:
        case Final() | Amend():
            return stood.leaf.attempts
        case Aborted():
            return stood.leaf.attempts or ()
        case _:
            return ()


def _tried(tried: Tried) -> Text:
    line = Text(f"{tried.n}  {tried.kind:<9} ").append(f"{tried.outcome:<10}", STYLES[tried.outcome])
    sources: dict[Any, str] = dict(tried.evidence or {})
    what = [tried.provider, f"target {tried.target}"]
    what += _with_source(tried.model_returned or tried.model_requested, sources.get("model_returned"))
    what += _with_source(tried.region, sources.get("region"))
    what += [str(tried.status)] if tried.status is not None else []
    what += [text for text in (tried.class_, tried.error, tried.error_code) if text]
    what += [f"{tried.dur_us / 1000:g} ms"] if tried.dur_us is not None else []
    what += [f"{tried.cost_micros / 1e6:.6f}"] if tried.cost_micros is not None else []
    line.append(" · ".join(what))
    if tried.region_conflict:
        line.append(f"  region conflict: configured {tried.region_configured or 'another'}", "red")
    return line


def _standing(stood: Stood, closing: Final | Aborted | None, published: bool | None) -> Text:
    leaf = stood.leaf
    line = Text(f"{type(leaf).__struct_config__.tag!s:<9} leaf {stood.index} of {stood.log.origin}")
    if leaf is closing:
        line.append("  under a checkpoint" if published else "  behind the checkpoint", "" if published else "yellow")
    if isinstance(leaf, Erased):
        line.append(f"  by {leaf.by}: {leaf.reason}", "yellow")
    return line


def _servers(leaf: Intent | Final | Aborted) -> str:
    return "" if isinstance(leaf, Intent) else ", ".join(map(_served, leaf.served or ()))


def _served(one: Served) -> str:
    return " ".join([one.provider, *_with_source(one.model, one.model_src), *_with_source(one.region, one.region_src)])


def _with_source(text: str | None, source: str | None) -> list[str]:
    return [] if text is None else [text if source is None else f"{text} ({source})"]


def _usage(usage: LeafUsage) -> str:
    return _said({name: getattr(usage, name) for name in usage.__struct_fields__})


def _said(members: dict[str, Any]) -> str:
    shown = {name: ", ".join(value) if isinstance(value, list) else value for name, value in members.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value is not None)


def _grow(tree: Tree, value: dict[str, Any] | list[Any]) -> None:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in members:
        if isinstance(part, dict | list):
            _grow(tree.add(Text(f"{name}")), part)
        else:
            tree.add(Text(f"{name}: {moment(part) if name in TIMES else part}"))
