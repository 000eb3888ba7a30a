"""Loading a configuration for a command: its errors are text for a person, and an exit status."""

from __future__ import annotations

import os
import sys

import click

from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.errors import ConfigError


def loaded(file: str | None) -> Config:
    """The configuration; prints what is wrong and exits, 2 when the file can't be read and 1 otherwise."""
    try:
        return load(file, os.environ)
    except ConfigError as exc:
        click.echo(str(exc), err=True)
        sys.exit(1)
    except OSError as exc:
        click.echo(f"{file}: can't be read: {exc.strerror or exc}", err=True)
        sys.exit(2)
