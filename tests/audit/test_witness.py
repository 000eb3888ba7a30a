"""A witness signs heads that extend what it saw, and what it did not sign is not taken for signed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

import pytest

from tests.audit.made import SIGNER, WATCHER, grown
from tests.audit.vectors import ORIGIN, VKEY
from tests.audit.witnessing import Reply, TestWitness, served
from tracegate.audit.anchoring import Head, Held, Unanchored
from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.keys import Signer, parse_vkey
from tracegate.audit.merkle import consistency
from tracegate.audit.notes import parse_note
from tracegate.audit.policy import parse_policy
from tracegate.audit.tiles import TileNodes
from tracegate.audit.witness import Witness, witness
from tracegate.errors import ConfigError
from tracegate.telemetry.post import Answer, Poster
from tracegate.testing.clock import FakeClock

LEAVES = [hashlib.sha256(bytes([number])).digest() for number in range(70)]
OTHERS = [*LEAVES[:2], *(hashlib.sha256(b"x" + leaf).digest() for leaf in LEAVES[2:])]


def head(size: int, leaves: Sequence[bytes] = LEAVES, signer: Signer = SIGNER) -> Head:
    """The head of a log of so many leaves."""
    tree, files = grown(list(leaves[:size]))
    checkpoint = Checkpoint(signer.key.name, size, tree.root())

    async def proof(old: int) -> Sequence[bytes]:
        return consistency(old, size, TileNodes(size, files.read))

    return Head(str(sign_checkpoint(checkpoint, signer)), checkpoint, proof)


def asking(seen: TestWitness, reply: Reply | None = None) -> Witness:
    """A client of a witness, without a socket; `reply` is answered in place of what the witness says."""

    async def post(
        url: str, headers: Sequence[tuple[str, str]], body: bytes, timeout_ns: int, method: str = "POST"
    ) -> Answer:
        assert url == "https://w.example/w/add-checkpoint"
        status, kind, answer = reply or seen.add_checkpoint(body)
        return Answer(status, (("content-type", kind),), answer)

    return Witness(parse_vkey(seen.vkey), "https://w.example/w/", post)


def anchor(client: Witness, at: Head) -> Held | None:
    """Tell one head."""
    return asyncio.run(client.anchor(at))


def refused(client: Witness, at: Head) -> str:
    """Why a head is not signed."""
    with pytest.raises(Unanchored) as caught:
        anchor(client, at)
    return str(caught.value)


def test_a_growing_log_is_signed_head_after_head() -> None:
    """Of every size after every other, each with the proof that the witness asks for, verified by its own code."""
    for step in (1, 2, 3, 5, 8, 13, 31):
        seen = TestWitness("w.example/w", VKEY)
        client = asking(seen)
        for size in range(step, len(LEAVES) + 1, step):
            assert anchor(client, head(size)) is not None
            assert client.seen == {ORIGIN: size}
            assert seen.heads[ORIGIN] == (size, head(size).checkpoint.root)
        assert len(seen.asked) == len(LEAVES) // step  # nobody had to say where it was


def test_what_it_gave_makes_the_quorum_of_a_verifier() -> None:
    """The checkpoint with its lines below is what a policy asks for, and without them it is not."""
    seen = TestWitness("w.example/w", VKEY)
    at = head(6)
    held = anchor(asking(seen), at)
    assert held is not None
    assert (held.kind, held.where) == ("witness", "w.example/w")
    policy = parse_policy(f"log {VKEY}\nwitness w {seen.vkey}\nquorum w\n")
    assert held.proof.startswith(at.note)
    assert policy.reached(parse_note(held.proof))
    assert not policy.reached(parse_note(at.note))


def test_a_head_that_was_signed_is_not_told_again() -> None:
    """Nothing grew."""
    seen = TestWitness("w.example/w", VKEY)
    client = asking(seen)
    assert anchor(client, head(6)) is not None
    assert anchor(client, head(6)) is None
    assert len(seen.asked) == 1


def test_after_a_restart_the_witness_says_where_it_was() -> None:
    """The first try is from 0; the second from the size that it knows."""
    seen = TestWitness("w.example/w", VKEY)
    assert anchor(asking(seen), head(6)) is not None
    assert anchor(asking(seen), head(9)) is not None
    assert [body.split(b"\n")[0] for body in seen.asked] == [b"old 0", b"old 0", b"old 6"]


def test_two_logs_are_told_apart() -> None:
    """Each from where it is."""
    other = Signer("gate.example/tracegate/default/b/2026-11", WATCHER._private)
    seen = TestWitness("w.example/w", VKEY, other.key.vkey)
    client = asking(seen)
    assert anchor(client, head(6)) is not None
    assert anchor(client, head(3, signer=other)) is not None
    assert client.seen == {ORIGIN: 6, other.key.name: 3}


def test_a_log_that_was_written_anew_is_not_signed() -> None:
    """Neither as long as before, nor longer, nor shorter: this is what a witness is for."""
    seen = TestWitness("w.example/w", VKEY)
    client = asking(seen)
    assert anchor(client, head(6)) is not None
    assert "it calls the proof false" in refused(client, head(9, OTHERS))
    assert "it holds another root for this size" in refused(asking(seen), head(6, OTHERS))
    assert "it has seen 6 leaves of this log, which has 5 now" in refused(asking(seen), head(5))
    assert seen.heads[ORIGIN] == (6, head(6).checkpoint.root)
    assert client.seen == {ORIGIN: 6}


def test_a_witness_that_does_not_know_the_log_or_its_key_says_so() -> None:
    """In words for the operator, with the witness's name."""
    stranger = Signer(ORIGIN, WATCHER._private)
    assert refused(asking(TestWitness("w.example/w")), head(6)) == "w.example/w: it does not know this log"
    seen = TestWitness("w.example/w", VKEY)
    assert "it trusts no key that signed" in refused(asking(seen), head(6, signer=stranger))


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ((200, "text/plain", b""), "not a signed note|without an empty line"),
        ((200, "text/plain", b"\xff\n"), "can't decode"),
        ((200, "text/plain", "— other.example/w AAAAAAA=\n".encode()), "no signature of its key"),
        ((400, "text/plain", b""), "it calls the request malformed"),
        ((500, "text/plain", b""), "it answers 500"),
        ((409, "text/x.tlog.size", b"-1\n"), "not a decimal number"),
        ((409, "text/x.tlog.size; charset=utf-8", b"3\n"), "was told of another head meanwhile"),
        ((409, "text/plain", b""), "a conflict without a size"),
    ],
)
def test_an_answer_that_proves_nothing_is_no_anchor(reply: Reply, why: str) -> None:
    """Whatever its status."""
    with pytest.raises(Unanchored, match=f"^w.example/w: .*({why})"):
        anchor(asking(TestWitness("w.example/w", VKEY), reply), head(6))


