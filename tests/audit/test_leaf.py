"""Leaves as bytes: those of the vectors, those of every type, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import msgspec
import pytest
import rfc8785

from tests.audit.leaves import HEX, SAMPLES
from tests.audit.vectors import HASHES, LEAVES
from tests.house.repository import ROOT
from tracegate.audit.events import Heartbeat, Leaf
from tracegate.audit.kinds import Gateway
from tracegate.audit.leaf import LARGEST, read, write
from tracegate.errors import Malformed


def _heartbeat(node: str) -> Heartbeat:
    gateway = Gateway(node=node, run="r", version="1", config_digest=HEX)
    return Heartbeat(v=1, log="l.example/x", gateway=gateway, t=1, open_intents=0)


@pytest.mark.parametrize(("raw", "expected"), list(zip(LEAVES, HASHES, strict=True)))
def test_the_leaves_of_the_vectors(raw: bytes, expected: bytes) -> None:
    """Read, hashed, and written again to the same bytes."""
    found = read(raw)
    assert found.hash == expected
    assert write(found.leaf) == raw == found.raw


@pytest.mark.parametrize("leaf", SAMPLES, ids=lambda leaf: type(leaf).__name__)
def test_a_leaf_of_every_type_comes_back(leaf: Leaf) -> None:
    """With all its members, in the bytes of an independent encoder."""
    raw = write(leaf)
    assert read(raw).leaf == leaf
    assert rfc8785.dumps(json.loads(raw)) == raw


def test_the_samples_have_all_members() -> None:
    """So that what is said of samples is said of every member that a leaf can have."""
    for leaf in SAMPLES:
        parts: list[object] = [leaf]
        for part in parts:
            if isinstance(part, msgspec.Struct):
                absent = [name for name in part.__struct_fields__ if getattr(part, name) is None]
                assert not absent, (type(part).__name__, absent)
                parts += [getattr(part, name) for name in part.__struct_fields__]
            elif isinstance(part, list):
                parts += part


def _changed(**members: Any) -> bytes:
    return rfc8785.dumps(json.loads(LEAVES[5]) | members)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (LEAVES[2].replace(b",", b", ", 1), "canonical form"),
        (_changed(v=2), "2"),
        (_changed(type="rumour"), "rumour"),
        (_changed(open_intents=-1), ">= 0"),
        (_changed(open_intents="0"), "int"),
        (_changed(gateway={"node": "n"}), "run"),
        (_changed(node="unknown"), "absent"),
        (b"{" + b" " * LARGEST, "at most 65535"),
    ],
)
def test_what_is_no_leaf_is_refused(raw: bytes, says: str) -> None:
    """Another form, version or type, and members of a wrong kind."""
    with pytest.raises(Malformed, match=says):
        read(raw)


def test_a_digest_is_all_hex_and_nothing_behind_it() -> None:
    """A line end is no part of one, nor are capitals."""
    for digest in (HEX + "\n", HEX.upper(), HEX[:-1]):
        value = json.loads(LEAVES[5])
        value["gateway"]["config_digest"] = digest
        with pytest.raises(Malformed, match="config_digest"):
            read(rfc8785.dumps(value))


def test_a_key_that_is_not_known_is_allowed() -> None:
    """A later writer may say more; the bytes stay its own."""
    raw = _changed(later={"fact": [1, True]})
    assert read(raw).raw == raw


@pytest.mark.parametrize(
    ("node", "says"), [("unknown", "absent"), ("half \ud83d", "surrogate"), ("x" * 20_000, "under 16384")]
)
def test_what_can_not_stand_in_a_leaf_is_not_written(node: str, says: str) -> None:
    """A text that says `unknown`, one that is no Unicode, one that is too long."""
    with pytest.raises(Malformed, match=says):
        write(_heartbeat(node))


def test_the_word_unknown_may_stand_inside_a_text() -> None:
    """Even in quotes."""
    leaf = _heartbeat('the "unknown" soldier')
    assert read(write(leaf)).leaf == leaf


def test_reading_learns_nothing_that_two_threads_could_learn_at_once() -> None:
    """msgspec ends the process (SIGSEGV) when a thread uses a type of which another one is about to learn."""
    script = textwrap.dedent(
        """
        import sys
        from tests.audit.vectors import LEAVES
        from tracegate.audit.leaf import read

        def seen(frame, event, argument):
            if event == "call" and frame.f_globals["__name__"].startswith("msgspec"):
                learnt.append(frame.f_code.co_name)

        learnt = []
        sys.setprofile(seen)
        for raw in LEAVES:
            read(raw)
        sys.setprofile(None)
        print(learnt)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
