"""The compose files are valid, and what they name is there; Docker itself is not run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from tests.dashboards.rendered import Json, binds, rendered, schema
from tests.house.repository import ROOT
from tracegate.stack.ports import USUAL
from tracegate.stack.servers import PROGRAMS, Plan, servers

HERE = ROOT / "collector" / "compose"
FILES = {"tempo": [HERE / "compose.yaml"], "jaeger": [HERE / "compose.yaml", HERE / "compose.jaeger.yaml"]}
OWN = {"gateway", "collector", "providers", "traffic"}
"""Services that are built from this repository."""

NO_HEALTH = {
    "tempo": "its image has no shell to ask with",
    "loki": "its image has no shell to ask with",
    "jaeger": "its image has no shell to ask with",
    "providers": "simulated, and nobody waits for more than its start",
    "traffic": "nobody asks it",
}

each = pytest.mark.parametrize("name", list(FILES))


def _compose(name: str) -> Json:
    return rendered(FILES[name], {})


def _loaded(file: str) -> Any:
    return yaml.safe_load((HERE / file).read_text("utf-8"))


@each
def test_it_is_what_the_specification_allows(name: str) -> None:
    """Rendered without any variable set: each has a default."""
    jsonschema.validate(_compose(name), schema(), jsonschema.Draft7Validator)


@each
def test_every_mount_is_there_and_read_only(name: str) -> None:
    """A missing one is made by Docker, as an empty folder of root; a volume is declared, and each is used."""
    compose = _compose(name)
    used = set()
    for service in compose["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (HERE / source).exists(), mount
                assert mount.endswith(":ro"), mount
            else:
                used.add(source)
    assert used == set(compose["volumes"])


@each
def test_images_are_pinned(name: str) -> None:
    """To a version: `latest` is another program tomorrow. What is not an image is built from this repository."""
    for service, said in _compose(name)["services"].items():
        assert ("build" in said) == (service in OWN), service
        assert service in OWN or re.search(r":v?\d+\.\d+\.\d+$", said["image"]), service


@each
def test_everything_listens_on_this_machine_only(name: str) -> None:
    """Nothing here has TLS, and most of it no password; no port is taken twice."""
    ports = [port for service in _compose(name)["services"].values() for port in service.get("ports", ())]
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


@each
def test_who_waits_for_health_waits_for_one_that_tells(name: str) -> None:
    """Else it would wait for ever; whoever can't tell is known, with the reason."""
    services = _compose(name)["services"]
    assert {service for service, said in services.items() if "healthcheck" not in said} == set(NO_HEALTH) & set(
        services
    )
    for said in services.values():
        for other, how in said.get("depends_on", {}).items():
            assert how["condition"] == ("service_started" if other in NO_HEALTH else "service_healthy"), other


@each
def test_every_address_inside_is_a_service_with_that_port(name: str) -> None:
    """Of the Collector's configuration, Grafana's data sources, Prometheus' targets, and the environment."""
    ports = {
        "collector": {4317, 4318, 4319, 8888, 13133},
        "gateway": {4000},
        "grafana": {3000},
        "jaeger": {4317, 16686},
        "loki": {3100},
        "prometheus": {9090},
        "providers": {8080},
        "tempo": {3200, 4317},
    }
    services = _compose(name)["services"]
    assert set(services) == set(ports) - ({"jaeger"} if name == "tempo" else set()) | {"traffic"}
    mounted = {HERE / source for said in services.values() for source, _ in binds(said) if source.startswith(".")}
    texts = [path.read_text("utf-8") for path in mounted if path.suffix == ".yaml" and path.name != "dev.yaml"]
    texts.append(yaml.safe_dump(services))
    found = {
        (host, int(port))
        for text in texts
        for host, port in re.findall(r"\b([a-z]+):(\d{4,5})\b(?!:)", re.sub(r"(?m)#.*$", "", text))
        if host not in {"from", "port"}
    }
    assert {("tempo", 4317), ("loki", 3100), ("prometheus", 9090), ("collector", 4318), ("collector", 4319)} <= found
    assert {address for address in found if address[1] not in ports[address[0]]} == set()


@each
def test_what_a_build_needs_is_there(name: str) -> None:
    """Context, Dockerfile, and all that is copied."""
    for service, said in _compose(name)["services"].items():
        if "build" not in said:
            continue
        context = (HERE / said["build"]["context"]).resolve()
        file = context / said["build"]["dockerfile"]
        assert file.is_file(), service
        for line in file.read_text("utf-8").splitlines():
            words = line.split()
            if words[:1] == ["COPY"] and not words[1].startswith("--from"):
                assert all((context / source).exists() for source in words[1:-1]), line
            if words[:1] == ["FROM"]:
                assert re.search(r":\d+\.\d+", words[1]), line


