"""Time-outs and retry flow down, key by key."""

from __future__ import annotations

from tests.config.reading import draft
from tracegate.config import schema
from tracegate.config.inherit import DEFAULTS, inherit
from tracegate.config.origin import DEFAULT, Origin
from tracegate.config.validate import section
from tracegate.facts import Timeouts
from tracegate.policies.settings import Retry


def test_the_defaults_are_those_of_the_reference() -> None:
    """Sections 6 and 7."""
    assert DEFAULTS.timeouts == Timeouts(5 * 10**9, 30 * 10**9, 120 * 10**9, 60 * 10**9, 60 * 10**9)
    assert DEFAULTS.retry == Retry()
    assert set(DEFAULTS.origins.values()) == {DEFAULT}
    assert len(DEFAULTS.origins) == 10


def test_what_is_written_wins_and_the_rest_stays() -> None:
    """Each value remembers whose it is."""
    one = draft("timeouts: {attempt: none, deadline: 1m}\nretry: {base: 1s}")
    timeouts, retry = section(one, "timeouts", schema.AllTimeouts), section(one, "retry", schema.Retry)
    found = inherit(one, DEFAULTS, (), timeouts, retry, "provider")
    assert found.timeouts == Timeouts(attempt=None)
    assert found.retry == Retry(base_ns=10**9)
    assert found.origins["timeouts.attempt"] == Origin("file", "t.yaml:1:21", "provider")
    assert found.origins["retry.base"] == Origin("file", "t.yaml:2:15", "provider")
    assert found.origins["retry.times"] is DEFAULT
    assert "timeouts.deadline" not in found.origins


def test_nothing_written_changes_nothing() -> None:
    """Not even the object."""
    assert inherit(draft("{}"), DEFAULTS, (), schema.Timeouts(), schema.Retry(), "node") is DEFAULTS
