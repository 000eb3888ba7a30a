"""The form of the section `audit`: what is short for what."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracegate.config.fields import Around
from tracegate.config.form import Misfits
from tracegate.config.schema_audit import Audit, Retention

HERE = Around({}, Path("folder"))
DAY = 86_400 * 10**9


@pytest.mark.parametrize(
    ("written", "preset", "keep"),
    [
        ("pci", "pci", None),
        ("200d", None, 200 * DAY),
        ({"preset": "pci", "keep": "2h"}, "pci", DAY // 12),
        ({}, None, None),
    ],
)
def test_a_retention_is_a_preset_or_a_duration_or_both(written: object, preset: str | None, keep: int | None) -> None:
    """One alone is short for a map of it."""
    found = Audit.model_validate({"retention": written}, context=HERE).retention
    assert (found.preset, found.keep) == (preset, keep)
    assert Retention().keep is None


def test_a_directory_is_relative_to_its_file() -> None:
    """Unless it is absolute."""
    assert Audit.model_validate({"dir": "a"}, context=HERE).dir == "folder/a"
    assert Audit.model_validate({"dir": "/a"}, context=HERE).dir == "/a"


@pytest.mark.parametrize("name", ["", "a b", "-", "..", ".x", "ship", "private", 7])
def test_an_element_is_a_name_of_a_folder(name: object) -> None:
    """Of none that has another meaning."""
    if name == "-":
        assert Audit.model_validate({"cluster": name}, context=HERE).cluster == "-"
        return
    with pytest.raises(Misfits):
        Audit.model_validate({"cluster": name}, context=HERE)


@pytest.mark.parametrize(
    ("name", "good"), [("localhost", True), ("a.b", True), ("a", False), ("a.", False), ("a_b.c-d", True)]
)
def test_a_host_has_a_dot(name: str, good: bool) -> None:
    """Or is this one."""
    if good:
        assert Audit.model_validate({"host": name}, context=HERE).host == name
    else:
        with pytest.raises(Misfits):
            Audit.model_validate({"host": name}, context=HERE)