def test_only_what_is_copied_reaches_the_builder() -> None:
    """The context is the whole checkout, with `.git` and `.venv`."""
    lines = (HERE / "gateway.Dockerfile").read_text("utf-8").splitlines()
    copied = {word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]}
    ignore = (HERE / "gateway.Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == copied


def test_the_gateway_is_installed_from_the_lock() -> None:
    """What runs in the container is what was tested, hash by hash, and not as root."""
    lines = (HERE / "gateway.Dockerfile").read_text("utf-8")
    assert "--no-deps --require-hashes -r requirements.lock" in lines
    assert "--no-deps --no-build-isolation ." in lines
    assert re.search(r"^USER \d+$", lines, re.MULTILINE)


def test_the_audit_log_outlives_the_container() -> None:
    """It is in a volume, below a folder that the image gives to the gateway's user; its name is not the container's."""
    audit = _loaded("tracegate.yaml")["audit"]
    folder = audit["dir"].removeprefix("${AUDIT_DIR:-").removesuffix("/audit}")
    assert (folder, audit["replica"]) == ("/var/lib/tracegate", "gateway")
    assert f"audit:{folder}" in _compose("tempo")["services"]["gateway"]["volumes"]
    lines = (HERE / "gateway.Dockerfile").read_text("utf-8")
    (user,) = re.findall(r"^USER (\d+)$", lines, re.MULTILINE)
    assert f"install -d -o {user} -g {user} -m 700 {folder}\n" in lines


def test_prometheus_runs_as_it_does_in_the_stack() -> None:
    """Same settings and features; what differs is where things are, and the rules, which the stack gets by argument."""
    plan = Plan(ROOT, Path("/nowhere"), USUAL, {program: Path(program) for program in PROGRAMS.values()})
    stack = servers(plan)["prometheus"]
    (text,) = stack.files.values()
    ours, theirs = _loaded("prometheus.yaml"), yaml.safe_load(text)
    for config in (ours, theirs):
        for job in config["scrape_configs"]:
            del job["static_configs"]
        del config["rule_files"]
    assert ours == theirs
    command = _compose("tempo")["services"]["prometheus"]["command"]
    places = ("--config.file", "--storage.tsdb.path", "--web.listen-address", "--storage.tsdb.retention.time")
    assert [flag for flag in command if not flag.startswith(places)] == [
        flag for flag in stack.command[1:] if not flag.startswith(places)
    ]


def test_prometheus_reads_the_rules_that_are_mounted() -> None:
    """By the path inside the container."""
    mounts = {target: HERE / source for source, target in binds(_compose("tempo")["services"]["prometheus"])}
    (pattern,) = _loaded("prometheus.yaml")["rule_files"]
    folder, _, glob = pattern.rpartition("/")
    assert sorted(path.name for path in mounts[folder].glob(glob)) == ["tracegate.alerts.yml", "tracegate.rules.yml"]


def test_traces_and_logs_are_kept_as_long_as_metrics() -> None:
    """A number whose traces are gone proves nothing; 90 days where nobody says otherwise."""
    services = _compose("tempo")["services"]
    assert "--storage.tsdb.retention.time=90d" in services["prometheus"]["command"]
    assert services["tempo"]["environment"]["TRACES_RETENTION"] == services["loki"]["environment"]["LOGS_RETENTION"]
    assert services["loki"]["environment"]["LOGS_RETENTION"] == f"{90 * 24}h"
    tempo, loki = _loaded("tempo.yaml"), _loaded("loki.yaml")
    assert tempo["backend_worker"]["compaction"]["block_retention"] == "${TRACES_RETENTION}"
    assert loki["limits_config"]["retention_period"] == "${LOGS_RETENTION}"


@each
def test_the_collector_merges_what_is_mounted(name: str) -> None:
    """In that order; every variable that differs from its default is set for a file that has it."""
    collector = _compose(name)["services"]["collector"]
    mounts = {target: (HERE / source).resolve() for source, target in binds(collector)}
    merged = [mounts[argument.removeprefix("--config=")] for argument in collector["command"]]
    names = ["dev.yaml", "collector.yaml", "collector-jaeger.yaml"]
    assert [path.name for path in merged] == names[: len(merged)]
    assert len(merged) == (2 if name == "tempo" else 3)
    known = set(re.findall(r"\$\{env:(\w+)", "".join(path.read_text("utf-8") for path in merged)))
    assert set(collector["environment"]) <= known
