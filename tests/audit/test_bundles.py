"""Bundles from the logs on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.audit.stored import QUESTION, S, T, beat, final, intent, opened, r_of, record_at, signer_of, store
from tracegate.audit.bundles import bundle, without_request
from tracegate.audit.directory import Directory
from tracegate.audit.kinds import Final
from tracegate.audit.policy import trusting
from tracegate.audit.records import Stood, find
from tracegate.audit.verify import Given, verify
from tracegate.errors import Malformed

RECORD = record_at(T)
R = r_of(RECORD)


def _closing(root: Path, record: str = RECORD) -> Stood:
    found = find(Directory(root), record)
    assert found is not None
    assert found.closing is not None
    return found.closing


def _checked(closing: Stood, made: dict[str, Any], request: bytes | None = QUESTION) -> dict[str, str]:
    policy = trusting([signer_of(closing.log.origin).key])
    given = Given(policy, T // S, bundle=json.dumps(made).encode(), text="Paris it is.", request=request)
    return {check.check: check.result for check in verify(given).checks}


def test_a_bundle_proves_everything(tmp_path: Path) -> None:
    """By the log's own key, that this leaf stands there, and what it commits to."""
    store(tmp_path, [opened(), *(beat(T) for _ in range(300)), final(RECORD, T)])
    closing = _closing(tmp_path)
    made = bundle(closing, closing.log.head(), signer_of(closing.log.origin), R)
    assert set(_checked(closing, made).values()) == {"pass"}
    assert "erased" not in made


def test_without_a_checkpoint_there_is_no_proof_yet(tmp_path: Path) -> None:
    """The signature vouches for the place meanwhile."""
    store(tmp_path, [opened(), final(RECORD, T)], published=1)
    closing = _closing(tmp_path)
    made = bundle(closing, closing.log.head(), signer_of(closing.log.origin), R)
    assert "tlog_proof" not in made
    assert _checked(closing, made)["inclusion"] == "missing"
    assert bundle(closing, None, signer_of(closing.log.origin), R) == made


def test_without_a_key_the_proof_vouches(tmp_path: Path) -> None:
    """The key of an epoch that ended was destroyed; where there is no proof either, nothing is given out."""
    store(tmp_path, [opened(), final(RECORD, T)])
    closing = _closing(tmp_path)
    made = bundle(closing, closing.log.head(), None, R)
    assert "sig" not in made
    assert set(_checked(closing, made).values()) == {"pass"}
    with pytest.raises(Malformed, match="under no checkpoint, and there is no key"):
        bundle(closing, None, None, R)


def test_of_an_erased_record_it_says_so(tmp_path: Path) -> None:
    """With or without a key."""
    store(tmp_path, [opened(), final(RECORD, T)])
    closing = _closing(tmp_path)
    for signer in (signer_of(closing.log.origin), None):
        made = bundle(closing, closing.log.head(), signer, None, 7)
        assert made["erased"] == 7
        checks = _checked(closing, made)
        assert (checks["inclusion"], checks["r_hash"], checks["text"]) == ("pass", "missing", "missing")


def test_who_may_not_see_the_question_can_not_test_guesses_of_it(tmp_path: Path) -> None:
    """The answer is proved all the same; however many choices it has."""
    store(tmp_path, [opened(), final(RECORD, T)])
    closing = _closing(tmp_path)
    made = without_request(bundle(closing, closing.log.head(), signer_of(closing.log.origin), R), closing, R)
    checks = _checked(closing, made)
    assert checks.pop("request") == "missing"
    assert set(checks.values()) == {"pass"}
    assert list(made["blinds"]) == ["res.wire", "res.canonical", "res.text.0"]
    leaf = closing.leaf
    assert isinstance(leaf, Final)
    several = msgspec.structs.replace(leaf.res, commit_texts=["0" * 64] * 2, finish_reasons=["stop"])
    three = Stood(closing.log, 1, b"", b"", msgspec.structs.replace(leaf, res=several))
    assert list(without_request(made, three, R)["blinds"])[2:] == ["res.text.0", "res.text.1", "res.text.2"]
    cut = Stood(closing.log, 1, b"", b"", opened())
    assert list(without_request(made, cut, R)["blinds"]) == ["res.wire", "res.canonical"]


def test_only_what_closes_a_record_has_one(tmp_path: Path) -> None:
    """An intent has not."""
    store(tmp_path, [opened(), intent(RECORD, T)])
    found = find(Directory(tmp_path), RECORD)
    assert found is not None
    assert found.intent is not None
    with pytest.raises(Malformed, match=r"leaf 1 of `gw.example/.*` closes no record"):
        bundle(found.intent, None, None, R)
