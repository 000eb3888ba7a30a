"""Bytes and texts against the commitments of a leaf."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from tests.audit.leaves import ABORTED
from tests.audit.made import bundle, changed
from tests.audit.vectors import BODY, LEAVES, SSE, VECTORS, R
from tracegate.audit.blinding import CANONICAL, TEXT, WIRE, blind, committed, text_digest
from tracegate.audit.canonical import canonical_body
from tracegate.audit.contents import check_blinding, check_contents
from tracegate.audit.encodings import base64url_of
from tracegate.audit.kinds import Final
from tracegate.audit.leaf import read
from tracegate.audit.receipt import Receipt, parse_bundle
from tracegate.audit.verdict import Report

REQUESTED: bytes = VECTORS["req"].encode()


@dataclass(frozen=True)
class Beside:
    """What is shown beside the response."""

    text: str | None = None
    request: bytes | None = None


def _checked(
    raw: bytes, content: bytes | None, shown: Beside, r: bytes | None = R[0], **members: Any
) -> dict[str, tuple[str, str]]:
    leaf, report = read(raw).leaf, Report()
    assert isinstance(leaf, Final)
    receipt = parse_bundle(bundle(2, raw, r, **members))
    check_blinding(report, receipt, leaf)
    check_contents(report, receipt, leaf, content, shown)
    return {check.check: (check.result, check.detail) for check in report.checks}


def test_the_vectors_match() -> None:
    """A whole answer, a stream, the question, a text; another text and another question do not."""
    found = _checked(LEAVES[2], BODY, Beside("Paris.\n", REQUESTED))
    assert {name: result for name, (result, _) in found.items()} == dict.fromkeys(
        ("r_hash", "request", "content", "text"), "pass"
    )
    assert _checked(LEAVES[4], SSE, Beside(), R[1])["content"] == ("pass", "256 bytes, as committed to")
    found = _checked(LEAVES[2], BODY + b" ", Beside("London.", REQUESTED + b" "), R[1])
    assert {result for result, _ in found.values()} == {"fail"}


def test_without_receipt_or_leaf_there_is_nothing_to_compare() -> None:
    """Nothing is checked, nothing is said."""
    report = Report()
    for receipt, leaf in ((None, read(LEAVES[2]).leaf), (parse_bundle(bundle(2, LEAVES[2], R[0])), None)):
        assert leaf is None or isinstance(leaf, Final)
        check_blinding(report, receipt, leaf)
        check_contents(report, receipt, leaf, BODY, Beside("x", b"y"))
    assert report.checks == []


def test_an_erased_record_can_not_be_compared_any_more() -> None:
    """Its bundle says which leaf erased it."""
    found = _checked(LEAVES[2], BODY, Beside("Paris.", REQUESTED), None, erased=9)
    assert set(found.values()) == {("missing", "the record was erased, by leaf 9")}
    found = _checked(LEAVES[2], BODY, Beside(), None)
    assert set(found.values()) == {("missing", "the receipt has no blinding for it")}


def test_single_blinds_open_their_own_fields() -> None:
    """The answer's say nothing of the question."""
    blinds = {name: base64url_of(blind(R[0], name)) for name in (WIRE, CANONICAL, f"{TEXT}0")}
    found = _checked(LEAVES[2], BODY, Beside("Paris.", REQUESTED), None, blinds=blinds)
    assert {name: result for name, (result, _) in found.items()} == {
        "request": "missing",
        "content": "pass",
        "text": "pass",
    }
    wire = {WIRE: blinds[WIRE]}
    found = _checked(LEAVES[2], BODY, Beside("London."), None, blinds=wire)
    assert {name: result for name, (result, _) in found.items()} == {"content": "pass", "text": "missing"}


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"res__bytes": 246}, "247 bytes; the leaf says 246"),
        ({"res__commit_wire": "0" * 64}, "the bytes are others than those sent"),
        ({"res__commit_canonical": "0" * 64}, "the canonical form is another"),
        ({"res__commit_canonical": ...}, "the canonical form is another"),
        ({"res__commit_text": "0" * 64}, "the text is another"),
        ({"res__commit_text": ...}, "the text is another"),
        ({"res__commit_texts": ["0" * 64]}, "the text is another"),
    ],
)
def test_a_leaf_that_commits_to_something_else_is_found(members: dict[str, Any], says: str) -> None:
    """Each commitment, changed or missing."""
    assert _checked(changed(2, **members), BODY, Beside())["content"] == ("fail", says)


def test_the_request_has_its_length() -> None:
    """A leaf that says another one is found."""
    assert _checked(changed(2, req__bytes=75), None, Beside(None, REQUESTED))["request"][0] == "fail"


def _committed(texts: list[object]) -> tuple[bytes, bytes]:
    """An answer with several choices, and its leaf."""
    choices = [{"index": index, "message": {"content": text}} for index, text in enumerate(texts)]
    body = json.dumps({"choices": choices}).encode()
    digests = {index: text_digest(text) for index, text in enumerate(texts)}
    commits = [committed(R[0], f"{TEXT}{index}", digest) for index, digest in digests.items() if digest]
    members: dict[str, Any] = {
        "res__bytes": len(body),
        "res__commit_wire": committed(R[0], WIRE, sha256(body).digest()),
        "res__commit_canonical": committed(R[0], CANONICAL, sha256(canonical_body(body) or b"").digest()),
        "res__commit_text": commits.pop(0) if digests[0] else ...,
    }
    return body, changed(2, **members, res__commit_texts=commits)


def test_each_choice_has_a_commitment_of_its_own() -> None:
    """A text that is shown is looked for among all; a choice without a text has none."""
    body, raw = _committed(["one", "two", None, "four"])
    assert _checked(raw, body, Beside("four"))["text"][0] == "pass"
    assert _checked(raw, body, Beside("two"))["content"][0] == "pass"
    assert _checked(raw, body, Beside("three"))["text"][0] == "fail"
    body, raw = _committed([None, "two"])
    assert _checked(raw, body, Beside())["content"][0] == "pass"


def test_a_text_is_compared_with_a_text() -> None:
    """An empty one is none; an answer may have none."""
    assert _checked(LEAVES[2], None, Beside(" \n"))["text"] == ("fail", "there is no text to compare")
    silent = changed(2, res__commit_text=...)
    assert _checked(silent, None, Beside("Paris."))["text"] == ("fail", "the answer has no text")


def test_an_aborted_record_commits_to_its_question_only() -> None:
    """Where that was known."""
    receipt = Receipt(ABORTED.log, 0, 0, "k", leaf=b"{}", r=R[0])
    report = Report()
    check_blinding(report, receipt, ABORTED)
    check_contents(report, receipt, ABORTED, b"part", Beside("text", REQUESTED))
    assert [(check.check, check.result) for check in report.checks] == [
        ("r_hash", "fail"),
        ("request", "fail"),
        ("content", "missing"),
    ]
    bare = msgspec.structs.replace(ABORTED, req=None, r_hash=None)
    report = Report()
    check_blinding(report, receipt, bare)
    check_contents(report, receipt, bare, None, Beside(None, REQUESTED))
    assert [(check.check, check.result) for check in report.checks] == [("request", "missing")]
    check_contents(report, receipt, bare, None, Beside())
    assert len(report.checks) == 1
