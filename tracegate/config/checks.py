"""What can be used but is probably not meant: limits that never fire, routes that never answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracegate.config.draft import Draft
from tracegate.config.model import Node, RouteNode, RouteSettings, TargetNode, TargetSettings
from tracegate.config.problems import Path
from tracegate.config.words import duration
from tracegate.facts import Timeouts


def warn(
    draft: Draft, targets: Mapping[str, TargetSettings], routes: Mapping[str, RouteSettings], deadline_ns: int
) -> None:
    """Add the warnings of targets and routes."""
    for id, settings in targets.items():
        if "/" not in id:
            _limits(draft, ("targets", id), "", settings.timeouts, deadline_ns)
    for name, route in routes.items():
        leaves = list(_leaves(route.node))
        for leaf in leaves:
            own = targets[leaf.name].timeouts
            if leaf.timeouts != own or route.deadline_ns != deadline_ns or "/" in leaf.name:
                _limits(draft, ("routes", name), f"`{leaf.name}`: ", leaf.timeouts, route.deadline_ns)
        if all(targets[leaf.name].target.disabled for leaf in leaves):
            draft.note("warning", ("routes", name), "every target is disabled: nothing can answer")


def _limits(draft: Draft, path: Path, what: str, limits: Timeouts, deadline_ns: int) -> None:
    attempt = deadline_ns if limits.attempt is None else limits.attempt
    if limits.attempt is not None and attempt >= deadline_ns:
        text = f"`attempt` {duration(attempt)} is not below `deadline` {duration(deadline_ns)}: it never fires"
        draft.note("warning", path, what + text)
    if limits.first_token is not None and limits.first_token >= attempt:
        name = "deadline" if limits.attempt is None else "attempt"
        text = f"`first_token` {duration(limits.first_token)} is not below `{name}` {duration(attempt)}: it never fires"
        draft.note("warning", path, what + text)


def _leaves(node: Node) -> Iterator[TargetNode]:
    if isinstance(node, TargetNode):
        yield node
    elif isinstance(node, RouteNode):
        yield from _leaves(node.route.node)
    else:
        for child in node.children:
            yield from _leaves(child.node)
