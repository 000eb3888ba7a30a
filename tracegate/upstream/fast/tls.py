"""TLS over a transport of asyncio's, between it and a connection.

asyncio has TLS of its own, but that can't resume a session, does not tell an end with its message from one without, and
costs more. Certificates are always verified: the context says whose, and the name is the origin's.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from tracegate.upstream.fast.link import UNSENT, Link

RECORD = 16 * 1024  # most bytes of one record of TLS (RFC 8446, section 5.1)


class Secured(asyncio.Protocol):
    """See the module.

    Args:
        link: What is secured; connected when the handshake is over.
        context: Whom we believe, and what we show.
        host: Whose certificate must be shown.
        session: Of an earlier connection to the same host, to be resumed.

    Attributes:
        ready: Done when the handshake is over, or has failed.
    """

    __slots__ = ("_came", "_ended", "_going", "_link", "_open", "_secure", "_transport", "ready")

    def __init__(self, link: Link, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._link = link
        self._came, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._secure = context.wrap_bio(self._came, self._going, server_hostname=host, session=session)
        self._open = False
        self._ended = False
        self._transport: asyncio.Transport

    @property
    def session(self) -> ssl.SSLSession | None:
        """What the next connection may resume."""
        return self._secure.session

    @property
    def resumed(self) -> bool:
        """Whether the session is that of an earlier connection."""
        return bool(self._secure.session_reused)

    # What a connection calls

    def write(self, data: bytes | memoryview) -> None:
        """See `Wire`."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._secure.write(left) :]
        except ssl.SSLError as exc:
            self._lost(exc)
            return
        self._transport.write(self._going.read())

    def pause_reading(self) -> None:
        """See `Wire`."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `Wire`."""
        self._transport.resume_reading()

    def is_closing(self) -> bool:
        """See `Wire`."""
        return self._ended or self._transport.is_closing()

    def close(self) -> None:
        """See `Wire`; tells the peer, and does not wait for its answer (RFC 8446, section 6.1)."""
        with contextlib.suppress(ssl.SSLError):  # it waits for the peer's
            self._secure.unwrap()
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """See `Wire`."""
        self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what a socket has can do all this, of whatever class
        """See `asyncio.Protocol`."""
        transport.set_write_buffer_limits(high=UNSENT, low=0)
        self._transport = transport
        self._shake()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._came.write(data)
        if self._open or (self._shake() and self._came.pending):
            self._read()

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`."""
        if self._open:
            self._link.ended(clean=False)
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionResetError("the connection ended during the handshake"))
        self._link.connection_lost(exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._link.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._link.resume_writing()

    def _shake(self) -> bool:
        """Go on with the handshake; whether it is over."""
        try:
            self._secure.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as exc:
            self._flush()  # says why
            if not self.ready.done():
                self.ready.set_exception(exc)
            self._transport.close()
        else:
            self._flush()
            self._open = True
            self._link.tls = self._secure.version()
            self._link.connected(self)
            if not self.ready.done():
                self.ready.set_result(None)
        return self._open

    def _read(self) -> None:
        """Decrypt what came and hand it on, all of one read at once."""
        secure, came = self._secure, self._came
        parts: list[bytes] = []
        ended = False
        failure: ssl.SSLError | None = None
        try:
            while came.pending or secure.pending():
                data = secure.read(RECORD)
                if not data:
                    ended = True
                    break
                parts.append(data)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as exc:
            failure = exc
        if self._going.pending:
            self._flush()  # the answer to a change of keys
        self._ended = ended or failure is not None  # before the answer's reader, who goes on at once, asks again
        if parts:
            self._link.data_received(parts[0] if len(parts) == 1 else b"".join(parts))
        if failure is not None:
            self._lost(failure)
        elif ended:
            self._link.ended(clean=True)

    def _lost(self, exc: ssl.SSLError) -> None:
        """TLS has failed, and so has the connection."""
        self._flush()
        self._link.failed(exc)

    def _flush(self) -> None:
        if data := self._going.read():
            self._transport.write(data)
