"""Where an effective value came from."""

from __future__ import annotations

from tracegate.config.origin import DEFAULT, Origin, no_origins


def test_an_origin_is_printed_in_a_few_words() -> None:
    """Kind and place."""
    assert str(DEFAULT) == "default"
    assert str(Origin("file", "t.yaml:5:3", "node")) == "file t.yaml:5:3"
    assert str(Origin("env", "OTEL_SERVICE_NAME")) == "env OTEL_SERVICE_NAME"


def test_nobody_shares_the_empty_map() -> None:
    """It is made anew each time."""
    assert no_origins() == {}
    assert no_origins() is not no_origins()
