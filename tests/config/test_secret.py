"""Secrets: how they are read, and that they are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracegate.config.document import Substituted
from tracegate.config.problems import Wrong
from tracegate.config.secret import Secret, names_credential, read

ENV = {"KEY": "sk-1", "EMPTY": ""}


def test_a_secret_is_never_shown() -> None:
    """Neither by `repr` nor as text."""
    secret = Secret("sk-1", "env", "KEY")
    assert repr(secret) == "Secret(source='env', name='KEY')"
    assert str(secret) == "[env KEY]"
    assert str(Secret("sk-1", "literal")) == "[literal]"


def test_a_secret_comes_from_a_variable(tmp_path: Path) -> None:
    """In both forms; text around a variable is not remembered."""
    assert read({"env": "KEY"}, ENV, tmp_path) == Secret("sk-1", "env", "KEY")
    assert read(Substituted.of("x-sk-1", "x-${KEY}", ("KEY",)), ENV, tmp_path) == Secret("x-sk-1", "env", "KEY")


def test_a_default_is_a_literal(tmp_path: Path) -> None:
    """It is written out in the file like any other."""
    assert read(Substituted.of("sk", "${NO:-sk}", ()), ENV, tmp_path) == Secret("sk", "literal")
    assert read("sk", ENV, tmp_path) == Secret("sk", "literal")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path, end: str) -> None:
    """One line end, relative to the folder."""
    (tmp_path / "key").write_bytes(f"sk-2{end}".encode())
    assert read({"file": "key"}, ENV, tmp_path) == Secret("sk-2", "file", str(tmp_path / "key"))


def test_only_one_line_end_is_cut(tmp_path: Path) -> None:
    """What else stands there belongs to the secret."""
    (tmp_path / "key").write_text("a\n\n")
    assert read({"file": "key"}, ENV, tmp_path).value == "a\n"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "empty"),
        (Substituted.of(" ", "${KEY}", ("KEY",)), "empty"),
        (7, "not a secret"),
        ([], "not a secret"),
        ({}, "not a secret"),
        ({"env": "KEY", "file": "x"}, "not a secret"),
        ({"vault": "x"}, "not a secret"),
        ({"env": 7}, "not a secret"),
        ({"env": "NONE"}, "the variable NONE is not set"),
        ({"env": "EMPTY"}, "the variable EMPTY is empty"),
        ({"file": "none"}, "can't be read: No such file or directory"),
        ({"file": "."}, "can't be read: Is a directory"),
        ({"file": "empty"}, "is empty"),
        ({"file": "bytes"}, "is not text"),
    ],
)
def test_what_is_no_secret_is_refused(tmp_path: Path, value: object, why: str) -> None:
    """Without showing it."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(Wrong) as caught:
        read(value, ENV, tmp_path)
    assert why in caught.value.what


def test_names_tell_that_a_field_is_a_credential() -> None:
    """Its value is then known to the redactor, and in no digest."""
    assert names_credential("x-api-key")
    assert names_credential("authorization")
    assert not names_credential("x-team")
