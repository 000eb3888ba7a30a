"""What a serving process writes to stderr."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tracegate.server.logs import LOGGING, OfUvicorn


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the loggers of this process as they were."""
    root, names = logging.getLogger(), ("uvicorn", "uvicorn.error", "uvicorn.access")
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).filters[:]) for name in names}
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name, (old, filters) in before.items():
        logger = logging.getLogger(name)
        logger.filters[:], logger.propagate = filters, True
        logger.setLevel(old)


def raised(exc: BaseException) -> Any:
    """What `exc_info` is."""
    try:
        raise exc
    except BaseException:  # noqa: BLE001  # it is the test's own
        return sys.exc_info()


def test_an_operator_reads_faults_and_deaths_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Not the greetings of uvicorn, not a traceback of every request that a stop cancelled."""
    logging.config.dictConfig(LOGGING)
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.info("Started server process [%d]", 1)
    uvicorn.warning("Invalid HTTP request received.")
    uvicorn.error("Exception in ASGI application\n", exc_info=raised(asyncio.CancelledError()))
    uvicorn.info("Child process [%d] died", 7)
    uvicorn.error("Exception in ASGI application\n", exc_info=raised(ValueError("x")))
    uvicorn.error("Cancel 3 running task(s), timeout graceful shutdown exceeded")
    logging.getLogger("uvicorn.access").info("GET / 200")
    logging.getLogger("tracegate.server").info("GET / 404")
    logging.getLogger("tracegate.telemetry").warning("nobody takes telemetry")
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("2")]
    assert [line.split(" ", 2)[2] for line in lines] == [
        "INFO uvicorn.error: Child process [7] died",
        "ERROR uvicorn.error: Exception in ASGI application",
        "ERROR uvicorn.error: Cancel 3 running task(s), timeout graceful shutdown exceeded",
        "WARNING tracegate.telemetry: nobody takes telemetry",
    ]
    assert "ValueError: x" in said
    assert "CancelledError" not in said


def test_an_error_without_a_traceback_passes() -> None:
    """`exc_info` may be absent."""
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "no", (), None)
    assert OfUvicorn().filter(record)
