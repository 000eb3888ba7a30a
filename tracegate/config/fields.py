"""The types of keys, for the forms of the file's maps: each reads one value by `values` and raises `Wrong`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from msgspec import Struct

from tracegate.config import hosts, secret, values
from tracegate.config.form import Reads
from tracegate.config.problems import Wrong
from tracegate.config.secret import Secret

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CURRENCY = re.compile(r"[A-Z]{3}")


class Around(Struct, frozen=True):
    """What is around a value: the environment, and the folder of its file."""

    env: Mapping[str, str]
    folder: Path


def _bounded(least: int, most: int | None = None) -> Reads:
    def read(value: object) -> int:
        return values.integer(value, least, most)

    return Reads(read)


def _or_none(value: object) -> int | None:
    return None if value == "none" else values.duration(value, none=True)


def _zero_or_more(value: object) -> int:
    return values.duration(value, zero=True)


def _path(value: object, around: Around) -> str:
    path = around.folder / values.text(value)
    if not path.is_file():
        raise Wrong(f"there is no file {values.shown(value)}", "paths are relative to the file in which they stand.")
    return str(path)


def _secret(value: object, around: Around) -> Secret:
    return secret.read(value, around.env, around.folder)


def _secret_or_none(value: object, around: Around) -> Secret | None:
    return None if value == "none" else _secret(value, around)


def token(value: object) -> str:
    """A token of HTTP: the name of a field, a pseudonym."""
    name = values.text(value)
    if _TOKEN.fullmatch(name) is None:
        raise Wrong(f"{values.shown(value)} is not a token", "use letters, digits and `-`, no blanks.")
    return name


def field_value(value: object) -> str:
    """The value of an HTTP field."""
    written = values.text(value)
    if not written.isascii() or written != written.strip():
        raise Wrong("not the value of an HTTP field", "use printable ASCII without blanks at the ends.")
    return written


def _map(read_name: Callable[[object], str], read: Callable[[object], str]) -> Reads:
    def read_map(value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise Wrong(f"{values.shown(value)} is not a map", "write `{name: value}`.")
        return {read_name(name): read(part) for name, part in value.items()}

    return Reads(read_map)


def _names(read: Callable[[object], str]) -> Reads:
    def read_list(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise Wrong(f"{values.shown(value)} is not a list", "write `[one, other]`.")
        return tuple(read(part) for part in value)

    return Reads(read_list)


def _web_origin(value: object) -> str:
    fix = "write scheme, host and port as a browser sends them: `https://app.example.com`."
    try:
        found = hosts.url(value, "https://app.example.com")
    except Wrong as exc:
        raise Wrong(exc.what, fix) from None
    if found.path or str(found) != str(value):
        raise Wrong(f"{values.shown(value)} is not an origin", fix)
    return str(found)


def _secret_fields(value: object, around: Around) -> dict[str, Secret]:
    if not isinstance(value, dict):
        raise Wrong(f"{values.shown(value)} is not a map", "write `{name: value}`.")
    read = {token(name): _secret(part, around) for name, part in value.items()}
    for part in read.values():
        field_value(part.value)
    return read


def _per(value: object) -> int:
    counts = {"1M": 1_000_000, "1K": 1_000, "1": 1, 1: 1}
    if isinstance(value, bool) or not isinstance(value, str | int) or value not in counts:
        raise Wrong(f"{values.shown(value)} is not a number of tokens", "allowed: `1M`, `1K`, `1`.")
    return counts[value]


def _currency(value: object) -> str:
    if not isinstance(value, str) or _CURRENCY.fullmatch(value) is None:
        raise Wrong(f"{values.shown(value)} is not a currency", "write its ISO 4217 code: `USD`, `EUR`.")
    return str(value)


NOTHING: dict[str, str] = {}
"""A map that is not written; nobody adds to it."""

Text = Annotated[str, Reads(values.text)]
Token = Annotated[str, Reads(token)]
Boolean = Annotated[bool, Reads(values.boolean)]
Region = Annotated[str, Reads(values.region)]
Day = Annotated[date, Reads(values.day)]
Duration = Annotated[int, Reads(values.duration)]
DurationOrZero = Annotated[int, Reads(_zero_or_more)]
DurationOrNone = Annotated[int | None, Reads(_or_none)]
Size = Annotated[int, Reads(values.size)]
Positive = Annotated[int, _bounded(1)]
Count = Annotated[int, _bounded(0)]
UpToTen = Annotated[int, _bounded(0, 10)]
FilePath = Annotated[str, Reads(_path, around=True)]
SecretValue = Annotated[Secret, Reads(_secret, around=True)]
SecretOrNone = Annotated[Secret | None, Reads(_secret_or_none, around=True)]
Texts = Annotated[dict[str, str], _map(values.text, values.text)]
Fields = Annotated[dict[str, str], _map(token, field_value)]
Names = Annotated[tuple[str, ...], _names(values.text)]
WebOrigins = Annotated[tuple[str, ...], _names(_web_origin)]
SecretFields = Annotated[dict[str, Secret], Reads(_secret_fields, around=True)]
FieldValue = Annotated[str, Reads(field_value)]
Money = Annotated[Decimal, Reads(values.money)]
Per = Annotated[int, Reads(_per)]
Currency = Annotated[str, Reads(_currency)]
