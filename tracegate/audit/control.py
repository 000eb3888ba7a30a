"""How a command reaches the gateway that has a log open: one question and one answer over a socket in `private/`.

The folder has mode 0700 and the socket 0600; besides, both sides look who the other is: the folder's owner, or root.
One line of JSON each way. What is asked and what it does is not known here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tracegate.audit.lane import Lane
from tracegate.errors import Malformed, TracegateError

Said = Mapping[str, Any]
Answer = Callable[[Said], Awaitable[Said]]

LONGEST = 64 * 1024
"""Bytes of a question: a hundred record ids and a reason have room."""

PATIENCE_S = 10.0
"""How long either side waits for the other."""

AGAIN_S = 1.0
"""Pause where nobody can be heard."""

ROOT = 0

logger = logging.getLogger(__name__)

_PEER = struct.Struct("3i")  # pid, uid, gid of the other side. Source: unix(7), SO_PEERCRED


class Control:
    """The socket of one log, as long as a gateway has it open.

    Args:
        folder: `private/` of the audit directory.
        replica: The log's, without its epoch.
        lane: Where disk work is done; nobody else's.
        answer: Gives the answer to a question; what it raises is told as `error`, if it is ours or the system's.
    """

    __slots__ = ("_again", "_answer", "_folder", "_lane", "_listening", "_replica", "_talks")

    def __init__(self, folder: Path, replica: str, lane: Lane, answer: Answer) -> None:
        self._folder = folder
        self._replica = replica
        self._lane = lane
        self._answer = answer
        self._listening: socket.socket | None = None
        self._again: asyncio.TimerHandle | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; what an earlier process left there is replaced, for whoever has the log's lock has its socket."""
        self._listening = await self._lane.run(partial(_listening, self._folder, self._replica))
        self._hear(self._listening)

    async def close(self) -> None:
        """Stop listening, break off who is being answered, and remove the socket; the lane takes no more work."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            asyncio.get_running_loop().remove_reader(listening)
            if self._again is not None:
                self._again.cancel()
            listening.close()
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)
            await self._lane.run(partial((self._folder / _name(self._replica)).unlink, missing_ok=True))
        self._lane.close()

    def _hear(self, listening: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            line, _ = listening.accept()
        except OSError as exc:  # no descriptor is left, most likely
            logger.warning("Commands on the audit log are not heard for now: %s", exc)
            loop.remove_reader(listening)
            self._again = loop.call_later(AGAIN_S, self._hear, listening)
            return
        line.setblocking(False)
        talk = loop.create_task(self._talk(line), name="tracegate-audit-control")
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)
        talk.add_done_callback(lambda _: line.close())  # one that is cancelled before it began is done too

    async def _talk(self, line: socket.socket) -> None:
        if _peer(line) not in (os.getuid(), ROOT):
            return
        loop, asked = asyncio.get_running_loop(), b""
        with suppress(OSError):  # who asks and does not wait gets no answer; a time-out is one of these
            async with asyncio.timeout(PATIENCE_S):
                while not asked.endswith(b"\n"):
                    part = await loop.sock_recv(line, LONGEST)
                    asked += part
                    if not part or len(asked) > LONGEST:
                        return
                await loop.sock_sendall(line, json.dumps(await self._told(asked)).encode() + b"\n")

    async def _told(self, line: bytes) -> Said:
        try:
            asked = json.loads(line)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return {"error": "a question is one JSON object in one line"}
        try:
            return await self._answer(asked)
        except (TracegateError, OSError) as exc:
            return {"error": str(exc)}


def ask(folder: Path, replica: str, question: Said) -> dict[str, Any] | None:
    """Ask the gateway that has a replica's log open; `None` where nobody listens.

    Args:
        folder: `private/` of the audit directory.
        replica: Whose log.
        question: What is asked.

    Raises:
        Malformed: The socket is another user's, or what came back is no answer.
        OSError: The gateway was silent for `PATIENCE_S`.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_S)
        try:
            with _Near(folder) as near:
                line.connect(f"{near}/{_name(replica)}")
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        if _peer(line) not in (folder.stat().st_uid, ROOT):
            raise Malformed(f"`{folder / _name(replica)}` is another user's: it is not asked")
        try:
            line.sendall(json.dumps(question).encode() + b"\n")
            with line.makefile("rb") as answered:
                told = answered.readline()
        except ConnectionError:
            told = b""
    try:
        answer = json.loads(told)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Malformed("the gateway gave no answer")
    return answer


class _Near:
    """A short name for a folder: the address of a socket has room for 107 bytes, a path for thousands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        self._file = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        near = f"/proc/self/fd/{self._file}"
        return near if os.path.exists(near) else str(self._folder)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _listening(folder: Path, replica: str) -> socket.socket:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / _name(replica)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    try:
        with _Near(folder) as near:
            made.bind(f"{near}/{_name(replica)}")
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        made.listen()
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def _name(replica: str) -> str:
    return f"{replica}.sock"


def _peer(line: socket.socket) -> int:
    """The user of the other side."""
    peer: tuple[int, int, int] = _PEER.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return peer[1]
