"""How what was compared is shown: within the terminal, and a difference in words too."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest
from rich.console import Console

from tracegate.cli.demo_account import Account, Served, Try
from tracegate.cli.demo_client import Seen
from tracegate.cli.demo_compared import Asked, Row
from tracegate.cli.demo_numbers import Number
from tracegate.cli.demo_scenes import Scene
from tracegate.cli.demo_verdict import show_legend, show_numbers, show_request, show_verdict
from tracegate.testing.otlp.signals import Span

GOOD, BAD = Row("calls", ["azure 200"]), Row("logs", ["no event"], "due: 1 fallback")


@pytest.fixture
def out() -> io.StringIO:
    """What is printed."""
    return io.StringIO()


def terminal(out: io.StringIO, width: int = 80) -> Console:
    """Where it is printed, without colours."""
    return Console(file=out, width=width, force_terminal=True, color_system=None)


ONE = Asked(
    Scene("A title", "chat"),
    Seen(200, {}, ["{}"]),
    Account(
        (Try("azure.ai.openai", "b", "initial", 503, None), Try("mistral_ai", "m", "fallback", 200, None)),
        Served("mistral_ai", "mistral-large-2512", "fr", "m", 1),
        168,
    ),
    "0af7",
    cast(Any, None),  # what was recorded is compared by then
    [],
)
WHOLE = "azure.ai.openai 503 → mistral_ai 200 · mistral-large-2512 · fr · $0.000168"


def test_a_request_is_shown_with_its_witnesses(out: io.StringIO) -> None:
    """Title, answer, address; a mark before each line that was compared, words under one that differs."""
    span = Span("POST /v1", "server", b"t", b"s", b"", 0, 1_000_000, {}, "unset")
    show_request(terminal(out, 100), 3, ONE, "http://j/api/v3/traces/0af7", [span], [GOOD, BAD])
    assert out.getvalue().splitlines() == [
        " 3  A title",
        "    model=chat → 200 OK",
        "    http://j/api/v3/traces/0af7",
        "    POST /v1  1.00 ms",
        f"    told    {WHOLE}",
        "  ✓ calls   azure 200",
        "  ✗ logs    no event",
        "            DIFFERS: due: 1 fallback",
        "",
    ]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (86, [WHOLE]),
        (80, ["azure.ai.openai 503 → mistral_ai 200", "mistral-large-2512 · fr · $0.000168"]),
        (40, ["azure.ai.openai 503 → mistral_ai 200", "mistral-large-2512 · fr", "$0.000168"]),
        (20, ["azure.ai.openai 503 → mistral_ai 200", "mistral-large-2512", "fr", "$0.000168"]),
    ],
)
def test_what_is_too_long_takes_more_lines(out: io.StringIO, width: int, lines: list[str]) -> None:
    """The attempts stay on one, and nothing is cut off."""
    show_request(terminal(out, width), 3, ONE, "http://j", [], [])
    said = out.getvalue().splitlines()
    first = next(number for number, line in enumerate(said) if line.startswith("    told"))
    assert [line[12:] for line in said[first:-1]] == lines


def test_a_witness_with_one_long_word_keeps_it(out: io.StringIO) -> None:
    """There is nothing to fold."""
    show_request(terminal(out, 20), 3, ONE, "http://j", [], [Row("calls", ["azure 503 503 503"])])
    assert "  ✓ calls   azure 503 503 503" in out.getvalue().splitlines()


def test_numbers_are_shown_by_metric(out: io.StringIO) -> None:
    """What a witness can't know is blank; a number that differs says so; how to ask for it stands below."""
    every = [Number("m_total", "a", 1, 1, 1), Number("m_total", "bcd", 1, 2, 10), Number("n_total", "lost", 0, None, 0)]
    show_numbers(terminal(out), every, "http://p/api/v1/query?query=", 2)
    lines = out.getvalue().splitlines()
    assert lines[1:7] == [
        "    m_total",
        "  ✓ a           1       1           1",
        "  ✗ bcd         1       2          10  DIFFERS",
        "    n_total",
        "  ✓ lost        0                   0",
        "",
    ]
    assert "http://p/api/v1/query?query=METRIC" in lines[7]
    assert lines[8].startswith("2 clients were told no Tracegate-Cost")


def test_of_a_cost_that_all_were_told_nothing_is_said(out: io.StringIO) -> None:
    """The sum is then that of the headers."""
    show_numbers(terminal(out), [Number("m_total", "a", 1, 1, 1)], "http://p/", 0)
    assert "Tracegate-Cost" not in out.getvalue()


def test_the_verdict_is_one_sentence(out: io.StringIO) -> None:
    """How much agrees, or how much does not."""
    good, bad = Number("m", "a", 1, 1, 1), Number("m", "a", 1, 1, 2)
    show_verdict(terminal(out, 200), [[GOOD, GOOD]], [good], 3)
    assert out.getvalue().startswith(
        "1 traces in Jaeger, 1 numbers in Prometheus and 3 events in VictoriaLogs: they ag"
    )
    out.truncate(out.seek(0))
    show_verdict(terminal(out, 200), [[GOOD, BAD], [GOOD]], [good, good], 3)
    show_verdict(terminal(out, 200), [[GOOD], [GOOD]], [good, bad], 3)
    assert out.getvalue().splitlines() == [
        "THEY DO NOT AGREE: 1 of 2 requests and 0 of 2 numbers differ.",
        "THEY DO NOT AGREE: 0 of 2 requests and 1 of 2 numbers differ.",
    ]


def test_the_legend_fits_a_small_terminal(out: io.StringIO) -> None:
    """One line for each witness."""
    show_legend(terminal(out))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["told", "Jaeger", "calls", "logs"]
    assert max(map(len, lines)) <= 80
