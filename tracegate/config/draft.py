"""A configuration while it is being read: the document, the environment, what is wrong so far, what is noted.

Every step of loading gets it, adds its problems and goes on, so that all of them are shown at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tracegate.config.document import Node
from tracegate.config.known import Known
from tracegate.config.model import Note
from tracegate.config.origin import DEFAULT, Origin
from tracegate.config.problems import Path, Position, Problem, Wrong, dotted
from tracegate.config.secret import Secret


@dataclass(slots=True)
class Draft:
    """What one load works on.

    Args:
        root: The whole document, every file of it merged.
        env: The environment.
        known: What the configuration may name: rows, dialects, policies, transports, prices.
        written: There is a file; without one every position is left out.
    """

    root: Node
    env: Mapping[str, str]
    known: Known
    written: bool = True
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    secrets: dict[str, Secret] = field(default_factory=dict)
    unset: set[Position] = field(default_factory=set)  # values whose variable is missing: said once, there
    _said: set[Problem | Note] = field(default_factory=set)

    def wrong(self, path: Path, what: str, fix: str, *, key: bool = False) -> None:
        """Add a problem at a path; what is not written itself is reported at what it would stand in."""
        at, written = self.root.place(path, key=key)
        if at not in self.unset:
            self._add(Problem(at if self.written else None, dotted(written), what, fix))

    def refuse(self, path: Path, wrong: Wrong) -> None:
        """Add a value that can't be read."""
        self.wrong(path, wrong.what, wrong.fix)

    def wrong_variable(self, name: str, what: str, fix: str) -> None:
        """Add a problem of an environment variable."""
        self._add(Problem(None, name, what, fix))

    def _add(self, problem: Problem) -> None:
        if problem not in self._said:
            self._said.add(problem)
            self.problems.append(problem)

    def note(self, kind: Literal["note", "warning"], path: Path, text: str) -> None:
        """Add something that a person should know."""
        at, _ = self.root.place(path)
        note = Note(kind, str(at) if self.written else "", dotted(path), text)
        if note not in self._said:
            self._said.add(note)
            self.notes.append(note)

    def origin(self, path: Path, level: str | None = None) -> Origin:
        """Where a written value stands."""
        return Origin("file", str(self.root.place(path)[0]), level)

    def written_or_default(self, path: Path) -> Origin:
        """Where a value stands, if it is written."""
        return DEFAULT if self.root.get(path) is None else self.origin(path)

    def keep(self, secret: Secret | None) -> Secret | None:
        """Remember a secret for the redactor."""
        if secret is not None:
            self.secrets.setdefault(secret.value, secret)
        return secret
