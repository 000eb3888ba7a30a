"""The check of a whole log on disk, by bytes and by meaning. It reads, and never writes.

Every file is compared with what the leaves give, and `created` of `log.json` with the first leaf; a file that does not
belong is named. The leaves are those of the entry bundles and, behind the checkpoint, those of the segments. Of a log
that was pruned the first bundles and their tiles may be gone, as far as a leaf says so: then the tiles above vouch for
them, which give the root that is signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Protocol

from tracegate.audit.anchored import Authorities, Heads
from tracegate.audit.canonical import decode
from tracegate.audit.checkpoint import Checkpoint, open_checkpoint
from tracegate.audit.encodings import base64_of
from tracegate.audit.events import Anchored, Leaf, Opened, Pruned
from tracegate.audit.keys import Key, parse_vkey
from tracegate.audit.leaf import read
from tracegate.audit.meaning import Meaning
from tracegate.audit.merkle import leaf_hash, root
from tracegate.audit.segments import scan
from tracegate.audit.tiles import HASH, HEIGHT, WIDTH, Tile, TileNodes, bundle_of, read_entries, root_of, tiles_of
from tracegate.audit.verdict import Check, Report, Result
from tracegate.errors import Malformed

MOST = 100  # faults that are told of one kind

_TILE = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")
_SEGMENT = re.compile(r"segments/(\d{20})\.seg")
_OTHERS = frozenset({"log.json", "checkpoint", "lock"})


class Files(Protocol):
    """The files of a log."""

    def names(self) -> Iterable[str]:
        """All of them, relative to the log."""

    def read(self, name: str) -> bytes:
        """One; raises `FileNotFoundError`."""


def fsck(files: Files, key: Key | None, against: Sequence[str] = (), authorities: Authorities | None = None) -> Report:
    """Check a log.

    Args:
        files: Of the log.
        key: The log's, from the caller; without it the log is checked against its own `log.json`, and never green.
        against: Checkpoints of it that were saved earlier or elsewhere.
        authorities: Whose time stamps in the log are checked too; without them that they are there is all that is said.
    """
    return _Check(files, key, against, authorities).run()


class _Check:
    """One run: the leaves that were found, and the hashes of each level of tiles over them."""

    def __init__(self, files: Files, key: Key | None, against: Sequence[str], authorities: Authorities | None) -> None:
        self.files = files
        self.against = against
        self.authorities = authorities
        self.report = Report()
        self.names = dict.fromkeys(sorted(files.names()))  # in order, and found at once
        self.created: object = None
        self.start = 0  # the first leaf whose bundle is there
        self.pruned = 0  # the first that must be
        self.leaves: list[bytes] = []  # from `start` on
        self.levels: list[list[bytes]] = []  # of the lowest, from `start` on
        self.published = 0  # leaves under the checkpoint, as far as they were found
        self.given = key

    def run(self) -> Report:
        key = self._key()
        head = None if key is None else self._head(key)
        if key is None or head is None:
            return self.report
        self.report.facts.update(log=key.name, size=head.size, root=base64_of(head.root))
        self._entries(head)
        segments = self._segments()
        self._prefix()
        self._hold("segments", segments)
        self._grow(head)
        self._root(head)
        self._tiles(head)
        self._meaning(key)
        self._saved(key)
        return self.report

    def _fail(self, check: str, detail: str, file: str | None = None, index: int | None = None) -> None:
        if sum(made.check == check for made in self.report.checks) < MOST:
            self.report.checks.append(Check(check, "fail", detail, file, index))

    def _hold(self, check: str, detail: str, result: Result = "pass") -> None:
        """Say that a kind of check found nothing, if so."""
        if not any(made.check == check for made in self.report.checks):
            self.report.add(check, result, detail)

    def _key(self) -> Key | None:
        """The key that is trusted: the one that was given, else the log's own, which proves nothing to others."""
        if self.given is None:
            self.report.add("key", "missing", "no key was given: the log vouches for itself")
        try:
            stated = decode(self.files.read("log.json"))
            own = parse_vkey(str(stated.get("vkey")))
            if set(stated) != {"created", "origin", "v", "vkey"} or (stated["v"], stated["origin"]) != (1, own.name):
                raise Malformed("not the `log.json` of a log")
            if self.given not in (None, own):
                raise Malformed(f"it is of {own.keyid}, which is not the key that was given")
        except (Malformed, FileNotFoundError) as exc:
            self._fail("log.json", _text(exc), "log.json")
            return self.given
        self.created = stated["created"]
        self.report.add("log.json", "pass", own.name)
        return own

    def _head(self, key: Key) -> Checkpoint | None:
        try:
            head = open_checkpoint(self.files.read("checkpoint").decode(), key)
        except (Malformed, FileNotFoundError, UnicodeDecodeError) as exc:
            self._fail("checkpoint", _text(exc), "checkpoint")
            return None
        self.report.add("checkpoint", "pass", f"{head.size} leaves")
        return head

    @property
    def size(self) -> int:
        """Leaves of the log, those that were pruned included."""
        return self.start + len(self.leaves)

    def _entries(self, head: Checkpoint) -> None:
        """The leaves below the checkpoint, from the bundles; the first ones may be gone."""
        bundles = [tile for tile in tiles_of(head.size) if tile.level == "entries"]
        gone = list(takewhile(lambda tile: tile.width == WIDTH and tile.path not in self.names, bundles))
        self.start = len(gone) * WIDTH
        for tile in bundles[len(gone) :]:
            try:
                self.leaves += read_entries(tile, self.files.read)
            except (Malformed, FileNotFoundError) as exc:
                self._fail("entries", _text(exc), tile.path)

    def _prefix(self) -> None:
        """What is gone at the beginning must have been pruned."""
        for raw in self.leaves:
            if b'"type":"prune"' in raw:
                try:
                    leaf = read(raw).leaf
                except Malformed:  # which is told with the other leaves
                    continue
                self.pruned = max(self.pruned, leaf.min_index if isinstance(leaf, Pruned) else 0)
        for bundle in range(self.pruned // WIDTH, self.start // WIDTH):
            self._fail("entries", "it is missing", Tile("entries", bundle).path)
        gone = f", those before {self.start} were pruned" if self.start else ""
        self._hold("entries", f"{self.published - self.start} leaves{gone}")

    def _segments(self) -> str:
        """Compare the segments with the leaves, and take those behind the checkpoint from them; returns what was."""
        self.published = published = self.size
        named = [found for name in self.names if (found := _SEGMENT.fullmatch(name))]
        end: int | None = None
        for found in named:
            name, first = found[0], int(found[1])
            if end not in (None, first):
                self._fail("segments", f"it does not begin where the one before it ends, at {end}", name)
            segment = scan(self.files.read(name))
            end = first + len(segment.leaves)
            if segment.damaged:
                self._fail("segments", f"a bad frame at byte {segment.end}, and good ones behind it", name)
            elif segment.torn:
                self.report.checks.append(Check("segments", "missing", "its last frame is not whole", name, end))
            if first > self.size:
                self._fail("segments", f"leaves are missing before it, from {self.size}", name)
                continue
            for index, leaf in enumerate(segment.leaves, first):
                if index == self.size:
                    self.leaves.append(leaf)
                elif index >= self.start and self.leaves[index - self.start] != leaf:
                    self._fail("segments", "a leaf is another than in the tree", name, index)
        if end is not None and end < published:  # only the oldest may be deleted, so the last one is cut
            self._fail("segments", f"leaves are missing behind it, from {end}", named[-1][0])
        return f"{len(named)} files, {self.size - published} leaves behind the checkpoint"

    def _grow(self, head: Checkpoint) -> None:
        row, below = [leaf_hash(leaf) for leaf in self.leaves], self._above(head)
        while row or below:
            self.levels.append(row)
            row = [*below, *(root_of(row[at : at + WIDTH]) for at in range(0, len(row) - WIDTH + 1, WIDTH))]
            below = []

    def _above(self, head: Checkpoint) -> list[bytes]:
        """The roots of the bundles that are gone, as the tiles above have them."""
        nodes, bundles = TileNodes(head.size, self.files.read), range(self.start // WIDTH)
        try:
            return [nodes(HEIGHT, bundle) for bundle in bundles]
        except (Malformed, FileNotFoundError) as exc:
            self._fail("tiles", f"a tile of the pruned leaves: {_text(exc)}")
            return [bytes(HASH) for _ in bundles]

    def _node(self, level: int, index: int) -> bytes:
        row, above = divmod(level, HEIGHT)
        first = (index << above) - (0 if row else self.start)
        if first < 0:
            raise LookupError(index)
        return root_of(self.levels[row][first : first + (1 << above)])

    def _root(self, head: Checkpoint) -> None:
        if self.size < head.size or root(head.size, self._node) != head.root:
            self._fail("root", "the leaves do not give the root of the checkpoint")
        self._hold("root", base64_of(head.root))

    def _tiles(self, head: Checkpoint) -> None:
        """Every file of the tree, those of other sizes too, is what the leaves give; what does not belong is named."""
        for tile in tiles_of(head.size):
            if tile.level in ("entries", 0) and (tile.index + 1) * WIDTH <= min(self.start, self.pruned):
                continue
            if tile.path not in self.names and Tile(tile.level, tile.index).path not in self.names:
                self._fail("tiles", "it is missing", tile.path)
        for name in self.names:
            found = _TILE.fullmatch(name)
            if found is not None:
                self._tile(name, found[1], int(found[2].replace("/", "").replace("x", "")), int(found[3] or WIDTH))
            elif name not in _OTHERS and not _SEGMENT.fullmatch(name) and not name.endswith(".tmp"):
                self._fail("files", "it does not belong to the log", name)
        self._hold("tiles", "as the leaves give them")
        self._hold("files", f"{len(self.names)} files")

    def _tile(self, name: str, level: str, index: int, width: int) -> None:
        tile = Tile(level, index, width)
        rows = {"entries": self.leaves, **{str(number): row for number, row in enumerate(self.levels)}}
        first = index * WIDTH - (self.start if level in ("entries", "0") else 0)
        row = rows.get(level, [])[max(0, first) : max(0, first + width)]
        if first < 0:
            self._of_pruned(name, level, index, width)
        elif tile.path != name or not 0 < width <= WIDTH or len(row) != width:
            self._fail("files", "it does not belong to the log", name)
        elif self.files.read(name) != (bundle_of(row) if level == "entries" else b"".join(row)):
            self._fail("tiles", "it is another than the leaves give", name)

    def _of_pruned(self, name: str, level: str, index: int, width: int) -> None:
        """A tile of leaves that are gone may stay; a bundle before the first that is there is none of the log's."""
        raw = self.files.read(name)
        hashes = [raw[at : at + HASH] for at in range(0, len(raw), HASH)]
        if level != "0" or width != WIDTH or Tile(0, index).path != name:
            self._fail("files", "it does not belong to the log", name)
        elif len(raw) != WIDTH * HASH or root_of(hashes) != self.levels[1][index]:
            self._fail("tiles", "it is another than the leaves give", name)

    def _meaning(self, key: Key) -> None:
        meaning = Meaning(key.name, self.start)
        heads = Heads(key, partial(root, node=self._node), self.authorities)
        for index, raw in enumerate(self.leaves, self.start):
            try:
                found = read(raw)
                faults = [*meaning.faults(index, found)]
                if index == 0:
                    self._made(found.leaf)
                if isinstance(found.leaf, Anchored):
                    for check, detail in heads.faults(index, found.leaf):
                        self._fail(check, detail, index=index)
            except Malformed as exc:
                faults = [str(exc)]
            for fault in faults:
                self._fail("leaves", fault, index=index)
        self._hold("leaves", f"{len(self.leaves)} leaves, {len(meaning.open_intents)} intents open")
        if (told := heads.told()) is not None:
            self._hold("anchors", told)
        if self.authorities is not None:
            stamps = heads.stamps()
            self._hold("time stamps", stamps or "no leaf has one", "missing" if stamps is None else "pass")

    def _made(self, leaf: Leaf) -> None:
        if isinstance(leaf, Opened) and self.created not in (None, leaf.t // 1_000_000):
            self._fail("log.json", f"made at {self.created}; its first leaf is of another second", "log.json")

    def _saved(self, key: Key) -> None:
        for saved in self.against:
            try:
                other = open_checkpoint(saved, key)
            except Malformed as exc:
                self._fail("saved checkpoint", str(exc))
                continue
            if other.size > self.size:
                self._fail("saved checkpoint", f"it has {other.size} leaves; the log has {self.size}")
                continue
            try:
                same = root(other.size, self._node) == other.root
            except LookupError:
                self.report.add("saved checkpoint", "missing", f"its {other.size} leaves end in what was pruned")
                continue
            if not same:
                self._fail("saved checkpoint", f"its {other.size} leaves are no prefix of the log")
        if self.against:
            self._hold("saved checkpoint", f"{len(self.against)}, each a prefix of the log")


def _text(exc: Exception) -> str:
    return "it is missing" if isinstance(exc, FileNotFoundError) else str(exc)
