"""A secret: a text that no `repr`, digest, log line or error ever shows; and how one is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tracegate.config.document import Substituted
from tracegate.config.problems import Wrong
from tracegate.config.variables import missing

Source = Literal["env", "file", "literal"]

_CREDENTIAL = re.compile(r"key|token|secret|auth|passw|credential|cookie")
_WAYS = "write `${VAR}`, `{env: VAR}` or `{file: PATH}`."


class Secret(Struct, frozen=True):
    """A text to be used and never shown.

    Args:
        value: The secret itself; hand it only to what sends it, and to the redactor.
        source: Where it was: in a variable, in a file of its own, or written out in the configuration.
        name: The variable or the path; empty for a literal.
    """

    value: str
    source: Source
    name: str = ""

    def __repr__(self) -> str:
        """Never the value."""
        return f"Secret(source={self.source!r}, name={self.name!r})"

    def __str__(self) -> str:
        """Never the value."""
        return f"[{self.source}{' ' if self.name else ''}{self.name}]"


def names_credential(name: str) -> bool:
    """Whether the name of a header field, in lower case, says that its value is a secret."""
    return _CREDENTIAL.search(name) is not None


def read(value: object, env: Mapping[str, str], folder: Path) -> Secret:
    """The secret that a value of the file names.

    Args:
        value: Text, or a map with `env` or `file`.
        env: The environment.
        folder: Where the file stands in which the value is written.

    Raises:
        Wrong: It is none, its variable is not set, or its file can't be read.
    """
    if isinstance(value, Substituted) and value.variables:  # what stands around them, and defaults, are not shown
        return Secret(_filled(str(value)), "env", ", ".join(value.variables))
    if isinstance(value, str):
        return Secret(_filled(str(value)), "literal")
    if isinstance(value, dict) and len(value) == 1:
        ((kind, name),) = value.items()
        if isinstance(name, str) and kind == "env":
            if not env.get(name):
                raise missing(name, env, secret=True)
            return Secret(env[name], "env", name)
        if isinstance(name, str) and kind == "file":
            return Secret(_file(folder / name), "file", str(folder / name))
    raise Wrong("not a secret", _WAYS)


def _filled(value: str) -> str:
    if not value.strip():
        raise Wrong("empty", _WAYS)
    return value


def _file(path: Path) -> str:
    """The text of a file without one line end."""
    try:
        value = path.read_text("utf-8")
    except OSError as exc:
        raise Wrong(f"`{path}` can't be read: {exc.strerror}", "paths are relative to the file.") from exc
    except UnicodeDecodeError:
        raise Wrong(f"`{path}` is not text", "write the secret into it as UTF-8.") from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise Wrong(f"`{path}` is empty", "write the secret into it.")
    return value
