"""Binary as text: one form each, every other refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.audit.encodings import base64_of, base64url_of, from_base64, from_base64url, number
from tracegate.errors import Malformed


@given(st.binary(max_size=80))
def test_bytes_come_back(raw: bytes) -> None:
    """From both alphabets, of the size they have."""
    assert from_base64(base64_of(raw), len(raw)) == from_base64url(base64url_of(raw)) == raw


@pytest.mark.parametrize(
    "text", ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "QQ==QQ==", "Q_8=", "é", "====", "Q===", "QQ==="]
)
def test_another_form_of_base64_is_refused(text: str) -> None:
    """Missing or second padding, bits that no byte has, blanks, the other alphabet."""
    with pytest.raises(Malformed, match="not base64"):
        from_base64(text)


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "QQ\n", "+/8", "é", "Q=="])
def test_another_form_of_base64url_is_refused(text: str) -> None:
    """Padding, bits that no byte has, blanks, the other alphabet."""
    with pytest.raises(Malformed, match="not base64url"):
        from_base64url(text)


def test_a_length_that_is_expected_is_checked() -> None:
    """A hash has 32 bytes, a signature 64."""
    with pytest.raises(Malformed, match="1 bytes; it should be 32"):
        from_base64("QQ==", 32)
    with pytest.raises(Malformed, match="1 bytes; it should be 32"):
        from_base64url("QQ", 32)


@pytest.mark.parametrize("text", ["", "00", "01", "-1", "+1", " 1", "1.0", "٣", "1" * 20])
def test_a_number_has_one_form(text: str) -> None:
    """No sign, no zero in front, no other digits."""
    with pytest.raises(Malformed, match="decimal"):
        number(text)
    assert (number("0"), number("10")) == (0, 10)
