"""Requests are signed as the published examples are."""

from __future__ import annotations

import hashlib

import pytest

from tracegate.audit.sigv4 import Credentials, Scope, authorization, signed

# The examples of "Authenticating requests: using the Authorization header", and `get-vanilla` of the vendor's suite.
BY = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
US = Scope("us-east-1")
MAY_2013 = 1_369_353_600 * 10**9
URL = "https://examplebucket.s3.amazonaws.com"
RANGE = (("Range", "bytes=0-9"),)
DATED = (("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"))


@pytest.mark.parametrize(
    ("method", "target", "fields", "body", "names", "signature"),
    [
        (
            "GET",
            "/test.txt",
            RANGE,
            b"",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test%24file.text",
            DATED,
            b"Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/?lifecycle",
            (),
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "?max-keys=2&prefix=J",
            (),
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_examples_of_the_documentation_are_signed_as_they_are_there(
    method: str, target: str, fields: tuple[tuple[str, str], ...], body: bytes, names: str, signature: str
) -> None:
    """With the fields that say when, and what the body is."""
    found = signed(method, URL + target, fields, body, BY, US, MAY_2013)
    assert [*found] == [
        *fields,
        ("x-amz-content-sha256", hashlib.sha256(body).hexdigest()),
        ("x-amz-date", "20130524T000000Z"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            f"SignedHeaders={names}, Signature={signature}",
        ),
    ]


def test_any_service_is_signed_for() -> None:
    """`get-vanilla` of the suite of tests."""
    by = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    covered = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
    nothing = hashlib.sha256().hexdigest()
    found = authorization("GET", "/", "", covered, nothing, by, Scope("us-east-1", "service"))
    assert found.endswith("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")


def test_a_key_that_is_lent_is_sent_with_its_token() -> None:
    """Which is signed too."""
    lent = Credentials("ASIA", "secret", "token")
    found = dict(signed("GET", f"{URL}/x", (), b"", lent, US, MAY_2013))
    assert found["x-amz-security-token"] == "token"
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token," in found["Authorization"]


def test_no_repr_shows_a_key() -> None:
    """Only who it is."""
    assert repr(Credentials("AKIA", "hidden", "hidden too")) == "Credentials(access_key='AKIA')"
