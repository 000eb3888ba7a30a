"""How a single value is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from tracegate.config import values
from tracegate.config.document import Substituted
from tracegate.config.problems import Wrong


def from_variable(text: str) -> Substituted:
    """What `${X}` comes to."""
    return Substituted.of(text, "${X}", ("X",))


def refused(read: Callable[[], object]) -> str:
    """Why a value is refused."""
    with pytest.raises(Wrong) as caught:
        read()
    return f"{caught.value.what} | {caught.value.fix}"


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("250ms", 250 * 10**6),
        ("1.5s", 1_500_000_000),
        ("30s", 30 * 10**9),
        ("2m", 120 * 10**9),
        ("1h", 3600 * 10**9),
        ("7d", 604800 * 10**9),
    ],
)
def test_a_duration_has_a_unit(text: str, ns: int) -> None:
    """Nanoseconds come out."""
    assert values.duration(text) == ns
    assert values.duration(from_variable(text)) == ns


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (30, "`30` has no unit | write `30s` (or ms, m, h)."),
        (Decimal("0.5"), "`0.5` has no unit | write `0.5s` (or ms, m, h)."),
        ("30", "`30` has no unit | write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`."),
        (from_variable("30"), "`${X}` has no unit | write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`."),
        ("soon", "`soon` is not a duration | write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`."),
        ("none", "`none` is not a duration | write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`."),
        (True, "`true` is not a duration | write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`."),
        (None, "`null` is not a duration | write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`."),
        ({}, "a map is not a duration | write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`."),
        ("0s", "`0s` is no limit | write a duration above zero."),
        ("0.0000001ms", "`0.0000001ms` is out of range | write at least `1ms` and at most 100 years."),
        ("99999999d", "`99999999d` is out of range | write at least `1ms` and at most 100 years."),
    ],
)
def test_what_is_no_duration_is_refused(value: object, why: str) -> None:
    """A bare number among it: seconds or milliseconds, nobody knows."""
    assert refused(partial(values.duration, value)) == why


def test_zero_and_none_are_named_where_they_mean_something() -> None:
    """`0s` is no limit, `none` is none."""
    assert values.duration("0s", zero=True) == 0
    assert refused(partial(values.duration, "x", none=True)).endswith("`7d`, or `none` for no limit.")
    assert refused(partial(values.duration, "0s", none=True)).endswith("above zero, or `none` for no limit.")


@pytest.mark.parametrize(
    ("text", "count"),
    [("64KB", 64_000), ("1MB", 10**6), ("64KiB", 65_536), ("1MiB", 2**20), ("1.5GB", 1_500_000_000), ("5B", 5)],
)
def test_a_size_has_a_unit(text: str, count: int) -> None:
    """Powers of 1000, or of 1024."""
    assert values.size(text) == count


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (10, "`10` has no unit | write `10MB` (or KB, MB, GB; KiB, MiB, GiB for powers of 1024)."),
        ("10", "`10` has no unit | write a number with a unit: KB, MB, GB; KiB, MiB, GiB for powers of 1024."),
        ("10mb", "`10mb` is not a size | write a number with a unit: KB, MB, GB; KiB, MiB, GiB for powers of 1024."),
        (False, "`false` is not a size | write a number with a unit: KB, MB, GB; KiB, MiB, GiB for powers of 1024."),
        ([], "a list is not a size | write a number with a unit: KB, MB, GB; KiB, MiB, GiB for powers of 1024."),
        ("0MB", "`0MB` is no limit | write a size above zero."),
    ],
)
def test_what_is_no_size_is_refused(value: object, why: str) -> None:
    """A bare number among it."""
    assert refused(partial(values.size, value)) == why


@pytest.mark.parametrize(
    ("value", "amount"), [(2, "2"), (Decimal("2.50"), "2.50"), ("0.000001", "0.000001"), (from_variable("3.1"), "3.1")]
)
def test_money_is_read_as_text(value: object, amount: str) -> None:
    """Digit for digit."""
    assert str(values.money(value)) == amount


@pytest.mark.parametrize("value", [True, None, [], "2 USD", "-1", Decimal(-1), Decimal("Infinity"), Decimal("NaN")])
def test_what_is_no_amount_is_refused(value: object) -> None:
    """Negative and endless ones too."""
    assert "is not an amount" in refused(partial(values.money, value))


def test_text_is_text() -> None:
    """A number must be quoted: `4.10` would lose its end otherwise."""
    assert values.text("a b") == "a b"
    assert type(values.text(from_variable("a"))) is str
    assert refused(partial(values.text, Decimal("4.10"))) == '`4.10` is not text | write it in quotes: "4.10".'
    assert refused(partial(values.text, [])) == "a list is not text | write it in quotes."
    for empty in ("", "  ", "a\nb"):
        assert "can't be printed" in refused(partial(values.text, empty))


def test_a_boolean_is_true_or_false() -> None:
    """`on` is text in YAML 1.2, and out of a variable everything is."""
    assert values.boolean(True) is True
    assert values.boolean(from_variable("true")) is True
    assert values.boolean(from_variable("false")) is False
    for wrong in ("on", "true", 1, from_variable("yes")):
        assert "is not a boolean | write `true` or `false`." in refused(partial(values.boolean, wrong))


def test_a_whole_number_has_bounds() -> None:
    """Out of a variable it is read from text."""
    assert values.integer(3, 0, 10) == 3
    assert values.integer(from_variable("4000"), 0) == 4000
    assert refused(partial(values.integer, 11, 0, 10)) == "`11` is out of range | write a number from 0 to 10."
    assert refused(partial(values.integer, 0, 1)) == "`0` is out of range | write a number from 1."
    for wrong in ("3", True, Decimal("1.5"), from_variable("-1"), from_variable("9" * 30)):
        assert "is not a whole number" in refused(partial(values.integer, wrong, 0))


def test_a_weight_is_above_zero() -> None:
    """A share is a weight that says of how many."""
    assert values.weight(90) == 90.0
    assert values.weight(Decimal("0.5")) == 0.5
    assert values.weight("90%") == 90.0
    assert values.weight(from_variable("7")) == 7.0
    for wrong in (0, -1, True, "90", "x%", None, Decimal("Infinity"), from_variable("x")):
        assert "is not a weight" in refused(partial(values.weight, wrong))


def test_an_id_has_no_slash() -> None:
    """So that a name with one always means `provider/model`."""
    for right in ("a", "9", "gpt-5.5_x", "A" * 64):
        assert values.identifier(right) == right
    for wrong in ("", "a/b", "-a", ".a", "a b", "*", "ü", "A" * 65, "unknown"):
        assert "is no id" in refused(partial(values.identifier, wrong))


def test_a_region_is_a_short_id() -> None:
    """The error makes one out of a display name (ruling 3)."""
    assert values.region("eu-west-1") == "eu-west-1"
    assert refused(partial(values.region, "Sweden Central")).endswith("without blanks: `swedencentral`.")
    assert refused(partial(values.region, "öst")).endswith("without blanks.")


def test_a_date_is_a_day() -> None:
    """ISO 8601, and one that exists."""
    assert values.day("2026-09-01") == date(2026, 9, 1)
    for wrong in ("2026-02-30", "1.9.2026", 20260901, "20260901"):
        assert "is not a date" in refused(partial(values.day, wrong))


def test_a_value_is_shown_as_it_was_written() -> None:
    """Long ones are cut."""
    assert values.shown("x" * 100) == f"`{'x' * 60}…`"
    assert values.shown(from_variable("secret")) == "`${X}`"
