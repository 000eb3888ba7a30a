"""Heads are stamped by an authority over HTTP; what it answers is verified before anything is made of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence

import pytest

from tests.audit.made import SIGNER
from tests.audit.vectors import CHECKPOINT, ORIGIN, ROOTS
from tracegate.audit.anchored import parted
from tracegate.audit.anchoring import Head, Held, Unanchored
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.encodings import from_base64
from tracegate.audit.stamping import LARGEST, REPLY, Stamping, stamping
from tracegate.audit.timestamp import Pinned
from tracegate.errors import ConfigError
from tracegate.telemetry.post import Answer, Poster
from tracegate.testing.clock import FakeClock
from tracegate.testing.stamp_authority import Fault, StampAuthority


async def _nothing(old: int) -> Sequence[bytes]:
    raise AssertionError("an authority asks for no proof")


HEAD = Head(CHECKPOINT, Checkpoint(ORIGIN, 6, ROOTS[6]), _nothing)
EARLIER = Checkpoint(ORIGIN, 5, ROOTS[5])
BEFORE = Head(str(sign_checkpoint(EARLIER, SIGNER)), EARLIER, _nothing)


def asked(authority: StampAuthority, test: Callable[[Stamping, str], Awaitable[None]]) -> None:
    """Run a test against an authority behind a socket."""

    async def main() -> None:
        poster = Poster()
        async with asyncio.timeout(10), authority.served() as url:
            settings = {"url": url, "certificate": authority.root_pem}
            await test(stamping(settings, poster, FakeClock()), url)
            await poster.close()

    asyncio.run(main())


def test_a_head_that_was_stamped_is_held() -> None:
    """Its proof has the checkpoint and the stamp, and holds for whoever has nothing else but what is pinned."""
    authority, held = StampAuthority(), list[Held | None]()

    async def test(client: Stamping, url: str) -> None:
        held.extend([await client.anchor(BEFORE), await client.anchor(HEAD), await client.anchor(HEAD)])
        assert [one and one.where for one in held] == [url, url, None]

    asked(authority, test)
    assert len(authority.asked) == 2
    assert held[1] is not None
    note, stamp = parted(held[1].proof)
    assert (held[1].kind, note) == ("rfc3161", CHECKPOINT)
    Pinned(authority.root_pem).stamped(from_base64(stamp), CHECKPOINT.encode())
    assert all(request.certificates and request.nonce for request in authority.asked)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("rejection", "/tsa: the time stamp was not granted: rejection, come back later"),
        ("nonce", "Nonce mismatch"),
        ("imprint", "Mismatch between messages"),
        ("signature", "signature failure"),
        ("expired", "certificate has expired"),
        ("purpose", "unsuitable certificate purpose"),
        ("bare", "signer certificate not found"),
        ("garbage", "not the answer of a time-stamp authority"),
        ("type", f"/tsa: its answer is no `{REPLY}`"),
        ("unavailable", "/tsa: it answers 503"),
    ],
)
def test_what_is_no_stamp_anchors_nothing(fault: Fault, why: str) -> None:
    """And the same head is tried again."""
    authority = StampAuthority()
    authority.fault = fault

    async def test(client: Stamping, url: str) -> None:
        with pytest.raises(Unanchored, match=why):
            await client.anchor(HEAD)
        authority.fault = None
        assert await client.anchor(HEAD) is not None

    asked(authority, test)


def test_an_authority_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; nobody waits for it but the next try."""
    monkeypatch.setattr("tracegate.audit.stamping.TIMEOUT_NS", 50_000_000)
    authority = StampAuthority()
    authority.fault = "hang"

    async def test(client: Stamping, url: str) -> None:
        with pytest.raises(Unanchored, match="/tsa: no answer: no answer in time"):
            await client.anchor(HEAD)

    asked(authority, test)


def test_an_answer_that_fits_into_no_leaf_is_refused() -> None:
    """A leaf has a size, and an authority may send as many certificates as it likes."""

    async def post(url: str, headers: object, body: bytes, timeout_ns: int, method: str = "POST") -> Answer:
        return Answer(200, (("content-type", REPLY),), bytes(LARGEST + 1))

    client = Stamping(Pinned(StampAuthority().root_pem), "https://t", post)
    with pytest.raises(Unanchored, match="its answer has more than 32768 bytes"):
        asyncio.run(client.anchor(HEAD))


PEM = StampAuthority(FakeClock()).root_pem


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"url": "https://t"}, "has a `url` and a `certificate`"),
        ({"url": "https://t", "certificate": PEM, "every": "1h"}, "and nothing else"),
        ({"url": "t", "certificate": PEM}, "the url of a time-stamp authority begins with"),
        ({"url": "https://", "certificate": PEM}, "the url of a time-stamp authority begins with"),
        ({"url": "https://me:word@t", "certificate": PEM}, "names nobody"),
        ({"url": "https://t", "certificate": "x"}, "the certificate of a time-stamp authority: no certificates"),
    ],
)
def test_settings_that_make_none_are_refused(settings: dict[str, str], why: str) -> None:
    """At the start."""
    with pytest.raises(ConfigError, match=why):
        stamping(settings, Poster(), FakeClock())


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.delitem(sys.modules, "tracegate.audit.timestamp")
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(ConfigError, match=r"install `tracegate\[rfc3161\]`"):
        stamping({"url": "https://t", "certificate": PEM}, Poster(), FakeClock())


def test_whoever_has_no_heads_stamped_loads_nothing_for_it() -> None:
    """The library costs memory and time at the start."""
    code = "import sys, tracegate.audit.stamping, tracegate.cli.auditing; print('rfc3161_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
