"""Client keys: what is given to a client, and what stands in the configuration."""

from __future__ import annotations

import hashlib
import re

import pytest

from tracegate.cli.keys import new_key


def test_a_key_is_random_text_and_its_hash() -> None:
    """Printable, recognisable, and long enough that nobody guesses it."""
    secret, digest = new_key(bytes(range(32)))
    assert secret == "tg-key-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert re.fullmatch(r"tg-key-[A-Za-z0-9_-]{43}", secret)
    assert digest == f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}"


def test_all_of_the_randomness_is_in_it() -> None:
    """Other bytes make another key."""
    assert len({new_key(bytes(31) + bytes((last,)))[0] for last in range(256)}) == 256


def test_too_little_randomness_makes_no_key() -> None:
    """A short key could be guessed."""
    with pytest.raises(ValueError, match="a key needs 32 random bytes, got 31"):
        new_key(bytes(31))
