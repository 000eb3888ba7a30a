"""Serving over sockets: as the process it is, with one worker and several, and inside a running loop."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import httptools
import pytest
import uvicorn
import uvloop
from uvicorn.config import STARTUP_FAILURE
from uvicorn.server import ServerState
from uvicorn.supervisors.multiprocess import SIGNALS

from tests.agreement.house import loaded
from tests.server import processes
from tests.server.certificate import certificate, trusting
from tests.server.opened import CALL, KEY, KEYS, SECRET, config
from tests.server.processes import ask
from tests.server.sockets import Served, call, on_sockets, until
from tracegate.audit.directory import Directory
from tracegate.audit.events import Opened
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.kinds import Final
from tracegate.audit.leaf import read
from tracegate.clock import SystemClock
from tracegate.config.model import Config, Listen
from tracegate.errors import ConfigError
from tracegate.server import serve
from tracegate.server.assemble import assemble
from tracegate.server.protocol import LimitedProtocol
from tracegate.server.scope import fresh
from tracegate.testing.collected import Collected
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen
from tracegate.testing.simulator import Simulator

pytestmark = pytest.mark.slow

PROMPT = "what nobody may read"
OFF = "audit: {mode: off}\n"  # what a test of this process would leave


def written(folder: Path, origin: str, more: str = "", *models: str) -> str:
    """A file whose one provider is a simulator's."""
    file = folder / "tracegate.yaml"
    text = config(*(models or ("sim-ok",)), more=more)
    for number in range(len(models) or 1):
        text = text.replace(f"https://p{number}.test/v1", origin)
    file.write_text(text.replace(SECRET, "${PROVIDER_KEY}").replace(KEY, "${CLIENT_KEY}"))
    return str(file)


ENV = {"PROVIDER_KEY": SECRET, "CLIENT_KEY": KEY}


