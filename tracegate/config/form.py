"""The form of a map of the file as a class: its keys, how each is read, and what it is where it is not written.

It is used like a model of pydantic's, which the settings of policies are, and says what is wrong in the same terms, so
that `validate` treats both alike. Loading pydantic and making models of our own keys took as long as all other modules
together; a gateway that needs no such settings starts without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, Union, get_args, get_origin

Loc = tuple[int | str, ...]
Read = Callable[[Any, Any, Loc], Any]
"""Reads a value of the document, given what is around it and where it stands; raises `Misfits`."""


class Reads:
    """How a key is read, as a note on its type: `Annotated[int, Reads(values.duration)]`.

    Args:
        read: Takes the value; raises a `ValueError`.
        around: Whether it takes what is around the value, too.
    """

    __slots__ = ("around", "read")

    def __init__(self, read: Callable[..., object], *, around: bool = False) -> None:
        self.read = read
        self.around = around


class Misfits(ValueError):
    """What does not fit; see pydantic's `ValidationError`."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        super().__init__(f"{len(found)} misfits")
        self._found = found

    def errors(self, *, include_url: bool = True) -> list[dict[str, Any]]:
        """What is wrong and where, as pydantic says it; none has a URL."""
        return self._found


class Member(NamedTuple):
    """One key: its type, the name that the file has for it where that is another, and how it is read."""

    annotation: Any
    alias: str | None
    read: Read
    needed: bool


class Form:
    """A map of the file: unknown keys are errors, reserved ones are named as such.

    Its types are read as they stand, so a module of forms does not postpone them: to evaluate their texts, compiled one
    by one, took as long as to read a file.

    Attributes:
        model_fields_set: The keys that were written; the others have their default.
    """

    reserved: ClassVar[frozenset[str]] = frozenset()
    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Keys that people look for here and that stand somewhere else: where."""
    short: ClassVar[str | None] = None
    """The key that a value is meant for which is no map."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """What the file calls keys whose names Python has for itself."""

    model_fields_set: frozenset[str] = frozenset()
    _fields: ClassVar[Mapping[str, Member]]

    def __init__(self, **written: object) -> None:
        if written:
            self.__dict__.update(type(self)._read(written, None, ()).__dict__)

    @classmethod
    def model_validate(cls, value: object, *, context: object = None) -> Self:
        """The map that a value is.

        Args:
            value: Plain values of the document.
            context: What is around them.

        Raises:
            Misfits: With all that is wrong.
        """
        return cls._read(value, context, ())

    @classmethod
    def fields(cls) -> Mapping[str, Member]:
        """Its keys."""
        known: Mapping[str, Member] | None = cls.__dict__.get("_fields")
        if known is None:
            written = {name: alias for alias, name in cls.aliases.items()}
            hints = dict[str, Any]()
            for form in reversed(cls.__mro__):
                if issubclass(form, Form) and form is not Form:
                    hints |= get_annotations(form)
            known = {
                name: Member(hint, written.get(name), _reader(hint), not hasattr(cls, name))
                for name, hint in hints.items()
                if get_origin(hint) is not ClassVar
            }
            cls._fields = known  # of this class alone, not of those below it
        return known

    @classmethod
    def _read(cls, value: Any, around: object, loc: Loc) -> Self:
        if not isinstance(value, dict):
            if cls.short is None:
                raise Misfits([_misfit("model_type", loc, value)])
            value = {cls.short: value}
        made, wrong, seen = cls.__new__(cls), list[dict[str, Any]](), set[str]()
        for name, member in cls.fields().items():
            key = member.alias or name
            if key in value:
                seen.add(key)
                try:
                    made.__dict__[name] = member.read(value[key], around, (*loc, key))
                except Misfits as exc:
                    wrong += exc.errors()
            elif member.needed:
                wrong.append(_misfit("missing", (*loc, key), value))
        for key in value:
            if key not in seen:
                wrong.append(_misfit("extra_forbidden", (*loc, key), value[key]))
        if wrong:
            raise Misfits(wrong)
        if made.__dict__:
            made.__dict__["model_fields_set"] = frozenset(made.__dict__)
        return made

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), self.model_fields_set))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"`{type(self).__name__}.{name}` is what was read, and stays so")


def _misfit(kind: str, loc: Loc, value: object, **context: object) -> dict[str, Any]:
    return {"type": kind, "loc": loc, "msg": kind, "input": value, "ctx": context}


def _reader(hint: Any) -> Read:
    """How values of a type are read."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _by(next(part for part in parts if isinstance(part, Reads)))
    if origin in (Union, UnionType):
        return _optional(_reader(next(part for part in parts if part is not NoneType)))
    if origin is Literal:
        return _one_of(parts)
    if origin is list:
        return _each(_reader(parts[0]))
    form: type[Form] = hint  # there are no others
    return form._read


def _by(reads: Reads) -> Read:
    def read(value: Any, around: object, loc: Loc) -> object:
        try:
            return reads.read(value, around) if reads.around else reads.read(value)
        except ValueError as exc:  # `Wrong` is one
            raise Misfits([_misfit("value_error", loc, value, error=exc)]) from exc

    return read


def _optional(inner: Read) -> Read:
    return lambda value, around, loc: None if value is None else inner(value, around, loc)


def _one_of(allowed: tuple[object, ...]) -> Read:
    def read(value: Any, around: object, loc: Loc) -> object:
        if not isinstance(value, str) or value not in allowed:
            expected = ", ".join(f"'{one}'" for one in allowed)
            raise Misfits([_misfit("literal_error", loc, value, expected=expected)])
        return value

    return read


def _each(inner: Read) -> Read:
    def read(value: Any, around: object, loc: Loc) -> list[object]:
        if not isinstance(value, list):
            raise Misfits([_misfit("list_type", loc, value)])
        made, wrong = list[object](), list[dict[str, Any]]()
        for at, part in enumerate(value):
            try:
                made.append(inner(part, around, (*loc, at)))
            except Misfits as exc:
                wrong += exc.errors()
        if wrong:
            raise Misfits(wrong)
        return made

    return read
