"""The two commands of README.md, and that CI runs the very one that stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.repository import ROOT, execute, text


def _blocks(markdown: str) -> dict[str, list[str]]:
    """The shell blocks that follow a `<!-- command: NAME -->` line, by name."""
    found = re.findall(r"^<!-- command: (\w+) -->\n```sh\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE)
    return {name: [block for other, block in found if other == name] for name, _ in found}


def _repository(folder: Path, readme: str) -> Path:
    """A folder with the real `.ci/run` and another README."""
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return folder


def _ci(folder: Path) -> subprocess.CompletedProcess[str]:
    return execute(["bash", str(folder / ".ci" / "run")], cwd=folder.parent)


def test_the_readme_has_its_two_commands_once() -> None:
    """One runs the demo, one runs all tests; each sets up what it needs."""
    blocks = _blocks(text(Path("README.md")))
    assert {"demo", "tests"} == set(blocks)
    assert blocks["demo"] == [".ci/install && .venv/bin/tracegate demo\n"]
    tests = ".venv/bin/python -m pytest --cov --numprocesses=2"
    assert blocks["tests"] == [f".ci/install dev && collector/build && {tests}\n"]


@pytest.mark.parametrize("status", [0, 7])
def test_ci_runs_the_command_of_the_readme(tmp_path: Path, status: int) -> None:
    """`.ci/run` runs the block of the README, in the repository, and ends with its status."""
    readme = f"""
        <!-- command: demo -->
        ```sh
        echo wrong
        ```
        text
        <!-- command: tests -->
        ```sh
        echo first
        ls README.md && exit {status}
        ```
        ```sh
        echo wrong
        ```
        """
    done = _ci(_repository(tmp_path / "clone", re.sub(r"^ {8}", "", readme, flags=re.MULTILINE)))
    assert status == done.returncode
    assert done.stdout.splitlines()[-2:] == ["first", "README.md"]
    assert "wrong" not in done.stdout


def test_ci_stops_at_the_first_failing_line(tmp_path: Path) -> None:
    """A set-up that failed is not followed by tests that pass."""
    done = _ci(_repository(tmp_path / "clone", "<!-- command: tests -->\n```sh\nfalse\necho passed\n```\n"))
    assert done.returncode == 1
    assert "passed" not in done.stdout.splitlines()


def test_ci_fails_where_the_readme_has_no_command(tmp_path: Path) -> None:
    """A README without the block is an error, not a green run of nothing."""
    done = _ci(_repository(tmp_path / "clone", "<!-- command: demo -->\n```sh\ntrue\n```\n"))
    assert done.returncode == 1
    assert "README.md has no block" in done.stdout


def test_nothing_else_says_how_tests_are_run() -> None:
    """`.ci/run` names no test runner of its own."""
    assert "pytest" not in text(Path(".ci/run"))


@pytest.mark.parametrize("script", [".ci/install", ".ci/lock"])
def test_a_script_can_be_run_as_it_stands(script: str) -> None:
    """It is executable, and `sh` can read it."""
    assert (ROOT / script).stat().st_mode & 0o111
    assert execute(["sh", "-n", script], cwd=ROOT).returncode == 0


def test_installing_an_unknown_set_says_what_is_allowed() -> None:
    """A wrong word is an error that names the right ones."""
    done = execute([".ci/install", "everything"], cwd=ROOT)
    assert (
        done.returncode,
        done.stdout,
    ) == (2, ".ci/install: unknown set `everything`; allowed: dev, or nothing\n")


def test_an_install_looks_up_nothing_that_the_lock_does_not_name() -> None:
    """A release of today changes no install: pip resolves nothing, and says whether all fits together."""
    commands = [line for line in text(Path(".ci/install")).splitlines() if line.startswith("$pip ")]
    installs = [line for line in commands if line.startswith("$pip install ")]
    assert len(installs) == 2
    assert all("--no-deps" in line for line in installs)
    assert "--require-hashes" in installs[0]
    assert commands[-1] == "$pip check"
