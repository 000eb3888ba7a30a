"""Header fields are pairs in order."""

from __future__ import annotations

from tracegate.wire.headers import by_name, header


def test_the_first_value_of_a_name_is_found() -> None:
    """Repeated names are kept; the first one answers."""
    headers = (("a", "1"), ("b", "2"), ("b", "3"))

    assert header(headers, "b") == "2"
    assert header(headers, "c") is None


def test_by_name_the_first_value_counts_too() -> None:
    """Whoever looks at several fields sees what `header` sees."""
    headers = (("a", "1"), ("b", "2"), ("b", "3"))

    assert by_name(headers) == {name: header(headers, name) for name in ("a", "b")}
