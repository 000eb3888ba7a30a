"""`tracegate serve` up to the moment where uvicorn takes over: load, bind, greet."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.agreement.house import loaded
from tests.server.certificate import certificate
from tracegate.audit.disk import Disk
from tracegate.audit.opening import Place, open_log
from tracegate.cli import serving
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.errors import ConfigError
from tracegate.testing.clock import FakeClock

VALID = """
listen: 127.0.0.1:0
providers: {a: {dialect: openai, base_url: "https://a.test/v1", key: none}}
targets: {t: a/x, u: a/y}
routes: {chat: [t, a/z], "*": chat}
telemetry: {otlp: none}
"""


EVERYWHERE = "0.0.0.0"  # noqa: S104  # what is open to the network is what is tested


@dataclass
class Taken:
    """What uvicorn would have been given."""

    status: int = 0
    error: ConfigError | None = None
    given: list[tuple[Config, tuple[str, int], int]] = field(default_factory=list)

    def serve(self, config: Config, sock: socket.socket, workers: int, ready: Callable[[], None]) -> int:
        """Instead of `tracegate.server.serve.serve`."""
        if self.error is not None:
            raise self.error
        self.given.append((config, sock.getsockname(), workers))
        ready()
        return self.status


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    """Nothing is served."""
    taken = Taken()
    monkeypatch.setattr(serving, "serve", taken.serve)
    return taken


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A configuration."""
    path = tmp_path / "tracegate.yaml"
    path.write_text(VALID)
    return str(path)


def test_it_says_where_it_serves_what(taken: Taken, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Port 0 became a real one; the status is what serving ends with."""
    taken.status = 3
    assert serving.run(file, None, None, 2) == 3
    ((config, (host, port), workers),) = taken.given
    assert (host, workers, config.file) == ("127.0.0.1", 2, file)
    assert capsys.readouterr() == (
        f"Tracegate serves on http://127.0.0.1:{port}/v1\n  models     chat, t, u\n"
        f"  audit      strict → {Path(file).parent}/tracegate-audit (default)\n  telemetry  nothing is exported\n",
        "",
    )


def test_it_says_which_key_to_pin(tmp_path: Path) -> None:
    """That of the newest log of its own replica; of several workers none is known yet."""
    config = loaded(f"audit: {{dir: {tmp_path}, replica: r1}}\n{VALID}")
    assert not any("audit key" in line for line in greeting(config))
    clock = FakeClock()
    keys: list[str] = []
    for replica, epoch in (("r1", "2026-01"), ("r1", "2026-02"), ("r10", "2026-03")):
        place = Place(tmp_path, f"localhost/tracegate/default/{replica}/{epoch}")
        opened = open_log(Disk(), place, clock.wall() // 1_000_000_000 + len(keys))
        opened.let_go(Disk())
        keys.append(opened.signer.key.vkey)
    assert f"  audit key  {keys[1]}" in greeting(config)
    assert not any("audit key" in line for line in serving.greeting(config, ("127.0.0.1", 4000), 2))
    off = loaded(f"audit: {{dir: {tmp_path}, replica: r1, mode: off}}\n{VALID}")
    assert [line for line in greeting(off) if "audit" in line] == ["  audit      off (file)"]


def test_host_and_port_win_over_the_file(taken: Taken, file: str) -> None:
    """What is not given stays."""
    assert serving.run(file, "::1", None, 1) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert serving.run(file, None, port, 1) == 0
    (_, (first, *_), _), (_, second, _) = taken.given
    assert (first, second) == ("::1", ("127.0.0.1", port))


def test_an_open_address_without_keys_is_refused(taken: Taken, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless the file says that something in front checks callers, or there are keys."""
    assert serving.run(file, EVERYWHERE, 0, 1) == 1
    out, err = capsys.readouterr()
    assert (out, taken.given) == ("", [])
    assert "open to the network and there are no `keys`" in err
    Path(file).write_text(VALID.replace("listen: 127.0.0.1:0", "listen: {address: 127.0.0.1:0, without_keys: true}"))
    assert serving.run(file, EVERYWHERE, 0, 1) == 0
    Path(file).write_text(VALID + f'keys: {{app: {{hash: "sha256:{"0" * 64}"}}}}\n')
    assert serving.run(file, EVERYWHERE, 0, 1) == 0


def test_an_address_that_is_taken_is_said(taken: Taken, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and how to choose another."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert serving.run(file, None, port, 1) == 1
    out, err = capsys.readouterr()
    assert (out, taken.given) == ("", [])
    assert err.startswith(f"can't listen on 127.0.0.1:{port}: Address already in use. Stop what listens there, or")


def test_a_host_that_nobody_knows_is_said(taken: Taken, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that resolves to nothing here."""
    Path(file).write_text(VALID.replace("listen: 127.0.0.1:0", "listen: {address: 127.0.0.1:0, without_keys: true}"))
    assert serving.run(file, "no-such-host.invalid", None, 1) == 1
    assert "can't listen on no-such-host.invalid:0: " in capsys.readouterr().err


def test_what_can_not_be_started_is_said(taken: Taken, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By whoever found it."""
    taken.error = ConfigError("listen.tls: no")
    assert serving.run(file, None, None, 1) == 1
    assert capsys.readouterr() == ("", "listen.tls: no\n")


def test_a_file_that_can_not_be_used_ends_it(file: str) -> None:
    """As for every command."""
    with pytest.raises(SystemExit) as caught:
        serving.run(file + "x", None, None, 1)
    assert caught.value.code == 2


def greeting(config: Config, address: tuple[str, int] = ("127.0.0.1", 4000)) -> list[str]:
    """Lines of a greeting."""
    return "\n".join(serving.greeting(config, address)).splitlines()


def test_without_a_file_it_says_what_it_found_and_how_to_change_that() -> None:
    """The providers of the environment, and the file that would mean the same."""
    lines = greeting(load(None, {"OPENAI_API_KEY": "sk-0123456789", "GROQ_API_KEY": "gsk-0123456789"}))
    assert lines[0] == "no tracegate.yaml here: serving the providers whose variable is set, as provider/model"
    assert "      openai: {}" in lines
    assert "Tracegate serves on http://127.0.0.1:4000/v1" in lines
    (models,) = [line for line in lines if line.startswith("  models ")]
    assert {"openai/…", "groq/…"} == set(models.split(None, 1)[1].split(", "))
    assert "sk-0123456789" not in "\n".join(lines)


def test_tls_and_ipv6_are_shown_as_a_client_writes_them() -> None:
    """`https`, and brackets."""
    cert, key = certificate()
    listen = f'listen: {{address: "[::1]:0", tls: {{cert: "{cert}", key: "{key}"}}}}'
    config = loaded(VALID.replace("listen: 127.0.0.1:0", listen))
    assert greeting(config, ("::1", 4000))[0] == "Tracegate serves on https://[::1]:4000/v1"


def test_what_a_person_should_know_is_said_at_the_end() -> None:
    """Warnings and notes of the configuration, as `check` says them."""
    config = loaded("telemetry: {otlp: none}\n")
    lines = greeting(config)
    assert lines[1:] == [
        "  models     none",
        f"  audit      strict → {config.audit.dir} (default)",
        "  telemetry  nothing is exported",
        f"  warning    {config.file}:1:1  there are no `providers`: nothing can be served",
    ]
