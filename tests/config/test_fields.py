"""The types of keys."""

from pathlib import Path

import pytest

from tracegate.config import fields as f
from tracegate.config.fields import Around
from tracegate.config.form import Form, Misfits
from tracegate.config.problems import Wrong
from tracegate.config.secret import Secret


class Everything(Form):
    """One key of each type that is more than a call of `values`."""

    limit: f.DurationOrNone = 1
    pause: f.DurationOrZero = 1
    count: f.UpToTen = 1
    path: f.FilePath = ""
    secret: f.SecretValue = Secret("", "literal")
    key: f.SecretOrNone = None
    texts: f.Texts = f.NOTHING
    http: f.Fields = f.NOTHING
    secrets: f.SecretFields | None = None
    names: f.Names = ()
    origins: f.WebOrigins = ()
    per: f.Per = 1
    currency: f.Currency = "USD"
    token: f.Token = "x"


AROUND = Around({"X": "sk-1"}, Path(__file__).parent)


def read(key: str, value: object) -> object:
    """One value by the type of its key."""
    return getattr(Everything.model_validate({key: value}, context=AROUND), key)


@pytest.mark.parametrize(
    ("key", "value", "result"),
    [
        ("limit", "none", None),
        ("limit", "1s", 10**9),
        ("pause", "0s", 0),
        ("count", 10, 10),
        ("path", Path(__file__).name, __file__),
        ("secret", {"env": "X"}, Secret("sk-1", "env", "X")),
        ("key", "none", None),
        ("key", {"env": "X"}, Secret("sk-1", "env", "X")),
        ("texts", {"a": "b c"}, {"a": "b c"}),
        ("http", {"X-Team": "a b"}, {"X-Team": "a b"}),
        ("secrets", {"X-Key": {"env": "X"}}, {"X-Key": Secret("sk-1", "env", "X")}),
        ("names", ["a", "b"], ("a", "b")),
        ("origins", ["https://a.example", "http://localhost:3000"], ("https://a.example", "http://localhost:3000")),
        ("per", "1M", 1_000_000),
        ("per", "1K", 1000),
        ("per", "1", 1),
        ("per", 1, 1),
        ("currency", "EUR", "EUR"),
        ("token", "tg-1", "tg-1"),
    ],
)
def test_each_type_reads_its_values(key: str, value: object, result: object) -> None:
    """From what a document holds to what the model has."""
    assert read(key, value) == result


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("limit", "x", "`x` is not a duration"),
        ("pause", 5, "`5` has no unit"),
        ("count", 11, "`11` is out of range"),
        ("path", "none.pem", "there is no file `none.pem`"),
        ("secret", 7, "not a secret"),
        ("texts", [], "a list is not a map"),
        ("texts", {"a": 1}, "`1` is not text"),
        ("http", {"a b": "c"}, "`a b` is not a token"),
        ("http", {"a": "ü"}, "not the value of an HTTP field"),
        ("http", {"a": " b"}, "not the value of an HTTP field"),
        ("secrets", "x", "`x` is not a map"),
        ("secrets", {"a": "ü"}, "not the value of an HTTP field"),
        ("names", "a", "`a` is not a list"),
        ("names", [1], "`1` is not text"),
        ("origins", ["*"], "`*` is not an http or https URL"),
        ("origins", ["https://a.example/x"], "`https://a.example/x` is not an origin"),
        ("origins", ["https://a.example/"], "`https://a.example/` is not an origin"),
        ("per", "1G", "`1G` is not a number of tokens"),
        ("per", True, "`true` is not a number of tokens"),
        ("per", [], "a list is not a number of tokens"),
        ("currency", "usd", "`usd` is not a currency"),
        ("currency", 7, "`7` is not a currency"),
        ("token", "a b", "`a b` is not a token"),
    ],
)
def test_each_type_refuses_what_it_can_not_read(key: str, value: object, why: str) -> None:
    """With a `Wrong` that says what is allowed."""
    with pytest.raises(Misfits) as caught:
        read(key, value)
    (error,) = caught.value.errors()
    wrong = error["ctx"]["error"]
    assert isinstance(wrong, Wrong)
    assert wrong.what == why
    assert wrong.fix.endswith(".")