def ran(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test of processes."""
    asyncio.run(main())


# --- one process ---


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_when_open_requests_are_answered(sign: signal.Signals, tmp_path: Path) -> None:
    """Exit status 0, telemetry sent, nothing on stderr; port 0 became a real one, and our greeting is all it says."""

    async def main() -> None:
        receiver = Receiver()
        async with listen(receiver) as listening, Simulator() as simulator:
            more = f"telemetry: {{otlp: {listening.url}}}\n"
            file = written(tmp_path, simulator.base_url, more, "sim-ok+wait=700ms")
            async with processes.serving("--config", file, "--port", "0", env=ENV) as process:
                assert process.greeting[1] == "  models     chat, t0"
                asking = asyncio.create_task(ask(process.port, CALL))
                await simulator.until(lambda log: len(log) > 0)
                ending = asyncio.create_task(process.end(sign))
                status, _, _ = await asking
                assert (status, await ending) == (200, 0)
                assert (process.out, process.err) == ("", "")
                with pytest.raises(ConnectionRefusedError):
                    await ask(process.port, CALL)
        receiver.check()
        assert sorted(span.kind for span in receiver.spans) == ["client", "internal", "server"]
        assert receiver.series("tracegate.requests.active")

    ran(main)


def test_a_client_that_keeps_a_connection_over_tls_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    """Clients keep them in pools that nobody looks at, so nobody answers when we say that it ends."""
    cert, key = certificate()
    listening = f"listen: {{address: '127.0.0.1:0', tls: {{cert: {cert}, key: {key}}}}}\n"
    file = written(tmp_path, "http://127.0.0.1:9", f"{OFF}telemetry: {{otlp: none}}\n{listening}")

    async def main() -> None:
        async with processes.serving("--config", file, "--port", "0", env=ENV) as process:

            def kept() -> ssl.SSLSocket:
                there = socket.create_connection(("localhost", process.port), timeout=processes.SOON_S)
                over = trusting().wrap_socket(there, server_hostname="localhost")
                over.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert over.recv(1000).startswith(b"HTTP/1.1 200 ")
                return over

            with await asyncio.to_thread(kept):
                assert await process.end(signal.SIGTERM) == 0
            assert "exceeded" not in process.err

    asyncio.run(main())


def test_it_is_quick_because_uvloop_and_httptools_serve() -> None:
    """Both are what uvicorn is told, or finds by itself."""
    settings = serve._settings(loaded(config("sim-ok")), app=lambda: None, log_config=None)
    make = settings.get_loop_factory()
    assert make is not None
    made = make()
    assert isinstance(made, uvloop.Loop)
    settings.load()
    assert settings.http_protocol_class is LimitedProtocol
    assert isinstance(fresh(LimitedProtocol(settings, ServerState(), {}, made)), httptools.HttpRequestParser)
    made.close()
    assert settings.interface == "asgi2" or settings.proxy_headers is False


def test_nothing_that_is_said_has_a_key_or_a_prompt(tmp_path: Path) -> None:
    """Whatever goes wrong; neither has anything that is exported."""

    async def main() -> None:
        receiver = Receiver()
        said = {**CALL, "messages": [{"role": "user", "content": PROMPT}]}
        async with listen(receiver) as listening, Simulator() as simulator:
            more = f"{KEYS}telemetry: {{otlp: {listening.url}}}\n"
            models = ("sim-401+message={key}", "sim-400+say=prompt", "sim-cut=3+say=prompt")
            file = written(tmp_path, simulator.base_url, more, *models)
            async with processes.serving("--config", file, "--port", "0", env=ENV) as process:
                for stream in (False, True):
                    await ask(process.port, {**said, "stream": stream}, authorization=f"Bearer {KEY}")
                    await ask(process.port, {**said, "model": PROMPT, "stream": stream}, **{"api-key": KEY + "x"})
                    await ask(process.port, said, path=f"/unknown?key={KEY}", **{"api-key": KEY})
                reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
                writer.write(f"{PROMPT} {KEY}\r\n\r\n".encode())
                assert await reader.read()
                writer.close()
                assert await process.end(signal.SIGTERM) == 0
                told = process.out + process.err + "\n".join(process.greeting)
                assert [text for text in (KEY, SECRET, PROMPT) if text in told] == []
                assert "Traceback" not in told
        assert receiver.found(KEY, SECRET, PROMPT) == []
        assert receiver.spans

    ran(main)


def test_without_a_file_the_providers_of_the_environment_are_served(tmp_path: Path) -> None:
    """It says what it found, and what to write to change that."""

    async def main() -> None:
        env = {"OPENAI_API_KEY": SECRET, "OTEL_SDK_DISABLED": "true"}
        async with processes.serving("--port", "0", env=env, cwd=tmp_path) as process:
            told = "\n".join(process.greeting)
            assert "OPENAI_API_KEY" in told
            assert "providers:\n      openai: {}" in told
            assert "  models     openai/…" in told
            assert SECRET not in told
            status, _, body = await ask(process.port, path="/v1/models")
            assert (status, [entry["id"] for entry in json.loads(body)["data"]]) == (200, ["openai/*"])
            assert await process.end(signal.SIGTERM) == 0

    ran(main)


# --- several workers ---


def files_of(pid: int) -> list[str]:
    """What a process has open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.append(os.readlink(link))
    return found


def sockets_of(pid: int) -> int:
    """How many sockets a process has open."""
    return sum(file.startswith("socket:") for file in files_of(pid))


def started(process: processes.Process) -> bool:
    """Whether both workers have their event loops."""
    workers = process.workers()
    return len(workers) == 2 and all(any("eventpoll" in file for file in files_of(pid)) for pid in workers)


def test_every_worker_serves_the_same_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    """Although the file is gone by then; a stop reaches all of them, and all of them send their telemetry."""

    async def main() -> None:
        receiver = Receiver()
        async with listen(receiver) as listening, Simulator() as simulator:
            file = written(tmp_path, simulator.base_url, f"telemetry: {{otlp: {listening.url}}}\n")
            async with processes.serving("--config", file, "--port", "0", "--workers", "2", env=ENV) as process:
                os.unlink(file)
                await both_answer(process)
                first = process.workers()[0]
                os.kill(first, signal.SIGKILL)
                await until(lambda: first not in process.workers())
                await both_answer(process)
                assert await process.end(signal.SIGTERM) == 0
                assert process.out == ""
                (line,) = process.err.splitlines()
                assert line.endswith(f"INFO uvicorn.error: Child process [{first}] died")
        assert_two_logs(tmp_path / "tracegate-audit")
        ids = {span.origin.resource["service.instance.id"] for span in receiver.spans}
        assert len(ids) >= 2
        assert (
            len({span.attributes["tracegate.route.version"] for span in receiver.spans if span.kind == "internal"}) == 1
        )

    ran(main)


def assert_two_logs(folder: Path) -> None:
    """Each worker had one; that of the one that died was gone on with. Both are sound, and no record is in both."""
    logs = Directory(folder).logs()
    assert sorted(log.name.split("/")[0][-3:] for log in logs) == ["-w0", "-w1"]
    opened, records = [], []
    for log in logs:
        assert [str(check) for check in fsck(Folder(log.folder), log.key).checks if check.result != "pass"] == []
        leaves = [read(raw).leaf for _, raw in log.leaves()]
        opened += [leaf.reason for leaf in leaves if isinstance(leaf, Opened)]
        records += [leaf.record_id for leaf in leaves if isinstance(leaf, Final)]
    assert sorted(opened) == ["new", "new", "recovery"]
    assert len(set(records)) == len(records) >= 32


async def both_answer(process: processes.Process) -> None:
    """Open connections until each worker has some, and ask on each of them."""
    await until(lambda: started(process))
    pids, enough = process.workers(), 8  # more than a worker opens for itself
    before = {pid: sockets_of(pid) for pid in pids}
    streams = []
    try:
        async with asyncio.timeout(processes.SOON_S):
            while not all(sockets_of(pid) >= before[pid] + enough for pid in pids):
                streams.append(await asyncio.open_connection("127.0.0.1", process.port))
                await asyncio.sleep(0.005)  # which worker took it is seen from outside only, a moment later
        for reader, writer in streams:
            writer.write(call())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), processes.SOON_S)
            assert head.startswith(b"HTTP/1.1 200 ")
    finally:
        for _, writer in streams:
            writer.close()


