"""What a gateway wrote and sent, before implementations that are not ours, and before ours with every byte altered."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519
from http_message_signatures.structures import CaseInsensitiveDict

from tests.torture.answers import accepted
from tests.torture.clients import Held
from tests.torture.judged import faults_of
from tests.torture.killing import KINDS, Books
from tests.torture.served import served
from tracegate.audit.keys import Key
from tracegate.audit.saved import Saved, parse_saved
from tracegate.audit.signature import is_stream

pytestmark = pytest.mark.slow

EACH = 3
STEP = 11  # no multiple of eight: each bit has its turn


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Books, list[Held]]:
    """Of a gateway that was asked for every kind of answer, and what its clients got."""
    folder = tmp_path_factory.mktemp("served")
    got = served(folder, EACH)
    assert faults_of(folder / "log") == []
    return Books(folder / "log"), got


def test_every_leaf_is_what_another_encoder_makes_of_it(log: tuple[Books, list[Held]]) -> None:
    """RFC 8785, by the package of that name."""
    leaves = [raw for log in log[0].directory.logs() for _, raw in log.leaves()]
    assert len(leaves) > len(KINDS) * EACH
    assert [raw for raw in leaves if rfc8785.dumps(json.loads(raw)) != raw] == []


class _Pinned(HTTPSignatureKeyResolver):
    """Knows the key of one log."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        """The key of an id."""
        assert key_id == self._key.keyid
        return Ed25519PublicKey.from_public_bytes(self._key.public)

    def resolve_private_key(self, key_id: str) -> None:
        """Nobody signs here."""
        raise KeyError(key_id)


def _headers(fields: Any) -> Any:
    return CaseInsensitiveDict(fields)  # type: ignore[no-untyped-call]  # the library's own class has no types


def _accepted(saved: Saved, key: Key) -> bool:
    """Whether an independent verifier accepts a response and, unless it is a stream, its digest."""
    request = SimpleNamespace(
        method="POST", url="https://gw.example/v1/chat/completions", headers=_headers({}), body=None
    )
    response = SimpleNamespace(
        status_code=saved.status, headers=_headers(saved.fields), body=saved.body, request=request, url=request.url
    )
    streamed = is_stream(saved.fields["content-type"])
    verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=_Pinned(key))
    tag = "tracegate-route" if streamed else "tracegate-provenance"
    body = None if streamed else saved.body
    (found,) = verifier.verify(response, max_age=None, expect_label="tg", expect_tag=tag, body=body)
    return bool(found.algorithm is ED25519)


def test_every_answer_is_signed_as_another_verifier_wants_it(log: tuple[Books, list[Held]]) -> None:
    """RFC 9421 and RFC 9530, by `http-message-signatures`; errors of ours are signed too."""
    books, got = log
    (stored,) = books.directory.logs()
    saved = [parse_saved(held.raw) for held in got]
    assert {one.status for one in saved} == {200, 404}
    assert all(_accepted(one, stored.key) for one in saved)


@pytest.mark.parametrize("streamed", [False, True])
def test_every_altered_byte_of_an_answer_and_its_bundle_is_refused(
    log: tuple[Books, list[Held]], streamed: bool
) -> None:
    """At some bytes; `python -m tests.torture answers` does it at every one, of every kind of answer."""
    books, got = log
    held = max((one for one in got if one.streamed == streamed and one.status == 200), key=lambda one: len(one.raw))
    assert [*accepted(books, held, STEP)] == []
