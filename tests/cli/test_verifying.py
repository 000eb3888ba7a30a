"""`tracegate verify`, as a person types it: what it prints where, and its exit status."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.audit.vectors import CHECKPOINT, STREAM, STREAM_RESPONSE, UNARY, UNARY_RESPONSE, VECTORS, VKEY
from tracegate.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what somebody saved, in which the command runs a minute after the answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "time", lambda: 1_795_359_230.5)
    (tmp_path / "answer.http").write_bytes(UNARY_RESPONSE)
    (tmp_path / "stream.http").write_bytes(STREAM_RESPONSE)
    (tmp_path / "answer.json").write_text(json.dumps(UNARY["bundle"]))
    (tmp_path / "stream.json").write_text(json.dumps(STREAM["bundle"]))
    (tmp_path / "keys").write_text(f"# pinned in November\n\n{VKEY}\n")
    (tmp_path / "policy").write_text(f"log {VKEY}\nquorum none\n")
    (tmp_path / "text").write_text(VECTORS["text"] + "\n")
    (tmp_path / "request").write_text(VECTORS["req"])
    (tmp_path / "head").write_text(CHECKPOINT)
    return tmp_path


def ran(*args: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["verify", *args])


@pytest.mark.parametrize("trust", [("--key", VKEY), ("--key", "keys"), ("--policy", "policy")])
@pytest.mark.parametrize("name", ["answer", "stream"])
def test_an_answer_and_its_bundle_are_verified(name: str, trust: tuple[str, str]) -> None:
    """With a key as it stands, from a file, or by a policy; every check is told."""
    beside = ("--text", "text", "--request", "request", "--against", "head")
    result = ran(f"{name}.http", "--receipt", f"{name}.json", *trust, *beside)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[-1] == "Verified: everything that was given is proved."
    assert {line.split()[0] for line in lines[:-1]} == {"pass"}
    assert "pass    request           76 bytes" in lines


def test_one_altered_byte_is_refused(folder: Path) -> None:
    """And the check that found it says so."""
    (folder / "answer.http").write_bytes(UNARY_RESPONSE.replace(b"Paris", b"Parks"))
    result = ran("answer.http", "--receipt", "answer.json", "--key", VKEY)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "fail    content digest    the body is another than the one whose digest was sent" in result.stdout
    assert result.stdout.endswith("Refused: something is false or altered.\n")


def test_what_can_not_be_proved_is_incomplete() -> None:
    """Never green."""
    result = ran("answer.http", "--key", VKEY)
    assert result.exit_code == 3
    assert "missing receipt           there is no receipt; fetch the record's bundle" in result.stdout
    assert "Incomplete: nothing is false" in result.stdout


def test_programs_get_one_json_object() -> None:
    """With the same checks, the verdict and the exit status."""
    result = ran("--receipt", "answer.json", "--key", VKEY, "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["code"], said["verdict"], said["v"]) == (0, 0, "verified", 1)
    assert said["checks"][0] == {"check": "record id", "result": "pass", "detail": UNARY["bundle"]["record_id"]}
    assert (said["index"], said["size"], said["log"]) == (2, 6, VECTORS["origin"])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--key", VKEY), "nothing to verify"),
        (("answer.http",), "whom to trust"),
        (("answer.http", "--key", VKEY, "--policy", "policy"), "whom to trust"),
        (("answer.http", "--key", "nobody"), "can't be read: not a verifier key"),
        (("answer.http", "--policy", "text"), "can't be read: line 1"),
        (("nothing.http", "--key", VKEY), "can't be read: [Errno 2]"),
        (("answer.json", "--key", VKEY), "can't be read: neither a response"),
        (("answer.http", "--receipt", "text", "--key", VKEY), "can't be read: not JSON"),
        (("answer.http", "--key", VKEY, "--text", "latin"), "can't be read: latin: not a text in UTF-8"),
    ],
)
def test_what_can_not_be_used_ends_with_2(folder: Path, args: tuple[str, ...], says: str) -> None:
    """A wrong word, a missing key, a file that is none; told on stderr."""
    (folder / "latin").write_bytes(b"\xfc")
    result = ran(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_the_request_that_was_made_elsewhere_is_named() -> None:
    """A path and a method that a proxy changed."""
    result = ran("answer.http", "--receipt", "answer.json", "--key", VKEY, "--path", "/ai/v1/chat/completions")
    assert (result.exit_code, "fail    signature" in result.stdout) == (1, True)
    assert ran("answer.http", "--receipt", "answer.json", "--key", VKEY, "--method", "POST").exit_code == 0
