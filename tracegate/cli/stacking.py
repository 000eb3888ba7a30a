"""`tracegate stack …`: runs what `tracegate.stack.commands` has, and tells its errors as a person reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import click

from tracegate.stack.commands import Say
from tracegate.stack.parts import StackError

INTERRUPTED = 130
"""128 and the number of Ctrl-C's signal, as shells have it."""


def run(command: Callable[[Say], Coroutine[Any, Any, object]], *, first: Callable[[Say], None] | None = None) -> int:
    """Run a command to its end; returns the exit status: its own, 1 for an error that was told, 130 after Ctrl-C.

    Args:
        command: The command.
        first: What takes long and is done before, so that Ctrl-C ends it at once.
    """
    try:
        if first is not None:
            first(click.echo)
        result = asyncio.run(command(click.echo))
    except StackError as exc:
        click.echo(str(exc), err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("\nInterrupted; what was built stays.", err=True)
        return INTERRUPTED
    return result if isinstance(result, int) else 0
