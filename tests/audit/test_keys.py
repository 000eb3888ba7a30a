"""Keys, their names and ids."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from tests.audit.vectors import ORIGIN, SEED, VECTORS, VKEY
from tracegate.audit.encodings import base64_of
from tracegate.audit.keys import LOG, WITNESS, Key, Signer, check_name, check_origin, parse_vkey, pem_of, signer_of
from tracegate.errors import Malformed

PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)


def _pem(how: KeySerializationEncryption) -> bytes:
    return PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def test_the_key_of_the_vectors() -> None:
    """From the seed come the public key, its id and its line; the line gives the key back."""
    signer = Signer(ORIGIN, PRIVATE)
    assert signer.key == parse_vkey(VKEY) == Key(ORIGIN, LOG, bytes.fromhex(VECTORS["public_key"]))
    assert signer.key.vkey == VKEY
    assert signer.key.keyid == f"{ORIGIN}+d9abe257"


def test_a_private_key_is_read_from_pem() -> None:
    """And signs as the one it was written from."""
    usual = _pem(NoEncryption())
    for pem in (usual, usual.replace(b"\n", b"\r\n"), usual.strip(), b"a comment\n" + usual):
        signer = signer_of(ORIGIN, pem)
        assert signer.key.vkey == VKEY
        assert signer.key.verifies(signer.sign(b"text"), b"text")


def test_a_private_key_is_written_as_everybody_writes_it() -> None:
    """To the byte."""
    assert pem_of(PRIVATE) == _pem(NoEncryption())


def test_what_is_no_plain_ed25519_key_is_refused() -> None:
    """Another curve, a password, no PEM."""
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Malformed, match="not an Ed25519 key"):
        signer_of(ORIGIN, other)
    for pem in (_pem(BestAvailableEncryption(b"password")), b"", b"text"):
        with pytest.raises(Malformed, match="without a password"):
            signer_of(ORIGIN, pem)


def test_a_signature_is_of_one_text_and_one_key() -> None:
    """Another text, key or length verifies nothing; nor does what is no key."""
    signer = Signer(ORIGIN, PRIVATE)
    signature = signer.sign(b"text")
    assert not signer.key.verifies(signature, b"texT")
    assert not signer.key.verifies(signature[:-1], b"text")
    assert not Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32))).key.verifies(signature, b"text")
    assert not Key(ORIGIN, LOG, b"short").verifies(signature, b"text")


def test_a_witness_has_a_key_of_another_kind() -> None:
    """The kind is part of the id, so that one key can't be taken for the other."""
    log, witness = Signer("w.example/w", PRIVATE), Signer("w.example/w", PRIVATE, WITNESS)
    assert log.key.id != witness.key.id
    assert parse_vkey(witness.key.vkey) == witness.key


@pytest.mark.parametrize(
    ("vkey", "says"),
    [
        ("", "not a verifier key"),
        (VKEY + "\n", "not a verifier key"),
        (VKEY.replace("d9abe257", "D9ABE257"), "not a verifier key"),
        (VKEY.replace("d9abe257", "d9abe258"), "key id"),
        ("other.example/x" + VKEY[VKEY.index("+") :], "key id"),
        (VKEY[:-1] + "5", "key id"),
        (VKEY[:-4], "33"),
        ("a+00000000+" + base64_of(b"\x02" + bytes(32)), "kind 2"),
        ("a\x01+00000000+" + base64_of(b"\x01" + bytes(32)), "control"),
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey: str, says: str) -> None:
    """Another form, kind or length, and a key id of another key."""
    with pytest.raises(Malformed, match=says):
        parse_vkey(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\n"])
def test_a_name_has_no_blank_and_no_plus(name: str) -> None:
    """For both separate it from what follows."""
    with pytest.raises(Malformed, match="no blank, no plus"):
        check_name(name)


@pytest.mark.parametrize(
    "origin",
    [
        "gw/tracegate/prod/r1/2026-11",
        "gw.example/other/prod/r1/2026-11",
        "gw.example/tracegate/prod/2026-11",
        "gw.example/tracegate/prod/r1/2026-11/x",
        "https://gw.example/tracegate/prod/r1/2026-11",
        "gw.example/tracegate/pr od/r1/2026-11",
        "gw.example/tracegate/prod//2026-11",
    ],
)
def test_an_origin_has_its_five_parts(origin: str) -> None:
    """A host with a dot, or `localhost`, and no more and no less behind it."""
    with pytest.raises(Malformed, match="not an origin"):
        check_origin(origin)
    assert check_origin(ORIGIN) == ORIGIN
    assert check_origin("localhost/tracegate/dev/r1/2026-11.2") == "localhost/tracegate/dev/r1/2026-11.2"
