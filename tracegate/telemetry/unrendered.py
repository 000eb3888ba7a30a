"""What could not be rendered: every renderer counts it, tells of the first, and goes on."""

from __future__ import annotations

import logging
import traceback

from tracegate.telemetry import names
from tracegate.telemetry.metrics_tally import Losses


class Unrendered:
    """Counts failures to render, and logs the first one.

    Args:
        losses: Where they are counted.
        logger: Of the renderer.
    """

    __slots__ = ("_logger", "_losses", "_told")

    def __init__(self, losses: Losses, logger: logging.Logger) -> None:
        self._losses = losses
        self._logger = logger
        self._told = False

    def __call__(self, exc: Exception) -> None:
        """One more."""
        self._losses.add(names.LOST_RENDER)
        if self._told:
            return
        self._told = True
        at = traceback.extract_tb(exc.__traceback__)[-1]
        self._logger.error(  # not its text: nobody knows what is in it
            "A request could not be rendered: %s in `%s`, line %s. Further ones are only counted.",
            type(exc).__name__,
            at.name,
            at.lineno,
        )
