"""What the house rules look at: the files of the repository, and the tools run over them.

Files are those that git knows or would add, so that a rule sees new work before it is committed and nothing that is
ignored.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def files(*patterns: str) -> list[Path]:
    """The repository's files that match a git pathspec, as paths below ROOT; all without one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return sorted({Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()})


def text(path: Path) -> str:
    """The text of a file below ROOT, or nothing where it is not UTF-8 (a picture)."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def comments(path: Path) -> Iterator[tuple[int, str, str]]:
    """Each comment of a Python file: its line number, its text, and the line above."""
    source = text(path)
    lines = ["", *source.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string, lines[token.start[0] - 1].strip()


def project() -> dict[str, Any]:
    """pyproject.toml as data."""
    return tomllib.loads(text(Path("pyproject.toml")))


def run(*command: str, cwd: Path = ROOT, scripts: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a Python module, or with `scripts` a console script of this environment, and return what it said."""
    head = [str(Path(sys.executable).parent / command[0])] if scripts else [sys.executable, "-m", command[0]]
    return execute([*head, *command[1:]], cwd)


def execute(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with standard error in its output; coverage is not measured in it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
