"""Credentials leave error text; everything else stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate import redact
from tracegate.errors import Broken, Failed, Refused
from tracegate.redact import HIDDEN, LONGEST, Redactor

PLAIN = [
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 12000 tokens.",
    "Rate limit reached for gpt-x in organization org-x on tokens per min (TPM): Limit 30000, Used 29000.",
    "You can find your API key at https://platform.openai.com/account/api-keys.",
    "the key `messages` is required",
    "a task-force with a disk-full basic problem",
    "",
    "ünïcödé \ud83d half pairs",
]


@pytest.mark.parametrize("text", PLAIN)
def test_text_without_credentials_is_unchanged(text: str) -> None:
    """Ordinary error messages pass, whatever words they use."""
    assert text == Redactor(["s3cr3t-value"]).text(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token Bearer abc.def-123 refused", "token [redacted] refused"),
        ("header authorization: Bearer abc123, bad", "header [redacted], bad"),
        ('{"Authorization":"Basic dXNlcjpwYXNz"}', '{"[redacted]"}'),
        ("Basic dXNlcjpwYXNzd29yZA==", "[redacted]"),
        ("Incorrect API key provided: sk-proj-abcd***wxyz. See", "Incorrect [redacted] See"),
        ("Incorrect API key provided: xy***z", "Incorrect [redacted]"),
        ("x-api-key: 0123456789abcdef", "x-[redacted]"),
        ('{"api_key": "0123"}', '{"[redacted]"}'),
        ("GET https://host/v1?key=abc123&alt=sse", "GET https://host/v1?[redacted]&alt=sse"),
        ("Ocp-Apim-Subscription-Key=0123456789", "Ocp-Apim-Subscription-[redacted]"),
        ("access_token: abc", "[redacted]"),
        ("?token=abc", "?[redacted]"),
        ("client_secret=abc", "client_[redacted]"),
        ("password='hunter2'", "[redacted]'"),
        ("https://blob/?sv=1&sig=abc%3D", "https://blob/?sv=1&[redacted]"),
        ("a sk-ant-api03-abcdefgh b", "a [redacted] b"),
        ("gsk_abcdefghijkl, xai-abcdefghijkl, AIzaSyAbcdefgh", "[redacted], [redacted], [redacted]"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln", "[redacted]"),
        ("http://user:pass@host/", "http://[redacted]@host/"),
    ],
)
def test_what_looks_like_a_credential_goes(text: str, expected: str) -> None:
    """Patterns of ruling 12, as providers and proxies print them."""
    assert expected == Redactor().text(text)


def test_exact_secrets_go_wherever_they_stand() -> None:
    """A configured secret is known by its value, the longer one first, blanks and symbols included."""
    redactor = Redactor(["abc", "abc def(+)", "", "abc"])

    assert f"x{HIDDEN}y {HIDDEN}" == redactor.text("xabc def(+)y abc")


def test_a_secret_behind_a_pattern_word_goes_whole() -> None:
    """The exact value wins over a pattern that would take half of it."""
    assert Redactor(["two words"]).text("Bearer two words") == HIDDEN


def test_text_is_cut() -> None:
    """At most 1,000 characters are shown."""
    exact = "x" * LONGEST

    assert exact == Redactor().text(exact)
    assert f"{'x' * (LONGEST - 1)}…" == Redactor().text(exact + "x")


@pytest.mark.parametrize("shrinking", ["Bearer " + "a" * 7_990 + " ", "sk-aaaa " * 900])
@pytest.mark.parametrize("secret", ["z" * 40, "z" * 700])
def test_no_half_secret_survives_the_cut(shrinking: str, secret: str) -> None:
    """Where redaction makes a long text short, a secret that the window cut in two is left out."""
    for gap in range(0, 900, 61):
        shown = Redactor([secret]).text(shrinking + "." * gap + " " + secret * 40)
        assert "z" not in shown
        assert len(shown) <= LONGEST


@given(st.text(max_size=300), st.text(max_size=300), st.text(min_size=1, max_size=20))
def test_a_secret_is_never_shown(before: str, after: str, secret: str) -> None:
    """Whatever stands around it."""
    shown = Redactor([secret]).text(before + secret + after)

    assert secret not in shown.replace(HIDDEN, "") or secret in HIDDEN or secret == "…"


def test_an_error_is_redacted_in_place() -> None:
    """Message, arguments, code and every text of the body, keys included; other values and members stay."""
    body: dict[str, Any] = {
        "message": "no hush",
        "code": 401,
        "param": None,
        "metadata": {"raw": ["Bearer abc", 1.5, True, {"hush": "hush"}]},
    }
    failed = Refused("auth", None, "no hush", status=401, code="hush", body=body)

    Redactor(["hush"]).failed(failed)

    assert f"no {HIDDEN}" == failed.message == str(failed)
    assert failed.code == HIDDEN
    assert failed.body == {
        "message": f"no {HIDDEN}",
        "code": 401,
        "param": None,
        "metadata": {"raw": [HIDDEN, 1.5, True, {HIDDEN: HIDDEN}]},
    }


def test_an_error_without_body_is_redacted() -> None:
    """Most failures carry a message only."""
    failed: Failed = Broken("http_protocol_error", "bad hush")

    Redactor(["hush"]).failed(failed)

    assert f"bad {HIDDEN}" == failed.message
    assert failed.body is None
    assert failed.code is None


def test_a_bottomless_body_is_cut() -> None:
    """What is nested too deeply to look at is not shown."""
    deep: list[Any] = ["hush"]
    for _ in range(2_000):
        deep = [deep]
    failed = Refused("invalid_request", None, "x", body={"deep": deep})

    Redactor(["hush"]).failed(failed)

    assert "hush" not in str(failed.body)
    assert HIDDEN in str(failed.body)


def test_repr_hides_the_secrets() -> None:
    """A redactor may be logged."""
    assert repr(Redactor(["hush"])) == "Redactor([redacted])"


def test_what_was_found_clean_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is kept, and not without end; what is long is searched each time."""
    monkeypatch.setattr(redact, "MANY", 3)
    redactor = Redactor(["swordfish"])
    for text in ("a swordfish", "sk-12345678", "x" * (redact.KEPT + 1)):
        assert redactor.text(text) == redactor.text(text)
    assert not redactor._clean
    for number in range(10):
        assert [redactor.text(f"clean {number}") for _ in range(2)] == [f"clean {number}"] * 2
        assert 0 < len(redactor._clean) <= 3


def test_an_error_that_was_found_clean_stays_as_it_is() -> None:
    """The usual refusals come again and again; anything that is new in one is searched."""
    redactor = Redactor(["swordfish"])
    usual: dict[str, Any] = {"message": "Slow down.", "param": None, "code": "rate_limit_exceeded"}
    for body in (
        usual,
        {**usual, "hint": "a swordfish"},
        {**usual, "swordfish": "x"},
        {**usual, "param": ["swordfish"]},
    ):
        for again in (False, True):
            failed = Refused("rate_limit", None, "Slow down.", status=429, code="rate_limit_exceeded", body=body)
            redactor.failed(failed)
            assert (failed.body is body) == (again and body is usual)
            assert (failed.message, failed.code) == ("Slow down.", "rate_limit_exceeded")
            assert "swordfish" not in str(failed.body)
