"""What a serving process writes to stderr: one line a fact, in one form, and nothing about requests that went well.

Our own loggers speak from WARNING on. Of uvicorn's an operator needs faults and the death of workers; its greetings,
its access log and the traceback of each request that a stop cancelled would only confuse.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any


class OfUvicorn(logging.Filter):
    """Lets pass of uvicorn's log what an operator needs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Errors that are no cancel, and workers that died, which uvicorn takes for information."""
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            return False
        return record.levelno >= logging.ERROR or record.getMessage().endswith(" died")


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"uvicorn": {"()": OfUvicorn}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "loggers": {
        "uvicorn": {"level": "INFO"},
        "uvicorn.error": {"level": "INFO", "filters": ["uvicorn"]},
        "uvicorn.access": {"handlers": [], "propagate": False},
    },
    "root": {"level": "WARNING", "handlers": ["stderr"]},
}
"""For `logging.config.dictConfig`, in every process of `serve`."""