def test_a_false_signature_of_its_key_is_no_anchor() -> None:
    """Every changed byte of it."""
    seen = TestWitness("w.example/w", VKEY)
    at = head(6)
    _, _, line = seen.add_checkpoint(b"old 0\n\n" + at.note.encode())
    assert anchor(asking(seen, (200, "text/plain", line)), at) is not None
    for index in range(len(line)):
        changed = line[:index] + bytes([line[index] ^ 1]) + line[index + 1 :]
        with pytest.raises(Unanchored):
            anchor(asking(seen, (200, "text/plain", changed)), at)


def test_signatures_of_others_are_left_out() -> None:
    """A witness may hand on what we can't judge."""
    seen = TestWitness("w.example/w", VKEY)
    at = head(6)
    _, _, line = seen.add_checkpoint(b"old 0\n\n" + at.note.encode())
    other = "— other.example/w AAAAAAA=\n".encode()
    held = anchor(asking(seen, (200, "text/plain", other + line)), at)
    assert held is not None
    assert held.proof.encode() == at.note.encode() + line


def test_a_proof_that_may_not_be_sent_is_not_sent() -> None:
    """No tree has one of more than 63 hashes; a fault of ours must not look like one of the witness."""
    seen, at = TestWitness("w.example/w", VKEY), head(6)

    async def proof(old: int) -> Sequence[bytes]:
        return [bytes(32)] * 64

    assert "at most 63" in refused(asking(seen), Head(at.note, at.checkpoint, proof))
    assert seen.asked == []


def test_over_a_socket() -> None:
    """Posted as telemetry is posted, over one kept connection; nobody there is no anchor."""
    seen = TestWitness("w.example/w", VKEY)

    async def main() -> None:
        post = Poster()
        async with served(seen) as url:
            client = witness({"key": seen.vkey, "url": url}, post, FakeClock())
            for size in (6, 9):
                assert await client.anchor(head(size)) is not None
            with pytest.raises(Unanchored, match="it does not know this log"):
                await witness({"key": seen.vkey, "url": f"{url}/elsewhere"}, post, FakeClock()).anchor(head(6))
            await post.close()
        with pytest.raises(Unanchored, match="no answer"):
            await client.anchor(head(10))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"key": WATCHER.key.vkey}, "a `key` and a `url`"),
        ({"key": WATCHER.key.vkey, "url": "https://w", "token": "t"}, "nothing else"),
        ({"key": "w.example/w", "url": "https://w"}, "the key of a witness: not a verifier key"),
        ({"key": VKEY, "url": "https://w"}, "is the key of a log"),
        ({"key": WATCHER.key.vkey, "url": "w.example/w"}, "begins with `https://`"),
    ],
)
def test_settings_that_are_none_are_refused(settings: dict[str, str], why: str) -> None:
    """With what they should be."""

    async def post(
        url: str, headers: Sequence[tuple[str, str]], body: bytes, timeout_ns: int, method: str = "POST"
    ) -> Answer:
        raise AssertionError("nothing is posted")

    with pytest.raises(ConfigError, match=why):
        witness(settings, post, FakeClock())
