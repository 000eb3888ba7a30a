"""The systems: what is measured, how each is configured and started, and how a client asks it.

Tracegate is started as its users start it, `tracegate serve`. The others have the settings that their own documents
give for production; where they can trace, they do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from tests.bench import nginx, peers
from tests.bench.work import KEY, MODEL, PATH, ROUTES, Ask, Provider, asking

Collector = Literal["none", "up", "down", "slow"]
Name = Literal["direct", "bare", "in-memory", "nginx", "tracegate", "litellm", "portkey"]

MANY_ROUTES, MANY_KEYS = 1_000, 10_000
FEW_KEYS = 10
CONNECTIONS = 1_000  # to a provider: the default of 200 would hold back 500 streams


@dataclass(frozen=True, slots=True)
class System:
    """What is measured.

    Args:
        title: As the table says it.
        name: What kind it is.
        collector: Where its telemetry goes: nowhere, or to a receiver that is so.
        renderer: Of Tracegate, as in its configuration.
        transport: Of Tracegate, as in its configuration.
        workers: Processes that serve.
        many: 1,000 routes and 10,000 keys in its configuration.
        audit: The mode of its audit log, which is on the disk that has the folder of temporary files.
    """

    title: str
    name: Name
    collector: Collector = "none"
    renderer: str = "direct"
    transport: str = "auto"
    workers: int = 1
    many: bool = False
    audit: Literal["off", "strict"] = "off"


OURS = ("tracegate", "in-memory")
"""Kinds whose spans can be counted."""

DIRECT = System("direct", "direct")
BARE = System("bare", "bare")
IN_MEMORY = System("in-memory", "in-memory", "up")
NGINX = System("nginx", "nginx")
TRACEGATE = System("tracegate", "tracegate", "up")
OFF = System("off", "tracegate")
HTTPX = System("httpx", "tracegate", "up", transport="httpx")
SDK = System("sdk", "tracegate", "up", renderer="sdk")
LITELLM = System("litellm", "litellm", "up")
PORTKEY = System("portkey", "portkey")
CHOICE = {system.title: system for system in (BARE, IN_MEMORY, NGINX, TRACEGATE, OFF, HTTPX, SDK, LITELLM, PORTKEY)}

TWO = System("2 workers", "tracegate", "up", workers=2)
FOUR = System("4 workers", "tracegate", "up", workers=4)
MANY = System("many routes", "tracegate", "up", many=True)
DOWN = System("collector down", "tracegate", "down")
SLOW = System("collector slow", "tracegate", "slow")
AUDIT = System("audit", "tracegate", "up", audit="strict")


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a system: a command, and what its environment has beyond ours."""

    command: Sequence[str]
    environment: Mapping[str, str]


def installed(system: System) -> None:
    """Return when a system can be started; the other gateways are installed on demand.

    Raises:
        Missing: It is not installed, and can't be.
    """
    match system.name:
        case "nginx":
            nginx.program()
        case "litellm":
            peers.litellm_folder()
        case "portkey":
            peers.portkey_folder()


def start(system: System, folder: Path, port: int, provider: Provider, collector: str | None) -> Start:
    """Write a system's configuration into a folder of its own, and say how it is started.

    Args:
        system: Which.
        folder: Empty.
        port: Where it is to listen on 127.0.0.1.
        provider: Where it sends requests.
        collector: Base URL of its OTLP receiver.
    """
    match system.name:
        case "bare":
            file = folder / "tracegate.yaml"
            file.write_text(_tracegate(System("", "tracegate"), port, provider, None), encoding="utf-8")
            return Start([sys.executable, "-m", "tests.bench.bare", str(file)], {})
        case "in-memory":
            file = folder / "tracegate.yaml"
            file.write_text(_tracegate(system, port, provider, collector), encoding="utf-8")
            return Start([sys.executable, "-m", "tests.bench.in_memory", str(file)], {})
        case "nginx":
            return Start(nginx.command(folder, port, provider), {})
        case "litellm":
            return Start(*peers.litellm(folder, port, provider, collector))
        case "portkey":
            return Start(*peers.portkey(port, provider))
        case _:
            file = folder / "tracegate.yaml"
            file.write_text(_tracegate(system, port, provider, collector), encoding="utf-8")
            command = [str(Path(sys.executable).parent / "tracegate"), "serve", "--config", str(file)]
            return Start([*command, "--workers", str(system.workers)], {})


def ask(system: System, route: str, port: int, provider: Provider) -> Ask:
    """What a client of a system sends for a route."""
    way = ROUTES[route]
    match system.name:
        case "direct":
            return asking(route, port, f"/{way.kind}{PATH}", {})
        case "nginx":
            return asking(route, port, f"/{route}{PATH}", {})
        case "portkey":
            return asking(route, port, PATH, {"x-portkey-config": peers.portkey_config(way, provider)})
        case _:
            return asking(route, port, PATH, {})


def _tracegate(system: System, port: int, provider: Provider, collector: str | None) -> str:
    """A plain configuration, as a small team would write it; or a large one."""
    providers: dict[str, object] = {}
    targets: dict[str, str] = {}
    routes: dict[str, object] = {}
    for route, way in ROUTES.items():
        order = []
        for origin in way.origins:
            id = f"{route}-{origin}"
            providers[id] = {
                "row": "openai",
                "base_url": provider.url(way.kind, origin),
                "key": "sk-of-the-benchmark",
                "region": "swedencentral",
                "transport": system.transport,
                "pool": {"connections": CONNECTIONS},
            } | ({"tls": {"ca": provider.cert}} if origin == "tls" else {})
            targets[id] = f"{id}/{MODEL}"
            order.append(id)
        targets[f"{route}-spare"] = f"{order[-1]}/{MODEL}-2024-07-18"
        # No provider is asked twice: that the first one refuses is what the route of that name is about.
        routes[route] = {"fallback": [*order, f"{route}-spare"], "retry": 0}
    keys: dict[str, object] = {"load": {"tenant": "bench", "key": KEY}}
    for number in range(1, MANY_KEYS if system.many else FEW_KEYS):
        keys[f"key-{number}"] = {"tenant": f"tenant-{number % 100}", "key": f"{KEY}-{number:06}"}
    if system.many:
        for number in range(len(routes), MANY_ROUTES):
            routes[f"route-{number}"] = ["unary-plain", "unary-spare"]
    telemetry = {"otlp": collector or "none", "renderer": system.renderer}
    written = {"listen": f"127.0.0.1:{port}", "providers": providers, "targets": targets, "routes": routes}
    audit = {"mode": system.audit}
    return yaml.safe_dump(written | {"keys": keys, "telemetry": telemetry, "audit": audit}, sort_keys=False)
