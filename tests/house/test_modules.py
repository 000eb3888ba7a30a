"""What each module owes its reader: a size, a name, a docstring, a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.house.repository import files, text

LONGEST = 400  # lines; two screens are the aim, above this a module does more than one thing
LONGEST_TEST = 600  # a test file has all cases of one module

CATCH_ALL = {"base", "common", "core", "handler", "handlers", "helper", "helpers", "lib", "manager", "managers"} | {
    "misc",
    "shared",
    "tools",
    "util",
    "utils",
}

CODE = ("tracegate/*.py", "dashboards/*.py")
"""Pathspecs of what is run outside tests; git's `*` matches `/` too."""

# Modules without a test file of their own, each with its reason; those of the package without its name.
UNTESTED: dict[str, str] = {
    "audit/events.py": "types: each is written and read in test_leaf.py",
    "audit/kinds.py": "types: each is written and read in test_leaf.py",
    "audit/render_attempts.py": "a part of the leaves of a request: tested with them, in test_render.py",
    "dialects/dialect.py": "an interface: nothing to run",
    "policies/policy.py": "an interface: nothing to run",
    "upstream/exchange.py": "an interface: nothing to run",
    "telemetry/view.py": "an interface: nothing to run",
    "upstream/leaf.py": "a value: nothing to run",
    "upstream/live.py": "half of one hop: tested with it, in test_attempt.py",
    "custody.py": "values: nothing to run",
    "shipment.py": "values and an interface: nothing to run",
    "inbound.py": "a value: nothing to run",
    "prices/price.py": "a value: nothing to run",
    "server/members.py": "what headers and comments share: tested with both",
    "telemetry/model.py": "values: nothing to run",
    "testing/__main__.py": "an entry: tests start it as a process",
    "testing/memory_answer.py": "half of the exchange in memory: tested with it",
    "testing/simulator_connection.py": "a part of the simulator: tested with it",
    "testing/simulator_playing.py": "a part of the simulator: tested with it",
    "testing/wire_actions.py": "what a plan is made of: tested with what makes and what plays it",
    "testing/wire_flavour.py": "a table: every row is played in test_wire.py",
    "dashboards/__main__.py": "an entry: tests start it as a process",
    "dashboards/chain_of_custody.py": "a dashboard: tested as the JSON that is made of it",
    "dashboards/frame.py": "what dashboards share: tested as the JSON that is made of them",
    "dashboards/answers.py": "rows of a dashboard: tested as the JSON that is made of them",
    "dashboards/service.py": "rows of a dashboard: tested as the JSON that is made of them",
    "dashboards/check/__main__.py": "an entry: what it prints is tested in test_compared.py",
    "dashboards/check/collector.py": "needs a Collector: tests/stores/test_dashboards.py runs it",
    "dashboards/check/played.py": "needs the stores: tests/stores/test_dashboards.py runs it",
    "dashboards/check/scenes.py": "a table: every row is played in test_load.py",
    "dashboards/check/sink.py": "needs the stores: tests/stores/test_dashboards.py runs it",
    "dashboards/check/violations.py": "needs the stores: tests/stores/test_dashboards.py runs it",
    "dashboards/check/whole.py": "needs the stores: tests/stores/test_dashboards.py runs it",
    "dashboards/who_served_what.py": "a dashboard: tested as the JSON that is made of it",
}

# Folders of tests that mirror no room: they look at the product as a whole.
WHOLE = {"agreement", "bench", "dashboards", "differential", "examples", "house", "stores", "torture"}


def modules() -> list[Path]:
    """The modules of the package, and of what makes the dashboards, that have code."""
    return [path for path in files(*CODE) if path.name != "__init__.py" or _has_code(path)]


def _has_code(path: Path) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.walk(ast.parse(text(path)))
    )


def _below(module: Path) -> Path:
    """Its path, without the package's name."""
    return module.relative_to("tracegate") if module.parts[0] == "tracegate" else module


def _test_of(module: Path) -> Path:
    """`tracegate/telemetry/otlp.py` → `tests/telemetry/test_otlp.py`; a package's code is tested under its name.

    `dashboards/query.py` → `tests/dashboards/test_query.py`.
    """
    module = _below(module)
    if module.name == "__init__.py":
        return Path("tests", module.parent, f"test_{module.parent.name}.py")
    return Path("tests", module.parent, f"test_{module.name}")


def _public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of its public classes."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                waiting.extend(node.body)


def test_no_module_is_longer_than_400_lines() -> None:
    """A module that is longer does more than one thing."""
    lengths = {path: len(text(path).splitlines()) for path in files("*.py")}
    most = {path: LONGEST_TEST if path.name.startswith("test_") else LONGEST for path in lengths}
    assert {str(path): lines for path, lines in lengths.items() if lines > most[path]} == {}


def test_no_module_has_a_catch_all_name() -> None:
    """A name that fits everything tells nothing, and gathers everything."""
    assert [str(path) for path in files("*.py") for part in path.with_suffix("").parts if part in CATCH_ALL] == []


def test_every_module_and_everything_public_has_a_docstring() -> None:
    """Said here too, so that no `noqa` and no ruff setting can take it back."""
    missing = []
    for path in files(*CODE):
        tree = ast.parse(text(path))
        nodes = [("module", tree), *((node.name, node) for node in _public(tree))]
        missing += [f"{path}: {name}" for name, node in nodes if not ast.get_docstring(node)]
    assert missing == []


def test_every_module_has_its_test_file() -> None:
    """Tests mirror the package, so that whoever changes a module knows where its tests are."""
    tests = set(files("tests/*.py"))
    assert [str(path) for path in modules() if str(_below(path)) not in UNTESTED and _test_of(path) not in tests] == []


def test_every_test_file_has_its_module() -> None:
    """A test file in a mirrored folder names a module of that room."""
    expected = {_test_of(path) for path in modules()}
    mirrored = [path for path in files("tests/*/test_*.py", "tests/test_*.py") if path.parts[1] not in WHOLE]
    assert [str(path) for path in mirrored if path not in expected] == []


def test_no_exception_is_left_over() -> None:
    """A module that is gone, or that got a test file, is no exception any more."""
    known = {str(_below(path)): _test_of(path) for path in modules()}
    tests = set(files("tests/*.py"))
    assert [path for path in UNTESTED if path not in known or known[path] in tests] == []


def test_no_folder_of_tests_is_passed_over(request: pytest.FixtureRequest) -> None:
    """pytest does not look into folders of some names, `build` among them unless it is told otherwise."""
    patterns = request.config.getini("norecursedirs")
    folders = {part for path in files("tests/*.py") for part in path.parts[:-1]}
    assert [name for name in sorted(folders) if any(fnmatch(name, pattern) for pattern in patterns)] == []
