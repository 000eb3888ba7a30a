"""Holds a part of the document against a form, or a model of pydantic's, and says in our words what was found wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path as Folder
from typing import Any, Protocol, Self, TypeVar, get_args

from tracegate.config.draft import Draft
from tracegate.config.fields import Around
from tracegate.config.form import Form
from tracegate.config.nearest import did_you_mean, listed
from tracegate.config.problems import Path, Wrong
from tracegate.config.values import shown


class Validated(Protocol):
    """A form, or a model of pydantic's, which is not loaded to name it."""

    @classmethod
    def model_validate(cls, value: Any, /, *, context: Any = None) -> Self:
        """The value as one."""


M = TypeVar("M", bound=Validated)
Model = type[Any]
"""The class of one."""


def validate(draft: Draft, path: Path, model: type[M], *, without: Iterable[str] = ()) -> M | None:
    """The value at a path as a model; `None` when it has problems, which are added. What is not written is empty.

    Args:
        draft: Gets the problems.
        path: Of a map.
        model: Its keys.
        without: Keys of the map that are not the model's to read, allowed beside its own.
    """
    node = draft.root.get(path)
    data = {} if node is None else node.plain()
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key not in without}
    folder = Folder("" if node is None else node.at.file).parent
    try:
        return model.model_validate(data, context=Around(draft.env, folder))
    except ValueError as exc:
        for error in exc.errors(include_url=False):  # type: ignore[attr-defined]  # `Misfits` or pydantic's `ValidationError`, and both have it
            _explain(draft, path, model, error, without)
        return None


def section(draft: Draft, name: str, model: type[M]) -> M:
    """A section of the file; what it would be if it were empty, where it has problems."""
    return validate(draft, (name,), model) or model()


def _explain(draft: Draft, base: Path, model: Model, error: Any, without: Iterable[str]) -> None:
    kind, given = error["type"], error["input"]
    context = error.get("ctx", {})
    path = (*base, *error["loc"])
    wrong = context.get("error")
    if isinstance(wrong, Wrong):
        draft.refuse(path, wrong)
    elif kind == "extra_forbidden":
        _unknown_key(draft, path, _model_at(model, error["loc"][:-1]), without if len(error["loc"]) == 1 else ())
    elif kind == "missing":
        draft.wrong(path[:-1], f"`{path[-1]}` is missing", "write it.")
    elif kind == "literal_error":
        allowed = _allowed(str(context["expected"]))
        if (path[-1], given) == ("on_stream_failure", "resume"):
            draft.wrong(path, "`resume` is not in this version", f"allowed: {listed(allowed)}.")
        else:
            hint = did_you_mean(given, allowed) if isinstance(given, str) else ""
            draft.wrong(path, f"{shown(given)} is not allowed here", f"{hint}Allowed: {listed(allowed)}.")
    elif kind in ("model_type", "dict_type", "model_attributes_type"):
        draft.wrong(path, f"{shown(given)} is not a map", "write `{key: value}`, or keys on lines of their own.")
    elif kind == "list_type":
        draft.wrong(path, f"{shown(given)} is not a list", "write `[one, other]`.")
    else:  # a third party's model has types of its own
        draft.wrong(path, f"{shown(given)} can't be used", f"{error['msg']}.")


def _unknown_key(draft: Draft, path: Path, model: Model | None, also: Iterable[str]) -> None:
    key = str(path[-1])
    if model is not None and issubclass(model, Form) and key in model.reserved:
        draft.wrong(path, f"`{key}` is not in this version", "take it out.", key=True)
        return
    if model is not None and issubclass(model, Form) and key in model.elsewhere:
        draft.wrong(path, f"`{key}` does not stand here", model.elsewhere[key], key=True)
        return
    known = [] if model is None else [*_members(model)]
    unknown_key(draft, path, [*known, *also])


def unknown_key(draft: Draft, path: Path, known: list[str]) -> None:
    """Add the problem of a key that is not known, with the nearest one that is."""
    hint = did_you_mean(str(path[-1]), known)
    draft.wrong(path, f"unknown key `{path[-1]}`", f"{hint}Known: {listed(sorted(known), 40)}.", key=True)


def _members(model: Model) -> dict[str, Any]:
    """The types of its keys, by the names that the file has for them."""
    found = model.fields() if issubclass(model, Form) else model.model_fields
    return {field.alias or name: field.annotation for name, field in found.items()}


def _model_at(model: Model, loc: tuple[int | str, ...]) -> Model | None:
    """The model of a map inside a model."""
    found: Model | None = model
    for step in loc:
        if isinstance(step, str) and found is not None:
            members = _members(found)
            found = _inside(members[step]) if step in members else None
    return found


def _inside(annotation: Any) -> Model | None:
    if isinstance(annotation, type) and (issubclass(annotation, Form) or hasattr(annotation, "model_fields")):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inside(part)) is not None), None)


def _allowed(expected: str) -> list[str]:
    """The values that pydantic lists as `'a', 'b' or 'c'`."""
    return [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
