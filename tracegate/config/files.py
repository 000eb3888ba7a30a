"""The files of a configuration: the first one and what it includes, merged into one document.

`include` merges maps of disjoint ids; anything that stands in two files is an error naming both places. Paths are
relative to the including file. Top-level keys that begin with `x-` are a place for anchors and are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as File

from tracegate.config.document import Node, Substituted
from tracegate.config.parse import Unparsable, parse
from tracegate.config.problems import Path, Position, Problem, Wrong, dotted
from tracegate.config.variables import substitute

_MERGED: frozenset[Path] = frozenset(
    {("providers",), ("targets",), ("routes",), ("keys",), ("tenants",), ("prices",), ("prices", "overrides")}
)
_FREE = frozenset({"body", "with"})  # keys below which `null` is a value like any other


class Reader:
    """Reads the files of one configuration, and collects what is wrong with them.

    Args:
        env: For `${VAR}`.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.broken = False  # a file is no YAML: nothing that is said of the rest would be true
        self.unset: set[Position] = set()
        self._env = env
        self._open: list[File] = []
        self._done: set[int] = set()  # ids of nodes whose variables are replaced: an alias is one node in two places

    def read(self, file: str) -> Node:
        """The whole document that begins with `file`, its variables replaced.

        Raises:
            OSError: This file can't be read; of an included one it is a problem.
        """
        root = self._file(file)
        self._values(root, (), free=False)
        return root

    def _file(self, file: str) -> Node:
        text = File(file).read_bytes()
        self._open.append(File(file).resolve())
        try:
            root = parse(text.decode("utf-8-sig"), file)
            if root.value is None:
                root = Node({}, root.at)
            if not isinstance(root.value, dict):
                raise Unparsable(root.at, "not a map", "write keys such as `providers:` and `routes:`.")
        except UnicodeDecodeError as exc:
            at = Position(file, text[: exc.start].count(b"\n") + 1, 1)
            root = self._broken(Problem(at, "", "not UTF-8", "save the file as UTF-8."))
        except Unparsable as exc:
            root = self._broken(exc.problem)
        entries = {key: node for key, node in root.map.items() if not key.startswith("x-")}
        include = entries.pop("include", None)
        root = Node(entries, root.at, root.keys)
        if include is not None:
            self._include(root, include, File(file).parent)
        self._open.pop()
        return root

    def _broken(self, problem: Problem) -> Node:
        self.broken = True
        self.problems.append(problem)
        assert problem.at is not None  # noqa: S101  # it was found in a file
        return Node({}, problem.at)

    def _include(self, root: Node, include: Node, folder: File) -> None:
        if not isinstance(include.value, list):
            self._wrong(include.at, ("include",), "not a list", "write `include: [keys.yaml]`.")
            return
        for index, node in enumerate(include.value):
            path: Path = ("include", index)
            if not isinstance(node.value, str):
                self._wrong(node.at, path, "not a path", 'write the name of a file, such as `"keys.yaml"`.')
                continue
            try:
                file = folder / substitute(node.value, self._env)
            except Wrong as exc:
                self._wrong(node.at, path, exc.what, exc.fix)
                continue
            if file.resolve() in self._open:
                self._wrong(node.at, path, f"`{file}` includes itself", "take it out.")
                continue
            try:
                self._merge(root, self._file(str(file)), ())
            except OSError as exc:
                self._wrong(node.at, path, f"`{file}` can't be read: {exc.strerror}", "paths are relative to the file.")

    def _merge(self, into: Node, other: Node, path: Path) -> None:
        assert isinstance(into.value, dict)  # noqa: S101  # the callers look
        for key, node in other.map.items():
            here: Path = (*path, key)
            mine = into.value.get(key)
            if mine is None:
                into.value[key] = node
                into.keys[key] = other.keys[key]
            elif here in _MERGED and isinstance(mine.value, dict) and isinstance(node.value, dict):
                copy = Node(dict(mine.value), mine.at, dict(mine.keys))  # an anchor may share what is written here
                into.value[key] = copy
                self._merge(copy, node, here)
            else:
                what = f"`{key}` stands in two files; the other is at {into.keys[key]}"
                self._wrong(other.keys[key], here, what, "take one out, or give one another id.")

    def _values(self, node: Node, path: Path, *, free: bool) -> None:
        """Replace variables, and refuse keys without a value."""
        value = node.value
        if isinstance(value, dict):
            for key, child in value.items():
                if child.value is None and not free:
                    fix = "write a value or take the key out; `{}` where a map without entries is meant."
                    self._wrong(node.keys[key], (*path, key), "has no value", fix)
                    self.unset |= {node.keys[key], child.at}
                else:
                    self._values(child, (*path, key), free=free or key in _FREE)
        elif isinstance(value, list):
            for index, child in enumerate(value):
                self._values(child, (*path, index), free=free)
        elif isinstance(value, str) and "$" in value and id(node) not in self._done:
            self._done.add(id(node))
            try:
                node.value = substitute(value, self._env, secret=path[-1] == "key")
            except Wrong as exc:
                node.value = Substituted.of(value, value, ())
                self._wrong(node.at, path, exc.what, exc.fix)
                self.unset.add(node.at)

    def _wrong(self, at: Position, path: Path, what: str, fix: str) -> None:
        self.problems.append(Problem(at, dotted(path), what, fix))
