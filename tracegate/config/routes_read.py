"""Routes as they are written: the forms of a node, read into one small tree. Names are not looked up here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from tracegate.config import schema
from tracegate.config.document import Node
from tracegate.config.draft import Draft
from tracegate.config.nearest import did_you_mean, listed
from tracegate.config.problems import Path, Wrong
from tracegate.config.validate import unknown_key, validate
from tracegate.config.values import shown, text, weight
from tracegate.facts import ErrorClass

if TYPE_CHECKING:
    from pydantic import BaseModel

CHOOSERS = ("fallback", "weighted", "policy", "target")
_FORMS = "write a name, `provider/model`, a list, or a map with one of `fallback`, `weighted`, `policy`, `target`."
_DEEPEST_WRITTEN = 20  # levels; those that are allowed are counted later, with the routes a route names


class Leaf(Struct, frozen=True):
    """A name: of a target, of a route, or `provider/model`."""

    path: Path
    name: str
    key: bool = False  # the name stands where a key stands
    beside: schema.Beside = field(default_factory=schema.Beside)

    @property
    def holder(self) -> Path:
        """The path of the map that has `target` and what stands beside it; means something only where there is one."""
        return self.path[:-1]


class Choice(Struct, frozen=True):
    """A policy over nodes; `when` is `fallback_when` where it is written."""

    path: Path
    policy: str
    nodes: tuple[Written, ...]
    weights: tuple[float, ...]
    when: frozenset[ErrorClass] | None = None
    settings: BaseModel | None = None
    beside: schema.Beside = field(default_factory=schema.Beside)

    @property
    def holder(self) -> Path:
        """The path of the map that has the policy and what stands beside it."""
        return self.path


Written = Leaf | Choice


def read_node(draft: Draft, path: Path, beside: type[schema.Beside] = schema.Beside) -> Written | None:
    """The node at a path, or what could be read of it: what has problems, which are added, is left out.

    Args:
        draft: The document.
        path: Of the node.
        beside: What may stand beside its chooser: `schema.Top` at the top of a route.
    """
    node = draft.root.get(path)
    value = None if node is None else node.value
    if len(path) > _DEEPEST_WRITTEN:
        draft.wrong(path, "nested too deeply", "a route is at most 8 levels deep.")
    elif isinstance(value, str):
        return _leaf(draft, path, value)
    elif isinstance(value, list):
        return _list(draft, path, "fallback", path)
    elif node is not None and isinstance(value, dict):
        return _map(draft, path, node, beside)
    else:
        draft.wrong(path, f"{shown(value)} is not a node", _FORMS)
    return None


def _leaf(draft: Draft, path: Path, name: object, *, key: bool = False) -> Leaf | None:
    try:
        return Leaf(path, text(name), key)
    except Wrong as exc:
        draft.wrong(path, exc.what, exc.fix, key=key)
        return None


def _list(draft: Draft, path: Path, policy: str, at: Path) -> Choice | None:
    """A list of nodes; `at` is where the policy stands."""
    node = draft.root.get(path)
    members = node.value if node is not None else None
    if not isinstance(members, list) or not members:
        draft.wrong(path, "not a list of at least one node", "write `[one, other]`.")
        return None
    nodes = [read_node(draft, (*path, index)) for index in range(len(members))]
    return Choice(at, policy, tuple(n for n in nodes if n is not None), (1.0,) * len(nodes))


def _map(draft: Draft, path: Path, node: Node, model: type[schema.Beside]) -> Written | None:
    present = [key for key in CHOOSERS if key in node.map]
    also = (*CHOOSERS, *(("with", "over") if "policy" in present else ()))
    beside = validate(draft, path, model, without=also)
    if not present:
        if beside is not None:
            draft.wrong(path, "names no targets", f"{_FORMS} For one target: `{{target: name}}`.")
        return None
    beside = beside or model()
    if len(present) > 1:
        draft.wrong(path, f"has `{present[0]}` and `{present[1]}`", "a node has exactly one of them; nest the other.")
        return None
    chooser = present[0]
    if beside.fallback_when is not None and chooser not in ("fallback", "weighted"):
        fix = "write it where several candidates stand: beside `fallback` or `weighted`."
        draft.wrong((*path, "fallback_when"), f"has no effect beside `{chooser}`", fix, key=True)
    read = _chosen(draft, path, chooser)
    if read is None:
        return None
    if isinstance(read, Leaf):
        return Leaf(read.path, read.name, read.key, beside)
    when = None if beside.fallback_when is None else frozenset(beside.fallback_when)
    return Choice(path, read.policy, read.nodes, read.weights, when, read.settings, beside)


def _chosen(draft: Draft, path: Path, chooser: str) -> Written | None:
    here: Path = (*path, chooser)
    if chooser == "fallback":
        return _list(draft, here, "fallback", path)
    if chooser == "weighted":
        return _weighted(draft, here, path)
    node = draft.root.get(here)
    name = None if node is None else node.value
    if chooser == "target":
        return _leaf(draft, here, name if node is None else node.plain())
    return _policy(draft, path, name)


def _weighted(draft: Draft, path: Path, at: Path) -> Choice | None:
    node = draft.root.get(path)
    value = None if node is None else node.value
    read: list[tuple[Written | None, float | None]] = []
    parts: list[Node | None] = []  # the weights as they are written
    if isinstance(value, dict):
        read = [
            (_leaf(draft, (*path, name), name, key=True), _weight(draft, (*path, name), part))
            for name, part in value.items()
        ]
        parts = list(value.values())
    elif isinstance(value, list):
        read = [_member(draft, (*path, index)) for index in range(len(value))]
        parts = [part.child("weight") for part in value]
    if not read:
        fix = "write `{name: 90, other: 10}` or `[{node: …, weight: 90}, …]`."
        draft.wrong(path, "not a map of names and weights", fix)
        return None
    weights = [weight for _, weight in read if weight is not None]
    shares = [part is not None and isinstance(part.value, str) and part.value.endswith("%") for part in parts]
    if any(shares) and len(weights) == len(read):
        if not all(shares):
            draft.wrong(path, "has shares and weights", "write all as shares (`90%`), or all as weights (`90`).")
        elif abs(sum(weights) - 100) > 1e-6:
            draft.wrong(path, f"the shares add up to {sum(weights):g}%", "let them add up to 100%, or write weights.")
    return Choice(at, "weighted", tuple(n for n, _ in read if n is not None), tuple(weights))


def _member(draft: Draft, path: Path) -> tuple[Written | None, float | None]:
    """`{node: …, weight: …}`."""
    node = draft.root.get(path)
    if node is None or not isinstance(node.value, dict) or "node" not in node.value:
        draft.wrong(path, "not a candidate", "write `{node: name, weight: 90}`.")
        return None, None
    for key in node.value:
        if key not in ("node", "weight"):
            unknown_key(draft, (*path, key), ["node", "weight"])
    return read_node(draft, (*path, "node")), _weight(draft, (*path, "weight"), node.value.get("weight"))


def _weight(draft: Draft, path: Path, node: Node | None) -> float | None:
    try:
        return weight(None if node is None else node.plain())
    except Wrong as exc:
        what = "`weight` is missing" if node is None else exc.what
        draft.wrong(path, what, exc.fix)
        return None


def _policy(draft: Draft, path: Path, name: object) -> Choice | None:
    """`{policy: NAME, with: {…}, over: …}`: settings by the policy's own model."""
    known = draft.known.policies
    if not isinstance(name, str) or name not in known:
        hint = did_you_mean(name, known) if isinstance(name, str) else ""
        fix = f"{hint}Installed: {listed(sorted(known))}."
        draft.wrong((*path, "policy"), f"unknown policy {shown(name)}", fix)
        return None
    settings = validate(draft, (*path, "with"), known[name])
    over: Path = (*path, "over")
    node = draft.root.get(over)
    if node is None:
        draft.wrong(path, "`over` is missing", "write the node, or the list of nodes, that the policy decides over.")
        return None
    if isinstance(node.value, list):
        several = _list(draft, over, name, path)
        nodes = () if several is None else several.nodes
    else:
        single = read_node(draft, over)
        nodes = () if single is None else (single,)
    return Choice(path, name, nodes, (1.0,) * len(nodes), settings=settings)
