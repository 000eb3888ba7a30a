"""Signatures of responses: the vectors, an independent implementation, and everything that is refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature
from http_message_signatures.algorithms import ED25519
from http_message_signatures.structures import CaseInsensitiveDict

from tests.audit.made import OTHER, SIGNER, signature_of
from tests.audit.vectors import BODY, SEED, STREAM, UNARY, VECTORS
from tracegate.audit.keys import Signer
from tracegate.audit.saved import Saved, parse_saved
from tracegate.audit.signature import (
    COVERED,
    FORMS,
    PROVENANCE,
    ROUTE,
    Request,
    ResponseSigner,
    content_digest,
    is_stream,
    keyid_of,
    verify_response,
)
from tracegate.errors import Malformed

ASKED = Request("POST", "/v1/chat/completions")


def _saved(part: Mapping[str, Any]) -> Saved:
    return parse_saved(part["response"].encode())


UNSIGNED = {name: value for name, value in _saved(UNARY).fields.items() if not name.startswith("signature")}


def _signed(fields: Mapping[str, str], request: Request = ASKED, *, path: bool = True) -> dict[str, str]:
    inputs, signature = signature_of(SIGNER, fields, request, 1_795_359_164, path=path)
    return {**fields, "signature-input": inputs, "signature": signature}


@pytest.mark.parametrize(("part", "tag"), [(UNARY, PROVENANCE), (STREAM, ROUTE)])
def test_the_signatures_of_the_vectors(part: dict[str, Any], tag: str) -> None:
    """Made again they have the same bytes; they verify, and say what they are for."""
    fields = _saved(part).fields
    found = verify_response(200, fields, ASKED, SIGNER.key)
    assert (found.tag, found.fields) == (tag, fields)
    unsigned = {name: value for name, value in fields.items() if not name.startswith("signature")}
    made = signature_of(SIGNER, unsigned, ASKED, found.created)
    assert made == (fields["signature-input"], fields["signature"])
    assert keyid_of(fields) == SIGNER.key.keyid
    base = part["base"].encode()
    raw = VECTORS["unary" if part is UNARY else "stream"]["base"].encode()
    assert SIGNER.key.verifies(SIGNER.sign(base), raw)


class _Pinned(HTTPSignatureKeyResolver):
    """Knows the key of the vectors only."""

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        """The key of an id."""
        assert key_id == SIGNER.key.keyid
        return Ed25519PublicKey.from_public_bytes(SIGNER.key.public)

    def resolve_private_key(self, key_id: str) -> None:
        """Nobody signs here."""
        raise KeyError(key_id)


def _headers(fields: Mapping[str, str]) -> Any:
    return CaseInsensitiveDict(fields)  # type: ignore[no-untyped-call]  # the library's own class has no types


def _foreign(fields: Mapping[str, str], body: bytes, tag: str) -> Any:
    """What an independent verifier says of a response."""
    request = SimpleNamespace(
        method="POST", url="https://gw.example/v1/chat/completions", headers=_headers({}), body=None
    )
    response = SimpleNamespace(status_code=200, headers=_headers(fields), body=body, request=request, url=request.url)
    verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=_Pinned())
    covered = body if tag == PROVENANCE else None
    (found,) = verifier.verify(response, max_age=None, expect_label="tg", expect_tag=tag, body=covered)
    return found


@pytest.mark.parametrize(("part", "tag"), [(UNARY, PROVENANCE), (STREAM, ROUTE)])
def test_an_independent_implementation_accepts_what_we_sign(part: dict[str, Any], tag: str) -> None:
    """And refuses a head that was altered."""
    saved = _saved(part)
    fields = _signed({name: value for name, value in saved.fields.items() if not name.startswith("signature")})
    assert _foreign(fields, saved.body, tag).algorithm is ED25519
    with pytest.raises(InvalidSignature):
        _foreign({**fields, "x-served-by": fields["x-served-by"].replace("openai", "0penai")}, saved.body, tag)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tracegate-attempts": UNSIGNED["tracegate-attempts"].replace("429", "428")}, "it is false"),
        ({"content-digest": content_digest(BODY + b" ")}, "it is false"),
        ({"content-type": "text/plain"}, "it is false"),
        ({"content-type": "text/event-stream"}, "this content type needs"),
        ({"tracegate-cost": None}, 'it covers "tracegate-cost", which is not there'),
        ({"cache-status": "tracegate;hit"}, 'it does not cover "cache-status"'),
        ({"signature": None}, "no signature of ours"),
        ({"signature-input": None}, "no signature of ours"),
        ({"signature": "tg=:QQ==:"}, "Ed25519"),
        ({"signature": "tg=1"}, "Ed25519"),
        ({"signature": "other=:QQ==:"}, "no signature of ours"),
        ({"signature-input": "other=()"}, "no signature of ours"),
        ({"signature-input": "tg=1"}, "neither when"),
        ({"signature-input": 'tg=1;created=5;tag="tracegate-provenance"'}, "does not cover"),
    ],
)
def test_a_head_that_is_not_the_signed_one_is_refused(change: dict[str, str | None], says: str) -> None:
    """Changed, added or removed fields, and another content type."""
    changed = {**_signed(UNSIGNED), **change}
    fields = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(Malformed, match=says):
        verify_response(200, fields, ASKED, SIGNER.key)


def test_status_request_and_key_are_signed() -> None:
    """Another of them verifies nothing."""
    fields = _signed(UNSIGNED)
    verify_response(200, fields, ASKED, SIGNER.key)
    for status, request, key in (
        (201, ASKED, SIGNER.key),
        (200, Request("PUT", ASKED.path), SIGNER.key),
        (200, Request("POST", "/v1/other"), SIGNER.key),
        (200, ASKED, OTHER.key),
    ):
        with pytest.raises(Malformed):
            verify_response(status, fields, request, key)


def test_the_parameters_of_ours_have_one_form() -> None:
    """An expiry or another order is none of ours, even with a true signature under it."""
    fields = _signed(UNSIGNED)
    with pytest.raises(Malformed, match="its parameters"):
        verify_response(200, {**fields, "signature-input": fields["signature-input"] + ";expires=9"}, ASKED, SIGNER.key)


@pytest.mark.parametrize("digest", [None, content_digest(b"{}")])
@pytest.mark.parametrize("path", [True, False])
def test_what_is_covered_of_the_request_is_the_gateways_choice(digest: str | None, path: bool) -> None:
    """Its digest where the client sent one, its path unless a proxy rewrites it."""
    request = Request("POST", "/v1/chat/completions", digest)
    fields = _signed(UNSIGNED, request, path=path)
    assert verify_response(200, fields, request, SIGNER.key).created == 1_795_359_164
    assert ('"content-digest";req' in fields["signature-input"]) == (digest is not None)
    other = Request("POST", "/proxied", digest)
    if path:
        with pytest.raises(Malformed, match="it is false"):
            verify_response(200, fields, other, SIGNER.key)
    else:
        verify_response(200, fields, other, SIGNER.key)


def test_a_digest_of_the_request_that_is_not_known_can_not_be_verified() -> None:
    """The signature covers it, and the verifier was given none."""
    fields = _signed(UNSIGNED, Request("POST", ASKED.path, content_digest(b"{}")))
    with pytest.raises(Malformed, match='covers "content-digest";req'):
        verify_response(200, fields, ASKED, SIGNER.key)


def test_members_that_others_added_are_cut() -> None:
    """Behind ours, in both lists; what was signed is what counts."""
    fields = _signed({**UNSIGNED, "cache-status": "tracegate;hit"})
    added = {
        **fields,
        "x-served-by": fields["x-served-by"] + ", cdn;node=1, tracegate;node=x, edge",
        "cache-status": fields["cache-status"] + ", cdn;fwd=miss",
    }
    found = verify_response(200, added, ASKED, SIGNER.key)
    assert found.fields["x-served-by"] == fields["x-served-by"]
    assert found.fields["cache-status"] == "tracegate;hit"
    for name, value in (("x-served-by", "cdn, " + fields["x-served-by"]), ("cache-status", "broken;;")):
        with pytest.raises(Malformed, match="it is false"):
            verify_response(200, {**fields, name: value}, ASKED, SIGNER.key)


def test_a_signature_of_somebody_else_stands_beside_ours() -> None:
    """Another label is another's affair."""
    fields = _signed(UNSIGNED)
    both = {
        **fields,
        "signature-input": 'cdn=("date");created=1, ' + fields["signature-input"],
        "signature": "cdn=:QQ==:, " + fields["signature"],
    }
    assert verify_response(200, both, ASKED, SIGNER.key).tag == PROVENANCE
    assert keyid_of({}) is None
    assert keyid_of({"signature-input": "tg=();created=1"}) is None


def test_heads_of_every_kind_are_signed_by_one_signer() -> None:
    """What it keeps of a kind of head holds nothing of one head, and is never confused with another kind's."""
    named = Signer("gw.example/50%s", Ed25519PrivateKey.from_private_bytes(SEED))
    signer = ResponseSigner(named)
    for number in range(2 * FORMS):
        names = [name for at, name in enumerate(COVERED) if number >> at & 1]
        for media in ("application/json", "text/event-stream;n=%d", f"text/plain;n={number}"):
            fields = {"content-type": media, "server": "x", **dict.fromkeys(names, f"café %d {number}")}
            request = Request("POST", f"/v1/%b/\u20ac/{number}", "50%" if number % 3 else None)
            head = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
            stated, signature = signer.sign(200 + number, head, request, number)
            whole = {**fields, "signature-input": stated.decode(), "signature": signature.decode()}
            assert verify_response(200 + number, whole, request, named.key).created == number


@pytest.mark.parametrize(
    ("value", "streamed"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream ; charset=x", True),
        ("application/json", False),
        ("", False),
    ],
)
def test_a_stream_is_told_by_its_content_type(value: str, streamed: bool) -> None:
    """Whatever its case and parameters."""
    assert is_stream(value) is streamed
