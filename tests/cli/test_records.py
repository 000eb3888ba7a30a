"""`tracegate audit show`, `find` and `verify`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.stored import ANSWER, HOST, ORIGIN, QUESTION, T, opened, put, signer_of, store
from tests.cli.archived import GONE, NOBODY, ONE, RUNS, TWO, archive, last, ran, told
from tracegate.audit.directory import Directory
from tracegate.audit.events import Read

VKEY = signer_of(ORIGIN).key.vkey
OTHER = f"{HOST}/r1-w1/2026-11"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """The audit directory of a gateway without a file, beside which the command runs."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "text", b"Paris it is.\n")
    put(tmp_path / "body", ANSWER)
    put(tmp_path / "question", QUESTION)
    put(tmp_path / "keys", f"# pinned\n{VKEY}\n".encode())
    put(tmp_path / "policy", f"log {VKEY}\nquorum none\n".encode())
    return archive(tmp_path / "tracegate-audit")


def test_a_record_is_shown_with_all_its_attempts(directory: Directory) -> None:
    """Who asked, who was tried, what was answered, where it stands; and that it was read, it says in the log."""
    result = ran("show", ONE)
    assert (result.exit_code, result.stderr) == (0, "")
    for said in (
        f"{ONE}  ok",
        "came      2026-11-",
        "asked by  tenant acme, key k",
        "attempts",
        "gpt-5.5-2026-08-07 (asserted)",
        "answer    200, application/json",
        "after 1000 ms",
        f"intent    leaf 1 of {ORIGIN}",
        f"final     leaf 2 of {ORIGIN}  under a checkpoint",
    ):
        assert said in result.stdout, said
    (read,) = last(directory, Read)
    assert (read.what, read.record_ids, read.count) == ("show", [ONE], 1)


def test_a_record_is_shown_to_programs() -> None:
    """Its leaves as they are."""
    said = told("show", ONE)
    assert (said["record_id"], said["state"]) == (ONE, "closed")
    assert [(line["log"], line["index"]) for line in said["leaves"]] == [(ORIGIN, 1), (ORIGIN, 2)]
    assert json.loads(said["leaves"][1]["leaf"])["type"] == "final"
    assert told("show", GONE)["leaves"][1]["index"] == 6


def test_a_record_whose_request_runs_is_open(directory: Directory) -> None:
    """Until its gateway's next start closes it; a command that writes does so too."""
    assert "open" in ran("show", RUNS).stdout
    said = told("show", RUNS)
    assert said["state"] == "aborted"
    assert "aborted (crash)" in ran("show", RUNS).stdout
    assert told("show", TWO)["state"] == "closed"
    assert len(last(directory, Read)) == 4


def test_a_leaf_is_shown_by_its_index(directory: Directory) -> None:
    """Of any type."""
    result = ran("show", "0")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"log.open  leaf 0 of {ORIGIN}"
    assert "reason: new" in result.stdout
    assert told("show", "2")["index"] == 2
    assert [read.record_ids for read in last(directory, Read)] == [[], [ONE]]
    assert (ran("show", "999").exit_code, told("show", "999")["code"]) == (3, 3)


def test_of_several_logs_one_is_named(directory: Directory) -> None:
    """By its origin, or by replica and epoch."""
    store(directory.root, [opened(T, OTHER)], origin=OTHER)
    result = ran("show", "0")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "say with --log whose leaf; known: r1-w0/2026-11, r1-w1/2026-11" in result.stderr
    assert told("show", "0", "--log", "r1-w1/2026-11")["log"] == OTHER
    assert told("show", "0", "--log", OTHER)["log"] == OTHER
    assert ran("show", "0", "--log", "r9/2026-11").exit_code == 2


@pytest.mark.parametrize(
    ("args", "by"),
    [
        (("--response-id", "chatcmpl-9"), "response-id"),
        (("--record", ONE), "record"),
        (("--trace", "4bf92f3577b34da6a3ce929d0e0e4736"), "trace"),
        (("--upstream", "req_7"), "upstream"),
        (("--text", "text"), "text"),
        (("--body", "body"), "wire"),
    ],
)
def test_a_record_is_found_by_what_somebody_has(directory: Directory, args: tuple[str, str], by: str) -> None:
    """In a table, and for programs."""
    result = ran("find", *args)
    assert (result.exit_code, result.stderr) == (0, "")
    assert ONE in result.stdout
    assert result.stdout.splitlines()[0].split()[:2] == ["record", "came"]
    row = told("find", *args)["found"][0]
    assert (row["record_id"], row["by"], row["index"]) == (ONE, by, 2)
    assert {read.what for read in last(directory, Read)} == {"find"}


def test_a_record_that_runs_is_found_by_its_intent() -> None:
    """It has no more yet."""
    assert "open" in ran("find", "--record", RUNS).stdout


def test_what_is_not_found_ends_with_3(directory: Directory) -> None:
    """Nothing was read, so nothing is noted."""
    for args in (("show", NOBODY), ("find", "--record", NOBODY), ("find", "--trace", "x"), ("verify", NOBODY)):
        result = ran(*args)
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.startswith("No ")
        assert told(*args)["code"] == 3
    assert last(directory, Read) == []


@pytest.mark.parametrize("keys", [("--key", VKEY), ("--key", "keys"), ("--policy", "policy")])
def test_a_record_is_verified_from_the_logs_alone(directory: Directory, keys: tuple[str, ...]) -> None:
    """By a key that somebody pinned."""
    result = ran("verify", ONE, *keys, "--text", "text", "--request", "question")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("Verified: everything that was given is proved.\n")
    assert told("verify", ONE, *keys)["verdict"] == "verified"
    assert {read.what for read in last(directory, Read)} == {"receipt"}


def test_a_log_that_vouches_for_itself_is_not_green() -> None:
    """Nor is a record that was erased; one that is open can't be verified yet."""
    assert ran("verify", ONE).exit_code == 3
    assert "missing key" in ran("verify", ONE).stdout
    result = ran("verify", GONE, "--key", VKEY)
    assert result.exit_code == 3
    assert "the record was erased, by leaf 6" in result.stdout
    assert ran("verify", ONE, "--key", signer_of(OTHER).key.vkey).exit_code == 1


def test_an_open_record_has_nothing_to_verify() -> None:
    """It says so."""
    result = ran("verify", RUNS, "--key", VKEY)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "still open" in result.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("show", "tg-1"), "`tg-1` is no record"),
        (("find",), "look by one thing"),
        (("find", "--text", "text", "--trace", "x"), "look by one thing"),
        (("find", "--text", "nothing"), "can't be read: [Errno 2]"),
        (("find", "--record", "x"), "`x` is no record"),
        (("verify", "x"), "`x` is no record"),
        (("verify", ONE, "--key", VKEY, "--policy", "policy"), "--key or --policy, not both"),
        (("verify", ONE, "--key", "x"), "not a verifier key"),
        (("show", ONE, "--dir", "nowhere"), "there is no log below `nowhere`: name the audit directory with --dir"),
    ],
)
def test_what_can_not_be_used_ends_with_2(args: tuple[str, ...], says: str) -> None:
    """A wrong word, a missing file; told on stderr."""
    result = ran(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_log_that_was_altered_ends_with_1(directory: Directory) -> None:
    """What is read of it is told to be false."""
    (directory.root / "r1-w0" / "2026-11" / "checkpoint").write_text("x")
    result = ran("show", ONE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("refused: ")
