"""A disk that is full, too small a file, a folder that can't be written: refused at once, sound, and over by itself.

Only root may mount and forbid what happens here, and CI is root.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from tests.torture.clients import PATIENCE_S, Held, Kind, ask_once
from tests.torture.gateways import Gateway, Gateways
from tests.torture.judged import faults_of
from tests.torture.killing import SCRIPTS, Books, Tally, configuration
from tracegate.testing.simulator import Simulator

pytestmark = pytest.mark.slow

UNARY, STREAM, LONG = Kind("plain"), Kind("plain", stream=True), Kind("long", stream=True)
WITHIN_S = 1.5
"""An answer waits at most a second for the log; the rest is a busy machine's."""

MS_RDONLY, MNT_DETACH = 1, 2
SET_FLAGS, IMMUTABLE = 0x40086602, 0x10
"""Source: ioctl_iflags(2), linux/fs.h."""

Harm = Callable[[Gateway, Path], AbstractContextManager[None]]


@contextmanager
def mounted(folder: Path, flags: int = 0) -> Iterator[None]:
    """A file system of 2 MiB in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder.mkdir()
    if libc.mount(b"none", str(folder).encode(), b"tmpfs", flags, b"size=2m") != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "a tmpfs can't be mounted")
    try:
        yield
    finally:
        libc.umount2(str(folder).encode(), MNT_DETACH)


@contextmanager
def full(gateway: Gateway, root: Path) -> Iterator[None]:
    """Not a byte is left."""
    with (root / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4096))
    yield
    (root / "ballast").unlink()


@contextmanager
def small(gateway: Gateway, root: Path) -> Iterator[None]:
    """No file of the gateway's may grow."""
    before = resource.prlimit(gateway.process, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.process, resource.RLIMIT_FSIZE, (1, before[1]))
    yield
    resource.prlimit(gateway.process, resource.RLIMIT_FSIZE, before)


@contextmanager
def closed(gateway: Gateway, root: Path) -> Iterator[None]:
    """No file is made in any folder of the log, though one that is open takes more: what comes is not published."""
    folders = [path for path in [*root.glob("*/*"), *root.glob("*/*/**/")] if path.is_dir()]
    for path in folders:
        _flag(path, IMMUTABLE)
    try:
        yield
    finally:
        for path in folders:
            _flag(path, 0)


def _flag(path: Path, flags: int) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(file, SET_FLAGS, flags.to_bytes(8, "little"))
    finally:
        os.close(file)


@pytest.mark.parametrize("harm", [full, small, closed])
def test_a_log_that_can_not_be_written_stops_answers_and_nothing_else(harm: Harm, tmp_path: Path) -> None:
    """503 within about a second, and no provider is called; what was under way ends without a receipt; then it goes on.

    No restart is needed, and the log is sound.
    """
    got: list[Held] = []

    async def refused(port: int, kind: Kind) -> bool:
        began = time.monotonic()
        held = await ask_once(port, kind)
        got.append(held)
        if held.status == 200:
            return False
        assert time.monotonic() - began < WITHIN_S
        head, _, body = held.raw.lower().partition(b"\r\n\r\n")
        assert (held.status, json.loads(body)["error"]["code"]) == (503, "audit_unavailable")
        assert not any(name in head for name in (b"tracegate-record", b"content-digest", b"signature"))
        return True

    async def go(gateways: Gateways) -> list[bytes]:
        async with Simulator(SCRIPTS) as provider, asyncio.timeout(PATIENCE_S):
            gateway = gateways.start(configuration(tmp_path, provider.base_url))
            got.append(await ask_once(gateway.port, UNARY))
            under_way = asyncio.create_task(ask_once(gateway.port, LONG))
            await provider.until(lambda log: len(log) == 2)
            with harm(gateway, tmp_path / "log"):
                while not await refused(gateway.port, UNARY):
                    pass  # a checkpoint must be due before it is seen that none can be made
                calls = len(provider.log)
                assert [await refused(gateway.port, kind) for kind in (UNARY, STREAM) * 3] == [True] * 6
                got.append(await under_way)
                assert len(provider.log) == calls
            while await refused(gateway.port, UNARY):
                pass
            got.append(await ask_once(gateway.port, STREAM))
            assert await asyncio.to_thread(gateways.end, gateway) == 0
            return [entry.body for entry in provider.log]

    with mounted(tmp_path / "log"), Gateways(tmp_path / "said") as gateways:
        called = asyncio.run(go(gateways))
        broken = next(held for held in got if b"long" in held.asked)
        assert broken.whole
        if harm is not closed:  # a leaf that is durable may be named before it is published
            assert (broken.receipt, b"audit_unavailable" in broken.raw) == (False, True)
            assert b"[DONE]" not in broken.raw
        assert faults_of(tmp_path / "log") == []
        tally = Tally()
        Books(tmp_path / "log").hold([held for held in got if held.status == 200], called, tally)
        assert tally.faults == []
        assert min(tally.counts["whole answers"], tally.counts["whole streams"]) >= 1


def test_a_gateway_does_not_start_on_a_disk_that_can_only_be_read(tmp_path: Path) -> None:
    """Status 1, and why."""
    with mounted(tmp_path / "log", MS_RDONLY), Gateways(tmp_path / "said") as gateways:
        assert gateways.ended(gateways.start(configuration(tmp_path, "http://127.0.0.1:9/v1"))) == 1
    assert "can't be written: Read-only file system" in (tmp_path / "said").read_text()
