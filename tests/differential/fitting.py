"""How a row of the table fits: patterns of places, and what the two ways must show there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.differential.differing import ABSENT, Difference

Fits = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Row:
    """One difference that is ours.

    Args:
        name: What is different.
        rule: What asks for it: a ruling by its number, a standard, or a promise in its words.
        why: The reason, in a few words.
        fits: Patterns of whole places, and what the two ways must show there.
    """

    name: str
    rule: str
    why: str
    fits: tuple[tuple[re.Pattern[str], Fits], ...]

    def fit(self, found: Difference) -> bool:
        """Whether this row explains a difference."""
        return any(where.fullmatch(found.place) and holds(found.direct, found.through) for where, holds in self.fits)


def row(name: str, rule: str, why: str, *fits: tuple[str, Fits]) -> Row:
    """A row of the table."""
    return Row(name, rule, why, tuple((re.compile(where), holds) for where, holds in fits))


def new(holds: Callable[[Any], bool] = lambda through: True) -> Fits:
    """It is there only through the gateway, and is such."""
    return lambda direct, through: direct is ABSENT and holds(through)


def gone(holds: Callable[[Any], bool] = lambda direct: True) -> Fits:
    """It is there only straight at the provider, and is such."""
    return lambda direct, through: through is ABSENT and holds(direct)


def changed(holds: Fits = lambda direct, through: True) -> Fits:
    """It is there on both ways, and they are such."""
    return lambda direct, through: direct is not ABSENT and through is not ABSENT and holds(direct, through)


def becomes(*values: Any) -> Fits:
    """Whatever it was, it is one of these through the gateway."""
    return lambda direct, through: through in values


def turns(direct: Any, through: Any) -> Fits:
    """One value becomes another."""
    return lambda seen, then: (seen, then) == (direct, through)


def reads(pattern: str) -> Fits:
    """Whatever it was, it is a text of this form through the gateway."""
    form = re.compile(pattern)
    return lambda direct, through: isinstance(through, str) and form.fullmatch(through) is not None


def status(pairs: Mapping[int, int]) -> tuple[tuple[str, Fits], ...]:
    """A status becomes another, and with it the class that clients raise for it."""
    classes = {tuple(f"{named(of)} {of}" for of in pair) for pair in pairs.items() for named in (raised, wrapped)}
    return (
        ("status", lambda direct, through: (direct, through) in pairs.items()),
        ("exception|class", lambda direct, through: (direct, through) in classes),
    )


def raised(of: int) -> str:
    """The class that OpenAI's client raises for a status."""
    classes = {
        400: "BadRequestError",
        401: "AuthenticationError",
        403: "PermissionDeniedError",
        404: "NotFoundError",
        409: "ConflictError",
        422: "UnprocessableEntityError",
        429: "RateLimitError",
    }
    return "openai." + classes.get(of, "InternalServerError" if of >= 500 else "APIStatusError")


def wrapped(of: int) -> str:
    """The class that LangChain raises for it, where it has one of its own."""
    classes = {401: "OpenAIAuthenticationError", 403: "OpenAIPermissionDeniedError", 429: "OpenAIRateLimitError"}
    own = classes.get(of, "OpenAIAPIError" if of >= 500 else "")
    return f"langchain_openai.chat_models.base.{own}" if own else raised(of)
