"""Where things are made, and that a package without a checkout says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.repository import ROOT
from tracegate.stack import places
from tracegate.stack.parts import StackError


def test_the_checkout_is_where_the_package_is() -> None:
    """An editable installation runs from it."""
    assert places.checkout() == ROOT


def test_a_package_without_a_checkout_says_what_to_do(tmp_path: Path) -> None:
    """Both ways are named: a checkout, or no stack at all."""
    with pytest.raises(StackError, match=r"(?s)Clone the repository.*OTEL_EXPORTER_OTLP_ENDPOINT"):
        places.checkout(tmp_path / "site-packages" / "tracegate")


@pytest.mark.parametrize(
    ("environ", "cache", "state"),
    [
        ({"HOME": "/h"}, "/h/.cache/tracegate", "/h/.local/state/tracegate"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/tracegate", "/s/tracegate"),
        (
            {"HOME": "/h", "XDG_CACHE_HOME": "c", "XDG_STATE_HOME": ""},
            "/h/.cache/tracegate",
            "/h/.local/state/tracegate",
        ),
    ],
)
def test_folders_are_where_xdg_says(environ: dict[str, str], cache: str, state: str) -> None:
    """A relative path is ignored, as the specification asks."""
    assert (str(places.cache(environ)), str(places.state(environ))) == (cache, state)


def test_without_a_home_the_password_file_knows_it() -> None:
    """As `Path.home` does."""
    assert places.cache({}) == Path.home() / ".cache" / "tracegate"
