"""Configurations are rendered for the ports and folders given, and the Collector's own files fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.repository import ROOT
from tracegate.stack import ports
from tracegate.stack.parts import StackError
from tracegate.stack.servers import (
    HEALTH,
    ORDER,
    PROGRAMS,
    JaegerStore,
    Plan,
    Server,
    bundled_rules,
    health,
    servers,
)

PORTS = {name: 20_000 + index for index, name in enumerate(ports.USUAL)}
CONFIG = ROOT / "collector" / "config"


def _plan(jaeger_store: JaegerStore = "memory", *, durable: bool = False) -> Plan:
    programs = {name: Path("/programs") / name for name in PROGRAMS.values()}
    return Plan(ROOT, Path("/f"), PORTS, programs, jaeger_store, durable, (Path("/rules.yml"),))


def _configuration(server: Server) -> Any:
    (text,) = server.files.values()
    return yaml.safe_load(text)


def _yaml(name: str) -> Any:
    return yaml.safe_load((CONFIG / name).read_text("utf-8"))


def test_stores_are_started_before_the_collector() -> None:
    """Each with its program, in a folder of its own."""
    made = servers(_plan())
    assert tuple(made) == ORDER == tuple(HEALTH)
    assert {name: server.command[0] for name, server in made.items()} == {
        name: f"/programs/{program}" for name, program in PROGRAMS.items()
    }
    assert {name: server.folders for name, server in made.items()} == {
        name: (Path("/f/data") / name,) for name in ORDER
    }


@pytest.mark.parametrize("name", ORDER)
def test_every_server_listens_on_loopback_alone(name: str) -> None:
    """And on no port that is not of its plan."""
    server = servers(_plan())[name]
    told = " ".join([*server.command, *server.env.values(), *server.files.values()])
    assert "0.0.0.0" not in told  # noqa: S104  # it must not be there
    port, _ = HEALTH[name]
    assert str(PORTS[port]) in told
    assert health(name, PORTS).startswith(f"http://127.0.0.1:{PORTS[port]}/")


def test_the_collector_reads_the_files_that_people_run() -> None:
    """The durable one over the other."""
    dev, durable = f"--config={CONFIG / 'dev.yaml'}", f"--config={CONFIG / 'dev-durable.yaml'}"
    assert servers(_plan())["collector"].command[1:] == (dev,)
    assert servers(_plan(durable=True))["collector"].command[1:] == (dev, durable)


def test_every_variable_of_the_collector_is_set_and_used() -> None:
    """Each has a default, but the folder of the durable queue."""
    text = (CONFIG / "dev.yaml").read_text("utf-8") + (CONFIG / "dev-durable.yaml").read_text("utf-8")
    used = {part.partition("}")[0] for part in text.split("${env:")[1:]}
    assert {name.partition(":-")[0] for name in used} == set(servers(_plan(durable=True))["collector"].env)
    assert {name for name in used if ":-" not in name} == {"TRACEGATE_COLLECTOR_DATA"}


def test_the_defaults_of_the_collector_are_the_usual_ports() -> None:
    """So that it finds stores that were started by hand."""
    text = (CONFIG / "dev.yaml").read_text("utf-8")
    told = {part.partition("}")[0].partition(":-")[2].rpartition(":")[2] for part in text.split("${env:")[1:]}
    wanted = {
        "otlp_grpc",
        "otlp_http",
        "otlp_audit",
        "collector_health",
        "collector_metrics",
        "collector_zpages",
        "jaeger_otlp",
    }
    assert told == {str(ports.USUAL[name]) for name in wanted | {"prometheus", "victorialogs"}}


def test_the_durable_file_keeps_every_extension_and_covers_every_exporter() -> None:
    """Merging replaces lists, so the list of extensions is repeated; an exporter that is left out would lose data."""
    dev, durable = _yaml("dev.yaml"), _yaml("dev-durable.yaml")
    assert durable["service"]["extensions"] == ["file_storage/queue", *dev["service"]["extensions"]]
    assert set(durable["exporters"]) == {*dev["exporters"], "otlp_http/archive", "file/archive"}
    for name, exporter in durable["exporters"].items():
        if name != "file/archive":  # it has no queue: that of `otlp_http/archive` stands before it
            assert exporter["sending_queue"]["storage"] == "file_storage/queue"
            retried = dev["exporters"].get(name, {}).get("retry_on_failure", {}) | exporter.get("retry_on_failure", {})
            assert (retried.get("enabled", True), retried["max_elapsed_time"]) == (True, 0)
    assert durable["extensions"]["file_storage/queue"]["fsync"] is True


def test_leaves_have_a_way_of_their_own_that_touches_nothing() -> None:
    """An acknowledgement means that the store has them; where the Collector keeps queues, that they are on its disk."""
    dev, durable = _yaml("dev.yaml"), _yaml("dev-durable.yaml")
    pipelines = dev["service"]["pipelines"]
    users = [name for name, told in pipelines.items() if "otlp/audit" in told["receivers"]]
    assert users == ["logs/audit"]
    assert pipelines["logs/audit"]["exporters"] == ["otlp_http/audit"]
    exporter = dev["exporters"]["otlp_http/audit"]
    assert not exporter["sending_queue"]["enabled"]
    assert not exporter["retry_on_failure"]["enabled"]
    assert durable["service"]["pipelines"] == {
        "logs/audit": {"exporters": ["otlp_http/audit", "otlp_http/archive"]},
        "logs/archive": {"receivers": ["otlp/archive"], "exporters": ["file/archive"]},
    }
    assert durable["exporters"]["otlp_http/audit"]["sending_queue"]["enabled"]
    # Without rotation the file exporter holds a second of lines in memory, which a kill would cost.
    assert durable["exporters"]["file/archive"]["rotation"]["max_backups"] == 0


def test_nothing_before_an_exporter_holds_data_back() -> None:
    """What the receiver acknowledged must be in a queue: the memory limiter is the only processor."""
    pipelines = _yaml("dev.yaml")["service"]["pipelines"]
    assert {name: told["processors"] for name, told in pipelines.items()} == {
        name: ["memory_limiter"] for name in ("traces", "metrics", "logs", "logs/audit")
    }


@pytest.mark.parametrize("name", ["dev.yaml", "dev-durable.yaml"])
def test_no_old_name_is_used(name: str) -> None:
    """The names that 0.144 and later renamed, and the batch processor; the log of a run is the judge of the rest."""
    config = _yaml(name)
    kinds = [key.partition("/")[0] for room in ("receivers", "processors", "exporters") for key in config.get(room, {})]
    assert not {"otlphttp", "batch", "loadbalancing", "spanmetrics"} & set(kinds)
    assert "otlp" not in [key.partition("/")[0] for key in config["exporters"]]


def test_jaeger_keeps_traces_in_memory_or_on_disk() -> None:
    """On disk below its data."""
    backends = {
        store: _configuration(servers(_plan(store))["jaeger"])["extensions"]["jaeger_storage"]["backends"]["kept"]
        for store in ("memory", "badger")
    }
    assert backends["memory"] == {"memory": {"max_traces": 100_000}}
    assert backends["badger"]["badger"] == {
        "directories": {"keys": "/f/data/jaeger/keys", "values": "/f/data/jaeger/values"},
        "ephemeral": False,
    }


def test_jaeger_keeps_its_own_traces_to_itself() -> None:
    """It would send those of its queries to port 4317, where a Collector of somebody else may listen."""
    assert servers(_plan())["jaeger"].env == {"OTEL_TRACES_SAMPLER": "always_off"}


def test_prometheus_scrapes_the_collector_and_takes_rules() -> None:
    """And late points, because the Collector keeps them while Prometheus is down."""
    config = _configuration(servers(_plan())["prometheus"])
    assert config["scrape_configs"][0] == {
        "job_name": "collector",
        "static_configs": [{"targets": [f"127.0.0.1:{PORTS['collector_metrics']}"]}],
    }
    assert config["rule_files"] == ["/rules.yml"]
    assert config["storage"]["tsdb"]["out_of_order_time_window"] == "30m"


def test_the_rules_are_those_of_the_checkout() -> None:
    """Their tests are not among them."""
    assert [path.name for path in bundled_rules(ROOT)] == ["tracegate.alerts.yml", "tracegate.rules.yml"]


def test_a_checkout_without_rules_is_not_whole(tmp_path: Path) -> None:
    """A stack that alerts of nothing would look healthy."""
    with pytest.raises(StackError, match=r"has no rules in .*: the checkout is not whole"):
        bundled_rules(tmp_path)
