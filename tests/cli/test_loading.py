"""Loading a configuration for a command: text for a person, and an exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracegate.cli.loading import loaded

VALID = 'providers: {a: {dialect: openai, base_url: "https://a.test/v1", key: none}}\n'


def test_a_configuration_is_loaded_with_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`${VAR}` is filled in."""
    file = tmp_path / "tracegate.yaml"
    file.write_text(VALID.replace("none", '"${A_KEY}"'))
    monkeypatch.setenv("A_KEY", "sk-0123456789")
    key = loaded(str(file)).providers["a"].key
    assert key is not None
    assert key.value == "sk-0123456789"


def test_without_a_file_the_environment_is_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row whose variable is set."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    assert list(loaded(None).providers) == ["openai"]


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ("providers: {a: {}}\n", 1, "2 errors in"),
        ("a: [", 1, "Nothing was started."),
        (None, 2, "can't be read: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_and_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, status: int, said: str
) -> None:
    """On stderr; 1 for a configuration that is wrong, 2 for one that can't be read."""
    file = tmp_path / "tracegate.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SystemExit) as caught:
        loaded(str(file))
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (status, "")
    assert said in err
    assert str(file) in err


def test_nothing_to_serve_is_said_with_what_could_be(capsys: pytest.CaptureFixture[str]) -> None:
    """The variables that would bring a provider in."""
    with pytest.raises(SystemExit) as caught:
        loaded(None)
    assert caught.value.code == 1
    assert "OPENAI_API_KEY" in capsys.readouterr().err
