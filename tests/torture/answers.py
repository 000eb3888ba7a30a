"""Every byte of what a client saved is altered: an answer, a stream, their bundles. The verifier must not accept it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from unittest import mock

from tests.torture.clients import Held
from tests.torture.killing import Books, now
from tracegate.audit.keys import Key
from tracegate.audit.saved import parse_saved
from tracegate.audit.signature import COVERED
from tracegate.audit.verify import Given, verify
from tracegate.errors import Unreadable

VOUCHED = {*COVERED, "content-type", "signature", "signature-input"}
"""Fields that the signature covers, and the signature."""

CASE = 5  # the bit of a letter that is its case


def accepted(books: Books, held: Held, step: int = 1) -> Iterator[str]:
    """Alterations of an answer or its bundle that are accepted: none, but of what nobody vouches for.

    Args:
        books: Of its log.
        held: A whole answer, or a whole stream.
        step: At every so many bytes; each in one bit, all bits in turn.
    """
    bundle = books.bundle(held.record or "")
    assert bundle is not None
    head, _, _ = held.raw.partition(b"\r\n\r\n")
    # As most tools save it: the chunks of a stream are framing, which nobody vouches for.
    saved = head.replace(b"\r\ntransfer-encoding: chunked", b"") + b"\r\n\r\n" + parse_saved(held.raw).body
    silent = _silent(head)
    with mock.patch.object(Key, "verifies", lru_cache(1_000)(Key.verifies)):  # most of it is as it was
        for raw in (held.raw, saved):
            if _code(books, raw, bundle) != 0:
                yield "it is refused as it is"
        for at in range(0, len(saved), step):
            if at not in silent and _code(books, _altered(saved, at), bundle) == 0:
                yield f"byte {at} of the answer, {saved[max(0, at - 20) : at + 5]!r}"
        for at in range(0, len(bundle), step):
            if _code(books, saved, _altered(bundle, at)) == 0:
                yield f"byte {at} of the bundle, {bundle[max(0, at - 20) : at + 5]!r}"


def _altered(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes((raw[at] ^ (1 << at % 8),)) + raw[at + 1 :]


def _silent(head: bytes) -> set[int]:
    """Bytes of a head that nobody vouches for: fields that are not covered, version, reason, how a line ends.

    And letters of names where only their case would be altered.
    """
    status, *fields = head.replace(b"\r\ntransfer-encoding: chunked", b"").split(b"\r\n")
    found = set(range(len(status) + 2)) - set(range(9, 12))
    at = len(status) + 2
    for field in fields:
        name = field.partition(b":")[0]
        end = at + len(field)
        if name.decode().lower() not in VOUCHED:
            found |= set(range(at, end + 2))
        found |= {end, *(place for place in range(at, at + len(name)) if place % 8 == CASE)}
        at = end + 2
    return found


def _code(books: Books, response: bytes, bundle: bytes) -> int:
    try:
        return verify(Given(books.policy, now(), response, bundle)).code
    except Unreadable:
        return 2
