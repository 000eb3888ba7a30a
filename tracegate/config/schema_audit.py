"""The form of the section `audit`: which keys there are and how each is read. Part of `schema`.

Source: section 12 of the configuration's reference.
"""

import re
from typing import Annotated, Any, Self

from tracegate.config import fields as f
from tracegate.config import secret
from tracegate.config.form import Form, Loc, Reads
from tracegate.config.model_audit import Anchor, Preset
from tracegate.config.problems import Wrong
from tracegate.config.schema import Otlp
from tracegate.config.secret import Secret, names_credential
from tracegate.config.values import duration, shown, text
from tracegate.custody import AuditMode

_ELEMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_LABEL = re.compile(r"[A-Za-z0-9_-]+")

FOLDERS = ("keys", "private", "ship")
"""Folders of an audit directory, beside those that are named by replicas."""

HOUR_NS = 3_600_000_000_000
EVERY_NS = {"witness": 60_000_000_000}
"""How often an anchor is told of a head where nobody says it: a witness is quick, what others give stays for years."""


def _place(value: object, around: f.Around) -> str:
    return str(around.folder / text(value))


def _element(value: object) -> str:
    name = text(value)
    if _ELEMENT.fullmatch(name) is None or name in FOLDERS:
        fix = f"use letters, digits, `.`, `_` and `-`, with no dot at the start; not {', '.join(FOLDERS)}."
        raise Wrong(f"{shown(value)} is no element of a log's name", fix)
    return name


def _host(value: object) -> str:
    name = text(value)
    if name != "localhost" and ("." not in name or not all(map(_LABEL.fullmatch, name.split(".")))):
        raise Wrong(f"{shown(value)} is no host name", "write one with a dot, `gw.example.com`, or `localhost`.")
    return name


def _anchors(value: object, around: f.Around) -> dict[str, Anchor]:
    if not isinstance(value, dict):
        raise Wrong(f"{shown(value)} is not a map", "write `{NAME: {kind: witness, key: …, url: …}}`.")
    return {_element(name): _anchor(name, settings, around) for name, settings in value.items()}


def _anchor(name: str, settings: object, around: f.Around) -> Anchor:
    if not isinstance(settings, dict) or "kind" not in settings:
        raise Wrong(f"`{name}` has no `kind`", "write `{kind: witness, key: …, url: …}`.")
    kind = text(settings["kind"])
    every = duration(settings["every"]) if "every" in settings else EVERY_NS.get(kind, HOUR_NS)
    rest = {key: _setting(key, value, around) for key, value in settings.items() if key not in ("kind", "every")}
    return Anchor(name, kind, tuple(rest.items()), every)


def _setting(key: str, value: object, around: f.Around) -> str | Secret:
    """Text; a secret if its name says so or it stands elsewhere, which `key`, the public one of a witness, never is."""
    if isinstance(value, dict) or (key != "key" and names_credential(key)):
        return secret.read(value, around.env, around.folder)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value)


Element = Annotated[str, Reads(_element)]


class Retention(Form):
    """A duration or a preset alone is short for a map of it."""

    preset: Preset | None = None
    keep: f.Duration | None = None

    @classmethod
    def _read(cls, value: Any, around: object, loc: Loc) -> Self:
        if not isinstance(value, dict):
            value = {"preset" if isinstance(value, str) and not value[:1].isdigit() else "keep": value}
        return super()._read(value, around, loc)


class Audit(Form):
    """The whole section."""

    mode: AuditMode = "strict"
    dir: Annotated[str, Reads(_place, around=True)] | None = None
    host: Annotated[str, Reads(_host)] = "localhost"
    cluster: Element = "default"
    replica: Element | None = None
    wait: f.Duration = 50_000_000
    retention: Retention = Retention()
    sign_path: f.Boolean = True
    ship: Otlp | None = None
    auditors: f.Names = ()
    anchors: Annotated[dict[str, Anchor], Reads(_anchors, around=True)] | None = None
