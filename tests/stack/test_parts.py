"""What the stack is made of, and that the committed sources say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.house.repository import ROOT
from tracegate.stack.parts import PARTS, StackError, chosen, maker, source


def test_all_parts_are_chosen_without_a_name() -> None:
    """`collector/build` alone builds everything."""
    assert chosen([]) == list(PARTS.values())


def test_parts_are_chosen_by_name_each_once() -> None:
    """In the order in which they were named."""
    assert [part.name for part in chosen(["jaeger", "collector", "jaeger"])] == ["jaeger", "collector"]


def test_a_name_that_is_none_is_told_with_those_that_are() -> None:
    """A typing error costs no search."""
    with pytest.raises(StackError, match="no part `tempo`; there are `collector`, `victorialogs`, `jaeger`"):
        chosen(["tempo"])


def test_promtool_is_made_with_prometheus() -> None:
    """A program knows its part."""
    assert maker("promtool") is PARTS["prometheus"]


def test_a_checkout_without_a_part_is_not_whole(tmp_path: Path) -> None:
    """The text names the file that is missing."""
    with pytest.raises(StackError, match=r"`tests/stores/jaeger/go[.]mod` is missing"):
        source(PARTS["jaeger"], tmp_path)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_every_part_has_its_sums_committed(part: object) -> None:
    """Without them a build is not repeatable."""
    folder = source(part, ROOT)  # type: ignore[arg-type]  # pytest's parameters have no type
    assert (folder / "go.sum").read_text().count(" h1:") > 10
    assert "replace github.com/" not in (folder / "go.sum").read_text()


def test_the_collector_sources_are_those_of_the_manifest() -> None:
    """Every component of manifest.yaml is pinned at that version and imported; none is that is not in it."""
    manifest = yaml.safe_load((ROOT / "collector/manifest.yaml").read_text("utf-8"))
    kinds = ("receivers", "processors", "connectors", "exporters", "extensions", "providers")
    wanted = [tuple(entry["gomod"].split()) for kind in kinds for entry in manifest[kind]]
    folder = ROOT / "collector/otelcol"
    pinned = dict(line.split()[:2] for line in (folder / "go.mod").read_text().splitlines() if line.startswith("\t"))
    assert {module: pinned.get(module) for module, _ in wanted} == dict(wanted)
    code = (folder / "components.go").read_text() + (folder / "main.go").read_text()
    imported = {line.split('"')[1] for line in code.splitlines() if line.startswith("\t") and line.endswith('"')}
    components = {module for module in imported if module.split("/")[-1] in {one[0].split("/")[-1] for one in wanted}}
    assert components == {module for module, _ in wanted}
    assert [line for line in (folder / "go.mod").read_text().splitlines() if line.startswith("replace ")] == [
        f"replace {replaced}" for replaced in manifest["replaces"]
    ]
