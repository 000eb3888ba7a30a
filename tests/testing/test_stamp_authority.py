"""The authority of the test kit: it speaks RFC 3161 over HTTP, and misbehaves as it is told."""

from __future__ import annotations

import asyncio

import pytest
from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response

from tracegate.telemetry.post import Answer, Poster
from tracegate.testing.clock import FakeClock
from tracegate.testing.stamp_authority import QUERY, REPLY, Fault, StampAuthority

REQUEST = TimestampRequestBuilder().data(b"x").build()


def posted(authority: StampAuthority, body: bytes, kind: str = QUERY, method: str = "POST") -> Answer:
    """Its answer over a socket."""

    async def main() -> Answer:
        poster = Poster()
        async with asyncio.timeout(10), authority.served() as url:
            answer = await poster(url, (("Content-Type", kind),), body, 10**10, method)
            await poster.close()
            return answer

    return asyncio.run(main())


def test_it_stamps_what_it_is_asked_to() -> None:
    """With a number that grows."""
    authority = StampAuthority()
    for number in (1, 2):
        answer = posted(authority, REQUEST.as_bytes())
        assert (answer.status, answer.header("content-type")) == (200, REPLY)
        info = decode_timestamp_response(answer.body).tst_info
        assert (info.serial_number, info.nonce) == (number, REQUEST.nonce)


@pytest.mark.parametrize(
    ("body", "kind", "method"),
    [(b"x", QUERY, "POST"), (REQUEST.as_bytes(), "text/plain", "POST"), (REQUEST.as_bytes(), QUERY, "PUT")],
)
def test_what_is_no_request_is_refused(body: bytes, kind: str, method: str) -> None:
    """By its body, its type or its method."""
    assert posted(StampAuthority(), body, kind, method).status == 400


@pytest.mark.parametrize(
    ("fault", "status", "kind"), [("garbage", 200, REPLY), ("type", 200, "text/plain"), ("unavailable", 503, None)]
)
def test_it_misbehaves_as_it_is_told(fault: Fault, status: int, kind: str | None) -> None:
    """Those faults that are no stamp's are told by their answer; the others are found by whoever verifies."""
    authority = StampAuthority(FakeClock())
    authority.fault = fault
    answer = posted(authority, REQUEST.as_bytes())
    assert (answer.status, answer.header("content-type")) == (status, kind)


def test_each_has_a_root_of_its_own() -> None:
    """Who trusts one trusts no other."""
    assert StampAuthority().root_pem != StampAuthority().root_pem
    one = StampAuthority()
    assert one.root_pem != one.signer_pem
