"""What the endpoints are given."""

from __future__ import annotations

from tests.agreement.house import House
from tests.server.opened import config, opened
from tracegate.server.gateway import Gateway


def test_a_configuration_reaches_the_endpoints() -> None:
    """Every limit and switch that they read."""
    more = """
limits: {body: 1MB, requests: 7, attempts: 3}
headers: {comments: false}
timeouts: {deadline: 42s}
audit: {mode: off}
"""
    gateways: list[Gateway] = []

    async def asked(house: House) -> None:
        gateways.append(house.assembled.gateway)

    opened(config("sim-ok", more=more), asked)
    (gateway,) = gateways
    assert (1_000_000, 7, 3) == (gateway.body_limit, gateway.request_limit, gateway.attempt_limit)
    assert (False, 42_000_000_000, None) == (gateway.comments, gateway.deadline_ns, gateway.audit)
    assert ("tracegate-test", 0) == (gateway.name, gateway.open)
