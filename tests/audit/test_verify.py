"""The offline verifier: the vectors, everything that must be refused, and what is incomplete."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.audit.made import OTHER, RECORDS, SIGNER, bundle, changed, signature_of
from tests.audit.vectors import BODY, LEAVES, SSE, STREAM, STREAM_RESPONSE, UNARY, UNARY_RESPONSE, VECTORS, VKEY, R
from tracegate.audit.blinding import blind
from tracegate.audit.canonical import decode
from tracegate.audit.encodings import base64url_of, from_base64url
from tracegate.audit.keys import Key, parse_vkey
from tracegate.audit.policy import trusting
from tracegate.audit.receipt import receipt_text
from tracegate.audit.saved import parse_saved
from tracegate.audit.signature import Request, content_digest
from tracegate.audit.verdict import Report
from tracegate.audit.verify import Given, verify
from tracegate.errors import Malformed, Unreadable

pytestmark = pytest.mark.slow

NOW = 1_795_359_300
POLICY = trusting([parse_vkey(VKEY)])
UNARY_BUNDLE = json.dumps(UNARY["bundle"]).encode()
STREAM_BUNDLE = json.dumps(STREAM["bundle"]).encode()
WHOLE = Given(POLICY, NOW, UNARY_RESPONSE, UNARY_BUNDLE)
STREAMED = Given(POLICY, NOW, STREAM_RESPONSE, STREAM_BUNDLE)
CAPTURE = STREAM_RESPONSE.partition(b"\r\n\r\n")[2]


def _results(report: Report) -> dict[str, str]:
    return {check.check: check.result for check in report.checks}


def _failed(report: Report) -> set[str]:
    return {check.check for check in report.checks if check.result == "fail"}


def _missing(report: Report) -> set[str]:
    return {check.check for check in report.checks if check.result == "missing"}


@pytest.mark.parametrize(("given", "record"), [(WHOLE, RECORDS[0]), (STREAMED, RECORDS[1])])
def test_the_vectors_are_verified(given: Given, record: str) -> None:
    """With everything that there is to compare."""
    report = verify(replace(given, text=" Paris.", request=VECTORS["req"].encode(), against=VECTORS["checkpoint"]))
    assert (report.verdict, report.code) == ("verified", 0), report.checks
    assert report.facts["record_id"] == record
    assert report.facts["size"] == 6


def test_checks_are_made_in_the_order_of_the_format() -> None:
    """Each by its name."""
    report = verify(replace(STREAMED, text="Paris."))
    assert [check.check for check in report.checks] == [
        "same receipt",
        "record id",
        "signature",
        "leaf",
        "receipt signature",
        "checkpoint",
        "inclusion",
        "r_hash",
        "headers",
        "closing comment",
        "content",
        "text",
        "time",
    ]
    assert list(_results(verify(WHOLE)))[1:3] == ["signature", "content digest"]


def test_a_bundle_and_a_bare_capture_stand_alone() -> None:
    """A bundle proves its leaf; the events of a stream need no head."""
    assert verify(Given(POLICY, NOW, bundle=UNARY_BUNDLE)).code == 0
    report = verify(Given(POLICY, NOW, CAPTURE, STREAM_BUNDLE))
    assert (report.code, "signature" in _results(report), "headers" in _results(report)) == (0, False, False)


@pytest.mark.untraced
def test_every_changed_byte_of_a_whole_answer_is_refused() -> None:
    """But those that say nothing: the version, the reason, the case of a name, and blanks around a value."""
    silent = {at for at, byte in enumerate(UNARY_RESPONSE[:15])} - set(range(9, 12))
    for at in range(len(UNARY_RESPONSE)):
        raw = bytearray(UNARY_RESPONSE)
        raw[at] ^= 1
        try:
            code = verify(replace(WHOLE, response=bytes(raw))).code
        except Unreadable:
            code = 2
        assert code or at in silent, (at, UNARY_RESPONSE[max(0, at - 20) : at + 5])


@pytest.mark.untraced
def test_every_changed_byte_of_a_stream_is_refused() -> None:
    """Content, closing comment, receipt and what stands behind them."""
    start = len(STREAM_RESPONSE) - len(CAPTURE)
    receipt = CAPTURE.index(b": tracegate-receipt ") + 60
    for at in [*range(receipt), *range(receipt, len(CAPTURE) - 40, 37), *range(len(CAPTURE) - 40, len(CAPTURE))]:
        raw = bytearray(STREAM_RESPONSE)
        raw[start + at] ^= 1
        assert verify(replace(STREAMED, response=bytes(raw))).code, (at, CAPTURE[max(0, at - 20) : at + 5])


@pytest.mark.untraced
def test_every_changed_byte_of_a_bundle_is_refused() -> None:
    """Of compact JSON; in the longest members every 29th, and each in another way too."""
    raw = json.dumps(UNARY["bundle"], separators=(",", ":")).encode()
    leaf = raw.index(b'"leaf":') + 40, raw.index(b'"created"') - 40
    for at in [*range(leaf[0]), *range(leaf[0], leaf[1], 29), *range(leaf[1], len(raw))]:
        for flip in (1, 0x20):
            changed = bytearray(raw)
            changed[at] ^= flip
            try:
                code = verify(Given(POLICY, NOW, UNARY_RESPONSE, bytes(changed))).code
            except Unreadable:
                code = 2
            assert code, (at, flip, raw[max(0, at - 20) : at + 5])


def test_every_cut_is_found() -> None:
    """Of an answer, a stream, a bundle: never verified."""
    for given, raw in ((WHOLE, UNARY_RESPONSE), (STREAMED, STREAM_RESPONSE)):
        for end in range(1, len(raw), 17):
            try:
                assert verify(replace(given, response=raw[:end])).code, end
            except Unreadable:
                assert end < raw.index(b"\r\n\r\n") + 4
    for end in range(1, len(UNARY_BUNDLE), 17):
        with pytest.raises(Unreadable):
            verify(replace(WHOLE, bundle=UNARY_BUNDLE[:end]))


def _unary(old: bytes, new: bytes) -> Given:
    assert old in UNARY_RESPONSE
    return replace(WHOLE, response=UNARY_RESPONSE.replace(old, new, 1))


def _bundled(**members: Any) -> Given:
    return replace(WHOLE, bundle=json.dumps({**UNARY["bundle"], **members}).encode())


HEAD_OF_STREAM = STREAM_RESPONSE.partition(b"\r\n\r\n")[0]
SIGNATURE_OF_STREAM = b"\r\n".join(line for line in HEAD_OF_STREAM.split(b"\r\n") if line.startswith(b"Signature"))
UNSIGNED = UNARY_RESPONSE[: UNARY_RESPONSE.index(b"Signature-Input")]
UNDER_THE_STREAMS = UNSIGNED + SIGNATURE_OF_STREAM + b"\r\n\r\n" + BODY
UNPROVED = bundle(2, LEAVES[2], R[0], sig=..., tlog_proof=...)
SPACED = base64url_of(LEAVES[2].replace(b",", b", ", 1))


@pytest.mark.parametrize(
    ("given", "checks"),
    [
        (_unary(b"attempt=1", b"attempt=0"), {"signature", "headers"}),
        (_unary(b"Paris", b"Parks"), {"content digest", "content"}),
        (_unary(b"Tracegate-Cost: 4213;unit=micros;currency=USD;basis=local\r\n", b""), {"signature", "headers"}),
        (replace(WHOLE, response=UNDER_THE_STREAMS), {"signature"}),
        (_bundled(index=3), {"receipt signature", "inclusion"}),
        (
            _bundled(leaf=STREAM["bundle"]["leaf"]),
            {"record id", "receipt signature", "inclusion", "r_hash", "headers", "content", "time"},
        ),
        (
            _bundled(tlog_proof=UNARY["bundle"]["tlog_proof"].replace("\n6\n", "\n5\n")),
            {"checkpoint"},
        ),
        (_bundled(leaf=SPACED), {"leaf", "receipt signature", "inclusion"}),
        (
            replace(WHOLE, policy=trusting([Key("gw.example/other", 1, SIGNER.key.public)])),
            {"signature", "receipt signature", "checkpoint"},
        ),
        (replace(WHOLE, policy=trusting([OTHER.key])), {"signature", "receipt signature", "checkpoint"}),
    ],
)
def test_what_must_be_refused_is_refused(given: Given, checks: set[str]) -> None:
    """By the checks that are about it; no other one says anything false."""
    report = verify(given)
    assert report.code == 1
    assert _failed(report) == checks


def test_a_member_of_a_wrong_kind_is_a_false_receipt() -> None:
    """It could be read, and is none."""
    report = verify(_bundled(index="2"))
    assert _failed(report) == {"receipt"}


@pytest.mark.parametrize(
    ("given", "checks"),
    [
        (replace(WHOLE, bundle=None), {"receipt"}),
        (replace(STREAMED, bundle=None), {"inclusion"}),
        (replace(WHOLE, response=UNSIGNED + b"\r\n" + BODY), {"signature"}),
        (replace(STREAMED, response=HEAD_OF_STREAM + b"\r\n\r\n" + SSE), {"content"}),
        (replace(STREAMED, response=STREAM_RESPONSE[:-5]), {"end of stream"}),
        (replace(WHOLE, bundle=bundle(2, LEAVES[2], None, erased=5)), {"r_hash", "content"}),
        (
            replace(WHOLE, bundle=bundle(2, LEAVES[2], R[0], sig=..., tlog_proof=...)),
            {"receipt signature", "inclusion"},
        ),
        (
            replace(WHOLE, response=b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY),
            {"record id", "signature", "content digest"},
        ),
    ],
)
def test_what_is_not_there_is_incomplete(given: Given, checks: set[str]) -> None:
    """Nothing is false, and nothing is green."""
    report = verify(given)
    missing = _missing(report)
    assert missing == checks
    if _failed(report) != {"headers"}:  # a head without ours also says less than the leaf asks for
        assert report.code == 3, report.checks


def test_a_receipt_without_the_leaf_is_incomplete() -> None:
    """Its signature holds, and what the leaf says is not there."""
    slim = {name: value for name, value in UNARY["bundle"].items() if name not in ("leaf", "r")}
    given = replace(WHOLE, bundle=json.dumps({**slim, "leaf_hash": VECTORS["leaf_hashes"][2]}).encode())
    report = verify(given)
    assert (report.code, _missing(report)) == (3, {"leaf"})


def test_a_stream_whose_bundle_is_of_another_record_is_refused() -> None:
    """The comment has a receipt of its own."""
    assert "same receipt" in _failed(verify(replace(STREAMED, bundle=UNARY_BUNDLE)))


def test_the_blinding_in_a_stream_is_that_of_the_bundle() -> None:
    """The whole one, single ones in its place, or none after erasure; a slim receipt has none to compare."""
    inline = next(line for line in CAPTURE.splitlines() if line.startswith(b": tracegate-receipt "))
    receipt = decode(from_base64url(inline.split(b" ")[2].decode()))
    other = base64url_of(bytes(32))

    def results(line: dict[str, Any], **members: Any) -> set[str]:
        made = {name: value for name, value in {**STREAM["bundle"], **members}.items() if value is not ...}
        stream = STREAM_RESPONSE.replace(inline, f": tracegate-receipt {receipt_text(line)}".encode())
        return _failed(verify(Given(POLICY, NOW, stream, json.dumps(made).encode())))

    blinds = {name: base64url_of(blind(R[1], name)) for name in ("res.wire", "res.text.0")}
    for line, failed in ((receipt, set()), ({**receipt, "r": other}, {"same receipt"})):
        assert results(line) == failed
        assert results(line, r=..., blinds=blinds) == failed
        assert results(line, r=..., erased=5) == set()
    assert results({name: value for name, value in receipt.items() if name != "r"}) == set()


def test_a_receipt_in_a_stream_that_can_not_be_read_is_refused() -> None:
    """And so is a comment that is none."""
    at = STREAM_RESPONSE.index(b": tracegate-receipt ") + 21
    broken = STREAM_RESPONSE[:at] + b"*" + STREAM_RESPONSE[at + 1 :]
    assert _failed(verify(replace(STREAMED, response=broken))) == {"receipt"}
    other = STREAM_RESPONSE.replace(b": tracegate-outcome", b": tracegate-weather")
    assert "closing comment" in _failed(verify(replace(STREAMED, response=other)))


@pytest.mark.parametrize("rest", [b"", b"data: [DONE]\n\ndata: x\n\n", b"data: {}\n\n"])
def test_nothing_but_the_end_stands_behind_the_comment(rest: bytes) -> None:
    """For nothing covers it; nothing at all is a capture that was cut."""
    report = verify(replace(STREAMED, response=STREAM_RESPONSE.removesuffix(b"data: [DONE]\n\n") + rest))
    assert _results(report)["end of stream"] == ("fail" if rest else "missing")


def test_a_leaf_that_closes_nothing_proves_no_answer() -> None:
    """An intent has the same record id."""
    forged = bundle(2, LEAVES[2], R[0], leaf=base64url_of(LEAVES[1]))
    assert "leaf" in _failed(verify(Given(POLICY, NOW, UNARY_RESPONSE, forged)))
    other = bundle(2, changed(2, log="gw.example/tracegate/other/r1/2026-11"), R[0])
    assert _failed(verify(replace(WHOLE, bundle=other))) == {"leaf"}


def test_the_signature_is_made_while_the_request_ran() -> None:
    """Not a minute later, and not ahead of the verifier's clock."""
    late = bundle(2, changed(2, t_start=1_795_359_100_000_000, t_end=1_795_359_101_000_000), R[0])
    assert _failed(verify(replace(WHOLE, bundle=late))) == {"time"}
    report = verify(replace(WHOLE, now=1_795_359_164 - 301))
    assert [check.detail for check in report.checks if check.result == "fail"] == [
        "the signature is 301 s ahead of this clock",
        "the receipt is 301 s ahead of this clock",
    ]


