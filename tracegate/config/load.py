"""The ways in: a configuration from a file, or from the environment alone; all problems at once."""

from __future__ import annotations

from collections.abc import Mapping

from tracegate.config.assemble import assemble
from tracegate.config.draft import Draft
from tracegate.config.environment import document
from tracegate.config.known import Known, installed
from tracegate.config.model import Config
from tracegate.config.problems import InvalidConfig, Problem


def load(file: str | None, env: Mapping[str, str], known: Known | None = None) -> Config:
    """The configuration in a file; without one, every row whose variable is set, as `provider/model` on loopback.

    Args:
        file: Its path; errors name it as it is given. `None`: what the environment alone says.
        env: The environment, for `${VAR}`, keys of built-in rows, and `OTEL_*`.
        known: What it may name; by default what is installed.

    Raises:
        InvalidConfig: With everything that is wrong.
        ConfigError: There is no file, and no variable of a provider is set.
        OSError: The file can't be read.
    """
    known = known or installed()
    if file is None:
        draft = Draft(document(env, known), env, known, written=False)
    else:
        from tracegate.config.files import Reader  # with YAML, which the environment alone needs not

        reader = Reader(env)
        root = reader.read(file)
        if reader.broken:
            raise InvalidConfig(file, reader.problems)
        draft = Draft(root, env, known, problems=reader.problems, unset=reader.unset)
    config = assemble(draft, file)
    if draft.problems:
        raise InvalidConfig(file or "the environment", sorted(draft.problems, key=lambda one: _place(one, file)))
    return config


def _place(problem: Problem, file: str | None) -> tuple[bool, bool, str, int, int]:
    """The order in which problems are shown: by place, the first file first, variables last."""
    at = problem.at
    return (True, True, problem.path, 0, 0) if at is None else (False, at.file != file, at.file, at.line, at.column)
