"""Free ports on loopback, from a range that no system hands out by itself.

A part that is stopped and started again must find its port free, so it must not be one that a connection may get
meanwhile: those begin at 32768 on Linux (`ip_local_port_range`) and at 49152 elsewhere (RFC 6335, section 6).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from tracegate.clock import Ids
from tracegate.stack.parts import StackError

FIRST, LAST = 20_000, 29_999
_TRIES = 1_000

USUAL: Mapping[str, int] = {
    "otlp_grpc": 4317,
    "otlp_http": 4318,
    "otlp_audit": 4319,
    "otlp_archive": 4320,
    "collector_health": 13133,
    "collector_metrics": 8888,
    "collector_zpages": 55679,
    "jaeger": 16686,
    "jaeger_grpc": 16685,
    "jaeger_otlp": 14317,
    "jaeger_health": 14133,
    "prometheus": 9090,
    "victorialogs": 9428,
}
"""What the stack listens on, and the port that people expect it at, which is the one that its configuration has."""


def free(port: int) -> bool:
    """Whether nobody listens on a port of this machine's loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do; a listener still refuses
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(ids: Ids, *, usual: bool, is_free: Callable[[int], bool] = free) -> dict[str, int]:
    """A free port for each name of `USUAL`.

    Args:
        ids: Source of randomness, so that two that choose at once do not choose the same.
        usual: Take the port that people expect, where it is free.
        is_free: Asked of each port.

    Raises:
        StackError: None was free.
    """
    taken: dict[str, int] = {}
    for name, wanted in USUAL.items():
        port = wanted if usual and is_free(wanted) else _any(ids, is_free, taken)
        taken[name] = port
    return taken


def _any(ids: Ids, is_free: Callable[[int], bool], taken: Mapping[str, int]) -> int:
    for _ in range(_TRIES):
        port = FIRST + int(ids.random() * (LAST - FIRST + 1))
        if port not in taken.values() and is_free(port):
            return port
    raise StackError(f"no free port between {FIRST} and {LAST} in {_TRIES} tries")
