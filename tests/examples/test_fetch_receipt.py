"""The example that fetches a receipt, against a server that gives out what the worked bytes of the formats have."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from examples import fetch_receipt
from tests.audit.vectors import BODY, UNARY, VKEY
from tests.house.repository import ROOT

BUNDLE: dict[str, Any] = UNARY["bundle"]
WITHOUT = {name: value for name, value in BUNDLE.items() if name != "tlog_proof"}


class Gateway(HTTPServer):
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.bundles: list[Any] = []
        self.body = BODY
        self.asked: list[tuple[str, str | None]] = []


class _Asked(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(self.server.body)

    def do_GET(self) -> None:
        bundles = self.server.bundles
        self._answer(json.dumps(bundles.pop(0) if len(bundles) > 1 else bundles[0]).encode())

    def _answer(self, body: bytes) -> None:
        self.server.asked.append((self.path, self.headers["authorization"]))
        self.send_response(200)
        self.send_header("Tracegate-Record", BUNDLE["record_id"])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """One that runs, and a client that does not wait."""
    monkeypatch.setattr(fetch_receipt, "AGAIN_S", 0)
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _ran(gateway: Gateway, *key: str, vkey: str = VKEY) -> int:
    return fetch_receipt.main(f"http://127.0.0.1:{gateway.server_port}", vkey, *key)


def test_an_answer_is_proved(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """Once the proof is there, which is asked for until then."""
    gateway.bundles = [WITHOUT, WITHOUT, BUNDLE]
    assert _ran(gateway, "secret") == 0
    assert capsys.readouterr().out.endswith(f"\nverified: {BUNDLE['record_id']} is leaf 2 of its log\n")
    path = f"/v1/receipts/{BUNDLE['record_id']}"
    assert gateway.asked == [("/v1/chat/completions", "Bearer secret"), *[(path, "Bearer secret")] * 3]


def test_an_answer_that_was_changed_is_refused(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """By whoever stands between."""
    gateway.bundles, gateway.body = [BUNDLE], BODY.replace(b"Paris", b"Turin")
    assert _ran(gateway) == 1
    assert "refused: " in capsys.readouterr().out
    assert gateway.asked[0] == ("/v1/chat/completions", None)


def test_what_is_not_proved_in_time_is_incomplete(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """And never called verified."""
    gateway.bundles = [WITHOUT]
    assert _ran(gateway) == 3
    assert "incomplete: " in capsys.readouterr().out
    assert len(gateway.asked) == 1 + fetch_receipt.TRIES


def test_it_runs_as_a_script() -> None:
    """And says how."""
    command = [sys.executable, str(ROOT / "examples" / "fetch_receipt.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fetch_receipt.py URL VKEY [KEY]" in done.stderr
