"""A log is opened: locked, made if there is none, and brought to where its last run left it.

Only the torn end of the last write is ever cut, and only if nobody can have been told of it. Everything else that is
not as it should be refuses the start: a log is never made anew where one was. It runs on the log's thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tracegate.audit.blinds import PRIVATE as PRIVATE_FOLDER
from tracegate.audit.blinds import SUFFIX, end_of
from tracegate.audit.canonical import decode, encode
from tracegate.audit.checkpoint import Checkpoint, open_checkpoint
from tracegate.audit.disk import PRIVATE, Disk, beside, known, make_folders, put, stage
from tracegate.audit.events import Aborted, Closed, Configured, Leaf, Opened, Pruned
from tracegate.audit.growing import Growing
from tracegate.audit.keys import Signer, check_origin, pem_of, signer_of
from tracegate.audit.kinds import At, Final, Head, Intent
from tracegate.audit.leaf import read
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.segments import name_of, scan
from tracegate.audit.tenants import TenantKeys
from tracegate.audit.tiles import WIDTH, Tile, read_entries
from tracegate.audit.tree import Tree
from tracegate.audit.writer import Writer
from tracegate.errors import Malformed, TracegateError

SECRET = 0o700
"""Mode of the folder of what is for no auditor."""


class StartRefused(TracegateError):
    """A log that must not be continued as it is; the text names the file, and the byte where one is known."""


class InUse(TracegateError):
    """Another process writes this log."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a log is kept: the folder of all logs, and the log's origin, whose last two elements are its folder."""

    root: Path
    origin: str

    @property
    def folder(self) -> Path:
        """Of the log."""
        return self.root.joinpath(*self.origin.split("/")[-2:])

    @property
    def key(self) -> Path:
        """Of the private key."""
        replica, epoch = self.origin.split("/")[-2:]
        return self.root / "keys" / replica / f"{epoch}.key"

    @property
    def private(self) -> Path:
        """The folder of what is for no auditor."""
        return self.root / PRIVATE_FOLDER

    @property
    def table(self) -> Path:
        """Of what can be erased."""
        replica, epoch = self.origin.split("/")[-2:]
        return self.private / replica / f"{epoch}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class OpenedLog:
    """A log that can be written.

    Args:
        place: Where it is.
        writer: At its end.
        signer: Its key.
        lock: The descriptor that holds it.
        created: When it was made, in seconds since 1970 UTC.
        last: The last leaf; `None` where there is none.
        intents: Those that no leaf closes, oldest first; some may stand in the log before this one.
        cut: Bytes of a torn end that were cut.
    """

    place: Place
    writer: Writer
    signer: Signer
    lock: int
    created: int
    last: Leaf | None
    intents: tuple[tuple[At, Intent], ...]
    cut: int

    @property
    def ended(self) -> bool:
        """Whether nothing may follow: the next epoch has a log of its own."""
        return isinstance(self.last, Closed) and self.last.reason == "rotate"

    def let_go(self, disk: Disk) -> None:
        """Give everything back."""
        self.writer.close()
        disk.close(self.lock)


def open_log(disk: Disk, place: Place, now: int, *, ended: bool = False) -> OpenedLog:
    """Open a log, or make it where neither log nor key exists.

    Args:
        disk: The system calls.
        place: Of the log.
        now: Seconds since 1970 UTC, for a log that is made.
        ended: Open one that has ended too, in which nothing may be written but its checkpoint.

    Raises:
        InUse: Another process has it.
        StartRefused: It is damaged, ended, or half of it is gone.
        OSError: A system call failed.
    """
    check_origin(place.origin)
    make_folders(disk, place.folder)
    lock = disk.open(place.folder / "lock")
    try:
        disk.lock(lock)
        opened = _opened(disk, place, now, lock)
        if opened.ended and not ended:
            raise Malformed("the log has ended; the next epoch has its own")
        return opened
    except BlockingIOError:
        disk.close(lock)
        raise InUse(f"`{place.folder}` is in use by another process") from None
    except Malformed as exc:
        disk.close(lock)
        raise StartRefused(f"`{place.folder}`: {exc}") from None
    except BaseException:
        disk.close(lock)
        raise


def _opened(disk: Disk, place: Place, now: int, lock: int) -> OpenedLog:
    for path in sorted(place.folder.rglob("*.tmp")):
        disk.remove(path)
    signer, created = _identity(disk, place, now)
    head = _head(disk, place, signer)
    tree = Tree.restored(head.size, lambda name: _file(disk, place, name))
    if tree.root() != head.root:
        raise Malformed("the tiles do not give the root of the checkpoint")
    width = head.size % WIDTH
    kept = _bundle(disk, place, Tile("entries", head.size // WIDTH, width)) if width else []
    behind, cut = _behind(disk, place, head.size, kept)
    if head.size == 0 and not all(isinstance(read(raw).leaf, Opened | Configured) for raw in behind):
        raise Malformed("`checkpoint` is missing")  # a log is published before it takes anything but its opening
    for raw in behind:
        tree.append(leaf_hash(raw))
    last, intents = _open_intents(disk, place, _backwards(disk, place, head.size, [*kept, *behind]))
    disk.sync_folder(place.folder)
    make_folders(disk, place.private, SECRET)
    table = Growing(disk, place.table, PRIVATE, end_of(place.table, tree.size))
    tenants = TenantKeys(disk, place.private)
    writer = Writer(disk, place.folder, signer, tree, head.size, [*kept, *behind], table, tenants)
    return OpenedLog(place, writer, signer, lock, created, last, intents, cut)


def _identity(disk: Disk, place: Place, now: int) -> tuple[Signer, int]:
    """The key and the time of a log that is there, or of one that is made.

    The key waits under another name until `log.json` stands, so that a process that ends in between leaves either
    nothing that counts, or a log whose key can be told.
    """
    stated = known(disk, place.folder / "log.json")
    pem = known(disk, place.key)
    if stated is None and pem is None:
        return _made(disk, place, now)
    if stated is None:
        raise Malformed(f"`log.json` is missing, and its key `{place.key.name}` is there")
    waiting = pem is None
    if pem is None:
        pem = known(disk, beside(place.key))
    if pem is None:
        raise Malformed(f"its key `{place.key}` is missing")
    signer = signer_of(place.origin, pem)
    said = decode(stated)
    if said != {"created": said.get("created"), "origin": place.origin, "v": 1, "vkey": signer.key.vkey}:
        raise Malformed(f"`log.json` is not of this origin and its key `{place.key}`")
    if waiting:
        disk.rename(beside(place.key), place.key)
        disk.sync_folder(place.key.parent)
    return signer, int(said["created"])


def _made(disk: Disk, place: Place, now: int) -> tuple[Signer, int]:
    if any((place.folder / name).exists() for name in ("checkpoint", "tile", "segments")):
        raise Malformed("`log.json` is missing, and so is its key")
    private = Ed25519PrivateKey.generate()
    signer = Signer(place.origin, private)
    make_folders(disk, place.key.parent)
    stage(disk, beside(place.key), pem_of(private), PRIVATE)
    disk.sync_folder(place.key.parent)
    stated = {"created": now, "origin": place.origin, "v": 1, "vkey": signer.key.vkey}
    put(disk, place.folder / "log.json", encode(stated))
    disk.rename(beside(place.key), place.key)
    disk.sync_folder(place.key.parent)
    return signer, now


def _head(disk: Disk, place: Place, signer: Signer) -> Checkpoint:
    raw = known(disk, place.folder / "checkpoint")
    if raw is None:
        return Checkpoint(place.origin, 0, Tree().root())
    return open_checkpoint(raw.decode(errors="replace"), signer.key)


def _behind(disk: Disk, place: Place, published: int, kept: list[bytes]) -> tuple[list[bytes], int]:
    """The leaves behind the checkpoint, and how many bytes of a torn end were cut."""
    names = sorted(int(path.stem) for path in place.folder.glob("segments/*.seg"))
    older = [first for first in names if first < published]
    starts = [*older[-1:], *(first for first in names if first >= published)]
    at = starts[0] if starts else published
    kept_from = published - len(kept)
    behind: list[bytes] = []
    cut = 0
    for first in starts:
        name = name_of(first)
        segment = scan(disk.read(place.folder / name))
        if first != at:
            raise Malformed(f"`{name}`: leaves are missing before it, from {at}")
        at += len(segment.leaves)
        if segment.torn and (segment.damaged or first != starts[-1] or at < published):
            raise Malformed(f"`{name}`, byte {segment.end}: a bad frame that is no torn end")
        for index, raw in enumerate(segment.leaves, first):
            if index >= published:
                behind.append(raw)
            elif index >= kept_from and kept[index - kept_from] != raw:
                raise Malformed(f"`{name}`: leaf {index} is another than in the tree")
        if segment.torn:
            cut = segment.torn
            _cut(disk, place.folder / name, segment.end)
    if at < published:
        raise Malformed(f"`segments`: leaves are missing from {at}; the checkpoint has {published}")
    return behind, cut


def _cut(disk: Disk, path: Path, end: int) -> None:
    file = disk.open(path)
    try:
        disk.truncate(file, end)
        disk.sync(file)
    finally:
        disk.close(file)


def _backwards(disk: Disk, place: Place, published: int, tail: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """Every leaf with its index, the last first; older bundles are read when they are come to."""
    start = published // WIDTH * WIDTH
    yield from reversed(list(enumerate(tail, start)))
    for bundle in range(published // WIDTH - 1, -1, -1):
        yield from reversed(list(enumerate(_bundle(disk, place, Tile("entries", bundle)), bundle * WIDTH)))


def _open_intents(
    disk: Disk, place: Place, leaves: Iterator[tuple[int, bytes]]
) -> tuple[Leaf | None, tuple[tuple[At, Intent], ...]]:
    """The last leaf and the intents without an end.

    Nothing is open before a run that left nothing open, nor before one that wrote an intent: it had closed the rest. A
    run that began this log may have left some in the one before, and in none before that.
    """
    last: Leaf | None = None
    begun = False
    closed: set[str] = set()
    found: list[tuple[At, Intent]] = []
    of: str | None = None  # the log that is read, where it is the one before
    while True:
        prev: Head | None = None
        edge = 0  # what stands before it was pruned, and so left nothing open
        for index, raw in leaves:
            one = read(raw)
            last = last or one.leaf
            match one.leaf:
                case Closed(open_intents=0):
                    break
                case Opened(reason="rotate"):
                    prev = one.leaf.prev if of is None else None
                case Opened() if begun:
                    break
                case Final() | Aborted():
                    closed.add(one.leaf.record_id)
                case Intent():
                    begun = True
                    if one.leaf.record_id not in closed:
                        found.append((At(index=index, hash=one.hash.hex(), log=of), one.leaf))
                case Pruned():
                    edge = max(edge, one.leaf.min_index)
                case _:
                    pass
            if index == edge:
                break
        before = None if prev is None else Place(place.root, prev.log)
        if before is None or prev is None or not (before.folder / "checkpoint").exists():  # its time may be over
            return last, tuple(reversed(found))
        of, leaves = prev.log, _published(disk, before, prev.size)


def _published(disk: Disk, place: Place, size: int) -> Iterator[tuple[int, bytes]]:
    """Every leaf of a log that has ended, the last first."""
    full, width = divmod(size, WIDTH)
    tail = _bundle(disk, place, Tile("entries", full, width)) if width else []
    return _backwards(disk, place, size, tail)


def _bundle(disk: Disk, place: Place, tile: Tile) -> list[bytes]:
    return read_entries(tile, lambda name: _file(disk, place, name))


def _file(disk: Disk, place: Place, name: str) -> bytes:
    """A file that must be there; `FileNotFoundError` says which, and stays one for the partial tile's full one."""
    try:
        return disk.read(place.folder / name)
    except FileNotFoundError:
        if ".p/" in name:
            raise
        raise Malformed(f"`{name}` is missing") from None
