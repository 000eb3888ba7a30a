"""CONTRIBUTING.md draws the house as the contracts have it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.repository import files, project, text

DRAWN = re.findall(r"^ {2}([ ┌│└]) ([a-z_]+)/? ", text(Path("CONTRIBUTING.md")), re.MULTILINE)


def _layers() -> list[list[str]]:
    contract = next(c for c in project()["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    return [sorted(layer.split(" | ")) for layer in contract["layers"]]


def test_rooms_are_drawn_in_the_order_of_imports() -> None:
    """Every room, once, from the top down; those of one layer are joined by a bracket."""
    drawn: list[list[str]] = []
    for bracket, name in DRAWN[: sum(map(len, _layers()))]:
        if bracket in "│└":
            drawn[-1].append(name)
        else:
            drawn.append([name])
    assert [sorted(layer) for layer in drawn] == _layers()


def test_every_folder_of_whole_tests_is_named() -> None:
    """Those that mirror no room, for they are found in no other way."""
    rooms = {name for layer in _layers() for name in layer}
    folders = {path.parts[1] for path in files("tests/*/test_*.py")} - rooms
    assert sorted(folders) == sorted(name for _, name in DRAWN[len(rooms) :])
