"""`python -m dashboards.check`: prints the table; the exit status is 1 unless all of it is right."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from dashboards.check.compared import table
from dashboards.check.whole import checked
from tracegate.stack.parts import StackError

WIDE = 180
"""Columns, where nobody looks at a terminal."""


def main() -> int:
    """Check everything; returns the exit status."""
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    try:
        lines = asyncio.run(checked())
    except StackError as exc:
        console.print(str(exc), style="red", markup=False)
        return 1
    return table(lines, console)


if __name__ == "__main__":
    sys.exit(main())
