"""What a verifier trusts."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.made import OTHER, WATCHER
from tests.audit.vectors import CHECKPOINT, VKEY
from tracegate.audit.keys import WITNESS, Signer, parse_vkey
from tracegate.audit.notes import Note, cosign, parse_note
from tracegate.audit.policy import Policy, parse_policy, trusting
from tracegate.errors import Malformed

KEY = parse_vkey(VKEY)
WITNESSES = [
    Signer(f"w{n}.example/w", Ed25519PrivateKey.from_private_bytes(bytes(30) + b"w" + bytes((n,))), WITNESS)
    for n in range(3)
]
LINES = f"log {VKEY} https://gw.example\n" + "".join(
    f"witness w{n} {witness.key.vkey} https://w{n}.example\n" for n, witness in enumerate(WITNESSES)
)


def _seen(*witnesses: int) -> Note:
    note = parse_note(CHECKPOINT)
    for n in witnesses:
        note = cosign(note, WITNESSES[n], 1_795_359_200)
    return note


def test_a_key_alone_asks_for_no_witness() -> None:
    """It trusts its log, by its whole id."""
    policy = trusting([KEY])
    assert policy.key(KEY.keyid) == KEY
    assert policy.reached(_seen())
    for keyid in (None, OTHER.key.keyid, KEY.name):
        with pytest.raises(Malformed, match="none of the keys"):
            policy.key(keyid)
    with pytest.raises(Malformed, match="no key of a log"):
        trusting([WATCHER.key])


@pytest.mark.parametrize(
    ("rules", "enough", "few"),
    [
        ("quorum none", [()], []),
        ("quorum w1", [(1,), (0, 1)], [(), (0, 2)]),
        ("group g any w0 w1 w2\nquorum g", [(0,), (2,)], [()]),
        ("group g all w0 w1\nquorum g", [(0, 1)], [(0,), (1, 2)]),
        ("group g 2 w0 w1 w2\nquorum g", [(0, 2), (0, 1, 2)], [(1,)]),
        ("group a any w0 w1\ngroup b all a w2\nquorum b", [(1, 2)], [(0, 1), (2,)]),
    ],
)
def test_a_quorum_of_witnesses(rules: str, enough: list[tuple[int, ...]], few: list[tuple[int, ...]]) -> None:
    """One, any, all, so many, and groups of groups."""
    policy = parse_policy(f"# what we trust\n\n{LINES}{rules}\n")
    assert policy.key(KEY.keyid) == KEY
    assert all(policy.reached(_seen(*seen)) for seen in enough)
    assert not any(policy.reached(_seen(*seen)) for seen in few)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "without a `quorum`"),
        ("quorum none", "without a `log`"),
        (LINES, "without a `quorum`"),
        (f"{LINES}quorum none\nquorum none", "line 6: a second"),
        (f"{LINES}quorum w9", "`w9` is not defined"),
        (f"{LINES}group g 1 w9\nquorum g", "`w9` is not defined"),
        (f"{LINES}group g 4 w0 w1\nquorum g", "of which 4"),
        (f"{LINES}group g 0 w0\nquorum g", "of which 0"),
        (f"{LINES}group g 2 w0 w0\nquorum g", "of which 2"),
        (f"{LINES}group g some w0\nquorum g", "decimal"),
        (f"{LINES}group w0 any w1\nquorum w0", "`w0` is taken"),
        (f"{LINES}group none any w1\nquorum none", "`none` is taken"),
        (f"{LINES}{LINES}quorum none", "two logs with one key"),
        (f"{LINES}witness w9 {WITNESSES[0].key.vkey}\nquorum none", "two witnesses with one key"),
        (f"log {WITNESSES[0].key.vkey}\nquorum none", "no key of a log"),
        (f"witness w {VKEY}\nquorum none", "no key of a witness"),
        ("log", "not a line"),
        ("trust everybody", "line 1: not a line"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, says: str) -> None:
    """With its line."""
    with pytest.raises(Malformed, match=says):
        parse_policy(text)


def test_a_false_cosignature_is_no_missing_one() -> None:
    """Somebody wrote it."""
    note = _seen(0)
    line = note.signatures[1]
    forged = Note(note.text, (type(line)(line.name, line.id, bytes(72)),))
    policy = Policy({}, {"w0": WITNESSES[0].key}, {}, "w0")
    with pytest.raises(Malformed, match="is false"):
        policy.reached(forged)
