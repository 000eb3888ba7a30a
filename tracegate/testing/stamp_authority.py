"""A time-stamp authority that makes real stamps, and can misbehave; asked in process, or over a socket.

It has a root of its own, which is what is to be pinned, and a signer below it.
Source: RFC 3161, 3.4 for HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tracegate.clock import Clock, SystemClock
from tracegate.testing.answering import answering
from tracegate.testing.receiver import Answer
from tracegate.testing.receiving import HttpRequest
from tracegate.testing.time_stamp import (
    GRANTED,
    REJECTION,
    Imprint,
    Request,
    Response,
    Status,
    info_of,
    token_of,
)

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"

Fault = Literal[
    "rejection",  # it grants nothing
    "nonce",  # another than was asked with
    "imprint",  # of something else
    "signature",  # of another key
    "expired",  # its signer's certificate was not valid any more
    "purpose",  # its signer's certificate is for servers
    "bare",  # without the certificates that were asked for
    "garbage",  # no answer of an authority
    "type",  # right, and called something else
    "unavailable",  # 503
    "hang",  # never
]


class StampAuthority:
    """An authority.

    Args:
        clock: Gives the times of its stamps and certificates.
        name: Of its certificates.

    Attributes:
        fault: How it misbehaves; `None`: not.
        asked: What it was asked.
    """

    def __init__(self, clock: Clock | None = None, name: str = "Test authority") -> None:
        self._clock = clock or SystemClock()
        now = self._now()
        self._root_key, self._key, self._other_key = (generate_private_key(SECP256R1()) for _ in range(3))
        self._root = _certificate(f"{name}, root", self._root_key, now, now + timedelta(days=3650))
        stamping = ExtendedKeyUsageOID.TIME_STAMPING

        def signer(until: datetime, usage: x509.ObjectIdentifier) -> Certificate:
            return _certificate(name, self._key, now - timedelta(days=2), until, usage, self._root, self._root_key)

        self._signer = signer(now + timedelta(days=365), stamping)
        self._expired = signer(now - timedelta(days=1), stamping)
        self._of_server = signer(now + timedelta(days=365), ExtendedKeyUsageOID.SERVER_AUTH)
        self._serial = 0
        self.fault: Fault | None = None
        self.asked: list[Request] = []

    @property
    def root_pem(self) -> str:
        """The certificate of its root."""
        return self._root.public_bytes(Encoding.PEM).decode()

    @property
    def signer_pem(self) -> str:
        """The certificate of its signer."""
        return self._signer.public_bytes(Encoding.PEM).decode()

    def stamp(self, query: bytes) -> bytes:
        """The answer to a request, DER both; raises `ValueError` where the request is none."""
        request = asn1.decode_der(Request, query)
        self.asked.append(request)
        if self.fault == "rejection":
            return asn1.encode_der(Response(status=Status(status=REJECTION, text=["come back later"])))
        self._serial += 1
        info = info_of(request, self._serial, self._now())
        if self.fault == "nonce":
            info.nonce = (request.nonce or 0) + 1
        if self.fault == "imprint":
            info.imprint = Imprint(algorithm=request.imprint.algorithm, digest=bytes(32))
        signer = {"expired": self._expired, "purpose": self._of_server}.get(self.fault or "", self._signer)
        key = self._other_key if self.fault == "signature" else self._key
        token = token_of(info, key, signer, sent=request.certificates and self.fault != "bare")
        return asn1.encode_der(Response(status=Status(status=GRANTED), token=token))

    async def answer(self, request: HttpRequest) -> Answer:
        """What it answers over HTTP."""
        if self.fault == "hang":
            await asyncio.Event().wait()
        if self.fault == "unavailable":
            return Answer(503, [], b"")
        if self.fault == "garbage":
            return Answer(200, [("content-type", REPLY)], b"garbage")
        if request.method != "POST" or request.values("content-type") != [QUERY]:
            return Answer(400, [], b"")
        try:
            body = self.stamp(request.body)
        except ValueError:
            return Answer(400, [], b"")
        return Answer(200, [("content-type", "text/plain" if self.fault == "type" else REPLY)], body)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Run it on 127.0.0.1 while the block runs; gives its URL."""
        async with answering(self.answer) as url:
            yield f"{url}/tsa"

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall() / 1e9, UTC)


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    since: datetime,
    until: datetime,
    usage: x509.ObjectIdentifier | None = None,
    issuer: Certificate | None = None,
    issuer_key: EllipticCurvePrivateKey | None = None,
) -> Certificate:
    """A certificate of an authority, or of a root where it has no issuer."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since - timedelta(days=3))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if usage is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return made.sign(issuer_key or key, SHA256())
