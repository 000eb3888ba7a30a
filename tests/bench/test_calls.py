"""The path of a request does not grow by stealth: its function calls are counted and held to the committed figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import pytest

from tests.bench.calls import of_chunk, of_limited, of_request
from tests.house.repository import text

pytestmark = pytest.mark.slow

FILE = Path("tests/bench/calls.md")
SLACK = 0.05
ROW = re.compile(r"\| (\d{4}-\d\d-\d\d) \| ([\d.]+) \| ([\d.]+)? ?\| ([\d.]+) \| (.+) \|")


@dataclass(frozen=True)
class Figures:
    """What a row of the file says; who was refused first was not counted from the beginning."""

    date: str
    request: float
    limited: float | None
    chunk: float
    why: str


def rows(table: str) -> list[Figures]:
    """The history, oldest first."""
    found = (ROW.fullmatch(line) for line in table.splitlines())
    return [Figures(m[1], float(m[2]), float(m[3]) if m[3] else None, float(m[4]), m[5]) for m in found if m]


def verdict(what: str, was: float, now: float) -> str | None:
    """What to do about a figure that changed, `None` where it holds."""
    if now > was * (1 + SLACK):
        return f"{what} calls {now:.1f} functions, {was:.1f} before: find what is new, or give a row of {FILE} a reason"
    if now < was * (1 - SLACK):
        return f"{what} calls {now:.1f} functions, {was:.1f} before: well done; add a row to {FILE} so that it stays"
    return None


@pytest.mark.parametrize(("what", "counted"), [("request", of_request), ("limited", of_limited), ("chunk", of_chunk)])
def test_the_path_calls_no_more_functions_than_before(
    what: str, counted: Callable[[], Mapping[CodeType, float]]
) -> None:
    """Nor many less, or what was won could be lost again unseen."""
    last, now = rows(text(FILE))[-1], sum(counted().values())
    said = verdict(f"a {what} one" if what == "limited" else f"a {what}", getattr(last, what), now)
    assert said is None, said


def test_the_count_is_the_same_each_time() -> None:
    """To the last call."""
    assert sum(of_request().values()) == sum(of_request().values())


def test_every_layer_is_counted_and_the_kit_is_not() -> None:
    """Server, policies, dialects, record, spans and their bytes; neither client nor provider."""
    files = {code.co_filename for code in of_request()}
    assert {code.co_filename for code in of_limited()} > files
    for layer in ("server/endpoint", "policies/fallback", "dialects/openai_unary", "record", "telemetry/forms"):
        assert any(file.endswith(f"tracegate/{layer}.py") for file in files), layer
    assert any(file.endswith("telemetry/otlp.py") for file in files)
    assert not [file for file in files if "/tests/" in file or "/testing/" in file]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [(100, 105, None), (100, 95, None), (100, 105.1, "find what is new"), (100, 94.9, "well done")],
)
def test_a_figure_is_judged_both_ways(was: float, now: float, said: str | None) -> None:
    """Five parts in a hundred are let pass."""
    found = verdict("a request", was, now)
    assert found is None if said is None else found is not None and said in found


def test_the_file_is_a_history() -> None:
    """Every row has a date, its figures and a reason; the last one holds, and has all of them."""
    lines = [line for line in text(FILE).splitlines() if line.startswith("| 2")]
    history = rows(text(FILE))
    assert len(history) == len(lines) > 0
    assert [row.date for row in history] == sorted(row.date for row in history)
    assert history[-1].limited is not None
