"""Time stamps as an authority makes them: the types of RFC 3161, and of the part of CMS that it needs, and one signed.

Written from the documents, with the declarative ASN.1 of `cryptography`, so that it shares no code with what verifies.
Source: RFC 3161, 2.4; RFC 5652, 5; RFC 5816 (the signer is named by the SHA-256 of its certificate).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate
from cryptography.x509 import ObjectIdentifier as Oid

SHA_256 = Oid("2.16.840.1.101.3.4.2.1")
ECDSA_SHA_256 = Oid("1.2.840.10045.4.3.2")
SIGNED_DATA = Oid("1.2.840.113549.1.7.2")
TST_INFO = Oid("1.2.840.113549.1.9.16.1.4")
CONTENT_TYPE, MESSAGE_DIGEST = Oid("1.2.840.113549.1.9.3"), Oid("1.2.840.113549.1.9.4")
SIGNING_CERTIFICATE = Oid("1.2.840.113549.1.9.16.2.47")

GRANTED, REJECTION = 0, 2
"""PKIStatus."""


@asn1.sequence
class Algorithm:
    """AlgorithmIdentifier, whose parameters are absent or NULL."""

    oid: Oid
    parameters: asn1.Null | None = None


@asn1.sequence
class Imprint:
    """MessageImprint."""

    algorithm: Algorithm
    digest: bytes


@asn1.sequence
class Request:
    """TimeStampReq, without extensions."""

    version: int
    imprint: Imprint
    policy: Oid | None
    nonce: int | None
    certificates: Annotated[bool, asn1.Default(False)]  # the value that DER leaves out


@asn1.sequence
class Info:
    """TSTInfo, without what may be left out but the nonce."""

    version: int
    policy: Oid
    imprint: Imprint
    serial: int
    time: asn1.GeneralizedTime
    nonce: int | None


@asn1.sequence
class _Encapsulated:
    type: Oid
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _Attribute:
    type: Oid
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _EssCertificate:
    digest: bytes


@asn1.sequence
class _SigningCertificate:
    certificates: list[_EssCertificate]


@asn1.sequence
class _Issued:
    issuer: asn1.TLV
    serial: int


@asn1.sequence
class _Signer:
    version: int
    by: _Issued
    digest: Algorithm
    attributes: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]
    algorithm: Algorithm
    signature: bytes


@asn1.sequence
class _SignedData:
    version: int
    digests: asn1.SetOf[Algorithm]
    content: _Encapsulated
    certificates: Annotated[asn1.SetOf[x509.Certificate] | None, asn1.Implicit(0)]
    signers: asn1.SetOf[_Signer]


@asn1.sequence
class Token:
    """TimeStampToken, a ContentInfo."""

    type: Oid
    content: Annotated[_SignedData, asn1.Explicit(0)]


@asn1.sequence
class Status:
    """PKIStatusInfo."""

    status: int
    text: list[str] | None = None


@asn1.sequence
class Response:
    """TimeStampResp."""

    status: Status
    token: Token | None = None


def info_of(request: Request, serial: int, at: datetime) -> Info:
    """What is to be signed for a request, at a time in UTC."""
    return Info(
        version=1,
        policy=request.policy or Oid("1.3.6.1.4.1.32473.1"),  # of the numbers for examples (RFC 5612)
        imprint=request.imprint,
        serial=serial,
        time=asn1.GeneralizedTime(at.replace(microsecond=0)),
        nonce=request.nonce,
    )


def token_of(info: Info, key: EllipticCurvePrivateKey, signer: Certificate, *others: Certificate, sent: bool) -> Token:
    """A signed token.

    Args:
        info: What is signed.
        key: Of the signer.
        signer: Its certificate.
        others: Those between it and the one that is trusted.
        sent: Whether the certificates are in the token.
    """
    content = asn1.encode_der(info)
    signing = _SigningCertificate(certificates=[_EssCertificate(digest=signer.fingerprint(SHA256()))])
    attributes = asn1.SetOf(
        [
            _attribute(CONTENT_TYPE, asn1.encode_der(TST_INFO)),
            _attribute(MESSAGE_DIGEST, asn1.encode_der(hashlib.sha256(content).digest())),
            _attribute(SIGNING_CERTIFICATE, asn1.encode_der(signing)),
        ]
    )
    by = _Signer(
        version=1,
        by=_Issued(issuer=_tlv(signer.issuer.public_bytes()), serial=signer.serial_number),
        digest=Algorithm(oid=SHA_256),
        attributes=attributes,
        algorithm=Algorithm(oid=ECDSA_SHA_256),
        signature=key.sign(asn1.encode_der(attributes), ECDSA(SHA256())),
    )
    signed = _SignedData(
        version=3,
        digests=asn1.SetOf([Algorithm(oid=SHA_256)]),
        content=_Encapsulated(type=TST_INFO, content=content),
        certificates=asn1.SetOf([signer, *others]) if sent else None,
        signers=asn1.SetOf([by]),
    )
    return Token(type=SIGNED_DATA, content=signed)


def _attribute(type: Oid, value: bytes) -> _Attribute:
    return _Attribute(type=type, values=asn1.SetOf([_tlv(value)]))


def _tlv(der: bytes) -> asn1.TLV:
    return asn1.decode_der(asn1.TLV, der)
