"""Time stamps of a real authority hold, and each of its faults is found; so says OpenSSL too."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.audit.vectors import CHECKPOINT
from tracegate.audit.timestamp import Pinned
from tracegate.errors import Malformed
from tracegate.testing.clock import EPOCH, FakeClock
from tracegate.testing.stamp_authority import Fault, StampAuthority

NOTE = CHECKPOINT.encode()


@pytest.fixture
def authority() -> StampAuthority:
    """One, in its own time."""
    return StampAuthority(FakeClock())


def test_a_stamp_holds_offline(authority: StampAuthority) -> None:
    """With what is pinned of its authority, long after it was made."""
    pinned = Pinned(authority.root_pem)
    request = pinned.request(NOTE)
    response = authority.stamp(request.as_bytes())
    at = datetime.fromtimestamp(EPOCH / 1e9, UTC)
    assert pinned.stamped(response, NOTE, request.nonce) == at
    assert Pinned(authority.root_pem + authority.signer_pem).stamped(response, NOTE) == at
    assert len({pinned.request(NOTE).nonce for _ in range(9)}) == 9


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("rejection", "was not granted: rejection, come back later"),
        ("nonce", "does not hold: Nonce mismatch"),
        ("imprint", "does not hold: Mismatch between messages"),
        ("signature", "does not hold: signature failure"),
        ("expired", "does not hold: certificate has expired"),
        ("purpose", "does not hold: unsuitable certificate purpose"),
        ("bare", "does not hold: signer certificate not found"),
    ],
)
def test_one_that_does_not_hold_is_refused(authority: StampAuthority, fault: Fault, why: str) -> None:
    """With the reason."""
    pinned = Pinned(authority.root_pem)
    request = pinned.request(NOTE)
    authority.fault = fault
    with pytest.raises(Malformed, match=why):
        pinned.stamped(authority.stamp(request.as_bytes()), NOTE, request.nonce)


def test_one_of_another_authority_is_refused(authority: StampAuthority) -> None:
    """Nobody but who is pinned is believed, of the same name or not."""
    pinned = Pinned(StampAuthority(FakeClock()).root_pem)
    with pytest.raises(Malformed, match="does not hold"):
        pinned.stamped(authority.stamp(pinned.request(NOTE).as_bytes()), NOTE)


def test_one_of_another_text_is_refused(authority: StampAuthority) -> None:
    """A byte is enough."""
    pinned = Pinned(authority.root_pem)
    response = authority.stamp(pinned.request(NOTE).as_bytes())
    with pytest.raises(Malformed, match="Mismatch"):
        pinned.stamped(response, NOTE + b"\n")


def test_every_changed_byte_that_is_signed_is_found(authority: StampAuthority) -> None:
    """Nothing else than a refusal comes of any change; what a stamp says is what was signed."""
    pinned = Pinned(authority.root_pem)
    response = authority.stamp(pinned.request(NOTE).as_bytes())
    at = pinned.stamped(response, NOTE)
    held = 0
    for index in range(len(response)):
        changed = bytearray(response)
        changed[index] ^= 1
        try:
            assert pinned.stamped(bytes(changed), NOTE) == at
        except Malformed:
            continue
        held += 1
    assert held <= 10  # two numbers of versions, and the name of the signature's algorithm, which is the key's affair


@pytest.mark.parametrize("response", [b"", b"garbage", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_answer_is_refused(authority: StampAuthority, response: bytes) -> None:
    """Bytes of any kind may stand in a leaf."""
    with pytest.raises(Malformed, match="not the answer of a time-stamp authority"):
        Pinned(authority.root_pem).stamped(response, NOTE)


@pytest.mark.parametrize("pem", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_has_no_certificate_is_not_pinned(pem: str) -> None:
    """Else nothing would ever hold."""
    with pytest.raises(Malformed, match="no certificates of time-stamp authorities in PEM"):
        Pinned(pem)


def test_openssl_says_the_same(tmp_path: Path) -> None:
    """An implementation of its own, as an auditor has it: of the answer, for the checkpoint as it is published."""
    authority = StampAuthority()
    response = authority.stamp(Pinned(authority.root_pem).request(NOTE).as_bytes())
    (tmp_path / "checkpoint").write_bytes(NOTE)
    (tmp_path / "stamp").write_bytes(response)
    (tmp_path / "root.pem").write_text(authority.root_pem)
    files = ["-data", "checkpoint", "-in", "stamp", "-CAfile", "root.pem"]

    def verified() -> tuple[int, str]:
        done = subprocess.run(["openssl", "ts", "-verify", *files], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, said = verified()
    assert (code, "Verification: OK" in said) == (0, True)
    (tmp_path / "checkpoint").write_bytes(NOTE + b"x")
    assert verified()[0] == 1
