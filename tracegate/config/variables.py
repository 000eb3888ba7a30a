"""`${VAR}` in text values: replaced after YAML was parsed, so that a value can't inject YAML.

`${VAR:-default}` gives a default, `$$` is `$`, a lone `$` stays. Nothing is replaced twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tracegate.config.document import Substituted
from tracegate.config.nearest import listed, nearest
from tracegate.config.problems import Wrong

_FOUND = re.compile(r"\$\$|\$\{([^}]*)(\})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def substitute(text: str, env: Mapping[str, str], *, secret: bool = False) -> str:
    """The text with its variables replaced.

    Args:
        text: As it stands in the file.
        env: The environment.
        secret: The text may come from a file as well: said in the error.

    Raises:
        Wrong: A variable is unset or empty and has no default, or `${` does not begin a variable.
    """
    found: list[str] = []
    replaced = False

    def value(match: re.Match[str]) -> str:
        nonlocal replaced
        if match[0] == "$$":
            return "$"
        replaced = True
        name, default, fallback = match[1].partition(":-")
        if match[2] is None or _NAME.fullmatch(name) is None:
            raise Wrong(f"`{match[0]}` is not a variable", "write `${NAME}` or `${NAME:-default}`, and `$$` for `$`.")
        if env.get(name):
            found.append(name)
            return env[name]
        if default:
            return fallback
        raise missing(name, env, secret=secret)

    result = _FOUND.sub(value, text)
    return Substituted.of(result, text, tuple(found)) if replaced else result


def missing(name: str, env: Mapping[str, str], *, secret: bool) -> Wrong:
    """The error for a variable that is not set, or empty."""
    ways = f"write `${{{name}:-…}}` with a default" + (", or `{file: PATH}`" if secret else "")
    alike = nearest(name, sorted(other for other in env if other != name), 3, least=0.75)
    hint = f" Set and similar: {listed(alike)}." if alike else ""
    state = "empty" if name in env else "not set"
    return Wrong(f"the variable {name} is {state}", f"set it, {ways}.{hint}")
