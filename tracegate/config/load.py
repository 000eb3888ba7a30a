"""The ways in: a configuration from a file, or from the environment alone; all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tracegate.config.assemble import assemble
from tracegate.config.draft import Draft
from tracegate.config.environment import document
from tracegate.config.files import Reader
from tracegate.config.known import Known, installed
from tracegate.config.model import Config
from tracegate.config.problems import InvalidConfig, Problem

DEFAULT_FILE = "tracegate.yaml"


def load(file: str, env: Mapping[str, str], known: Known | None = None) -> Config:
    """The configuration in a file.

    Args:
        file: Its path; errors name it as it is given.
        env: The environment, for `${VAR}`, keys of built-in rows, and `OTEL_*`.
        known: What it may name; by default what is installed.

    Raises:
        UnreadableConfig: The file can't be read.
        InvalidConfig: With everything that is wrong.
    """
    reader = Reader(env)
    root = reader.read(file)
    if reader.broken:
        raise InvalidConfig(file, reader.problems)
    draft = Draft(root, env, known or installed(), problems=reader.problems, unset=reader.unset)
    config = assemble(draft, file)
    if draft.problems:
        raise InvalidConfig(file, sorted(draft.problems, key=lambda problem: _place(problem, file)))
    return config


def load_environment(env: Mapping[str, str], known: Known | None = None) -> Config:
    """Without a file: every row whose variable is set, served as `provider/model` on loopback without keys.

    Raises:
        InvalidConfig: A variable can't be used.
        ConfigError: No variable is set.
    """
    known = known or installed()
    draft = Draft(document(env, known), env, known, written=False)
    config = assemble(draft, None)
    if draft.problems:
        raise InvalidConfig("the environment", draft.problems)
    return config


def load_any(file: str | None, env: Mapping[str, str], known: Known | None = None) -> Config:
    """The file that is named; else `tracegate.yaml` in the current folder; else the environment alone."""
    if file is None and Path(DEFAULT_FILE).exists():
        file = DEFAULT_FILE
    return load_environment(env, known) if file is None else load(file, env, known)


def _place(problem: Problem, file: str) -> tuple[bool, bool, str, int, int]:
    """The order in which problems are shown: by place, the first file first, variables last."""
    at = problem.at
    return (True, True, problem.path, 0, 0) if at is None else (False, at.file != file, at.file, at.line, at.column)
