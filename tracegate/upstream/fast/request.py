"""A request as bytes, which nothing in it can add to.

What can't be sent as it is fails before a byte of it is sent. Source: RFC 9110, sections 5.1 and 5.5, for fields;
RFC 9112, section 3, for the request line.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from tracegate.dialects.dialect import Outgoing
from tracegate.upstream.faults import unfit
from tracegate.upstream.origin import authority

STARTS = 1024
"""First lines that are kept, and sets of fields: clients may name models, which a dialect may write into the path."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = "host|content-length|transfer-encoding|te|trailer|upgrade|expect|connection|keep-alive"  # framing is ours
_FIELDS = re.compile(
    rf"(?:(?!(?i:{_OURS})\n)"
    r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++\n(?:[\x21-\x7e\x80-\xff]++(?:[\t ]++[\x21-\x7e\x80-\xff]++)*+)?\r)*+"
)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_KEPT = "!$%&'()*+,-./:;=?@[\\]^_|~"  # of a path and its query; what is encoded already stays so

DEFAULT_PORTS = {"http": 80, "https": 443}


class Requests:
    """Makes the bytes of requests."""

    __slots__ = ("_fields", "_starts")

    def __init__(self) -> None:
        self._starts: dict[tuple[str, str, str, int, str], str] = {}
        self._fields: dict[tuple[tuple[str, str], ...], str] = {}  # most requests to a target have the same

    def head(self, outgoing: Outgoing) -> bytes:
        """The head of a request, its empty line included.

        Raises:
            Failed: `invalid_request`, `http_request_error`: it can't be sent as it is.
        """
        target = outgoing.target
        key = (outgoing.method, target.scheme, target.host, target.port, outgoing.path)
        start = self._starts.get(key)
        if start is None:
            start = self._start(outgoing)
        known = tuple(outgoing.headers)
        fields = self._fields.get(known)
        if fields is None:
            fields = self._checked(outgoing)
            if len(self._fields) >= STARTS:
                self._fields.clear()
            self._fields[known] = fields
        return f"{start}{fields}content-length: {len(outgoing.body)}\r\n\r\n".encode("latin-1")

    def _checked(self, outgoing: Outgoing) -> str:
        """The fields as lines."""
        # Each field as `name LF value CR`: neither may stand in a name or a value, so nothing can pass for two of them.
        fields = "".join([f"{name}\n{value}\r" for name, value in outgoing.headers])
        if _FIELDS.fullmatch(fields) is None or fields.count("\n") != len(outgoing.headers):
            raise unfit(f"{_culprit(outgoing)} can't be carried by HTTP")
        return fields.replace("\n", ": ").replace("\r", "\r\n")

    def _start(self, outgoing: Outgoing) -> str:
        """The request line and `Host`, which cost more to make than the rest."""
        target = outgoing.target
        if _TOKEN.fullmatch(outgoing.method) is None:
            raise unfit("its method is none")
        host = authority(target.host, None if DEFAULT_PORTS.get(target.scheme) == target.port else target.port)
        if not outgoing.path.startswith("/") or _UNPRINTABLE.search(outgoing.path + host) or " " in host:
            raise unfit("its path or host has characters that HTTP can't carry")
        start = f"{outgoing.method} {quote(outgoing.path, safe=_KEPT)} HTTP/1.1\r\nhost: {host}\r\n"
        if len(self._starts) >= STARTS:
            self._starts.clear()
        self._starts[outgoing.method, target.scheme, target.host, target.port, outgoing.path] = start
        return start


def _culprit(outgoing: Outgoing) -> str:
    """The field at fault, without its value, which may be a secret."""
    name = next(name for name, value in outgoing.headers if not _alone(f"{name}\n{value}\r"))
    return f"its field {name!r}"


def _alone(field: str) -> bool:
    return _FIELDS.fullmatch(field) is not None and field.count("\n") == 1
