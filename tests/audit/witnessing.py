"""A witness of its own, written from the text of C2SP and RFC 6962: it shares no code with the package.

It keeps the last head of each log that it knows, verifies the log's signature and the proof of consistency, and signs.
`served` runs it behind a socket.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Reply = tuple[int, str, bytes]
PLAIN = "text/plain; charset=utf-8"


class TestWitness:
    """One witness.

    Args:
        name: Of its key.
        logs: Verifier keys of the logs that it knows; the name of each is its origin.
        seconds: The time that it signs.
    """

    __test__ = False

    def __init__(self, name: str, *logs: str, seconds: int = 1_795_359_200) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self._name = name
        self._seconds = seconds
        self._logs: dict[str, list[str]] = {}
        for log in logs:
            self.know(log)
        self.heads: dict[str, tuple[int, bytes]] = {}
        self.asked: list[bytes] = []

    def know(self, log: str) -> None:
        """A log that it knows from now on, by its verifier key."""
        origin, *key = log.split("+", 2)
        self._logs[origin] = key

    @property
    def vkey(self) -> str:
        """Its verifier key."""
        raw = b"\4" + self._private.public_key().public_bytes_raw()
        return f"{self._name}+{self._id.hex()}+{base64.b64encode(raw).decode()}"

    @property
    def _id(self) -> bytes:
        raw = b"\4" + self._private.public_key().public_bytes_raw()
        return hashlib.sha256(self._name.encode() + b"\n" + raw).digest()[:4]

    def add_checkpoint(self, body: bytes) -> Reply:
        """What it answers to `POST <prefix>/add-checkpoint`."""
        self.asked.append(body)
        above, _, note = body.decode().partition("\n\n")
        first, *lines = above.split("\n")
        text, _, signatures = note.partition("\n\n")
        text += "\n"
        origin, said, root = text.split("\n")[:3]
        if origin not in self._logs:
            return 404, PLAIN, b""
        if not self._signed(origin, text, signatures):
            return 403, PLAIN, b""
        old, size, head = int(first.removeprefix("old ")), int(said), base64.b64decode(root)
        if old > size or len(lines) > 63:
            return 400, PLAIN, b""
        known, before = self.heads.get(origin, (0, hashlib.sha256().digest()))
        if old != known:
            return 409, "text/x.tlog.size", f"{known}\n".encode()
        if old == size and before != head:
            return 409, PLAIN, b""
        if not grown(old, size, [base64.b64decode(line) for line in lines], before, head):
            return 422, PLAIN, b""
        self.heads[origin] = (size, head)
        message = f"cosignature/v1\ntime {self._seconds}\n{text}".encode()
        payload = self._id + self._seconds.to_bytes(8, "big") + self._private.sign(message)
        return 200, PLAIN, f"— {self._name} {base64.b64encode(payload).decode()}\n".encode()

    def _signed(self, origin: str, text: str, signatures: str) -> bool:
        keyid, key = self._logs[origin]
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:])
        for line in signatures.splitlines():
            _, name, signature = line.split(" ")
            raw = base64.b64decode(signature)
            if name == origin and raw[:4].hex() == keyid:
                with suppress(InvalidSignature):  # another line may have one that holds
                    public.verify(raw[4:], text.encode())
                    return True
        return False


def grown(old: int, size: int, proof: list[bytes], before: bytes, head: bytes) -> bool:
    """Whether a proof shows that a tree of `old` leaves grew to `size`, by the recursion of RFC 6962 itself."""
    rest = list(proof)
    if old == 0:
        return not rest

    def roots(m: int, n: int, *, whole: bool) -> tuple[bytes, bytes]:
        if m == n:
            known = before if whole else rest.pop()
            return known, known
        split = 1 << ((n - 1).bit_length() - 1)
        beside = rest.pop()
        if m <= split:
            was, now = roots(m, split, whole=whole)
            return was, _node(now, beside)
        was, now = roots(m - split, n - split, whole=False)
        return _node(beside, was), _node(beside, now)

    try:
        found = roots(old, size, whole=True)
    except IndexError:  # too few hashes
        return False
    return not rest and found == (before, head)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@asynccontextmanager
async def served(witness: TestWitness) -> AsyncIterator[str]:
    """Run it behind a socket until all that was opened is closed; gives its submission prefix."""
    opened: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(closed := asyncio.Event())
        with suppress(asyncio.IncompleteReadError):  # the client is done
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request, *fields = head.decode().split("\r\n")[:-2]
                length = next(int(field[15:]) for field in fields if field.lower().startswith("content-length:"))
                body = await reader.readexactly(length)
                status, kind, answer = 404, PLAIN, b""
                if request == "POST /w/add-checkpoint HTTP/1.1":
                    status, kind, answer = witness.add_checkpoint(body)
                said = f"HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n"
                writer.write(said.encode() + answer)
        writer.close()
        with suppress(OSError):  # how it ended says nothing
            await writer.wait_closed()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/w"
        for closed in opened:
            await asyncio.wait_for(closed.wait(), 10)
