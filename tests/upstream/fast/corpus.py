"""Good and bad answers, and how h11 reads them."""

from __future__ import annotations

from typing import NamedTuple

import h11

from tracegate.upstream.fast.answer import Answer
from tracegate.wire.headers import Headers

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


class Read(NamedTuple):
    """What came of reading an answer and then the end of the connection."""

    status: int | None
    headers: Headers
    body: bytes
    end: str  # `whole`, `cut`, or the token of what was wrong


# Read alike by h11 and by us.
GOOD: dict[str, bytes] = {
    "length": OK + b"Content-Type: a/b\r\nContent-Length: 5\r\n\r\nhello",
    "no body": OK + b"content-length: 0\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok",
    "odd reason": b"HTTP/1.1 200 \xfcber: all\t!\r\ncontent-length: 2\r\n\r\nok",
    "odd status": b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok",
    "spaces": OK + b"a:b\r\nc: \t d e\tf \t\r\ng:\r\ncontent-length:\t2 \r\n\r\nok",
    "many of one name": OK + b"set-cookie: a\r\nSet-Cookie: b\r\ncontent-length: 2\r\n\r\nok",
    "tokens": OK + b"!#$%&'*+-.^_`|~09Az: x\r\ncontent-length: 2\r\n\r\nok",
    "latin": OK + b"x: \xe4\xff\r\ncontent-length: 2\r\n\r\nok",
    "chunks": CHUNKED + b"5\r\nhello\r\n1\r\n \r\n0005\r\nworld\r\n0\r\n\r\n",
    "capital chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
    "no chunks": CHUNKED + b"0\r\n\r\n",
    "extensions": CHUNKED + b'2;a=b;c="d e"\r\nok\r\n0;e\r\n\r\n',
    "trailers": CHUNKED + b"2\r\nok\r\n0\r\nx: y\r\nz:\r\n\r\n",
    "line ends in chunks": CHUNKED + b"6\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
    "up to the close": OK + b"x: y\r\n\r\nall of it\r\n\r\n",
    "nothing up to the close": OK + b"\r\n",
    "old": b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "old, up to the close": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nok",
    "closing": OK + b"connection: x, Close\r\ncontent-length: 2\r\n\r\nok",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "204 with a length": b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    "304 in chunks": b"HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    + OK
    + b"content-length: 2\r\n\r\nok",
    "cut head": OK + b"content-le",
    "cut interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1",
    "cut length": OK + b"content-length: 5\r\n\r\nhell",
    "cut chunk": CHUNKED + b"5\r\nhel",
    "cut size": CHUNKED + b"5",
    "cut before the last chunk": CHUNKED + b"5\r\nhello\r\n",
    "cut last chunk": CHUNKED + b"5\r\nhello\r\n0\r\n",
    "cut trailers": CHUNKED + b"5\r\nhello\r\n0\r\nx: y\r\n",
}

MALFORMED = "http_protocol_error"
CODING = "http_response_transfer_coding"

