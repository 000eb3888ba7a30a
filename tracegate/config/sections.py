"""The parts of a document that map ids to entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tracegate.config.document import Node
from tracegate.config.draft import Draft
from tracegate.config.problems import Wrong
from tracegate.config.values import identifier, shown


def entries(draft: Draft, name: str, *, also: Collection[str] = ()) -> Mapping[str, Node]:
    """The entries of a section with a legal id, in the order of the file; the others are problems.

    Args:
        draft: The document.
        name: Of the section.
        also: Ids that are allowed beside the usual form.
    """
    node = draft.root.get((name,))
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        draft.wrong((name,), f"{shown(node.plain())} is not a map", "write one id a line: `  id: {…}`.")
        return {}
    legal: dict[str, Node] = {}
    for id, entry in node.value.items():
        try:
            legal[id if id in also else identifier(id)] = entry
        except Wrong as exc:
            draft.wrong((name, id), exc.what, exc.fix, key=True)
    return legal
