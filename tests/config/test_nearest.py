"""The nearest known names."""

from __future__ import annotations

from tracegate.config.nearest import did_you_mean, listed, nearest, ranked


def test_the_nearest_names_come_first() -> None:
    """In any case, as they are written."""
    assert nearest("gpt-opnai", ["large", "gpt-open", "gpt-openai"], 2) == ["gpt-openai", "gpt-open"]
    assert nearest("CHAT", ["Chat"]) == ["Chat"]
    assert nearest("x", ["large"]) == []
    assert nearest("AZURE_KEY", ["WEB_KEY"], least=0.75) == []


def test_only_so_many_names_are_looked_at() -> None:
    """A client may ask for anything, as often as it likes."""
    assert nearest("wanted", [*(f"n{i}" for i in range(2000)), "wanted"]) == []
    assert nearest("x" * 100_000, ["x" * 256]) == ["x" * 256]


def test_every_name_can_be_ranked() -> None:
    """Those that resemble it first."""
    assert ranked("opnai", ["mistral", "openai"]) == ["openai", "mistral"]


def test_a_hint_is_a_sentence_or_nothing() -> None:
    """It stands before what is allowed."""
    assert did_you_mean("chta", ["chat"]) == "did you mean `chat`? "
    assert did_you_mean("zzz", ["chat"]) == ""


def test_a_list_is_cut() -> None:
    """With how many are left out."""
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
