"""Time stamps: how one is asked for, and whether one holds, by what is pinned of its authority. No network.

A stamp holds if it was granted, its imprint is the SHA-256 of what was stamped, and it was signed while the
certificate of its signer was valid, which is one of those that are pinned or was issued below one, and is for time
stamps alone. It says that something was there at a time; not that nothing else was.
The library reads all ASN.1 and CMS; it is imported here only, and this module only where stamps are asked for.
Source: RFC 3161, RFC 5816.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.tsp import PKIStatus

from tracegate.errors import Malformed

_NAMED = re.compile(r'(?:Verify error: |reason: ")([^"]+)')


class Pinned:
    """Authorities that are trusted; see `Authorities`.

    Args:
        pem: Their certificates, or those of who certifies them.

    Raises:
        Malformed: It has none.
    """

    __slots__ = ("_certificates",)

    def __init__(self, pem: str) -> None:
        try:
            self._certificates = x509.load_pem_x509_certificates(pem.encode())
        except ValueError as exc:
            raise Malformed("no certificates of time-stamp authorities in PEM") from exc

    def request(self, note: bytes) -> TimeStampRequest:
        """A request to stamp something, with a nonce, which asks for the certificates too."""
        return TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256).build()

    def stamped(self, response: bytes, note: bytes, nonce: int | None = None) -> datetime:
        """When something was stamped, UTC.

        Args:
            response: What the authority answered, the DER of a TimeStampResp.
            note: What was to be stamped.
            nonce: Of the request, where it is known.

        Raises:
            Malformed: It does not hold; the text says why.
        """
        try:
            stamp = decode_timestamp_response(response)
        except ValueError as exc:
            raise Malformed("not the answer of a time-stamp authority") from exc
        status = PKIStatus(stamp.status)
        if status != PKIStatus.GRANTED:
            told = ", ".join([status.name.lower().replace("_", " "), *stamp.status_string])
            raise Malformed(f"the time stamp was not granted: {told}")
        verifier = VerifierBuilder(nonce=nonce, roots=self._certificates).build()
        try:
            verifier.verify(stamp, hashlib.sha256(note).digest())
        except (VerificationError, ValueError) as exc:
            raise Malformed(f"the time stamp does not hold: {_why(exc)}") from exc
        return stamp.tst_info.gen_time


def _why(exc: Exception) -> str:
    """The last thing that the library's text names, which may quote a stack of OpenSSL's errors."""
    named: list[str] = _NAMED.findall(str(exc))
    return named[-1] if named else str(exc)
