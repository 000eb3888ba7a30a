"""What the demo prints fits the terminal, and nothing of it is lost."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tracegate.cli.demo_shown import columns, field, trace
from tracegate.testing.picture import HopRow

ROWS = [
    HopRow("", "POST /v1/chat/completions", "", "", "", "", "153 ms", "$0.0002", "", "ok"),
    HopRow("└─ ", "route a", "", "", "", "", "152 ms", "$0.0002", "", "ok"),
    HopRow("   ├─ ", "chat x", "initial", "azure.ai.openai", "", "eastus2", "1.34 ms", "$0", "503 overloaded", "error"),
    HopRow("   ├─ ", "route b", "", "", "", "", "99.9 ms", "", "cancelled superseded", "cancelled"),
    HopRow("   │  └─ ", "chat z", "fallback", "", "", "", "99.0 ms", "", "", "ok"),
    HopRow("   └─ ", "chat y", "fallback", "mistral_ai", "y-2512", "fr", "2.16 ms", "$0.0002", "", "ok"),
]
SERVED = 'openai;model="a;b, \\"c";src=asserted;region="us";attempt=0, tracegate;node="vm";v="0.1.0"'


def terminal(width: int) -> Console:
    """A terminal of so many columns."""
    return Console(file=io.StringIO(), width=width, force_terminal=True)


def shown(console: Console) -> str:
    """The trace as text."""
    return "".join(f"{line.plain}\n" for line in trace(console, ROWS))


@pytest.mark.parametrize("console", [terminal(136), Console(file=io.StringIO(), width=40)])
def test_a_trace_takes_one_line_per_hop_where_there_is_room(console: Console) -> None:
    """In a wide terminal, and in a file, whatever its width is said to be."""
    assert (
        shown(console)
        == """\
POST /v1/chat/completions                                               153 ms  $0.0002
└─ route a                                                              152 ms  $0.0002
   ├─ chat x               initial   azure.ai.openai          eastus2  1.34 ms  $0       503 overloaded
   ├─ route b                                                          99.9 ms           cancelled superseded
   │  └─ chat z            fallback                                    99.0 ms
   └─ chat y               fallback  mistral_ai       y-2512  fr       2.16 ms  $0.0002
"""
    )


def test_a_trace_takes_two_lines_per_hop_where_there_is_not() -> None:
    """Who served and what went wrong goes below, inside the tree; what is blank makes no line."""
    assert (
        shown(terminal(135))
        == """\
POST /v1/chat/completions             153 ms  $0.0002
└─ route a                            152 ms  $0.0002
   ├─ chat x               initial   1.34 ms  $0
   │     azure.ai.openai · eastus2 · 503 overloaded
   ├─ route b                        99.9 ms
   │  │  cancelled superseded
   │  └─ chat z            fallback  99.0 ms
   └─ chat y               fallback  2.16 ms  $0.0002
         mistral_ai · y-2512 · fr
"""
    )


def test_a_trace_that_is_wider_than_usual_is_not_cut_off() -> None:
    """Where the terminal is wide, but not wide enough for this one."""
    rows = [HopRow("", "POST", "", "", "", "", "1 ms", "", "x" * 140, "error")]
    assert [line.plain for line in trace(terminal(140), rows)] == ["POST  1 ms", "   " + "x" * 140]


def test_colours_say_what_became_of_a_hop() -> None:
    """Its name, and its error; not what is a fact either way."""
    styles = [{str(span.style) for span in line.spans} for line in trace(terminal(136), ROWS)]
    assert (
        styles == [{"green", "default"}] * 2 + [{"red", "default"}, {"yellow", "default"}] + [{"green", "default"}] * 2
    )


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (110, [f"X-Served-By: {SERVED}"]),
        (
            90,
            [
                'X-Served-By: openai;model="a;b, \\"c";src=asserted;region="us";attempt=0,',
                '             tracegate;node="vm";v="0.1.0"',
            ],
        ),
        (
            60,
            [
                'X-Served-By: openai;model="a;b, \\"c";src=asserted;',
                '             region="us";attempt=0,',
                '             tracegate;node="vm";v="0.1.0"',
            ],
        ),
    ],
)
def test_a_header_is_folded_before_a_parameter(width: int, lines: list[str]) -> None:
    """One line where it fits, else one per member at least; never inside a string."""
    assert list(field(terminal(width), "X-Served-By: ", SERVED)) == lines


def test_what_cant_be_folded_is_left_as_it_is() -> None:
    """A parameter that is longer than the terminal stands alone, and the text is the same."""
    long = 'openai;model="' + "m" * 60 + '";attempt=0'
    lines = list(field(terminal(40), "X-Served-By: ", long))
    assert "".join(line.removeprefix("X-Served-By: ").strip() for line in lines) == long
    assert len(lines) == 3


def test_a_file_has_no_width() -> None:
    """So that what is in it can be searched."""
    assert columns(terminal(100)) == 100
    assert list(field(Console(file=io.StringIO(), width=20), "X-Served-By: ", SERVED)) == [f"X-Served-By: {SERVED}"]
