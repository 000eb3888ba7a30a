"""The head of an answer, read strictly and at once.

Stricter than h11 where RFC 9112 lets a gateway refuse: no bare line feed, no folded line, no control character, no
repeated or conflicting length, no coding but `chunked`. What two readers could take for different things is an error,
never a guess. Source: RFC 9112, sections 2.2, 4, 5 and 6; RFC 9110, section 5.5.
"""

from __future__ import annotations

import re

from tracegate.errors import Broken
from tracegate.wire.headers import Headers

HEAD_LIMIT = 100 * 1024
"""Most bytes of a head, with those of the interim answers before it; as much as httpcore reads."""

_START = b"HTTP/1."
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*+)?\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n"
)
_NEVER = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r[^\n]")  # in any head, whole or not
_TIMEOUT = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?([0-9]{1,9})")
KNOWN = 512
"""Lines that are kept as what they say, because most of a provider's heads are the same every time."""

LONG = 128  # bytes of a line that is not kept

_known: dict[bytes, tuple[str, str]] = {}
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


class Head:
    """What a head says.

    Args:
        status: 100 to 999.
        minor: Of the version: 0 or 1.

    Attributes:
        headers: All fields, names in lower case.
        length: Of the body as the head has it; `None` where it does not say.
        chunked: Whether the body comes in chunks.
        close: Whether the connection ends with this answer.
        kept_s: For how many seconds the peer says that it keeps an idle connection.
    """

    __slots__ = ("chunked", "close", "headers", "kept_s", "length", "minor", "status")

    def __init__(self, status: int, minor: int) -> None:
        self.status = status
        self.minor = minor
        self.headers: Headers = ()
        self.length: int | None = None
        self.chunked = False
        self.close = minor == 0  # what 1.0 keeps alive is an extension with traps: RFC 9112, appendix C.2.2
        self.kept_s: int | None = None

    @property
    def protocol(self) -> str:
        """The ALPN id."""
        return "http/1.1" if self.minor else "http/1.0"


def read_head(data: bytes, start: int, end: int) -> Head:
    """The head that stands in `data` from `start` to `end`, its empty line included; raises `Broken`."""
    found = _HEAD.fullmatch(data, start, end)
    if found is None:
        raise _malformed(data[start:end])
    minor, status, lines = found.groups()
    head = Head(int(status), 1 if minor == b"1" else 0)
    fields = []
    for line in lines.split(b"\r\n"):
        field = _known.get(line)
        if field is None:
            field = _field(line)
            if field[0] in _FRAMING:
                _framing(head, *field)
            else:
                _know(line, field)
        fields.append(field)
    fields.pop()  # behind the last line
    head.headers = tuple(fields)
    if head.chunked and (head.length is not None or minor == b"0"):
        raise Broken(
            "http_protocol_error", "The provider's answer has both a length and chunks, or is too old for them."
        )
    return head


def hopeless(part: bytes | bytearray, start: int) -> bool:
    """Whether the first part of a head can't become one; what stands before `start` was looked at."""
    return not part.startswith(_START[: len(part)]) or _NEVER.search(part, max(0, start - 1)) is not None


def malformed(where: str = "") -> Broken:
    """What a head fails with that is none."""
    return Broken("http_protocol_error", f"The head of the provider's answer is malformed{where}.")


def _field(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.lower(), value.strip(" \t")


def _know(line: bytes, field: tuple[str, str]) -> None:
    if len(_known) >= KNOWN:
        _known.clear()
    if len(line) <= LONG:
        _known[line] = field


def _framing(head: Head, name: str, value: str) -> None:
    """Take a field that says how the body is framed, or what becomes of the connection."""
    if name == "content-length":
        if head.length is not None:
            raise Broken("http_protocol_error", "The provider's answer has more than one length.")
        if not (value.isascii() and value.isdigit()) or len(value) > 18:
            raise Broken("http_protocol_error", "The provider's answer has a length that is none.")
        head.length = int(value)
    elif name == "transfer-encoding":
        if head.chunked or value.lower() != "chunked":
            raise Broken("http_response_transfer_coding", "The provider's answer has a transfer coding we do not know.")
        head.chunked = True
    elif name == "connection":
        value = value.lower()
        if "close" in value and "close" in value.replace(" ", "").replace("\t", "").split(","):
            head.close = True
    elif (found := _TIMEOUT.search(value.lower())) is not None:
        head.kept_s = int(found[1])


def _malformed(head: bytes) -> Broken:
    """Say which line is at fault, not what it holds."""
    lines = head.split(b"\r\n")
    if _HEAD.fullmatch(lines[0] + b"\r\n\r\n") is None:
        return malformed(": its first line")
    fields = enumerate(lines[1:-2], 1)
    place = next((n for n, line in fields if _HEAD.fullmatch(b"HTTP/1.1 200\r\n" + line + b"\r\n\r\n") is None), 0)
    return malformed(f": its field {place}")
