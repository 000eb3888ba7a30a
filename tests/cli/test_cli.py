"""The commands, as a person types them: what they print where, and their exit status."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tracegate import __version__
from tracegate.cli import main

VALID = """
providers: {a: {dialect: openai, base_url: "https://a.test/v1", key: none}}
targets: {t: a/x}
routes: {chat: [t]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*args: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, args)


def test_check_says_what_a_valid_file_comes_to(folder: Path) -> None:
    """On stdout, status 0."""
    (folder / "good.yaml").write_text(VALID)
    result = ran("check", "good.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("good.yaml is valid: 1 provider, 1 target, 1 route, 0 keys. Digest ")
    assert "telemetry  direct → http://localhost:4318 (default)" in result.stdout


@pytest.mark.parametrize(("name", "status"), [("bad.yaml", 1), ("none.yaml", 2)])
def test_check_says_what_is_wrong(folder: Path, name: str, status: int) -> None:
    """On stderr; 1: it is wrong, 2: it can't be read."""
    (folder / "bad.yaml").write_text(VALID.replace("[t]", "[u]"))
    result = ran("check", name)
    assert (result.exit_code, result.stdout) == (status, "")
    assert name in result.stderr


def test_explain_prints_the_tree_and_every_value(folder: Path) -> None:
    """Of all, or of one route."""
    (folder / "good.yaml").write_text(VALID)
    result = ran("explain", "good.yaml", "chat")
    assert result.exit_code == 0
    assert result.stdout.startswith("chat   deadline 10m\n└─ t   a · x · ")
    assert len(ran("explain", "good.yaml").stdout) > len(result.stdout)


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["good.yaml", "chatt"], 1, "did you mean `chat`?"),
        (["bad.yaml"], 1, "unknown name `u`"),
        (["none.yaml"], 2, "can't be read"),
    ],
)
def test_explain_says_what_it_can_not(folder: Path, args: list[str], status: int, said: str) -> None:
    """On stderr, with the same statuses."""
    (folder / "good.yaml").write_text(VALID)
    (folder / "bad.yaml").write_text(VALID.replace("[t]", "[u]"))
    result = ran("explain", *args)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr


def test_key_prints_a_key_and_its_hash() -> None:
    """Both on stdout, what to do with them on stderr; never the same twice."""
    lines = dict(line.split(None, 1) for line in ran("key").stdout.splitlines())
    assert lines["hash"] == f"sha256:{hashlib.sha256(lines['key'].encode()).hexdigest()}"
    assert "Give the key to the client" in ran("key").stderr
    assert lines["key"] not in ran("key").stdout


@pytest.mark.parametrize(
    ("there", "args", "expected"),
    [
        (False, [], (None, None, None, 1)),
        (True, [], ("tracegate.yaml", None, None, 1)),
        (True, ["--config", "other.yaml"], ("other.yaml", None, None, 1)),
        (False, ["--host", "::1", "--port", "0", "--workers", "3"], (None, "::1", 0, 3)),
    ],
)
def test_serve_takes_the_file_of_this_folder_where_none_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, there: bool, args: list[str], expected: tuple[object, ...]
) -> None:
    """And ends with the status of what it started."""
    given: list[tuple[object, ...]] = []

    def run(*args: object) -> int:
        given.append(args)
        return 7

    if there:
        (folder / "tracegate.yaml").write_text(VALID)
    monkeypatch.setattr("tracegate.cli.serving.run", run)
    assert ran("serve", *args).exit_code == 7
    assert given == [expected]


@pytest.mark.parametrize(("args", "expected"), [([], (False, None)), (["--keep", "--svg", "a.svg"], (True, "a.svg"))])
def test_demo_ends_with_its_own_status(
    monkeypatch: pytest.MonkeyPatch, args: list[str], expected: tuple[bool, str | None]
) -> None:
    """It says whether every scene came out as it must."""
    given: list[tuple[bool, str | None]] = []

    def run(*, keep: bool, svg: str | None) -> int:
        given.append((keep, svg))
        return 1

    module = importlib.import_module("tracegate.cli.demo")  # the command has its module's name
    monkeypatch.setattr(module, "run", run)
    assert ran("demo", *args).exit_code == 1
    assert given == [expected]


def test_demo_beside_a_stack_ends_with_its_own_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether all that was read back agrees."""
    given: list[bool] = []

    def run(*, keep: bool) -> int:
        given.append(keep)
        return 1

    monkeypatch.setattr("tracegate.cli.demo_stack.run", run)
    assert (ran("demo", "--stack", "--keep").exit_code, given) == (1, [True])
    result = ran("demo", "--stack", "--svg", "a.svg")
    assert (result.exit_code, "--svg draws without a stack" in result.stderr) == (2, True)


@pytest.mark.parametrize("args", [["serve", "--port", "70000"], ["serve", "--workers", "0"], ["check"], ["nothing"]])
def test_a_command_that_is_mistyped_says_how_it_is_written(args: list[str]) -> None:
    """Status 2, before anything is read."""
    result = ran(*args)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_every_command_explains_itself() -> None:
    """By `-h` too; the version is the package's."""
    assert isinstance(main, click.Group)
    assert sorted(main.commands) == ["audit", "check", "demo", "explain", "key", "serve", "stack", "verify"]
    for name in main.commands:
        assert ran(name, "--help").exit_code == 0
        assert ran(name, "-h").stdout == ran(name, "--help").stdout
    assert ran("--version").stdout == f"tracegate, version {__version__}\n"
    serve = ran("serve", "--help").stdout
    assert all(option in serve for option in ("--config FILE", "--host", "--port", "--workers"))


def test_help_loads_nothing_that_it_does_not_need() -> None:
    """It is there at once."""
    code = (
        "import sys; from tracegate.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted(n for n in sys.modules if n in ('starlette', 'uvicorn', 'pydantic', 'opentelemetry')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("[]\n")
