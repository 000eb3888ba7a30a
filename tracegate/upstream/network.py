"""The network below the stock transport: httpcore's own, and what httpcore does not look at.

- Whether a byte of an answer came before a connection ended. Only if none came, a request may be sent again.
- Bytes that were taken from the socket and that nobody read. httpcore asks the socket whether an idle connection has
  something to say; what TLS and anyio hold of it would be read as the next request's answer.
- The socket of a TLS handshake that is cancelled, which httpcore leaves open.
- TLS alerts that come while an answer is read, which httpcore lets pass as what they are.

The tests prove that httpcore still needs each of these.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx


class NothingCame(httpcore.ReadError):
    """The connection ended before any byte of an answer came."""


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections.

    Args:
        inner: What opens them really.
        now: Monotonic nanoseconds.
    """

    def __init__(self, inner: httpcore.AsyncNetworkBackend, now: Callable[[], int]) -> None:
        self._inner = inner
        self._now = now

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as httpcore has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Stream:
        """See `httpcore.AsyncNetworkBackend`."""
        return Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options), self._now)


class Stream(httpcore.AsyncNetworkStream):
    """One connection.

    Attributes:
        first: When the first byte came since something was written, in monotonic nanoseconds.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream, now: Callable[[], int]) -> None:
        self._inner = inner
        self._now = now
        self._closed = False
        self._told: dict[str, Any] = {}
        self.first: int | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # as httpcore has it
        """See `httpcore.AsyncNetworkStream`; raises `NothingCame` instead of an end or error before any byte."""
        try:
            data = await self._inner.read(max_bytes, timeout)
        except ssl.SSLError as exc:
            raise httpcore.ReadError(str(exc)) from exc
        except httpcore.ReadError as exc:
            if self.first is None:
                raise NothingCame(str(exc)) from exc
            raise
        if self.first is None:
            if not data:
                raise NothingCame("the connection was closed")
            self.first = self._now()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as httpcore has it
        """See `httpcore.AsyncNetworkStream`."""
        self.first = None
        try:
            await self._inner.write(buffer, timeout)
        except ssl.SSLError as exc:
            raise httpcore.WriteError(str(exc)) from exc

    async def aclose(self) -> None:
        """See `httpcore.AsyncNetworkStream`."""
        self._closed = True
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # as httpcore has it
    ) -> Stream:
        """See `httpcore.AsyncNetworkStream`; closes the socket when it does not succeed, for whatever reason."""
        try:
            return Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout), self._now)
        except BaseException:
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """See `httpcore.AsyncNetworkStream`; a connection that was closed here counts as readable: not to be used."""
        if info == "is_readable":
            return self._closed or _unread(self._inner) or self._inner.get_extra_info(info)
        if info not in self._told:
            self._told[info] = self._inner.get_extra_info(info)  # anyio makes a table of everything for each question
        return self._told[info]


def _unread(stream: httpcore.AsyncNetworkStream) -> bool:
    """Whether bytes were taken from the socket that nobody read; also where that can't be told."""
    found: Any = stream
    try:
        found = found._stream
        while hasattr(found, "_read_bio"):  # TLS; twice, where a proxy is reached by TLS
            if found._read_bio.pending or found._ssl_object.pending():
                return True
            found = found.transport_stream
        return bool(found._protocol.read_queue)
    except AttributeError:
        return True


def left_over(response: httpx.Response) -> bool:
    """Whether bytes stand behind an answer in httpcore's parser: they would be read as the next request's answer.

    Where the way to the parser is another than we know, a connection of ours is taken for spoilt; of other transports
    nothing is known.
    """
    found: Any = getattr(response.stream, "inner", response.stream)
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state", "trailing_data"):
        found = getattr(found, name, None)
        if found is None:
            return isinstance(response.extensions.get("network_stream"), Stream)
    return bool(found[0])
