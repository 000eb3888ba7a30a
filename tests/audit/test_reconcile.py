"""Every leaf that a sink lacks, has twice or has otherwise is named; nothing is green that is not proved."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.shipped import NAME, leaf, origin, prune_leaf, signer, write_log
from tracegate.audit.keys import Key, Signer
from tracegate.audit.offsets import Offset, Span
from tracegate.audit.reading import StoredLog
from tracegate.audit.reconcile import Book, reconcile
from tracegate.audit.sinks import Found, Unread
from tracegate.audit.verdict import Report

KEY = signer().key
SECOND = "r1-w1/2026-11"
Named = list[tuple[str, str, int | None, str]]


def at_sink(indices: Iterable[int], name: str = NAME) -> list[Found]:
    """Leaves as they are in the log."""
    return [Found(origin(name), index, leaf(index, name), f"file:{index}") for index in indices]


def judged(
    log: StoredLog, found: Iterable[Found | Unread], offset: Offset | None = None, key: Key | None = KEY
) -> tuple[Report, tuple[Span, ...]]:
    """What is found of one log, and what the sink lacks."""
    report, lost = reconcile([Book(log, offset, key)], found)
    return report, lost[log.name]


def named(report: Report) -> Named:
    """The checks but those that say that all is well."""
    quiet = ("checkpoint", "leaves")
    return [(one.check, one.result, one.index, one.detail) for one in report.checks if one.check not in quiet]


def test_a_sink_that_has_all_is_complete(tmp_path: Path) -> None:
    """In any order; each check says of which log it is."""
    report, lost = judged(write_log(tmp_path, 600), reversed(at_sink(range(600))), Offset(next=600))
    assert (report.verdict, named(report), lost) == ("verified", [], ())
    assert {check.log for check in report.checks} == {origin()}
    assert [check.detail for check in report.checks][1] == "600 of 600 are at the sink as they are in the log"
    assert report.facts == {
        "logs": 1,
        "leaves": 600,
        "found": 600,
        "missing": 0,
        "altered": 0,
        "duplicates": 0,
        "unshipped": 0,
    }


@pytest.mark.parametrize("offset", [None, Offset(next=600)])
def test_every_missing_leaf_is_named(tmp_path: Path, offset: Offset | None) -> None:
    """Those that follow each other together; where nobody wrote down what was acknowledged, all should be there."""
    gone = {0, 7, 8, 9, 300, 599}
    report, lost = judged(write_log(tmp_path, 600), at_sink(set(range(600)) - gone), offset)
    assert named(report) == [
        ("missing", "fail", 0, "not at the sink"),
        ("missing", "fail", 7, "not at the sink; 3 leaves, to 9"),
        ("missing", "fail", 300, "not at the sink"),
        ("missing", "fail", 599, "not at the sink"),
    ]
    assert (report.verdict, report.facts["missing"], lost) == ("refused", 6, ((0, 1), (7, 10), (300, 301), (599, 600)))


def test_what_was_not_acknowledged_is_not_missing(tmp_path: Path) -> None:
    """Nor is it proved to be there."""
    report, lost = judged(write_log(tmp_path, 600), at_sink(range(512)), Offset(next=512))
    assert named(report) == [("unshipped", "missing", 512, "not acknowledged by the sink yet; 88 leaves, to 599")]
    assert (report.verdict, report.facts["unshipped"], lost) == ("incomplete", 88, ())
    report, lost = judged(write_log(tmp_path, 600), at_sink(range(510)), Offset(next=512))
    assert [(check, index) for check, _, index, _ in named(report)] == [("missing", 510), ("unshipped", 512)]
    assert (report.verdict, lost) == ("refused", ((510, 512),))


def test_every_duplicate_is_named_and_nothing_is_wrong(tmp_path: Path) -> None:
    """With how often it is there."""
    found = at_sink([*range(600), *range(5, 9), 8, 300])
    report, _ = judged(write_log(tmp_path, 600), found)
    assert named(report) == [
        ("duplicates", "pass", 5, "2 times at the sink; 3 leaves, to 7"),
        ("duplicates", "pass", 8, "3 times at the sink"),
        ("duplicates", "pass", 300, "2 times at the sink"),
    ]
    assert (report.verdict, report.facts["duplicates"]) == ("verified", 6)


def test_every_altered_leaf_is_named(tmp_path: Path) -> None:
    """With its place at the sink, also where it is there as it should be beside it; it is to be sent once more."""
    raw = leaf(3)
    altered = [
        Found(origin(), 3, raw[:-1] + bytes((raw[-1] ^ 1,)), "file:9"),
        Found(origin(), 4, leaf(5), "file:10"),
        Found(origin(), 6, b"", "file:11"),
    ]
    report, lost = judged(write_log(tmp_path, 9), [*at_sink({0, 1, 2, 5, 6, 7}), *altered])
    assert named(report) == [
        ("altered", "fail", 3, "another than in the log, at file:9"),
        ("altered", "fail", 4, "another than in the log, at file:10"),
        ("altered", "fail", 6, "another than in the log, at file:11"),
        ("missing", "fail", 8, "not at the sink"),
    ]
    assert (report.verdict, report.facts["altered"], lost) == ("refused", 3, ((3, 5), (8, 9)))


def test_a_leaf_that_the_log_has_not_is_told(tmp_path: Path) -> None:
    """As when a log was put back to an earlier state, or somebody wrote at the sink."""
    report, _ = judged(write_log(tmp_path, 5), at_sink(range(7)))
    assert named(report) == [
        ("unknown", "fail", 5, "the log has no such leaf: file:5"),
        ("unknown", "fail", 6, "the log has no such leaf: file:6"),
    ]


def test_a_log_that_grows_meanwhile_is_judged_by_what_it_is_then(tmp_path: Path) -> None:
    """A gateway goes on writing and shipping."""
    book = Book(write_log(tmp_path, 5), Offset(next=5), signer().key)
    write_log(tmp_path, 9)
    found = [*at_sink(range(7)), Found(origin(), 7, leaf(8), "file:7")]
    report, _ = reconcile([book], found)
    assert named(report) == [("altered", "fail", 7, "another than in the log, at file:7")]


def test_a_log_that_was_pruned_is_compared_from_where_it_begins(tmp_path: Path) -> None:
    """Its root is held by the tiles that stay."""
    log = write_log(tmp_path, 1_300, pruned=512)
    told = Found(origin(), 1_299, prune_leaf(512), "file:1299")
    report, lost = judged(log, [*at_sink([0, 5, *range(512, 1_298)]), told])
    assert named(report) == [("missing", "fail", 1_298, "not at the sink")]
    assert (report.facts["leaves"], lost) == (1_300 - 512, ((1_298, 1_299),))


def test_leaves_that_are_gone_from_the_log_are_no_pruning(tmp_path: Path) -> None:
    """Unless a leaf of the log says so."""
    log = write_log(tmp_path, 600, pruned=256)
    for path in (tmp_path / NAME / "tile").glob("*/001"):
        path.unlink()
    report, _ = judged(log, at_sink(range(600)))
    why = "its leaves below 512 are gone, and no leaf says that they were pruned"
    assert named(report)[0] == ("log", "fail", None, why)


def test_what_is_behind_the_checkpoint_is_not_looked_for(tmp_path: Path) -> None:
    """It is not signed yet; where it is at the sink, it must be what the log has."""
    log = write_log(tmp_path, 5, behind=2)
    assert judged(log, at_sink(range(5)))[0].verdict == "verified"
    assert judged(log, at_sink(range(7)))[0].verdict == "verified"
    report, _ = judged(log, [*at_sink(range(5)), Found(origin(), 5, leaf(6), "file:5")])
    assert named(report) == [("altered", "fail", 5, "another than in the log, at file:5")]


def test_several_logs_are_judged_together(tmp_path: Path) -> None:
    """Leaves of logs that are not here belong to others, and are counted."""
    logs = [write_log(tmp_path, 3), write_log(tmp_path, 3, SECOND)]
    books = [Book(log, None, signer(name).key) for log, name in zip(logs, (NAME, SECOND), strict=True)]
    found = [*at_sink(range(3)), *at_sink([0, 2], SECOND), *at_sink([1, 1], "r2/2026-11")]
    report, lost = reconcile(books, found)
    assert [(one.check, one.log, one.index) for one in report.checks if one.result == "fail"] == [
        ("missing", origin(SECOND), 1)
    ]
    assert [(one.log, one.detail) for one in report.checks if one.check == "other log"] == [
        (origin("r2/2026-11"), "2 leaves")
    ]
    assert (lost, report.facts["logs"], report.facts["found"]) == ({NAME: (), SECOND: ((1, 2),)}, 2, 5)


def test_what_can_not_be_read_is_told(tmp_path: Path) -> None:
    """It is no fault by itself: what it held may be there elsewhere."""
    report, _ = judged(write_log(tmp_path, 2), [Unread("file:1", "not JSON"), *at_sink(range(2))])
    assert named(report) == [
        ("unread", "pass", None, "file:1: not JSON; what it held is missing unless it is elsewhere")
    ]


def test_without_a_key_it_is_never_green(tmp_path: Path) -> None:
    """Whoever can write the log could sign another."""
    report, _ = judged(write_log(tmp_path, 2), at_sink(range(2)), key=None)
    assert named(report) == [("key", "missing", None, "no key was given for it: the log vouches for itself")]
    assert report.verdict == "incomplete"


def test_a_log_of_another_key_is_refused(tmp_path: Path) -> None:
    """It may be another log of that name."""
    other = Signer(origin(), Ed25519PrivateKey.generate()).key
    report, _ = judged(write_log(tmp_path, 2), at_sink(range(2)), key=other)
    assert (report.verdict, named(report)[0][:2]) == ("refused", ("log", "fail"))


def test_a_log_whose_leaves_were_changed_is_refused(tmp_path: Path) -> None:
    """A sink that agrees with it proves nothing."""
    log = write_log(tmp_path, 300)
    bundle = tmp_path / NAME / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"n":7,', b'"n":8,'))
    report, _ = judged(log, at_sink(range(300)))
    assert ("log", "fail", None, "its leaves do not give the root of its checkpoint") in named(report)
    next((tmp_path / NAME / "tile" / "entries").rglob("44")).unlink()
    report, _ = judged(log, at_sink(range(300)))
    assert [(check, result, index) for check, result, index, _ in named(report)] == [
        ("log", "fail", None),
        ("altered", "fail", 7),
    ]


def test_a_log_without_a_checkpoint_is_not_judged(tmp_path: Path) -> None:
    """It is being made."""
    log = write_log(tmp_path, 2)
    (tmp_path / NAME / "checkpoint").unlink()
    report, lost = judged(log, [])
    assert (report.checks[0].detail, report.verdict, lost) == ("there is none yet", "incomplete", ())


def test_an_empty_log_is_complete(tmp_path: Path) -> None:
    """There is nothing to have."""
    assert judged(write_log(tmp_path, 0), [])[0].verdict == "verified"
