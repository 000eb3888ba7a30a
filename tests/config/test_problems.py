"""What is wrong, as a person reads it."""

from __future__ import annotations

from tracegate.config.problems import InvalidConfig, Position, Problem, Wrong, dotted
from tracegate.errors import ConfigError


def test_a_path_is_written_with_dots_and_brackets() -> None:
    """As in the reference."""
    assert dotted(("routes", "chat", "fallback", 1)) == "routes.chat.fallback[1]"
    assert dotted((0, "a")) == "[0].a"
    assert dotted(()) == ""


def test_a_problem_says_where_what_and_how_to_fix_it() -> None:
    """Two lines."""
    at = Position("t.yaml", 18, 25)
    problem = Problem(at, "routes.chat.timeouts.attempt", "`30` has no unit", "write `30s` (or ms, m, h).")
    assert str(problem) == (
        "t.yaml:18:25  routes.chat.timeouts.attempt: `30` has no unit\n    write `30s` (or ms, m, h)."
    )
    assert str(Problem(at, "", "not a map", "x")) == "t.yaml:18:25  not a map\n    x"
    assert str(Problem(None, "OTEL_X", "wrong", "x")) == "environment  OTEL_X: wrong\n    x"


def test_problems_are_counted_and_twenty_are_shown() -> None:
    """All at once, but not a screenful of thousands."""
    problem = Problem(Position("t.yaml", 1, 1), "a", "b", "c")
    one = InvalidConfig("t.yaml", [problem])
    assert isinstance(one, ConfigError)
    assert str(one) == "t.yaml:1:1  a: b\n    c\n\n1 error in t.yaml. Nothing was started."
    many = InvalidConfig("t.yaml", [problem] * 21)
    assert str(many).count("a: b") == 20
    assert str(many).endswith("\n\n21 errors in t.yaml (the first 20 are shown). Nothing was started.")
    assert len(many.problems) == 21


def test_a_wrong_value_has_two_texts() -> None:
    """It is a `ValueError`, so that pydantic takes it."""
    wrong = Wrong("what", "fix")
    assert isinstance(wrong, ValueError)
    assert (str(wrong), wrong.what, wrong.fix) == ("what", "what", "fix")
