"""What ASGI tells of a request and its connection, from what the parser read.

As uvicorn 0.54 tells it; a test compares both. What most requests have in common is one text for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, Literal
from urllib.parse import unquote

import httptools

Address = tuple[str, int]
Headers = list[tuple[bytes, bytes]]

TARGETS = 256  # targets that are kept as what they say: most requests are for a few; when they are full they begin anew
LONG = 256  # bytes of a target that is not kept
OFFER = frozenset((b"upgrade", b"http2-settings"))

_VERSIONS = {"1.0": "1.0", "1.1": "1.1"}
_METHODS = {name.encode(): name for name in ("GET", "HEAD", "OPTIONS", "POST")}
_own: dict[Address, Address] = {}
_targets: dict[bytes, tuple[str, bytes, bytes]] = {}


def fresh(events: object) -> httptools.HttpRequestParser:
    """A parser at the beginning of a request, which tells what it reads to `events`."""
    parser = httptools.HttpRequestParser(events)
    # What came behind a request that closes the connection is no fault of that request.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def scope_of(method: bytes, url: bytes, version: str, headers: Headers, root: str) -> MutableMapping[str, Any]:
    """The scope of a request, as far as it does not hang on the connection.

    Args:
        method: As the client wrote it.
        url: The target as the client wrote it.
        version: `1.0` or `1.1`.
        headers: Names in lower case.
        root: `root_path`, under which the application is mounted.
    """
    path, raw_path, query = target(url)
    if root:
        path, raw_path = root + path, root.encode("ascii") + raw_path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": _VERSIONS.get(version, version),
        "method": _METHODS.get(method) or method.decode("ascii"),
        "root_path": root,
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
    }


def target(url: bytes) -> tuple[str, bytes, bytes]:
    """The path of a request's target, as text and as it was written, and the query."""
    known = _targets.get(url)
    if known is not None:
        return known
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    found = unquote(path) if "%" in path else path, parsed.path, parsed.query or b""
    if len(url) <= LONG and b"?" not in url:  # a query may hold what nobody is to keep
        if len(_targets) >= TARGETS:
            _targets.clear()
        _targets[url] = found
    return found


def address(transport: asyncio.Transport, of: Literal["sockname", "peername"]) -> Address | None:
    """Host and port of an end of a connection; `None` of what has none."""
    found = transport.get_extra_info(of)
    if not isinstance(found, tuple):
        return None
    host_port = str(found[0]), int(found[1])
    return _own.setdefault(host_port, host_port) if of == "sockname" else host_port


def without_offer(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """A head as it would be without the fields that offer another protocol (RFC 9110, section 7.8)."""
    lines = [b"%s %s HTTP/%s" % (method, url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            value = b", ".join(option for option in options if option.lower() not in OFFER)
        if name not in OFFER:
            lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
