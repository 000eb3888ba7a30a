"""Addresses and URLs: how they are read, and which of them stay on this machine or in a private network."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from tracegate.config.problems import Wrong
from tracegate.config.values import shown, text

# RFC 1918, RFC 4193, and link-local: RFC 3927, RFC 4291
_PRIVATE = tuple(
    ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)
# Names that are never those of a public host: RFC 6761, 6762, 8375, ICANN's `internal`
_PRIVATE_NAMES = (".localhost", ".local", ".home.arpa", ".internal")
_NAME = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
_PORTS = {"http": 80, "https": 443}


class Url(NamedTuple):
    """A URL without user info, query and fragment; `path` has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def url(value: object, example: str) -> Url:
    """An `http` or `https` URL.

    Args:
        value: Of the document.
        example: How a right one looks.
    """
    written, fix = text(value), f"write a URL such as `{example}`."
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Wrong("not a URL", fix) from None
    if parts.username is not None or parts.password is not None:
        raise Wrong("a URL with user info", "take it out: credentials stand under a key of their own, never in a URL.")
    if parts.scheme not in _PORTS or not host or " " in written:
        raise Wrong(f"{shown(value)} is not an http or https URL", fix)
    if parts.query or parts.fragment or "?" in written or "#" in written:
        raise Wrong("a URL with a query or a fragment", "take it out.")
    if _address(host) is None and _NAME.fullmatch(host) is None:
        raise Wrong(f"{shown(value)} has no host name that can be looked up", fix)
    if _PATH.fullmatch(parts.path) is None or port == 0:
        raise Wrong(f"{shown(value)} has a path or port that can't be used", fix)
    return Url(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def stays_private(host: str) -> bool:
    """Whether what is sent to a host stays on this machine or in a private network: clear text is allowed there.

    A name without a dot can be resolved inside only (a container's, a service's).
    """
    address = _address(host)
    if address is None:
        name = host.lower().removesuffix(".")
        return ("." not in name and not name.isdigit()) or name.endswith(_PRIVATE_NAMES)
    return address.is_loopback or any(address in net for net in _PRIVATE if net.version == address.version)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a listening address."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def address(value: object) -> tuple[str, int]:
    """`HOST:PORT`, with brackets around an IPv6 address."""
    fix = "write `HOST:PORT`, such as `127.0.0.1:4000` or `[::1]:4000`."
    written = text(value)
    host, colon, port = written.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port[:6]) > 65535:
        raise Wrong(f"{shown(value)} is not an address with a port", fix)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        known = isinstance(_address(host), IPv6Address)
    else:
        known = isinstance(_address(host), IPv4Address) or _NAME.fullmatch(host) is not None
    if not known:
        raise Wrong(f"{shown(value)} is not an address with a port", fix)
    return host, int(port)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
