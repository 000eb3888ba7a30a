"""Receipts and bundles: those of the vectors, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.audit.leaves import ABORTED, FINAL
from tests.audit.made import OTHER, RECORDS, SIGNER, proof_of
from tests.audit.vectors import HASHES, LEAVES, ORIGIN, STREAM, STREAM_RESPONSE, UNARY, VKEY, R
from tracegate.audit.canonical import encode
from tracegate.audit.encodings import base64_of, base64url_of
from tracegate.audit.keys import parse_vkey
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.receipt import (
    Receipt,
    created_of,
    make_bundle,
    make_receipt,
    parse_bundle,
    parse_receipt,
    receipt_text,
    signed_text,
)
from tracegate.errors import Malformed

KEY = parse_vkey(VKEY)


@pytest.mark.parametrize(("part", "index", "at"), [(UNARY, 2, 0), (STREAM, 4, 1)])
def test_the_bundles_of_the_vectors(part: dict[str, Any], index: int, at: int) -> None:
    """From a leaf, its index and its blinding; it reads back and its signature verifies."""
    receipt = make_receipt(SIGNER, index, LEAVES[index], R[at])
    bundle = make_bundle(receipt, RECORDS[at], proof_of(index, LEAVES[index]))
    assert bundle == part["bundle"]
    found = parse_bundle(json.dumps(bundle).encode())
    assert (found.hash, found.r, found.record_id) == (HASHES[index], R[at], RECORDS[at])
    assert found.signed_by(KEY)
    assert not found.signed_by(OTHER.key)


def test_the_text_that_is_signed_is_that_of_the_vectors() -> None:
    """Its first line tells it from a checkpoint and from an HTTP signature."""
    text = signed_text(KEY.name, 2, HASHES[2], 1_795_359_164)
    assert text.decode() == UNARY["receipt_text"]


def test_the_receipt_of_a_stream_is_that_of_its_closing_comment() -> None:
    """Canonical, and base64url."""
    receipt = make_receipt(SIGNER, 4, LEAVES[4], R[1])
    assert encode(receipt).decode() == STREAM["receipt"]
    text = receipt_text(receipt)
    assert f": tracegate-receipt {text}\n".encode() in STREAM_RESPONSE
    assert parse_receipt(text).signed_by(KEY)


def test_a_receipt_without_the_leaf_has_its_hash() -> None:
    """The signature is the same; the blinding stays out with the leaf."""
    slim = parse_receipt(receipt_text(make_receipt(SIGNER, 4, LEAVES[4], R[1], slim=True)))
    assert (slim.leaf, slim.r, slim.hash) == (None, None, HASHES[4])
    assert slim.sig == parse_receipt(receipt_text(make_receipt(SIGNER, 4, LEAVES[4], R[1]))).sig
    assert slim.signed_by(KEY)


def test_the_hash_of_a_leaf_is_that_of_its_bytes() -> None:
    """Whatever they say: what a leaf must be is another check."""
    receipt = Receipt(ORIGIN, 0, 0, "k", leaf=b"no leaf")
    assert receipt.hash == leaf_hash(b"no leaf")


def test_an_erased_record_has_no_blinding() -> None:
    """Its bundle says which leaf erased it."""
    receipt = make_receipt(SIGNER, 2, LEAVES[2], None)
    found = parse_bundle(json.dumps(make_bundle(receipt, RECORDS[0], None, erased=9)).encode())
    assert (found.r, found.proof, found.erased) == (None, None, 9)


def test_a_receipt_dates_from_the_end_of_its_record() -> None:
    """The answer's, else the time at which it was closed as aborted."""
    assert created_of(FINAL) == 1_795_359_165
    assert created_of(msgspec.structs.replace(ABORTED, t_end=7_900_000)) == 7
    assert created_of(msgspec.structs.replace(ABORTED, t=6_900_000, t_end=None)) == 6


def test_a_leaf_that_closes_nothing_has_no_receipt() -> None:
    """An intent has none, a heartbeat neither."""
    for index in (1, 5):
        with pytest.raises(Malformed, match="closes a record"):
            make_receipt(SIGNER, index, LEAVES[index], None)


def test_a_bundle_of_three_attempts_is_small() -> None:
    """At most 6,144 bytes: two that were refused and one that answered, in a log of a million leaves."""
    leaf = json.loads(LEAVES[2])
    refused, answered = leaf["attempts"]
    leaf["attempts"] = [refused, {**refused, "n": 1}, {**answered, "n": 2}]
    raw = encode(leaf)
    hash_of_a_path = len(base64_of(bytes(32)) + "\\n")
    bundle = make_bundle(make_receipt(SIGNER, 2, raw, R[0]), RECORDS[0], proof_of(2, raw))
    assert len(json.dumps(bundle)) + 17 * hash_of_a_path <= 6144


def _with(**members: Any) -> bytes:
    bundle = {**UNARY["bundle"], **members}
    return json.dumps({name: value for name, value in bundle.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"v":1,"v":1}', "twice"),
        (_with(v=2), "version 2"),
        (_with(v=True), "wrong kind"),
        (_with(v=...), "without `v`"),
        (_with(index="2"), "wrong kind"),
        (_with(index=-1), "below 0"),
        (_with(created=-1), "below 0"),
        (_with(erased=-1), "below 0"),
        (_with(leaf=...), "`leaf` or a `leaf_hash`"),
        (_with(leaf_hash="00"), "`leaf` or a `leaf_hash`"),
        (_with(leaf=..., leaf_hash="00"), "64 hex digits"),
        (_with(leaf=..., leaf_hash="G" * 64), "64 hex digits"),
        (_with(r="QQ"), "`r` of a receipt is 1 bytes"),
        (_with(sig="QQ="), "`sig` of a receipt is not base64url"),
        (_with(later=1), "`later` of a receipt is not known"),
        (_with(blinds={"req": 1}), "wrong kind"),
        (_with(blinds={"req": "QQ"}), "32"),
    ],
)
def test_what_is_no_bundle_is_refused(raw: bytes, says: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(Malformed, match=says):
        parse_bundle(raw)


def test_single_blinds_may_stand_in_the_place_of_all() -> None:
    """For whoever may see the answer and not the question."""
    found = parse_bundle(_with(r=..., blinds={"res.wire": base64url_of(bytes(32))}))
    assert (found.r, found.blinds) == (None, {"res.wire": bytes(32)})


def test_the_receipt_of_a_comment_is_canonical_and_no_bundle() -> None:
    """Another order or another member is refused there."""
    with pytest.raises(Malformed, match="canonical"):
        parse_receipt(base64url_of(json.dumps(make_receipt(SIGNER, 4, LEAVES[4], R[1])).encode()))
    with pytest.raises(Malformed, match="record_id"):
        parse_receipt(base64url_of(encode(UNARY["bundle"])))
    with pytest.raises(Malformed, match="base64url"):
        parse_receipt("é")
