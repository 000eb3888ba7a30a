"""A response as somebody saved it: with its head as `curl -i` writes it, or the bare events of a stream."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracegate.audit.signature import Fields, is_stream
from tracegate.errors import Unreadable

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: [\t -~\x80-\xff]*)?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*")
_LINE = re.compile(rb"\r?\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]*)?\r\n")
_EVENTS = re.compile(rb"(?:\xef\xbb\xbf)?(?:[\r\n]*)(?:data|event|id|retry|):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved response; a bare stream has no status and no fields."""

    status: int | None
    fields: Fields
    body: bytes

    @property
    def streamed(self) -> bool:
        """Whether its body is a stream of server-sent events."""
        return self.status is None or is_stream(self.fields.get("content-type", ""))


def parse_saved(raw: bytes) -> Saved:
    """The response of a saved file; sections of status 1xx before it are passed over, chunks are joined.

    Raises:
        Unreadable: It is neither a response nor a stream of events.
    """
    if not raw.startswith(b"HTTP/"):
        if not _EVENTS.match(raw):
            raise Unreadable("neither a response with its head nor a stream of server-sent events")
        return Saved(None, {}, raw)
    status, at = 100, 0
    fields: dict[str, str] = {}
    while 100 <= status < 200:
        status, fields, at = _head(raw, at)
    body = raw[at:]
    if fields.get("transfer-encoding", "").lower().endswith("chunked"):
        body = _joined(body)
    return Saved(status, fields, body)


def _head(raw: bytes, at: int) -> tuple[int, dict[str, str], int]:
    line, at = _line(raw, at)
    found = _STATUS.fullmatch(line)
    if found is None:
        raise Unreadable("a response whose first line is no status line")
    fields: dict[str, str] = {}
    while True:
        line, at = _line(raw, at)
        if not line:
            return int(found[1]), fields, at
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Unreadable(f"a line of the head that is no field: {line[:60]!r}")
        name, value = field[1].decode().lower(), field[2].decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value


def _line(raw: bytes, at: int) -> tuple[bytes, int]:
    end = _LINE.search(raw, at)
    if end is None:
        raise Unreadable("a response whose head does not end")
    return raw[at : end.start()], end.end()


def _joined(body: bytes) -> bytes:
    """The content of chunks; the body itself where it has been joined already, as most tools do."""
    parts: list[bytes] = []
    at = 0
    while True:
        size = _SIZE.match(body, at)
        if size is None:
            return body
        length, start = int(size[1], 16), size.end()
        if length == 0:
            return b"".join(parts)
        if body[start + length : start + length + 2] != b"\r\n":
            return body
        parts.append(body[start : start + length])
        at = start + length + 2
