"""Text from outside is bounded and valid."""

from __future__ import annotations

import pytest

from tracegate.telemetry.text import LONGEST, fit, legible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("café ✓", "café ✓"),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("\udc00", "\ufffd"),
        ("a\ud83d\ude00b", "a😀b"),  # a pair that a parser left in two halves
        ("x" * (LONGEST + 1), "x" * LONGEST),
        ("é" * (LONGEST + 5), "é" * LONGEST),
    ],
)
def test_text_is_made_fit(text: str, expected: str) -> None:
    """It is cut, and lone surrogates are replaced; everything else stays."""
    assert fit(text) == expected
    assert fit(text).encode().decode() == expected


def test_legible_does_not_cut() -> None:
    """Only validity is its affair."""
    assert legible("x" * 5000) == "x" * 5000
