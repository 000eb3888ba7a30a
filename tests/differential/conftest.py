"""Both servers, once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.ways import Ways
from tests.differential.ways import ways as serving_both


@pytest.fixture(scope="session")
def ways() -> Iterator[Ways]:
    """The simulator, and a gateway before it."""
    with serving_both() as both:
        yield both
