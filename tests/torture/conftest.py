"""What holds for all of this room: nothing of it is traced line by line, which took twice as long and proved nothing.

What is covered is held by the tests of each room; a process that is killed would leave half a file of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Trace no test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:  # not by its name, which a folder above may have too
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(autouse=True, scope="module")
def untraced() -> Iterable[None]:
    """Trace no process that is started here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield
