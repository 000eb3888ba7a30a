"""The check of a whole log: everything that is altered, missing or too much is found."""

from __future__ import annotations

import json

import pytest

from tests.audit.made import OTHER, SIGNER, Files, changed, grown, log_files
from tests.audit.vectors import CHECKPOINT, LEAVES, ORIGIN, ROOTS
from tracegate.audit.canonical import encode
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.fsck import MOST, fsck
from tracegate.audit.merkle import leaf_hash, root
from tracegate.audit.tiles import Tile, TileNodes, bundle_of
from tracegate.audit.verdict import Report

KEY = SIGNER.key
BEAT = json.loads(LEAVES[5])


def _beats(count: int) -> list[bytes]:
    """A log of this many leaves."""
    return [*LEAVES, *(encode({**BEAT, "t": BEAT["t"] + n}) for n in range(count - len(LEAVES)))]


def _failed(report: Report) -> set[str]:
    return {check.check for check in report.checks if check.result == "fail"}


def _told(report: Report) -> set[tuple[str, str | None, int | None]]:
    return {(check.check, check.file, check.index) for check in report.checks if check.result != "pass"}


@pytest.mark.parametrize("leaves", [LEAVES, _beats(256), _beats(700)])
def test_a_log_that_is_sound(leaves: list[bytes]) -> None:
    """Of one tile, of a full one, of several; in several segments, and without those that may be deleted."""
    for segments in ((0,), (0, 3), (3,)):
        report = fsck(log_files(leaves, segments=segments), KEY)
        assert report.code == 0, report.checks
        assert (report.facts["log"], report.facts["size"]) == (ORIGIN, len(leaves))


def test_every_kind_of_check_is_told() -> None:
    """Also of a log without a leaf."""
    for leaves in ([], LEAVES):
        report = fsck(log_files(leaves), KEY)
        assert report.code == 0, report.checks
        assert [check.check for check in report.checks] == [
            *("log.json", "checkpoint", "entries", "segments", "root", "tiles", "files", "leaves")
        ]


def test_the_checkpoint_of_the_vectors_is_that_of_its_log() -> None:
    """Byte for byte."""
    assert log_files(LEAVES)["checkpoint"].decode() == CHECKPOINT


def test_without_a_key_a_log_vouches_for_itself() -> None:
    """Which is never green."""
    report = fsck(log_files(LEAVES), None)
    assert (report.code, _told(report)) == (3, {("key", None, None)})
    files = log_files(LEAVES)
    files["log.json"] = b"{}"
    assert _failed(fsck(files, None)) == {"log.json"}


def test_every_changed_byte_is_found() -> None:
    """In every file; the last frame of a segment is covered by the bundle."""
    whole = log_files(LEAVES, segments=(0, 3))
    for name, raw in whole.items():
        for at in range(len(raw)):
            if at % 37 and name not in ("checkpoint", "log.json"):
                continue
            files = Files(whole)
            files[name] = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
            assert fsck(files, KEY).code, (name, at)


def _pruned(min_index: int, gone: int, *, says: int | None = None, published: int | None = None) -> Files:
    """A log of 1,000 leaves whose first were pruned: a leaf says up to which, and so many bundles are gone."""
    said = {"by": "operator", "min_index": min_index if says is None else says, "policy": "ai-act", "type": "prune"}
    envelope = {name: BEAT[name] for name in ("gateway", "log", "t", "v")}
    leaves = [*_beats(900), encode({**envelope, **said}), *_beats(99 + len(LEAVES))[len(LEAVES) :]]
    files = log_files(leaves, published=published, segments=(900,))
    for bundle in range(gone):
        for level in ("entries", 0):
            del files[Tile(level, bundle).path]
    return files


@pytest.mark.parametrize("published", [None, 900])
@pytest.mark.parametrize("gone", [0, 1, 2, 3])
def test_what_was_pruned_may_be_gone(gone: int, published: int | None) -> None:
    """As far as a leaf says; the tiles above give the root that is signed, and older heads are still its prefixes."""
    heads = [str(sign_checkpoint(Checkpoint(ORIGIN, size, root(size, _nodes(size))), SIGNER)) for size in (768, 800)]
    report = fsck(_pruned(768, gone, published=published), KEY, heads)
    assert report.code == 0, report.checks
    whole = {check.check: check.detail for check in report.checks}
    assert (f", those before {256 * gone} were pruned" in whole["entries"]) == bool(gone)


def _nodes(size: int) -> TileNodes:
    _, files = grown([leaf_hash(leaf) for leaf in _beats(size)])
    return TileNodes(size, files.read)


def test_a_head_that_ends_in_what_was_pruned_can_not_be_compared() -> None:
    """Which is neither false nor green."""
    head = str(sign_checkpoint(Checkpoint(ORIGIN, 300, root(300, _nodes(300))), SIGNER))
    report = fsck(_pruned(768, 3), KEY, [head])
    assert (report.code, _told(report)) == (3, {("saved checkpoint", None, None)})


def test_more_is_gone_than_was_pruned() -> None:
    """Or nothing was."""
    for says, gone, missing in ((256, 2, "001"), (0, 1, "000")):
        entries, tile = f"tile/entries/{missing}", f"tile/0/{missing}"
        told = {("entries", entries, None), ("tiles", entries, None), ("tiles", tile, None)}
        assert _told(fsck(_pruned(says, gone), KEY)) == told


def test_what_stays_of_pruned_leaves_is_looked_at() -> None:
    """Their tiles may stay, and are what the tile above says; a bundle cut in the middle is none of the log's."""
    files = _pruned(768, 2)
    files[Tile(0, 0).path] = log_files(_beats(900))[Tile(0, 0).path]
    assert fsck(files, KEY).code == 0
    for raw in (bytes(8192), bytes(31), b""):
        changed_files = Files(files)
        changed_files[Tile(0, 0).path] = raw
        assert _told(fsck(changed_files, KEY)) == {("tiles", "tile/0/000", None)}
    for name in ("tile/0/000.p/7", "tile/entries/000.p/7", "tile/0/x000/000"):
        changed_files = Files(files)
        changed_files[name] = b""
        assert _told(fsck(changed_files, KEY)) == {("files", name, None)}


def test_the_tiles_above_what_was_pruned_are_needed() -> None:
    """Changed, or gone, they give no root; a changed leaf that says what was pruned is found too."""
    for change in (None, bytes(96)):
        files = _pruned(768, 2)
        files.pop("tile/1/000.p/3")
        if change is not None:
            files["tile/1/000.p/3"] = change
        assert {"root", "tiles"} <= _failed(fsck(files, KEY))
    files = _pruned(768, 2, says=-1)
    assert {"entries", "leaves"} <= _failed(fsck(files, KEY))


def test_every_file_that_is_missing_is_found() -> None:
    """By its name; the oldest segments may be deleted."""
    whole = log_files(_beats(700), segments=(0, 600))
    for name in whole:
        files = Files(whole)
        del files[name]
        report = fsck(files, KEY)
        assert bool(report.code) != name.endswith("/00000000000000000000.seg"), name


def test_leaves_that_were_lost_doubled_or_swapped_are_found() -> None:
    """The root is another, and so are the tiles."""
    whole, leaves = log_files(LEAVES), list(LEAVES)
    for entries in (leaves[:-1], [*leaves, leaves[-1]], leaves[1::-1] + leaves[2:], leaves[:2] + leaves[3:]):
        files = Files(whole)
        files["tile/entries/000.p/6"] = bundle_of(entries)
        assert _failed(fsck(files, KEY)), len(entries)
    files = Files(whole)
    files["tile/entries/000.p/6"] = whole["tile/entries/000.p/6"][:-1]
    assert "entries" in _failed(fsck(files, KEY))


def test_a_log_that_was_written_anew_is_found_by_a_saved_checkpoint() -> None:
    """Other leaves, or fewer, with a true key."""
    saved = log_files(_beats(300))["checkpoint"].decode()
    older = log_files(_beats(40))["checkpoint"].decode()
    assert fsck(log_files(_beats(700)), KEY, [saved, older]).code == 0
    other = _beats(700)
    other[7] = encode({**BEAT, "t": 1})
    for leaves, against in ((other, saved), (_beats(200), saved)):
        assert _failed(fsck(log_files(leaves), KEY)) == set()
        assert _failed(fsck(log_files(leaves), KEY, [against, older])) == {"saved checkpoint"}
    assert _failed(fsck(log_files(LEAVES), KEY, ["no note"])) == {"saved checkpoint"}


def test_true_leaves_without_sense_are_found() -> None:
    """With their index."""
    second = encode({**json.loads(LEAVES[1]), "t_mono": 1})
    report = fsck(log_files([*LEAVES, second]), KEY)
    assert _told(report) == {("leaves", None, 6)}
    odd = LEAVES[5].replace(b",", b", ", 1)
    assert _told(fsck(log_files([*LEAVES, odd]), KEY)) == {("leaves", None, 6)}
    told = [check for check in fsck(log_files([LEAVES[5]] * (MOST * 2)), KEY).checks if check.check == "leaves"]
    assert len(told) == 1  # the log does not begin with its opening; the rest is as it should be
    assert sum(check.check == "leaves" for check in fsck(log_files([odd] * (MOST * 2)), KEY).checks) == MOST


def test_heads_that_others_hold_are_heads_of_the_log() -> None:
    """Each leaf that tells of one is compared with the leaves before it; without an authority no stamp is checked."""

    def anchor(size: int, root: bytes, kind: str) -> bytes:
        told = {"kind": kind, "size": size, "root": root.hex(), "where": "w", "proof": "x", "type": "anchor"}
        beat = json.loads(LEAVES[5])
        return encode({**{name: beat[name] for name in ("v", "log", "gateway", "t")}, **told})

    def said(*leaves: bytes) -> list[tuple[str, str, int | None]]:
        report = fsck(log_files([*LEAVES, *leaves]), SIGNER.key)
        return [(check.result, check.detail, check.index) for check in report.checks if check.check == "anchors"]

    witness, stamp = anchor(5, ROOTS[5], "witness"), anchor(6, ROOTS[6], "rfc3161")
    assert said(witness, stamp) == [("pass", "each a prefix of the log: 1 rfc3161, 1 witness", None)]
    assert said(witness, anchor(6, ROOTS[5], "object-lock"), anchor(9, ROOTS[6], "rfc3161")) == [
        ("fail", "its head of 6 leaves is no prefix of the log", 7),
        ("fail", "a head of 9 leaves, which were not there yet", 8),
    ]


def test_leaves_behind_the_checkpoint_are_durable_and_not_published_yet() -> None:
    """Tiles ahead of the checkpoint, and those of older ones, are what the leaves give too."""
    leaves = _beats(700)
    files = log_files(leaves, published=600)
    assert fsck(files, KEY).code == 0
    hashes = [leaf_hash(leaf) for leaf in leaves]
    files["tile/0/002.p/188"] = b"".join(hashes[512:700])
    files["tile/entries/001.p/3"] = bundle_of(leaves[256:259])
    files["tile/1/000.p/1"] = files["tile/1/000.p/2"][:32]
    files["tile/0/000.tmp"] = files["lock"] = b""
    assert fsck(files, KEY).code == 0
    files["tile/1/000.p/1"] = bytes(32)
    assert _told(fsck(files, KEY)) == {("tiles", "tile/1/000.p/1", None)}


def test_a_full_bundle_serves_a_checkpoint_in_its_midst() -> None:
    """As where the process ended between the bundle and the checkpoint."""
    leaves = _beats(256)
    files = log_files(leaves, published=250)
    for name in [name for name in files if ".p/250" in name]:
        del files[name]
    files["tile/entries/000"] = bundle_of(leaves)
    files["tile/0/000"] = b"".join(leaf_hash(leaf) for leaf in leaves)
    assert fsck(files, KEY).code == 0


@pytest.mark.parametrize(
    "name",
    [
        *("notes.txt", "tile/0/001.p/7", "tile/0/000.p/7", "tile/0/000.p/256", "tile/0/0", "tile/5/000.p/1"),
        *("tile/0/x000/000.p/6", "segments/6.seg", "tile/entries/000", "tile/00/000.p/6"),
    ],
)
def test_a_file_that_does_not_belong_is_named(name: str) -> None:
    """Whatever is in it."""
    files = log_files(LEAVES)
    files[name] = files["tile/0/000.p/6"]
    assert _told(fsck(files, KEY)) == {("files", name, None)}


def test_segments_are_whole_and_follow_each_other() -> None:
    """A torn end is no damage, and no proof either."""
    name = "segments/00000000000000000000.seg"
    files = log_files(LEAVES)
    files[name] += b"\0\0"
    report = fsck(files, KEY)
    assert (report.code, _told(report)) == (3, {("segments", name, 6)})
    files[name] = bytes(3) + files[name]
    assert _told(fsck(files, KEY)) == {("segments", name, None)}
    late = "segments/00000000000000000009.seg"
    files = log_files(LEAVES)
    files[late] = files[name]
    assert _told(fsck(files, KEY)) == {("segments", late, None)}
    files = log_files([*LEAVES[:5], changed(5, t=1)])
    files[name] = log_files(LEAVES)[name]
    assert _told(fsck(files, KEY)) == {("segments", name, 5)}


def test_a_segment_that_lost_whole_frames_is_found() -> None:
    """Every frame that is left is good, and its bundle has the leaves; it is no segment that may be deleted."""
    name, last = "segments/00000000000000000000.seg", "segments/00000000000000000600.seg"
    whole, leaves = log_files(_beats(700), segments=(0, 600)), _beats(700)
    for cut, length in ((name, 599), (name, 0), (last, 99), (last, 0)):
        start = int(cut[-7:-4])
        kept = log_files(leaves[: start + length], segments=tuple({0, start}))
        files = Files({**whole, cut: kept.get(cut, b"")})
        assert _told(fsck(files, KEY)) == {("segments", last, None)}, (cut, length)


def test_a_key_or_a_head_of_another_log_is_found() -> None:
    """What `log.json` says is not what the caller pinned; a checkpoint is another's, none at all, or no text."""
    assert _failed(fsck(log_files(LEAVES), OTHER.key)) == {"log.json", "checkpoint"}
    for raw in (b"", b"\xff", str(sign_checkpoint(Checkpoint(ORIGIN, 6, ROOTS[6]), OTHER)).encode()):
        files = log_files(LEAVES)
        files["checkpoint"] = raw
        assert _failed(fsck(files, KEY)) == {"checkpoint"}
    files = log_files(LEAVES)
    files["log.json"] = files["log.json"].replace(b'"created":1', b'"created":2')
    (told,) = [check for check in fsck(files, KEY).checks if check.result != "pass"]
    assert (told.check, told.file) == ("log.json", "log.json")
    files = log_files(LEAVES)
    files["log.json"] = files["log.json"].replace(b'"v":1', b'"v":2')
    assert _failed(fsck(files, KEY)) == {"log.json"}


def test_roots_of_prefixes_come_from_the_same_leaves() -> None:
    """A checkpoint that the true key signed over other leaves of the same count."""
    files = log_files(LEAVES)
    files["checkpoint"] = str(sign_checkpoint(Checkpoint(ORIGIN, 6, ROOTS[5]), SIGNER)).encode()
    assert _failed(fsck(files, KEY)) == {"root"}
    assert root(6, TileNodes(6, files.read)) == ROOTS[6]
