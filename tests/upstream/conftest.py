"""What tests of more than one transport share."""

from __future__ import annotations

import pytest

from tests.upstream import served


@pytest.fixture(params=["httpx", "fast"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs over each transport of our own; the name of this one."""
    name: str = request.param
    monkeypatch.setattr(served, "stock", served.STOCK[name])
    return name
