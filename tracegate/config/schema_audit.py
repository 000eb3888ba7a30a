"""The form of the section `audit`: which keys there are and how each is read. Part of `schema`.

Source: section 12 of the configuration's reference.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from tracegate.config import fields as f
from tracegate.config.form import Form, Loc, Reads
from tracegate.config.model_audit import Preset
from tracegate.config.problems import Wrong
from tracegate.config.schema import Otlp
from tracegate.config.values import shown, text
from tracegate.custody import AuditMode

_ELEMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_LABEL = re.compile(r"[A-Za-z0-9_-]+")

FOLDERS = ("keys", "private", "ship")
"""Folders of an audit directory, beside those that are named by replicas."""


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


def _anchors(value: object) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        raise Wrong(f"{shown(value)} is not a map", "write `{NAME: {kind: witness, key: …, url: …}}`.")
    return {_element(name): _anchor(name, settings) for name, settings in value.items()}


def _anchor(name: str, settings: object) -> dict[str, str]:
    if not isinstance(settings, dict) or "kind" not in settings:
        raise Wrong(f"`{name}` has no `kind`", "write `{kind: witness, key: …, url: …}`.")
    return {key: text(setting) for key, setting in settings.items()}


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
    anchors: Annotated[dict[str, dict[str, str]], Reads(_anchors)] | None = None
