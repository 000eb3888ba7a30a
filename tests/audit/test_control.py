"""How a command reaches the gateway that has a log open."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tracegate.audit import control
from tracegate.audit.control import LONGEST, Control, Said, ask
from tracegate.audit.lane import ThreadLane
from tracegate.errors import Malformed


async def _echo(said: Said) -> Said:
    if said.get("refuse"):
        raise Malformed("not that")
    return {"heard": said}


def _served(folder: Path, asked: Callable[[], Awaitable[Any]], replica: str = "r1-w0") -> Any:
    """What somebody is told while a gateway listens."""

    async def main() -> Any:
        listening = Control(folder, replica, ThreadLane(), _echo)
        await listening.start()
        try:
            return await asked()
        finally:
            await listening.close()
            await listening.close()

    return asyncio.run(main())


async def _started(folder: Path) -> None:
    """What comes of an attempt to listen."""
    listening = Control(folder, "r1-w0", ThreadLane(), _echo)
    try:
        await listening.start()
    finally:
        await listening.close()


def _asked(folder: Path, question: Said) -> Any:
    return _served(folder, lambda: asyncio.to_thread(ask, folder, "r1-w0", question))


def test_a_question_is_answered(tmp_path: Path) -> None:
    """By whoever has the replica's log open; what an earlier process left behind does not hinder."""
    folder = tmp_path / "private"
    question = {"do": "erase", "record_ids": ["é"] * 100}
    assert _asked(folder, question) == {"heard": question}
    (folder / "r1-w0.sock").touch()
    assert _asked(folder, question) == {"heard": question}
    assert not (folder / "r1-w0.sock").exists()


def test_where_nobody_listens_there_is_no_answer(tmp_path: Path) -> None:
    """Neither a folder, nor a socket, nor a process behind the one that is there."""
    assert ask(tmp_path / "private", "r1-w0", {}) is None
    assert ask(tmp_path, "r1-w0", {}) is None
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "r1-w0.sock"))
    assert ask(tmp_path, "r1-w0", {}) is None


def test_nobody_else_can_reach_it(tmp_path: Path) -> None:
    """The folder and the socket are the owner's alone."""
    folder = tmp_path / "private"

    async def modes() -> list[int]:
        return [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "r1-w0.sock")]

    assert _served(folder, modes) == [0o700, 0o600]


def test_a_folder_with_a_long_name_will_do(tmp_path: Path) -> None:
    """An address of a socket has 107 bytes."""
    folder = tmp_path / ("long" * 30) / "private"
    folder.parent.mkdir()
    assert _asked(folder, {"a": 1}) == {"heard": {"a": 1}}


def test_a_refusal_is_told(tmp_path: Path) -> None:
    """In words."""
    assert _asked(tmp_path, {"refuse": True}) == {"error": "not that"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", b'{"error": "a question is one JSON object in one line"}\n'),
        (b"[]", b'{"error": "a question is one JSON object in one line"}\n'),
        (b"x" * LONGEST * 2, b""),
    ],
)
def test_what_is_no_question_is_refused(tmp_path: Path, line: bytes, told: bytes) -> None:
    """What is too long gets no answer."""

    def sent() -> bytes:
        with socket.socket(socket.AF_UNIX) as here:
            here.connect(str(tmp_path / "r1-w0.sock"))
            try:
                here.sendall(line + b"\n")
                return here.recv(1000)
            except (BrokenPipeError, ConnectionResetError):
                return b""

    assert _served(tmp_path, lambda: asyncio.to_thread(sent)) == told


def test_a_gateway_that_stops_lets_go_of_who_asks(tmp_path: Path) -> None:
    """It does not wait for a question that does not come."""

    async def main() -> bytes:
        listening = Control(tmp_path, "r1-w0", ThreadLane(), _echo)
        await listening.start()
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "r1-w0.sock"))
        writer.write(b"{")
        while not listening._talks:  # noqa: ASYNC110  # nothing tells that it was accepted
            await asyncio.sleep(0)  # one turn of the loop, in which it may be
        await listening.close()
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
            with suppress(ConnectionResetError):  # the end that was let go may be told so
                await writer.wait_closed()

    assert asyncio.run(main()) == b""


def test_where_nobody_can_be_heard_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And told."""
    monkeypatch.setattr(control, "AGAIN_S", 0)

    real, failed = socket.socket.accept, iter([True])

    def accept(line: socket.socket) -> Any:
        if next(failed, False):
            raise OSError(24, "Too many open files")
        return real(line)

    monkeypatch.setattr(socket.socket, "accept", accept)
    assert _asked(tmp_path, {"c": 3}) == {"heard": {"c": 3}}
    assert "not heard for now: [Errno 24] Too many open files" in caplog.text


def test_who_hangs_up_hinders_nobody(tmp_path: Path) -> None:
    """The next question is answered."""

    def left() -> Any:
        with socket.socket(socket.AF_UNIX) as here:
            here.connect(str(tmp_path / "r1-w0.sock"))
        return ask(tmp_path, "r1-w0", {"b": 2})

    assert _served(tmp_path, lambda: asyncio.to_thread(left)) == {"heard": {"b": 2}}


def test_another_user_is_neither_asked_nor_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the modes of files are."""
    with monkeypatch.context() as patched:
        patched.setattr(control, "_peer", lambda _: 12345)
        with pytest.raises(Malformed, match="is another user's"):
            _asked(tmp_path, {})
    real = control._peer

    def theirs(line: socket.socket) -> int:
        return real(line) if threading.current_thread() is not threading.main_thread() else 12345

    monkeypatch.setattr(control, "_peer", theirs)
    with pytest.raises(Malformed, match="gave no answer"):
        _asked(tmp_path, {})


@pytest.mark.parametrize("told", [b"", b"x\n", b"[]\n"])
def test_what_is_no_answer_is_told(tmp_path: Path, told: bytes) -> None:
    """A gateway that ends in between, or something else that listens there."""
    with socket.socket(socket.AF_UNIX) as here:
        here.bind(str(tmp_path / "r1-w0.sock"))
        here.listen()

        def answer() -> None:
            line, _ = here.accept()
            with line:
                line.recv(1000)
                line.sendall(told)

        other = threading.Thread(target=answer)
        other.start()
        with pytest.raises(Malformed, match="gave no answer"):
            ask(tmp_path, "r1-w0", {})
        other.join()


def test_what_can_not_listen_says_why(tmp_path: Path) -> None:
    """And leaves nothing open."""
    (tmp_path / "r1-w0.sock").mkdir()
    with pytest.raises(OSError, match="directory"):
        asyncio.run(_started(tmp_path))


def test_an_address_that_is_taken_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By somebody who was quicker."""
    (tmp_path / "r1-w0.sock").touch()
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(OSError, match="in use"):
        asyncio.run(_started(tmp_path))
