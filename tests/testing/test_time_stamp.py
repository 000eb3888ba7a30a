"""The types of time stamps give the bytes that others read."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime

from cryptography.hazmat import asn1
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

from tracegate.testing.stamp_authority import StampAuthority
from tracegate.testing.time_stamp import SHA_256, Request, Status, info_of


def test_a_request_of_another_implementation_is_read() -> None:
    """With and without what may be left out."""
    plain = TimestampRequestBuilder().data(b"x").hash_algorithm(HashAlgorithm.SHA256)
    request = plain.build()
    read = asn1.decode_der(Request, request.as_bytes())
    assert (read.nonce, read.certificates, read.policy) == (request.nonce, True, None)
    assert (read.imprint.algorithm.oid, read.imprint.digest) == (SHA_256, hashlib.sha256(b"x").digest())
    bare = plain.nonce(nonce=False).cert_request().build()
    read = asn1.decode_der(Request, bare.as_bytes())
    assert (read.nonce, read.certificates) == (None, False)


def test_what_is_signed_is_what_was_asked_for() -> None:
    """With a number of its own, and a time in whole seconds."""
    request = asn1.decode_der(Request, TimestampRequestBuilder().data(b"x").build().as_bytes())
    info = info_of(request, 7, datetime(2026, 11, 24, 19, 0, 1, 999, tzinfo=UTC))
    assert (info.serial, info.nonce, info.imprint) == (7, request.nonce, request.imprint)
    assert info.time.as_datetime() == datetime(2026, 11, 24, 19, 0, 1, tzinfo=UTC)


def test_an_answer_is_read_by_another_implementation() -> None:
    """Each part of it."""
    authority = StampAuthority()
    raw = authority.stamp(TimestampRequestBuilder().data(b"x").hash_algorithm(HashAlgorithm.SHA256).build().as_bytes())
    stamp = decode_timestamp_response(raw)
    assert stamp.tst_info.serial_number == 1
    assert stamp.tst_info.message_imprint.message == hashlib.sha256(b"x").digest()
    shown = subprocess.run(["openssl", "ts", "-reply", "-in", "/dev/stdin", "-text"], input=raw, capture_output=True)
    assert b"Status: Granted." in shown.stdout
    assert asn1.encode_der(Status(status=0)) == b"\x30\x03\x02\x01\x00"
