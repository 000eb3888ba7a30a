"""`${VAR}` in text values."""

from __future__ import annotations

import pytest

from tracegate.config.document import Substituted
from tracegate.config.problems import Wrong
from tracegate.config.variables import missing, substitute

ENV = {"A": "alpha", "B": "be$ta ${A}", "EMPTY": "", "AZURE_API_KEY": "x", "WEB_KEY": "y"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "alpha"),
        ("x-${A}-${A}", "x-alpha-alpha"),
        ("${NONE:-else}", "else"),
        ("${EMPTY:-else}", "else"),
        ("${NONE:-}", ""),
        ("${A:-else}", "alpha"),
        ("a $ b", "a $ b"),
        ("$A", "$A"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$$$$", "$$"),
        ("${B}", "be$ta ${A}"),
    ],
)
def test_variables_are_replaced_once(text: str, value: str) -> None:
    """A default counts where the variable is unset or empty; what a variable holds is not looked at."""
    assert substitute(text, ENV) == value


def test_the_result_remembers_its_variables() -> None:
    """A default is no variable, and `$$` alone is plain text."""
    result = substitute("${A}${NONE:-x}", ENV)
    assert isinstance(result, Substituted)
    assert (result.raw, result.variables) == ("${A}${NONE:-x}", ("A",))
    assert type(substitute("$$", ENV)) is str


@pytest.mark.parametrize("text", ["${", "${A", "${}", "${A-else}", "${1A}", "${A B}"])
def test_what_begins_like_a_variable_must_be_one(text: str) -> None:
    """A typing error must not pass as text."""
    with pytest.raises(Wrong, match="is not a variable") as caught:
        substitute(text, ENV)
    assert caught.value.fix == "write `${NAME}` or `${NAME:-default}`, and `$$` for `$`."


@pytest.mark.parametrize(("name", "state"), [("NONE", "not set"), ("EMPTY", "empty")])
def test_a_variable_without_value_or_default_is_an_error(name: str, state: str) -> None:
    """Nobody is served with half a URL."""
    with pytest.raises(Wrong, match=f"the variable {name} is {state}"):
        substitute(f"${{{name}}}", ENV)


def test_the_error_names_variables_that_are_alike() -> None:
    """Names only, never values."""
    assert missing("AZURE_KEY", ENV, secret=True).fix == (
        "set it, write `${AZURE_KEY:-…}` with a default, or `{file: PATH}`. Set and similar: AZURE_API_KEY."
    )
    assert missing("AZURE_KEY", {}, secret=False).fix == "set it, write `${AZURE_KEY:-…}` with a default."
