"""A request's parameters are written as the encoder writes what `parameters` finds, whatever was kept before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.telemetry.made import AZURE, MISTRAL
from tracegate.telemetry import asked as module
from tracegate.telemetry.asked import Asked
from tracegate.telemetry.parameters import parameters
from tracegate.telemetry.protobuf import field, key_value
from tracegate.wire.body import Body

BODIES = (
    '{"model":"m"}',
    '{"temperature":0.2,"model":"m","max_tokens":256,"messages":[]}',
    '{"max_tokens":256,"model":"m","temperature":1}',
    '{"model":"m","temperature":"hot","seed":1.5}',
    '{"model":"m","max_tokens":1,"max_completion_tokens":2,"n":1,"n":3}',
    '{"model":"m","service_tier":"flex"}',
    '{"model":"m","stop":["%s"]}' % ("x" * 100),
    '{"model":"m","response_format":{"type":"json_object"}}',
)
TARGETS = (AZURE, MISTRAL, replace(AZURE, defaults={"seed": b"1"}), replace(AZURE, forced={"temperature": b"0"}))


def test_entries_are_those_of_the_parameters() -> None:
    """In their order, for each target, more than once."""
    asked = Asked()
    for _ in range(2):
        for target in TARGETS:
            for text in BODIES:
                body = Body(text.encode().replace(b"{", b'{"model":"m",', 1))
                expected = b"".join([field(0x4A, key_value(*found)) for found in parameters(body, target).items()])
                assert asked(body, target) == expected


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may send another seed each time."""
    monkeypatch.setattr(module, "KEPT", 3)
    asked = Asked()
    for seed in range(10):
        asked(Body(b'{"model":"m","seed":%d}' % seed), AZURE)
        assert len(asked._known) <= 3
