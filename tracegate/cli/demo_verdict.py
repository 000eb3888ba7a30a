"""How the demo shows what was compared: a line for each witness under what the client was told, a line for each number.

A mark stands before each line that was compared, and a line that differs says so in words, for terminals without marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from tracegate.cli.demo import asked
from tracegate.cli.demo_compared import SEPARATOR, Asked, Row
from tracegate.cli.demo_numbers import Number
from tracegate.cli.demo_shown import INDENT, columns, say, show_trace
from tracegate.testing.otlp.signals import Span

TOLD = "told"
LEGEND = (
    (TOLD, "to the client: Tracegate-Attempts, X-Served-By, Tracegate-Cost"),
    ("Jaeger", "what the trace says of it; its spans must be as they were recorded"),
    ("calls", "what the providers' own log has"),
    ("logs", "which events of the trace are in VictoriaLogs"),
)
_WHO = max(len(who) for who, _ in LEGEND) + 2
HEADING = "The numbers"
_COUNTS = (("told", 6), ("Jaeger", 8), ("Prometheus", 12))
"""Who counted, and the columns of a count."""


def show_legend(console: Console) -> None:
    """Say what the lines under each trace are."""
    say(console, "Every trace below is what Jaeger gave back. Under it stands")
    for who, what in LEGEND:
        say(console, f"{who:{_WHO}}{what}", INDENT, "dim")
    console.print()


def show_request(
    console: Console, number: int, one: Asked, at: str, trace: Sequence[Span], compared: Sequence[Row]
) -> None:
    """Print one request: what was asked, its trace out of Jaeger, and what each witness says.

    Args:
        console: Where to print.
        number: Of the request, from 1.
        one: The request.
        at: Address of the trace.
        trace: Its spans.
        compared: The witnesses.
    """
    say(console, f"{number:>2}  {one.scene.title}", style="bold")
    say(console, asked(one.scene, one.seen), INDENT, "dim")
    say(console, at, INDENT, "cyan")
    if trace:
        show_trace(console, trace)
    for row in (Row(TOLD, list(one.told.parts())), *compared):
        _line(console, row, "  " if row.who == TOLD else _mark(not row.wrong))
    console.print()


def show_numbers(console: Console, every: Sequence[Number], at: str, partly: int) -> None:
    """Print the numbers, by metric.

    Args:
        console: Where to print.
        every: The numbers.
        at: Address at which Prometheus is asked for a metric, without its name.
        partly: How many clients were told no cost, because that of one attempt is unknown.
    """
    wide = max(len(HEADING), *(len(number.what) + len(INDENT) for number in every))
    head = "".join(name.rjust(width) for name, width in _COUNTS)
    console.print(Text(f"{HEADING:{wide}}{head}", style="bold"), soft_wrap=True)
    for metric, group in groupby(every, lambda number: number.metric):
        console.print(Text(f"{INDENT}{metric}", style="cyan"), soft_wrap=True)
        for number in group:
            counts = zip(_COUNTS, (number.told, number.jaeger, number.prometheus), strict=True)
            said = "".join(("" if count is None else str(count)).rjust(width) for (_, width), count in counts)
            line = Text(f"  {_mark(number.agrees)}", style=_style(number.agrees))
            line.append(f"{number.what:{wide - len(INDENT)}}{said}", style="default")
            line.append("" if number.agrees else "  DIFFERS", style="red")
            console.print(line, soft_wrap=True)
    console.print()
    say(console, f"Prometheus answers each as JSON: {at}METRIC", style="dim")
    if partly:
        say(
            console,
            f"{partly} clients were told no Tracegate-Cost, as the cost of one of the attempts is unknown; the sum has"
            " what is known of the others.",
            style="dim",
        )
    console.print()


def show_verdict(console: Console, compared: Sequence[Sequence[Row]], every: Sequence[Number], events: int) -> None:
    """Print what it all comes to."""
    odd, wrong = sum(any(row.wrong for row in rows) for rows in compared), sum(not n.agrees for n in every)
    if not odd and not wrong:
        say(
            console,
            f"{len(compared)} traces in Jaeger, {len(every)} numbers in Prometheus and {events} events in VictoriaLogs:"
            " they agree with what clients were told and with what the providers logged.",
            style="green",
        )
    else:
        say(
            console,
            f"THEY DO NOT AGREE: {odd} of {len(compared)} requests and {wrong} of {len(every)} numbers differ.",
            style="red",
        )


def _line(console: Console, row: Row, mark: str) -> None:
    start = f"  {mark}{row.who:{_WHO}}"
    for number, said in enumerate(_folded(row.parts, columns(console) - len(start))):
        line = Text(
            start if not number else " " * len(start), style=_style(not row.wrong) if mark.strip() else "default"
        )
        console.print(line.append(said, style="default"), soft_wrap=True)
    if row.wrong:
        say(console, f"DIFFERS: {row.wrong}", " " * len(start), "red")


def _folded(parts: Sequence[str], width: int) -> Iterator[str]:
    """Parts on one line, or on as many as they take, the first on one of its own."""
    line, *rest = parts
    if len(SEPARATOR.join(parts)) > width and rest:
        yield line
        line, *rest = rest
    for part in rest:
        if len(line) + len(SEPARATOR) + len(part) > width:
            yield line
            line = part
        else:
            line += SEPARATOR + part
    yield line


def _mark(agrees: bool) -> str:
    return "✓ " if agrees else "✗ "


def _style(agrees: bool) -> str:
    return "green" if agrees else "red"
