"""Cooldowns: who asked for silence, until when, and why."""

from __future__ import annotations

from tracegate.policies.cooldown import MANY, Cooldowns


def test_a_target_is_in_cooldown_until_the_time_it_named() -> None:
    """At that nanosecond it may be asked again, and is forgotten."""
    cooldowns = Cooldowns()
    assert cooldowns.of("a", 0) is None
    cooldowns.start("a", 0, 100, "rate_limit")
    assert cooldowns.of("a", 99) == (100, "rate_limit")
    assert cooldowns.of("b", 99) is None
    assert cooldowns.of("a", 100) is None
    assert cooldowns.of("a", 0) is None


def test_the_longest_silence_stays() -> None:
    """A shorter one named later does not cut it."""
    cooldowns = Cooldowns()
    cooldowns.start("a", 0, 100, "rate_limit")
    cooldowns.start("a", 0, 50, "overloaded")
    assert cooldowns.of("a", 60) == (100, "rate_limit")
    cooldowns.start("a", 0, 200, "overloaded")
    assert cooldowns.of("a", 150) == (200, "overloaded")


def test_targets_whose_time_is_over_are_forgotten_when_there_are_many() -> None:
    """Clients may name targets, so their number is bounded by those that are still silent."""
    cooldowns = Cooldowns()
    for number in range(MANY):
        cooldowns.start(f"t{number}", 0, 10 if number else 1000, "rate_limit")
    cooldowns.start("new", 20, 30, "rate_limit")
    assert cooldowns.of("t0", 20) == (1000, "rate_limit")
    assert cooldowns.of("new", 20) == (30, "rate_limit")
    assert len(cooldowns.until) == 2
