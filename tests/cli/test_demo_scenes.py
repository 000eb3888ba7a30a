"""The data of the demo holds together."""

from __future__ import annotations

import re

from tracegate.cli.demo_scenes import CONFIG, SCENES, SCRIPTS


def test_every_model_has_its_script_and_every_script_its_model() -> None:
    """A model without a script would answer well, whatever its name says."""
    assert set(re.findall(r"\bmodel: ([\w.-]+)", CONFIG)) == set(SCRIPTS)


def test_every_route_is_asked_for() -> None:
    """And no other."""
    routes = re.search(r"^routes:\n((?:  .*\n)+)", CONFIG, re.MULTILINE)
    assert routes is not None
    assert {line.split(":")[0].strip() for line in routes[1].splitlines()} == {scene.route for scene in SCENES}


def test_titles_fit_any_terminal() -> None:
    """With their number, in 80 columns; one scene is the picture."""
    assert [scene.title for scene in SCENES if len(scene.title) > 76] == []
    assert [scene.pictured for scene in SCENES].count(True) == 1