def test_ctrl_c_while_workers_start_is_quiet(tmp_path: Path) -> None:
    """A terminal sends it to all of them."""

    async def main() -> None:
        file = written(tmp_path, "http://127.0.0.1:9/v1", "telemetry: {otlp: none}\n")
        async with processes.serving("--config", file, "--port", "0", "--workers", "2", env=ENV) as process:
            assert await process.end(signal.SIGINT, everybody=True) == 0
            assert (process.out, process.err) == ("", "")

    ran(main)


def log_in(folder: Path) -> Path:
    """What the only log beside a file says of itself."""
    (found,) = folder.glob("tracegate-audit/*/*/log.json")
    return found


def test_a_log_that_another_process_has_is_said(tmp_path: Path) -> None:
    """Exit status 4; the first goes on. Each answer has a record in its log, which is sound when it ends."""

    async def main() -> None:
        async with Simulator() as simulator:
            file = written(tmp_path, simulator.base_url, "telemetry: {otlp: none}\n")
            async with processes.serving("--config", file, "--port", "0", env=ENV) as process:
                assert process.greeting[2:] == [
                    f"  audit      strict → {tmp_path}/tracegate-audit (default)",
                    f"  audit key  {json.loads(log_in(tmp_path).read_bytes())['vkey']}",
                    "  telemetry  nothing is exported",
                ]
                status, out, err = await processes.run("serve", "--config", file, "--port", "0", env=ENV)
                assert (status, out, "Traceback" in err) == (4, "", False)
                assert "in use by another process; `audit.replica` gives this one another" in err
                status, fields, _ = await ask(process.port, CALL)
                assert (status, "tracegate-record" in fields) == (200, True)
                assert await process.end(signal.SIGTERM) == 0
        folder, key = str(log_in(tmp_path).parent), process.greeting[3].split()[-1]
        status, out, _ = await processes.run("audit", "fsck", folder, "--key", key)
        assert status == 0, out

    ran(main)


