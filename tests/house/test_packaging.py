"""Dependencies: each has a reason, is used, is pinned, and is what is installed."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.house.repository import files, project, text

pytestmark = pytest.mark.slow

PYPROJECT = text(Path("pyproject.toml"))
RUN = Path("requirements.lock")
DEV = Path("requirements-dev.lock")

# Import names where they differ from the distribution's. Namespaces count as imported by any of their parts.
IMPORT_NAMES = {
    "pyyaml": "yaml",
    "opentelemetry-sdk": "opentelemetry",
    "opentelemetry-exporter-otlp": "opentelemetry",
    "opentelemetry-instrumentation-httpx": "opentelemetry",
}
# Not declared, with the reason why importing it is right all the same.
BESIDES = {
    ("tracegate/telemetry/sdk_exporters.py", "grpc"): "what the gRPC exporter takes as credentials and compression",
    ("tracegate/audit/timestamp.py", "rfc3161_client"): "the extra `rfc3161`; loaded only where heads are stamped",
    ("tracegate/telemetry/content_grpc.py", "grpc"): "the client that the gRPC exporter brings; content calls it bare",
    ("tracegate/prices/make.py", "genai_prices"): "the maintainers' command; a run-time import would cost 31 MB",
}


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(lock: Path) -> dict[str, str]:
    """Name and version of everything that a lock pins."""
    return {_normal(name): pin for name, pin in re.findall(r"^([\w.-]+)==(\S+)", text(lock), re.MULTILINE)}


def _required() -> list[Requirement]:
    return [Requirement(line) for line in project()["project"]["dependencies"]]


def _imports(path: Path) -> set[str]:
    """Top-level names of the other packages that a module imports, lazily too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"tracegate"}


def test_every_dependency_has_its_reason() -> None:
    """A line of pyproject.toml that names a dependency says why it is there."""
    sections = re.findall(
        r"^(?:dependencies|dev) = \[\n(.*?)^\]", text(Path("pyproject.toml")), re.DOTALL | re.MULTILINE
    )
    assert len(sections) == 2
    lines = [line for body in sections for line in body.splitlines() if line.lstrip().startswith('"')]
    assert [line for line in lines if not re.search(r'",\s+# \w+', line)] == []


def test_every_import_is_declared() -> None:
    """The package imports only what it declares, never what a dependency happened to bring."""
    declared = {IMPORT_NAMES.get(_normal(r.name), r.name) for r in _required()}
    found = {(str(path), name) for path in files("tracegate/*.py") for name in _imports(path) - declared}
    assert set(BESIDES) == found


def test_every_dependency_is_used() -> None:
    """What nothing imports is not a dependency."""
    imported = {name for path in files("tracegate/*.py") for name in _imports(path)}
    unused = {r.name for r in _required() if IMPORT_NAMES.get(_normal(r.name), r.name) not in imported}
    assert unused == set()


def test_the_locks_pin_what_pyproject_asks_for() -> None:
    """Each requirement is pinned to a version it allows; `.ci/lock` writes the locks anew."""
    data = project()
    run = [Requirement(line) for line in (*data["project"]["dependencies"], *data["build-system"]["requires"])]
    dev = [*run, *(Requirement(line) for line in data["project"]["optional-dependencies"]["dev"])]
    wrong = [
        f"{lock}: {requirement}"
        for lock, requirements in ((RUN, run), (DEV, dev))
        for requirement in requirements
        if not requirement.specifier.contains(_pins(lock).get(_normal(requirement.name), "0"), prereleases=True)
    ]
    assert wrong == []


def test_what_runs_is_what_is_tested() -> None:
    """The lock for running is a part of the one for tests, version by version."""
    assert set(_pins(RUN).items()) <= set(_pins(DEV).items())


def test_every_pin_has_hashes() -> None:
    """Nothing is installed that is not the file that was locked."""
    for lock in (RUN, DEV):
        entries = re.split(r"^(?=[\w.-]+==)", text(lock), flags=re.MULTILINE)[1:]
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_what_is_installed_is_what_is_locked() -> None:
    """Tests say something about the locked versions only when they ran with them; `.ci/install dev` helps."""
    assert {name: pin for name, pin in _pins(DEV).items() if Version(version(name)) != Version(pin)} == {}


def test_every_entry_point_loads() -> None:
    """What pyproject.toml registers is installed under that name and can be imported."""
    declared = {
        EntryPoint(name, value, group)
        for group, entries in project()["project"]["entry-points"].items()
        for name, value in entries.items()
    } | {EntryPoint(name, value, "console_scripts") for name, value in project()["project"]["scripts"].items()}
    installed = {entry for group in {entry.group for entry in declared} for entry in entry_points(group=group)}
    assert declared <= installed
    for entry in declared:
        assert callable(entry.load()), entry
