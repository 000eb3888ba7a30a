"""Routes: names looked up, circles and sizes checked, and what is written made into trees with effective settings.

The three rules of nesting: a retry stands around one target, so settings flow down and never multiply; a route may name
routes, never itself; a tree is at most 8 levels deep and has at most 64 candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.inherit import Inherited, inherit
from tracegate.config.model import (
    DEFAULT,
    Child,
    Node,
    PolicyNode,
    Provider,
    RouteNode,
    RouteSettings,
    TargetNode,
    TargetSettings,
)
from tracegate.config.nearest import did_you_mean, listed, nearest
from tracegate.config.problems import Path
from tracegate.config.routes_read import Choice, Leaf, Written, read_node
from tracegate.config.targets import on_the_spot
from tracegate.policies.settings import FALLBACK_WHEN

DEEPEST = 8
WIDEST = 64
_DEEPEST_CHAIN = 100  # routes that name routes, before sizes are measured


@dataclass(slots=True)
class Routes:
    """The routes of one document while they are resolved.

    Args:
        draft: The document.
        providers, targets: By id; `None` for those that have problems of their own. Targets that are made on the spot
            are added.
        deadline_ns: Of a route that has none of its own.
        attempts: `limits.attempts`.
    """

    draft: Draft
    providers: Mapping[str, Provider | None]
    targets: dict[str, TargetSettings | None]
    deadline_ns: int
    attempts: int
    written: dict[str, Written | None] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)  # depth and candidates, by route

    def resolve(self, names: Collection[str]) -> dict[str, RouteSettings]:
        """Every route whose name is given, read from the section `routes`; empty when any has problems."""
        before = len(self.draft.problems)
        self.written = {name: read_node(self.draft, ("routes", name), schema.Top) for name in names}
        for name, written in self.written.items():
            if name in self.targets:
                what = f"`{name}` stands for a target and for a route"
                self.draft.wrong(("routes", name), what, "they share one name space; rename one.", key=True)
            if written is not None:
                self._look_up(name, written)
                self._check_top(name, written)
        self._circles()
        if len(self.draft.problems) > before or None in self.written.values():
            return {}
        for name in names:
            self._measure(name)
        if len(self.draft.problems) > before or None in self.targets.values():
            return {}
        return {name: self._route(name, ()) for name in names}

    # --- checks ---

    def _look_up(self, route: str, written: Written) -> None:
        """Every name must be a target, a route, or `provider/model`."""
        for leaf in _leaves(written):
            name = leaf.name
            if name in self.targets or name in self.written:
                continue
            if "/" in name:
                provider = name.partition("/")[0]
                if provider in self.providers:
                    self.targets[name] = on_the_spot(self.draft, leaf.path, name, name, self.providers)
                    continue
            others = [other for other in self.written if other not in (route, "*")]
            targets = [target for target in self.targets if "/" not in target]
            provider, slash, model = name.partition("/")
            close = [f"{id}/{model}" for id in nearest(provider, self.providers)] if slash else [*targets, *others]
            parts = [
                f"Targets: {listed(sorted(targets))}.",
                f"Routes: {listed(sorted(others))}.",
                f"Or provider/model with one of: {listed(sorted(self.providers))}.",
            ]
            fix = f"{did_you_mean(name, close)}{' '.join(parts)}"
            self.draft.wrong(leaf.path, f"unknown name `{name}`", fix, key=leaf.key)

    def _check_top(self, name: str, written: Written) -> None:
        top = _top(written)
        path: Path = ("routes", name)
        if top.on_stream_failure == "restart" and top.delivery != "buffered":
            fix = "write `delivery: buffered` beside it: what a client has seen can't be taken back."
            self.draft.wrong((*path, "on_stream_failure"), "`restart` needs `delivery: buffered`", fix)
        elif top.delivery == "buffered":
            text = (
                "nothing is sent before the whole answer is there: a client's time-out must be longer than the deadline"
            )
            self.draft.note("note", (*path, "delivery"), text)

    def _circles(self) -> None:
        """A route may name routes, never itself: each circle is said once."""
        done: set[str] = set()
        for start in self.written:
            self._walk(start, (), done)

    def _walk(self, name: str, above: tuple[str, ...], done: set[str]) -> None:
        written = self.written[name]
        if name in done or written is None:
            return
        for leaf in _leaves(written):
            if leaf.name in (*above, name):
                circle = (*above, name)[(*above, name).index(leaf.name) :]
                what = f"the routes go in a circle: {' → '.join((*circle, leaf.name))}"
                self.draft.wrong(leaf.path, what, "a route may name routes, never itself.", key=leaf.key)
            elif len(above) >= _DEEPEST_CHAIN:
                fix = f"at most {DEEPEST} levels are allowed."
                self.draft.wrong(leaf.path, f"more than {_DEEPEST_CHAIN} routes deep", fix, key=leaf.key)
            elif leaf.name in self.written:
                self._walk(leaf.name, (*above, name), done)
        done.add(name)

    def _measure(self, name: str) -> tuple[int, int]:
        """Depth and number of candidates of a route, those of the routes it names included."""
        known = self.sizes.get(name)
        if known is None:
            written = self.written[name]
            assert written is not None  # noqa: S101  # `resolve` stops before
            depth, width = known = self.sizes[name] = self._size(written)
            if depth > DEEPEST:
                what = f"{depth} levels deep; at most {DEEPEST} are allowed"
                self.draft.wrong(("routes", name), what, "name targets where routes only pass on.", key=True)
            if width > WIDEST:
                what = f"{width} candidates; at most {WIDEST} are allowed"
                self.draft.wrong(("routes", name), what, "take out those that no request will reach.", key=True)
        return known

    def _size(self, written: Written) -> tuple[int, int]:
        if isinstance(written, Leaf):
            if written.name not in self.written:
                return 0, 1
            depth, width = self._measure(written.name)
            return depth + 1, width
        sizes = [self._size(node) for node in written.nodes]
        return 1 + max(depth for depth, _ in sizes), sum(width for _, width in sizes)

    # --- trees ---

    def _route(self, name: str, above: tuple[Written, ...]) -> RouteSettings:
        """A route with the settings that flow into it from `above`, outermost first."""
        written = self.written[name]
        assert written is not None  # noqa: S101  # `resolve` stops before
        top = _top(written)
        path: Path = ("routes", name)
        node = self._node(written, above)
        keys = ("deadline", "on_stream_failure", "delivery", "on_malformed_event", "description")
        origins = {key: self.draft.origin((*path, key)) if key in top.model_fields_set else DEFAULT for key in keys}
        if top.deadline is None:
            origins["deadline"] = self.draft.written_or_default(("timeouts", "deadline"))
        return RouteSettings(
            name=name,
            node=node,
            deadline_ns=self.deadline_ns if top.deadline is None else top.deadline,
            delivery=top.delivery,
            on_stream_failure=top.on_stream_failure,
            on_malformed_event=top.on_malformed_event,
            description=top.description,
            calls=min(self.attempts, _calls(node)),
            origins=origins,
        )

    def _node(self, written: Written, above: tuple[Written, ...]) -> Node:
        below = (*above, written) if written.beside.model_fields_set else above
        if isinstance(written, Choice):
            children = tuple(
                self._child(node, below, weight) for node, weight in zip(written.nodes, written.weights, strict=True)
            )
            when = FALLBACK_WHEN if written.when is None else written.when
            return PolicyNode(written.policy, children, when, written.settings)
        if written.name in self.written:
            return RouteNode(written.name, self._route(written.name, below))
        return self._target(written.name, below)

    def _child(self, written: Written, above: tuple[Written, ...], weight: float) -> Child:
        node = self._node(written, above)
        return Child(_name(node), node, weight)

    def _target(self, name: str, above: tuple[Written, ...]) -> TargetNode:
        settings = self.targets[name]
        assert settings is not None  # noqa: S101  # `resolve` stops before
        effective = Inherited(settings.timeouts, settings.retry, settings.origins)
        for node in above:  # the nearest comes last, and wins
            effective = inherit(self.draft, effective, node.holder, node.beside.timeouts, node.beside.retry, "node")
        origins = {key: o for key, o in effective.origins.items() if key.startswith(("timeouts.", "retry."))}
        return TargetNode(name, effective.retry, effective.timeouts, origins)


def _top(written: Written) -> schema.Top:
    """What stands at the top of a route; a bare name or list says nothing."""
    return written.beside if isinstance(written.beside, schema.Top) else schema.Top()


def _leaves(written: Written) -> list[Leaf]:
    if isinstance(written, Leaf):
        return [written]
    return [leaf for node in written.nodes for leaf in _leaves(node)]


def _name(node: Node) -> str:
    if isinstance(node, PolicyNode):
        return f"{node.key}({', '.join(child.name for child in node.children)})"
    return node.name


def _calls(node: Node) -> int:
    """The greatest number of upstream calls, before `limits.attempts`."""
    if isinstance(node, TargetNode):
        return 1 + node.retry.times
    if isinstance(node, RouteNode):
        return _calls(node.route.node)
    return sum(_calls(child.node) for child in node.children)