def _signed(request: Request) -> bytes:
    saved = parse_saved(UNARY_RESPONSE)
    unsigned = {name: value for name, value in saved.fields.items() if not name.startswith("signature")}
    inputs, signature = signature_of(SIGNER, unsigned, request, 1_795_359_164)
    head = "".join(f"{name}: {value}\r\n" for name, value in unsigned.items())
    signed = f"HTTP/1.1 200 OK\r\n{head}signature-input: {inputs}\r\nsignature: {signature}\r\n\r\n"
    return signed.encode() + saved.body


def test_method_and_path_come_from_the_caller_then_from_the_leaf() -> None:
    """A mount in front of the gateway has another path than the usual one."""
    request = VECTORS["req"].encode()
    given = replace(WHOLE, response=_signed(Request("PUT", "/ai/v1/chat/completions", content_digest(request))))
    assert "signature" in _failed(verify(given))
    asked = replace(given, method="PUT", path="/ai/v1/chat/completions")
    assert "signature" in _failed(verify(asked))
    assert verify(replace(asked, request=request)).code == 0


def test_what_signs_answer_and_receipt_is_one_key() -> None:
    """Two logs that are both trusted do not vouch for each other."""
    both = trusting([SIGNER.key, OTHER.key])
    saved = parse_saved(UNARY_RESPONSE)
    unsigned = {name: value for name, value in saved.fields.items() if not name.startswith("signature")}
    inputs, signature = signature_of(OTHER, unsigned, Request("POST", "/v1/chat/completions"), 1_795_359_164)
    raw = UNSIGNED + f"signature-input: {inputs}\r\nsignature: {signature}\r\n\r\n".encode() + BODY
    assert _failed(verify(Given(both, NOW, raw, UNARY_BUNDLE))) == {"signature"}


@pytest.mark.parametrize("digest", [b"sha-512=:QQ==:", b"sha-256", b"sha-256=1"])
def test_a_digest_is_of_one_kind(digest: bytes) -> None:
    """Others prove nothing here."""
    said = UNARY_RESPONSE[UNARY_RESPONSE.index(b"sha-256=:") :].partition(b"\r\n")[0]
    assert {"content digest", "signature"} <= _failed(verify(_unary(said, digest)))


@pytest.mark.parametrize("given", [replace(WHOLE, response=b"{}"), replace(WHOLE, bundle=b"[]")])
def test_what_can_not_be_read_is_no_evidence(given: Given) -> None:
    """Neither for nor against."""
    with pytest.raises(Malformed):
        verify(given)


def test_bare_events_without_a_comment_say_nothing() -> None:
    """Neither whose record they are nor what was committed to."""
    report = verify(Given(POLICY, NOW, SSE))
    assert (report.code, _missing(report), "record_id" in report.facts) == (3, {"receipt", "content"}, False)