def test_a_log_that_can_not_be_kept_is_said(tmp_path: Path) -> None:
    """Exit status 1, no traceback; damage with the file, a place that can't be had with how to choose another."""
    file = written(tmp_path, "http://127.0.0.1:9/v1", "telemetry: {otlp: none}\naudit: {replica: r1}\n")
    options = ("serve", "--config", file, "--port", "0")
    folder = tmp_path / "tracegate-audit"
    folder.write_text("in the way")
    status, out, err = asyncio.run(processes.run(*options, env=ENV))
    assert (status, out, "Traceback" in err) == (1, "", False)
    assert f"audit.dir: the audit log in `{folder}` can't be written: File exists" in err
    assert "choose another place, or write `audit: {mode: off}`" in err
    folder.unlink()
    (folder / "keys" / "r1").mkdir(parents=True)
    (folder / "r1" / "2026-01").mkdir(parents=True)
    (folder / "keys" / "r1" / "2026-01.key").write_text("a key without a log")
    status, _, err = asyncio.run(processes.run(*options, env=ENV))
    assert (status, "Traceback" in err) == (1, False)
    assert "`log.json` is missing, and its key `2026-01.key` is there" in err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_can_not_be_built_is_said_once_and_ends_it(workers: str, tmp_path: Path) -> None:
    """Exit status 1, no traceback, nothing tried again and again."""
    (tmp_path / "ca.pem").write_text("no certificate")

    async def main() -> None:
        file = written(tmp_path, 'https://p0.test/v1", tls: {ca: ca.pem}, region: "eu', "telemetry: {otlp: none}\n")
        status, out, err = await processes.run("serve", "--config", file, "--port", "0", "--workers", workers, env=ENV)
        assert status == 1
        assert "providers.p0" in err
        assert "Traceback" not in err
        assert "serves on" not in out or workers == "2"

    ran(main)


# --- inside this process ---


def test_an_address_is_bound_or_refused() -> None:
    """IPv6 too; a refused one leaves no socket open."""
    with serve.bind(Listen(port=0)) as one, serve.bind(Listen("::1", 0)) as six:
        assert six.family is socket.AF_INET6
        with pytest.raises(OSError, match="in use") as caught:
            serve.bind(Listen(port=one.getsockname()[1]))
        assert caught.value.errno == errno.EADDRINUSE
        with socket.create_connection(one.getsockname()):  # it waits there, although nobody serves yet
            pass


def test_a_request_longer_than_the_drain_time_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its client is told, the records say `shutdown`, and no traceback is left for the operator."""
    monkeypatch.setattr(serve, "DRAIN_S", 0.3)
    told: list[bytes] = []
    tasks: list[asyncio.Task[None]] = []

    async def client(served: Served) -> None:
        async with served.client() as one:
            one.send(call())
            told.append(await one.closed())

    async def asked(served: Served) -> None:
        tasks.append(asyncio.create_task(client(served)))
        await until(lambda: len(served.exchange.log) > 0)

    async def afterwards() -> None:
        await asyncio.wait(tasks)

    served = on_sockets("uvloop", asked, "sim-silence", afterwards=afterwards)
    assert told[0].startswith(b"HTTP/1.1 503 ")
    assert b'"code":"shutdown"' in told[0]
    (request,) = served.view.requests
    assert {record.reason for record in request.records} == {"shutdown"}
    assert "shutdown exceeded" in caplog.text


def test_what_stops_a_server_before_it_serves_is_raised() -> None:
    """Nobody waits for ever."""

    async def main() -> None:
        configured = loaded(config("sim-ok"))
        sock = serve.bind(Listen(port=0))
        sock.close()
        async with serve.serving(assemble(configured, Collected(), exchanges=memory()).app, sock, configured):
            raise AssertionError("it serves")

    with pytest.raises((OSError, ValueError)):
        asyncio.run(main())


def memory() -> dict[str, Any]:
    """A way to the one provider."""
    return {"p0": MemoryExchange(SystemClock())}


def test_serving_in_this_process_tells_when_it_is_ready_and_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal does not come again afterwards, as it would with uvicorn alone."""
    ready: list[int] = []

    def raised() -> None:
        ready.append(1)
        signal.raise_signal(signal.SIGTERM)

    with serve.bind(Listen(port=0)) as sock:
        assert serve.serve(loaded(config("sim-ok", more=f"telemetry: {{otlp: none}}\n{OFF}")), sock, 1, raised) == 0
    assert ready == [1]


