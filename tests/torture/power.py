"""A disk when the power fails, replayed from a trace: what no sync has covered is lost, wholly or in part.

What POSIX promises and no more: bytes of a file are there once an `fdatasync` or `fsync` of it has returned, a name
once an `fsync` of its folder has. Beyond that anything may have reached the disk, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from tests.torture.traced import Call

Left = Literal["synced", "all", "some"]
"""What is left of changes that no sync has covered: none of them, all of them (as where only the process ends), or
some, by chance."""


@dataclass(eq=False, slots=True)
class _Node:
    """A file, by whatever names; a folder has no bytes."""

    folder: bool
    now: bytes = b""
    synced: bytes = b""


class Drive:
    """What is below a folder, now and on the disk.

    Args:
        root: The folder.
        known: Whether what is there now was there before, and is on the disk; else there was nothing.
    """

    def __init__(self, root: Path, *, known: bool = True) -> None:
        self._root = str(root)
        self._now: dict[str, _Node] = {}
        self._synced: dict[str, _Node] = {}
        for path in sorted(root.rglob("*")) if known else ():
            raw = b"" if path.is_dir() else path.read_bytes()
            self._now[str(path)] = self._synced[str(path)] = _Node(path.is_dir(), raw, raw)

    def begins(self, call: Call) -> bool:
        """Take the beginning of a call: from now on its effect may be on the disk. Returns whether it has any."""
        if call.result < 0 and call.ended is not None:
            return False
        name, on = call.name, self._now.get(call.on)
        match name:
            case "openat":
                return self._opened(call)
            case "write" if on is not None:
                on.now += call.data[: None if call.ended is None else call.result]
            case "pwrite64" if on is not None:
                at, data = call.number, call.data
                on.now = on.now[:at].ljust(at, b"\0") + data + on.now[at + len(data) :]
            case "ftruncate" if on is not None:
                on.now = on.now[: call.number].ljust(call.number, b"\0")
            case "mkdir" if self._mine(call.names[0]):
                self._now[call.names[0]] = _Node(folder=True)
            case "rename" if self._mine(call.names[0]):
                self._now[call.names[1]] = self._now.pop(call.names[0])
            case "unlink" | "rmdir" if self._mine(call.names[0]):
                self._now.pop(call.names[0], None)  # a socket is made by no call of ours
            case "unlinkat" if self._mine(path := self._at(call)):
                self._now.pop(path, None)
            case _:
                return False
        return True

    def ends(self, call: Call) -> bool:
        """Take the end of a call: of a sync, what it covered is on the disk. Returns whether anything is."""
        if call.name not in ("fdatasync", "fsync") or call.result < 0 or not self._mine(call.on, itself=True):
            return False
        node = self._now.get(call.on)
        if node is not None and not node.folder:
            node.synced = node.now
            return True
        for name in {*self._now, *self._synced}:
            if name.rpartition("/")[0] == call.on:
                self._settle(name)
        return True

    def left(self, what: Left, chance: Random) -> Mapping[str, bytes | None]:
        """What the next start finds: bytes by name relative to the root, `None` for folders."""
        names = {"synced": self._synced, "all": self._now}.get(what)
        if names is None:
            names = {**self._synced}
            for name in {*self._now, *self._synced}:
                if chance.random() < 0.5:
                    names.pop(name, None)
                    if name in self._now:
                        names[name] = self._now[name]
        found: dict[str, bytes | None] = {}
        for name in sorted(names):
            folder = name.rpartition("/")[0]
            if folder == self._root or found.get(self._short(folder), b"") is None:
                node = names[name]
                found[self._short(name)] = None if node.folder else self._bytes(node, what, chance)
        return found

    def named(self, name: str) -> list[bytes]:
        """The files of a name, in whichever folders, as everybody sees them now."""
        return [node.now for path, node in self._now.items() if path.endswith(f"/{name}")]

    def _bytes(self, node: _Node, what: Left, chance: Random) -> bytes:
        if what == "all":
            return node.now
        if what == "synced" or node.now == node.synced:
            return node.synced
        if not node.now.startswith(node.synced):
            return chance.choice((node.now, node.synced))
        cut = chance.randint(len(node.synced), len(node.now))
        # A file may have grown without its bytes: what is missing reads as zeroes.
        return node.now[:cut] + bytes(chance.choice((0, 0, len(node.now) - cut)))

    def _opened(self, call: Call) -> bool:
        path = call.opened or call.names[0]
        if not self._mine(path):
            return False
        made = "O_CREAT" in call.said and path not in self._now
        if made:
            self._now[path] = _Node(folder=False)
        if "O_TRUNC" in call.said:
            self._now[path].now = b""
        return made or "O_TRUNC" in call.said

    def _at(self, call: Call) -> str:
        """The path of a name in a folder."""
        name = call.names[0]
        if name.startswith("/"):
            return name
        return f"{call.said.partition('<')[2].partition('>')[0]}/{name}"

    def _mine(self, path: str, *, itself: bool = False) -> bool:
        return path.startswith(f"{self._root}/") or (itself and path == self._root)

    def _short(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    def _settle(self, name: str) -> None:
        if name in self._now:
            self._synced[name] = self._now[name]
        else:
            self._synced.pop(name, None)


def put_down(files: Mapping[str, bytes | None], root: Path) -> None:
    """Write what is left into a folder."""
    root.mkdir(parents=True)
    for name, raw in files.items():
        if raw is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(raw)
