"""`tracegate audit reconcile`, as a person types it: against files, and against what answers as a VictoriaLogs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner, Result

from tests.audit.shipped import NAME, leaf, origin, signer, write_log
from tests.audit.test_sinks import otlp, record
from tracegate.audit.disk import Disk
from tracegate.audit.offsets import Offset, Offsets
from tracegate.cli import main, reconciling

VKEY = signer().key.vkey


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a log of nine leaves that were all acknowledged, beside which the command runs."""
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path / "dir", 9)
    Offsets(tmp_path / "dir", Disk()).write(NAME, Offset(next=9))
    return tmp_path / "dir"


def ran(*args: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["audit", "reconcile", "dir", *args])


def lines(*indices: int) -> str:
    """What a file exporter wrote of some leaves."""
    return "".join(otlp(record(str(index), origin(), leaf(index).decode())) + "\n" for index in indices)


def test_a_complete_sink_is_told() -> None:
    """Of several files and folders together; duplicates are named."""
    Path("archive").mkdir()
    Path("archive/audit.jsonl").write_text(lines(*range(5)))
    Path("archive/audit-1.jsonl").write_text(lines(*range(4, 8)))
    Path("exported").write_text(json.dumps({"log": origin(), "index": 8, "hash": "", "leaf": leaf(8).decode()}))
    result = ran("--sink", "archive", "--sink", "exported", "--key", VKEY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"pass    duplicates        {origin()}: leaf 4: 2 times at the sink\n" in result.stdout
    assert result.stdout.endswith("as it is in the log.\n")


def test_what_is_missing_is_told_for_people_and_for_programs() -> None:
    """By log and index."""
    Path("sink").write_text(lines(0, 1, 5, 6, 7))
    result = ran("--sink", "sink", "--key", VKEY)
    assert result.exit_code == 1
    assert f"fail    missing           {origin()}: leaf 2: not at the sink; 3 leaves, to 4\n" in result.stdout
    said = json.loads(ran("--sink", "sink", "--key", VKEY, "--json").stdout)
    missing = [(one["log"], one["index"]) for one in said["checks"] if one["check"] == "missing"]
    assert missing == [(origin(), 2), (origin(), 8)]
    assert (said["code"], said["verdict"], said["missing"], said["leaves"]) == (1, "refused", 4, 9)


def test_the_number_of_gaps_can_be_told_as_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing and altered leaves of each log; that nobody takes it is an error, for the last number would stand."""
    told: list[tuple[str, str, Mapping[str, int]]] = []

    async def tell(to: str, service: str, gaps: Mapping[str, int], *_: object) -> None:
        told.append((to, service, gaps))

    Path("sink").write_text(lines(0, 1, 5, 6, 7) + otlp(record("8", origin(), leaf(7).decode())) + "\n")
    with monkeypatch.context() as patched:
        patched.setattr(reconciling, "tell_gaps", tell)
        result = ran("--sink", "sink", "--key", VKEY, "--otlp", "http://127.0.0.1:9", "--service", "shop")
    assert result.exit_code == 1
    assert told == [("http://127.0.0.1:9", "shop", {origin(): 4})]
    result = ran("--sink", "sink", "--key", VKEY, "--otlp", "127.0.0.1:9")
    assert (result.exit_code, "begins with `http://`" in result.stderr) == (2, True)


def test_what_is_missing_can_be_asked_for(root: Path) -> None:
    """The gateway will find what to send; nothing is asked for where nothing is missing."""
    Path("sink").write_text(lines(0, 1, 5, 6, 7, 8))
    result = ran("--sink", "sink", "--key", VKEY, "--resend")
    assert result.exit_code == 1
    assert "r1-w0/2026-11: the gateway sends 3 leaves once more, now or at its next start" in result.stderr
    assert Offsets(root, Disk()).asked(NAME) == ((2, 5),)
    Path("sink").write_text(lines(*range(9)))
    result = ran("--sink", "sink", "--key", VKEY, "--resend")
    assert (result.exit_code, result.stderr) == (0, "")


def test_what_is_not_proved_is_incomplete(root: Path) -> None:
    """Without a key, or with leaves that are not acknowledged yet."""
    Path("sink").write_text(lines(*range(9)))
    assert ran("--sink", "sink").exit_code == 3
    assert ran("--sink", "sink", "--key", signer("r9/2026-11").key.vkey).exit_code == 3
    Offsets(root, Disk()).write(NAME, Offset(next=7))
    Path("sink").write_text(lines(*range(7)))
    assert ran("--sink", "sink", "--key", VKEY).exit_code == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--sink", "nowhere", "--key", VKEY), "nowhere"),
        (("--sink", "dir", "--key", "no key"), "not a verifier key"),
        (("--sink", "http://127.0.0.1:1", "--key", VKEY), "refused"),
    ],
)
def test_what_can_not_be_read_is_told(args: tuple[str, ...], said: str) -> None:
    """With another exit status than a fault."""
    result = ran(*args)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_a_folder_without_logs_is_told() -> None:
    """It is not complete because there is nothing to miss."""
    Path("empty").mkdir()
    result = CliRunner().invoke(main, ["audit", "reconcile", "empty", "--sink", "empty"])
    assert (result.exit_code, "no log stands below it" in result.stderr) == (2, True)
    assert ran().exit_code == 2


class Store(BaseHTTPRequestHandler):
    """Answers as a VictoriaLogs, as far as it is asked here."""

    server: Answering

    def do_POST(self) -> None:
        """A query."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append((self.path, form["query"][0], self.headers.get("Authorization")))
        self.send_response(self.server.status)
        self.end_headers()
        bounds = re.search(r":range\[(\d+), (\d+)\)|:>=(\d+)", form["query"][0])
        assert bounds is not None
        first, end = (int(bounds[1]), int(bounds[2])) if bounds[1] else (int(bounds[3]), 10**9)
        for index in self.server.has:
            if first <= index < end:
                told = {"_msg": leaf(index).decode(), "event_name": "tracegate.audit.v1"}
                told |= {"tracegate.audit.log": origin(), "audit.sequence.number": str(index)}
                self.wfile.write(json.dumps(told).encode() + b"\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Answering(HTTPServer):
    """A store with some leaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Store)
        self.asked: list[tuple[str, str, str | None]] = []
        self.has: list[int] = []
        self.status = 200


@pytest.fixture
def store() -> Iterator[Answering]:
    """It answers while the test runs."""
    with Answering() as answering:
        thread = threading.Thread(target=answering.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield answering
        answering.shutdown()
        thread.join()


def test_a_store_is_asked_in_pages(store: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address, with the password that stands there; what stands behind the log's head is asked for too."""
    monkeypatch.setattr(reconciling, "PAGE", 4)
    store.has = [*range(9), 8]
    url = f"http://me:p%40ss@127.0.0.1:{store.server_port}/logs/"
    result = ran("--sink", url, "--key", VKEY)
    assert result.exit_code == 0, result.output
    assert {path for path, _, _ in store.asked} == {"/logs/select/logsql/query"}
    assert {key for _, _, key in store.asked} == {"Basic bWU6cEBzcw=="}
    assert [query.partition('"audit.sequence.number":')[2].partition(" | ")[0] for _, query, _ in store.asked] == [
        "range[0, 4)",
        "range[4, 8)",
        "range[8, 9)",
        ">=9",
    ]
    assert 'event_name:="tracegate.audit.v1" "tracegate.audit.log":="gw.example/' in store.asked[0][1]
    store.has.append(9)
    assert "leaf 9: the log has no such leaf" in ran("--sink", url, "--key", VKEY).stdout


def test_a_store_that_refuses_is_no_empty_one(store: Answering) -> None:
    """Nothing can be said of what it has."""
    store.status = 400
    result = ran("--sink", f"http://127.0.0.1:{store.server_port}", "--key", VKEY)
    assert (result.exit_code, "answered 400" in result.stderr) == (2, True)


def test_a_log_that_is_being_made_is_asked_for_too(store: Answering, root: Path) -> None:
    """It may be that somebody made it anew."""
    (root / NAME / "checkpoint").unlink()
    store.has = [0]
    result = ran("--sink", f"http://127.0.0.1:{store.server_port}", "--key", VKEY)
    assert "leaf 0: the log has no such leaf" in result.stdout
