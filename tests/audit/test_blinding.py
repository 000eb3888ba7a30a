"""Commitments: the worked values, one blind per field, and what counts as the same text."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from tests.audit.vectors import DIGESTS, LEAVES, VECTORS, R
from tracegate.audit.blinding import (
    CANONICAL,
    REQUEST,
    TEXT,
    WIRE,
    Mac,
    blind,
    commit,
    committed,
    r_hash,
    text_digest,
)
from tracegate.audit.kinds import Final
from tracegate.audit.leaf import read


@pytest.mark.parametrize(("index", "r", "wire"), [(2, R[0], "wire"), (4, R[1], "sse")])
def test_the_commitments_of_the_vectors(index: int, r: bytes, wire: str) -> None:
    """From `r` and the digests come the hex digits of the leaf."""
    leaf = read(LEAVES[index]).leaf
    assert isinstance(leaf, Final)
    assert leaf.r_hash == r_hash(r).hex()
    assert leaf.req.commit == committed(r, REQUEST, DIGESTS["req"])
    assert leaf.res.commit_wire == committed(r, WIRE, DIGESTS[wire])
    assert leaf.res.commit_text == committed(r, f"{TEXT}0", DIGESTS["text"])
    if index == 2:
        assert leaf.res.commit_canonical == committed(r, CANONICAL, DIGESTS["canonical"])


def test_every_field_has_a_blind_of_its_own() -> None:
    """Who is given the blinds of the answer can't compute the question's."""
    names = (REQUEST, WIRE, CANONICAL, f"{TEXT}0", f"{TEXT}1")
    assert len({blind(R[0], name) for name in names}) == len(names)
    assert commit(blind(R[0], WIRE), DIGESTS["wire"]).hex() == committed(R[0], WIRE, DIGESTS["wire"])


@pytest.mark.parametrize("size", [0, 1, 32, 63, 64, 65, 200])
def test_a_keyed_digest_is_the_hmac_of_the_standard_library(size: int) -> None:
    """Whatever the lengths of the key and of what is digested."""
    key = bytes(range(size))
    mac = Mac(key)
    for message in (b"", b"id\n" + bytes(32), bytes(500)):
        assert mac.digest(message) == hmac.digest(key, message, "sha256")


@pytest.mark.parametrize("text", ["Paris.", " Paris.\r\n", "\tParis.\r", "Paris.\n\n", f"{VECTORS['text']} \t\n"])
def test_the_edges_of_a_text_do_not_count(text: str) -> None:
    """Nor how its lines end."""
    assert text_digest(text) == DIGESTS["text"]


def test_line_ends_and_accents_inside_are_made_one() -> None:
    """CRLF, CR and LF are one; so are a letter with its accent and the two of them."""
    assert text_digest("a\r\nb\rc\u0065\u0301") == hashlib.sha256("a\nb\nc\u00e9".encode()).digest()


def test_a_pair_that_two_deltas_split_is_one_character() -> None:
    """Providers cut between the halves; joined they are a text."""
    assert text_digest("\ud83d" + "\ude00") == text_digest("😀")


@pytest.mark.parametrize("text", [None, "", " \r\n\t", "half \ud83d", 5, ["Paris."]])
def test_what_is_no_text_has_no_digest(text: object) -> None:
    """So the leaf has no commitment to it."""
    assert text_digest(text) is None