def broken(folder: Path) -> Config:
    """A configuration that can't be built: a certificate that is none."""
    (folder / "ca.pem").write_text("no certificate")
    return loaded(config("sim-ok").replace("dialect: openai,", f"dialect: openai, tls: {{ca: {folder}/ca.pem}},"))


def test_a_worker_that_can_not_be_built_ends_with_uvicorns_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that its supervisor does not start it again; alone, the status is ours."""
    with pytest.raises(SystemExit) as caught:
        serve.worker(broken(tmp_path))
    assert caught.value.code == STARTUP_FAILURE
    assert "providers.p0" in capsys.readouterr().err
    with serve.bind(Listen(port=0)) as sock:
        assert serve.serve(broken(tmp_path), sock) == 1


@pytest.mark.parametrize(("exitcode", "status"), [(0, 0), (-15, 0), (STARTUP_FAILURE, 1)])
def test_the_status_of_several_workers(monkeypatch: pytest.MonkeyPatch, exitcode: int, status: int) -> None:
    """One that could not start ends all."""
    said: list[str] = []

    class One:
        def __init__(self) -> None:
            self.exitcode = exitcode

    class Supervisor:
        def __init__(self, settings: uvicorn.Config, sockets: list[socket.socket]) -> None:
            assert settings.workers == 3
            self.processes = [One()]

        def run(self) -> None:
            said.append("run")

    monkeypatch.setattr(serve, "Workers", Supervisor)
    with serve.bind(Listen(port=0)) as sock:
        assert serve.serve(loaded(config("sim-ok")), sock, 3, lambda: said.append("ready")) == status
    assert said == ["ready", "run"]


def test_a_supervisor_that_was_told_to_stop_stops_before_it_looks() -> None:
    """And workers are started with Ctrl-C left to it."""
    seen: list[object] = []
    before = {sign: signal.getsignal(sign) for sign in SIGNALS}  # uvicorn takes them all
    try:
        settings = uvicorn.Config("nobody:app", workers=1, log_config=None)
        supervisor = serve.Workers(settings, [])
        assert supervisor.should_exit.is_set() is False
        supervisor.processes_num = 0
        ours = signal.getsignal(signal.SIGINT)
        supervisor.init_processes()
        assert signal.getsignal(signal.SIGINT) is ours
        supervisor.signal_queue.append(signal.SIGHUP)
        assert supervisor.should_exit.is_set() is False
        supervisor.signal_queue.append(signal.SIGINT)
        seen.append(supervisor.should_exit.is_set())
        supervisor.signal_queue.clear()
        supervisor.should_exit.set()
        seen.append(supervisor.should_exit.is_set())
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
    assert seen == [True, True]
    assert isinstance(supervisor.should_exit, threading.Event)


def test_a_certificate_that_can_not_be_used_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    """Said before anything starts."""
    _, key = certificate()
    (tmp_path / "no.pem").write_text("no certificate")
    for bad in ("/no/such/file.pem", str(tmp_path / "no.pem")):
        listening = f'listen: {{address: "127.0.0.1:0", tls: {{cert: "{bad}", key: "{key}"}}}}\n'
        with serve.bind(Listen(port=0)) as sock, pytest.raises(ConfigError, match=r"listen\.tls"):
            serve.serve(loaded(config("sim-ok", more=listening)), sock)
