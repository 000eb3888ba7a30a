"""`tracegate stack …`: runs what `tracegate.stack.commands` has, and tells its errors as a person reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import click

from tracegate.stack.commands import Say
from tracegate.stack.parts import StackError


def run(command: Callable[[Say], Coroutine[Any, Any, object]]) -> int:
    """Run a command to its end; returns the exit status: its own, 1 for an error that was told."""
    try:
        result = asyncio.run(command(click.echo))
    except StackError as exc:
        click.echo(str(exc), err=True)
        return 1
    return result if isinstance(result, int) else 0
