"""The digest of a configuration: SHA-256 over what it means, however it is written.

It covers neither secrets (client keys included) nor `gateway.name` nor `audit.dir` (ruling 45), nor what `OTEL_*` and
the machine's name add: replicas of one file have one digest. What it covers is put in one canonical form: JSON with
sorted keys, durations in nanoseconds, money in its shortest decimal form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal

from msgspec import Struct

from tracegate.config.form import Form
from tracegate.config.model import Provider
from tracegate.config.secret import Secret, names_credential
from tracegate.facts import Target

_LEFT_OUT = frozenset({"origins", "digest", "short"})  # the last two are a client's key
_HELD = frozenset({"ca", "cert", "key"})  # certificates and secrets: that there is one, and no more


def digest(parts: Mapping[str, object]) -> str:
    """SHA-256 in hex of named parts: structs, dataclasses, models, maps and plain values."""
    text = json.dumps(_canonical(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> object:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Secret):
        return True
    if isinstance(value, Form):
        return {name: _held(name, getattr(value, name)) for name in type(value).fields()}
    if (members := getattr(type(value), "model_fields", None)) is not None:  # a model of pydantic's
        return {name: _held(name, getattr(value, name)) for name in members}
    if isinstance(value, Struct) or is_dataclass(value):
        names = value.__struct_fields__ if isinstance(value, Struct) else [field.name for field in fields(value)]
        read = {name: _held(name, getattr(value, name)) for name in names if name not in _LEFT_OUT}
        if isinstance(value, Provider | Target):
            read["headers"] = [(name, names_credential(name) or text) for name, text in value.headers]
        return read
    if isinstance(value, Mapping):
        return {str(key): _canonical(part) for key, part in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(str(_canonical(part)) for part in value)
    if isinstance(value, list | tuple):
        return [_canonical(part) for part in value]
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value.is_finite() else str(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float):
        return repr(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _held(name: str, value: object) -> object:
    return value is not None if name in _HELD else _canonical(value)
