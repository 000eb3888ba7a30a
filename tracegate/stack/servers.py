"""How each server of the stack is started: its command, its environment, its configuration, where its health is asked.

The Collector's configuration is `collector/config/`, the one that people run, set by its variables. Those of the stores
are rendered here, for tests and demos: small, on loopback, without passwords.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from tracegate.stack.parts import StackError

JaegerStore = Literal["memory", "badger"]

ORDER = ("jaeger", "prometheus", "victorialogs", "collector")
"""Stores first, so that nothing is ever sent to one that is not there; ended in the other order."""

PROGRAMS = {
    "jaeger": "jaeger",
    "prometheus": "prometheus",
    "victorialogs": "victoria-logs",
    "collector": "otelcol-tracegate",
}

HEALTH: Mapping[str, tuple[str, str]] = {
    "jaeger": ("jaeger_health", "/status"),
    "prometheus": ("prometheus", "/-/ready"),
    "victorialogs": ("victorialogs", "/health"),
    "collector": ("collector_health", "/"),
}
"""Port and path at which each is asked for its health: 200 when it is ready."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server, ready to be started.

    Args:
        name: As in `ORDER`.
        command: The program and its arguments.
        env: Its whole environment: nothing of ours reaches it by chance.
        files: Text of each configuration file, by path.
        folders: Folders that must exist.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides how the servers run.

    Args:
        checkout: Holds the Collector's configuration.
        folder: For data, logs and configurations; absolute.
        ports: Port by name, as `ports.USUAL` names them.
        programs: Path by program.
        jaeger_store: `badger` keeps traces on disk, over a restart too.
        durable: The Collector keeps its queues on disk.
        rules: Files of recording and alert rules for Prometheus.
    """

    checkout: Path
    folder: Path
    ports: Mapping[str, int]
    programs: Mapping[str, Path]
    jaeger_store: JaegerStore = "memory"
    durable: bool = False
    rules: Sequence[Path] = ()

    def url(self, port: str) -> str:
        """The HTTP address of a port."""
        return f"http://{self.address(port)}"

    def address(self, port: str) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.ports[port]}"

    def data(self, name: str) -> Path:
        """The folder of a server's data."""
        return self.folder / "data" / name

    def program(self, name: str) -> str:
        """The program of a server."""
        return str(self.programs[PROGRAMS[name]])


def health(name: str, ports: Mapping[str, int]) -> str:
    """The URL at which a server is asked for its health."""
    port, path = HEALTH[name]
    return f"http://127.0.0.1:{ports[port]}{path}"


def bundled_rules(checkout: Path) -> list[Path]:
    """The files of recording and alert rules that Tracegate ships.

    Raises:
        StackError: They are not in the checkout.
    """
    found = sorted((checkout / "dashboards" / "rules").glob("*.yml"))
    if not found:
        raise StackError(f"`dashboards/rules` has no rules in `{checkout}`: the checkout is not whole")
    return found


def servers(plan: Plan) -> dict[str, Server]:
    """All servers by name, in the order in which they start."""
    made = {"jaeger": _jaeger, "prometheus": _prometheus, "victorialogs": _victorialogs, "collector": _collector}
    return {name: made[name](plan) for name in ORDER}


def _collector(plan: Plan) -> Server:
    config = plan.checkout / "collector" / "config"
    files = [config / "dev.yaml", *([config / "dev-durable.yaml"] if plan.durable else [])]
    env = {
        "TRACEGATE_COLLECTOR_GRPC": plan.address("otlp_grpc"),
        "TRACEGATE_COLLECTOR_HTTP": plan.address("otlp_http"),
        "TRACEGATE_COLLECTOR_AUDIT": plan.address("otlp_audit"),
        "TRACEGATE_COLLECTOR_ARCHIVE": plan.address("otlp_archive"),
        "TRACEGATE_COLLECTOR_HEALTH": plan.address("collector_health"),
        "TRACEGATE_COLLECTOR_ZPAGES": plan.address("collector_zpages"),
        "TRACEGATE_COLLECTOR_METRICS_PORT": str(plan.ports["collector_metrics"]),
        "TRACEGATE_COLLECTOR_DATA": str(plan.data("collector")),
        "TRACEGATE_JAEGER_OTLP": plan.address("jaeger_otlp"),
        "TRACEGATE_PROMETHEUS": plan.url("prometheus"),
        "TRACEGATE_VICTORIALOGS": plan.url("victorialogs"),
    }
    command = (plan.program("collector"), *(f"--config={file}" for file in files))
    return Server("collector", command, env, folders=(plan.data("collector"),))


def _jaeger(plan: Plan) -> Server:
    data = plan.data("jaeger")
    stores: Mapping[JaegerStore, Any] = {
        "memory": {"memory": {"max_traces": 100_000}},
        "badger": {
            "badger": {"directories": {"keys": str(data / "keys"), "values": str(data / "values")}, "ephemeral": False}
        },
    }
    config = {
        "extensions": {
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": plan.address("jaeger_health")}},
            "jaeger_storage": {"backends": {"kept": stores[plan.jaeger_store]}},
            "jaeger_query": {
                "storage": {"traces": "kept"},
                "http": {"endpoint": plan.address("jaeger")},
                "grpc": {"endpoint": plan.address("jaeger_grpc")},
            },
        },
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": plan.address("jaeger_otlp")}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "kept"}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
        },
    }
    file = plan.folder / "config" / "jaeger.yaml"
    return Server(
        "jaeger",
        (plan.program("jaeger"), f"--config={file}"),
        # Else it sends a trace of every query to port 4317, whoever listens there, and waits for that at its end.
        {"OTEL_TRACES_SAMPLER": "always_off"},
        files={file: _yaml(config)},
        folders=(data,),
    )


def _prometheus(plan: Plan) -> Server:
    config = {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "scrape_configs": [
            {"job_name": "collector", "static_configs": [{"targets": [plan.address("collector_metrics")]}]},
            {"job_name": "prometheus", "static_configs": [{"targets": [plan.address("prometheus")]}]},
        ],
        "rule_files": [str(path) for path in plan.rules],
        "otlp": {"promote_resource_attributes": ["service.name", "service.instance.id", "service.version"]},
        # Points that waited in the Collector while Prometheus was down are late, not wrong.
        "storage": {"tsdb": {"out_of_order_time_window": "30m"}},
    }
    file = plan.folder / "config" / "prometheus.yaml"
    command = (
        plan.program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={plan.data('prometheus')}",
        f"--web.listen-address={plan.address('prometheus')}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
    )
    return Server(
        "prometheus",
        command,
        files={file: _yaml(config)},
        folders=(plan.data("prometheus"),),
    )


def _victorialogs(plan: Plan) -> Server:
    command = (
        plan.program("victorialogs"),
        f"-storageDataPath={plan.data('victorialogs')}",
        f"-httpListenAddr={plan.address('victorialogs')}",
        "-retentionPeriod=100y",  # else it drops what is older than seven days, without a word to the sender
    )
    return Server("victorialogs", command, folders=(plan.data("victorialogs"),))


def _yaml(config: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(config, sort_keys=False)
    return text
