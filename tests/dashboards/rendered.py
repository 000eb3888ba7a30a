"""Compose files as Docker would render them: variables filled in, later files merged over earlier ones.

Source: the Compose specification, "Interpolation" and "Merge". Only what the files here use is done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")
UNIQUE = {"volumes": 1, "ports": 1}
"""Lists of a service that are merged by the target of each entry; other lists are joined, `command` is replaced."""


def rendered(paths: Sequence[Path], environ: Mapping[str, str]) -> Json:
    """All files as one.

    Raises:
        KeyError: A variable has no value and no default.
    """
    whole: Json = {}
    for path in paths:
        whole = _merged(whole, _filled(yaml.safe_load(path.read_text("utf-8")), environ))
    return whole


def schema() -> Any:
    """The JSON schema of the Compose specification, as `check-jsonschema` carries it."""
    return json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))


def binds(service: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Source and target of each mount; the source of a volume is its name."""
    mounts = [mount.split(":") for mount in service.get("volumes", ())]
    return [(source, target) for source, target, *_ in mounts]


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    match value:
        case dict():
            return {key: _filled(one, environ) for key, one in value.items()}
        case list():
            return [_filled(one, environ) for one in value]
        case str():
            return VARIABLE.sub(lambda found: _value(found, environ), value)
        case _:
            return value


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    name, default = found.groups()
    if name is None:
        return "$"
    return environ[name] if default is None else environ.get(name, default)


def _merged(one: Json, other: Json) -> Json:
    made = dict(one)
    for key, value in other.items():
        before = made.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            made[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list) and key in UNIQUE:
            at = UNIQUE[key]
            made[key] = list({entry.split(":")[at]: entry for entry in [*before, *value]}.values())
        else:
            made[key] = value
    return made
