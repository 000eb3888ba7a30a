"""Where things are: the checkout that parts are built from, and folders outside of it for what is made.

Source: XDG Base Directory Specification 0.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tracegate.stack.parts import StackError

_PACKAGE = Path(__file__).resolve().parents[1]


def checkout(package: Path = _PACKAGE) -> Path:
    """The checkout that this package runs from.

    Raises:
        StackError: The package is installed without one; the text says what to do.
    """
    root = package.parent
    if not (root / "collector" / "manifest.yaml").is_file():
        raise StackError(
            "the stack is built from a checkout of Tracegate, and this is an installed package without one.\n"
            "Clone the repository, run `.ci/install` in it, then `.venv/bin/tracegate stack up`.\n"
            "A gateway needs no stack: point OTEL_EXPORTER_OTLP_ENDPOINT at a Collector that you run already."
        )
    return root


def cache(environ: Mapping[str, str]) -> Path:
    """The folder for what was built or downloaded; it may be deleted at any time and costs a build then."""
    return _home(environ, "XDG_CACHE_HOME", ".cache")


def state(environ: Mapping[str, str]) -> Path:
    """The folder for what runs: the state file, logs and data of the stack that is up."""
    return _home(environ, "XDG_STATE_HOME", ".local/state")


def _home(environ: Mapping[str, str], name: str, below: str) -> Path:
    given = environ.get(name, "")
    # The specification: a path that is not absolute is to be ignored.
    base = Path(given) if Path(given).is_absolute() else Path(environ.get("HOME") or Path.home()) / below
    return base / "tracegate"