# Refused by h11 and by us; the token is ours.
BAD: dict[str, tuple[bytes, str]] = {
    "bare carriage return": (OK + b"x: a\rb\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "switching": (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nwhatever", "http_upgrade_failed"),
    "bare line feed behind a size": (CHUNKED + b"2\nok\r\n0\r\n\r\n", MALFORMED),
    "status 0": (b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "not http": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", MALFORMED),
    "other version": (b"HTTP/11 200 OK\r\n\r\n", MALFORMED),
    "no version": (b"200 OK\r\n\r\n", MALFORMED),
    "small letters": (b"http/1.1 200 OK\r\n\r\n", MALFORMED),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", MALFORMED),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", MALFORMED),
    "two blanks": (b"HTTP/1.1  200 OK\r\n\r\n", MALFORMED),
    "null in the reason": (b"HTTP/1.1 200 O\x00K\r\n\r\n", MALFORMED),
    "no colon": (OK + b"x\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "no name": (OK + b": x\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "blank before the colon": (OK + b"content-length : 2\r\n\r\nok", MALFORMED),
    "blank in a name": (OK + b"con tent: 2\r\n\r\nok", MALFORMED),
    "null in a value": (OK + b"x: a\x00b\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "odd name": (OK + b"\xe4: x\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "conflicting lengths": (OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok!", MALFORMED),
    "conflicting lengths in one": (OK + b"content-length: 2, 3\r\n\r\nok!", MALFORMED),
    "signed length": (OK + b"content-length: +2\r\n\r\nok", MALFORMED),
    "negative length": (OK + b"content-length: -2\r\n\r\nok", MALFORMED),
    "broken length": (OK + b"content-length: 2 2\r\n\r\nok", MALFORMED),
    "empty length": (OK + b"content-length:\r\n\r\nok", MALFORMED),
    "length in other digits": (OK + b"content-length: \xb2\r\n\r\nok", MALFORMED),
    "hexadecimal length": (OK + b"content-length: 0x2\r\n\r\nok", MALFORMED),
    "endless length": (OK + b"content-length: 222222222222222222222\r\n\r\nok", MALFORMED),
    "unknown coding": (OK + b"transfer-encoding: gzip\r\n\r\nok", CODING),
    "two codings": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", CODING),
    "chunked twice": (OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", CODING),
    "odd chunked": (OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", CODING),
    "no size": (CHUNKED + b"\r\nok\r\n0\r\n\r\n", MALFORMED),
    "size of no digits": (CHUNKED + b"x\r\nok\r\n0\r\n\r\n", MALFORMED),
    "signed size": (CHUNKED + b"+2\r\nok\r\n0\r\n\r\n", MALFORMED),
    "size with a prefix": (CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n", MALFORMED),
    "blank before a size": (CHUNKED + b" 2\r\nok\r\n0\r\n\r\n", MALFORMED),
    "endless size": (CHUNKED + b"2" * 21 + b"\r\nok\r\n0\r\n\r\n", MALFORMED),
    "chunk too long": (CHUNKED + b"2\r\nokay\r\n0\r\n\r\n", MALFORMED),
    "bad second chunk": (CHUNKED + b"2\r\nok\r\nx\r\n", MALFORMED),
    "bad trailer": (CHUNKED + b"2\r\nok\r\n0\r\nno colon\r\n\r\n", MALFORMED),
}

# Refused by us alone: what two readers may take for different things, or what no honest peer sends.
STRICTER: dict[str, tuple[bytes, str]] = {
    "bare line feeds": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok", MALFORMED),
    "one bare line feed": (OK + b"x: y\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "folded line": (OK + b"x: a\r\n b\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "control character in a value": (OK + b"x: a\x01b\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "delete in a value": (OK + b"x: a\x7fb\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "control character in the reason": (b"HTTP/1.1 200 O\x1bK\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "equal lengths": (OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "equal lengths in one": (OK + b"content-length: 2, 2\r\n\r\nok", MALFORMED),
    "long length": (OK + b"content-length: 0000000000000000002\r\n\r\nok", MALFORMED),
    "length and chunks": (
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        MALFORMED,
    ),
    "chunks of old": (b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", MALFORMED),
    "newer version": (b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok", MALFORMED),
    "bare line feed at the end": (CHUNKED + b"2\r\nok\r\n0\r\n\n", MALFORMED),
    "blank behind a size": (CHUNKED + b"2 \r\nok\r\n0\r\n\r\n", MALFORMED),
    "control character in an extension": (CHUNKED + b"2;a=\x01\r\nok\r\n0\r\n\r\n", MALFORMED),
    "length in a trailer": (CHUNKED + b"2\r\nok\r\n0\r\ncontent-length: 2\r\n\r\n", MALFORMED),
    "control character in a trailer": (CHUNKED + b"2\r\nok\r\n0\r\nx: \x01\r\n\r\n", MALFORMED),
}


def read(pieces: list[bytes], method: str = "POST") -> Read:
    """Feed pieces and then the end of the connection; what comes behind an answer is left out."""
    answer = Answer(method)
    body = b""
    for piece in pieces:
        if answer.done or answer.failure is not None:
            break
        body += answer.feed(piece)
    head = answer.head
    if answer.failure is not None:
        assert answer.failure.token is not None
        end = answer.failure.token
    else:
        end = "whole" if answer.done or answer.end(clean=True) else "cut"
    return Read(head.status if head else None, head.headers if head else (), body, end)


def event_headers(event: h11.Response) -> Headers:
    """The fields of h11's event, as ours."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in event.headers.raw_items())


def read_by_h11(data: bytes, method: str = "POST") -> Read:
    """The same by h11; what is wrong is `bad`."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=100 * 1024)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    status: int | None = None
    headers: Headers = ()
    body = b""
    connection.receive_data(data)
    ended = False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as exc:
            return Read(status, headers, body, "cut" if ended and "peer" in str(exc) else "bad")
        if isinstance(event, h11.InformationalResponse):
            continue
        if isinstance(event, h11.Response):
            status = event.status_code
            headers = event_headers(event)
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return Read(status, headers, body, "whole")
        elif event is h11.NEED_DATA and not ended:
            ended = True
            connection.receive_data(b"")
        else:
            return Read(status, headers, body, "cut" if event is h11.NEED_DATA or ended else "bad")
