"""Keys: one Ed25519 key for each log, named by the log's origin, and the keys of witnesses.

A key's public form is the verifier key of C2SP signed notes, `<name>+<key id>+<base64>`. Where private keys are kept is
not known here. Verifiers take keys from their caller only, never from what they verify.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tracegate.audit.encodings import base64_of, from_base64
from tracegate.errors import Malformed

LOG = 0x01
"""Ed25519 over the note's text. Source: C2SP signed-note."""

WITNESS = 0x04
"""Ed25519 over the note's text and a time. Source: C2SP tlog-cosignature."""

SIGNATURE = 64  # bytes of an Ed25519 signature

_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of an Ed25519 key in PKCS #8. Source: RFC 8410, section 10.3."""

_PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----\r?\n([0-9A-Za-z+/]{64})\r?\n-----END PRIVATE KEY-----\s*")
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)")
_ORIGIN = re.compile(r"(localhost|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+)/tracegate(/[A-Za-z0-9._-]+){3}")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: whose it is, what it signs, and 32 bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.kind,)) + self.public).digest()[:4]

    @property
    def keyid(self) -> str:
        """Name and key id, as HTTP signatures and receipts have them."""
        return f"{self.name}+{self.id.hex()}"

    @property
    def vkey(self) -> str:
        """The whole public key as one line."""
        return f"{self.keyid}+{base64_of(bytes((self.kind,)) + self.public)}"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made a signature over a message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):  # a value error: these 32 bytes are no key at all
            return False
        return True


class Signer:
    """A private key with its name."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, private: Ed25519PrivateKey, kind: int = LOG) -> None:
        self._private = private
        self.key = Key(name, kind, private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same whenever it is made."""
        return self._private.sign(message)


def parse_vkey(text: str) -> Key:
    """The key of a verifier key.

    Raises:
        Malformed: It is none, of a kind that is not known, or its key id is not that of its key.
    """
    found = _VKEY.fullmatch(text)
    if found is None:
        raise Malformed("not a verifier key, `<name>+<8 hex digits>+<base64>`")
    name, keyid, body = found.groups()
    raw = from_base64(body, 33)
    if raw[0] not in (LOG, WITNESS):
        raise Malformed(f"a key of kind {raw[0]}; known are {LOG} (Ed25519) and {WITNESS} (cosignature)")
    key = Key(check_name(name), raw[0], raw[1:])
    if key.id.hex() != keyid:
        raise Malformed("the key id is not that of the key")
    return key


def signer_of(name: str, pem: bytes, kind: int = LOG) -> Signer:
    """The signer of a private key in PKCS #8 PEM.

    Raises:
        Malformed: It is no Ed25519 key.
    """
    if (usual := _PEM.fullmatch(pem)) is not None and (raw := b64decode(usual[1])).startswith(_PKCS8):
        return Signer(name, Ed25519PrivateKey.from_private_bytes(raw[len(_PKCS8) :]), kind)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # loads every kind of key there is

    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # a type error: it is encrypted
        raise Malformed("not a private key in PEM without a password") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise Malformed("not an Ed25519 key")
    return Signer(name, private, kind)


def pem_of(private: Ed25519PrivateKey) -> bytes:
    """A private key in PKCS #8 PEM, as everybody reads it."""
    body = b64encode(_PKCS8 + private.private_bytes_raw())
    return b"-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----\n" % body


def check_name(name: str) -> str:
    """The name of a key: no blank, no plus, no control character.

    Raises:
        Malformed: It is none.
    """
    if not _NAME.fullmatch(name):
        raise Malformed("a key's name has no blank, no plus and no control character")
    return name


def check_origin(text: str) -> str:
    """The origin of a log of ours: `<host>/tracegate/<cluster>/<replica>/<epoch>`.

    Raises:
        Malformed: It is another text.
    """
    if not _ORIGIN.fullmatch(text):
        raise Malformed("not an origin, `<host>/tracegate/<cluster>/<replica>/<epoch>`; the host has a dot")
    return text
