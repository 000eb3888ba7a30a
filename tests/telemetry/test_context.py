"""W3C trace context is read strictly and written exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.inbound import Remote
from tracegate.telemetry.context import parse_remote, parse_state, traceparent

TRACE = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
SPAN = bytes.fromhex("00f067aa0ba902b7")
GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (GOOD, 1),
        (f" {GOOD}\t", 1),
        (GOOD[:-2] + "00", 0),
        (GOOD[:-2] + "03", 3),
        (GOOD[:-2] + "ff", 3),
        ("01" + GOOD[2:], 1),
        ("cc" + GOOD[2:] + "-what-the-future-will-be-like", 1),
    ],
)
def test_a_valid_traceparent_is_read(header: str, flags: int) -> None:
    """Ids as bytes; flags that nobody knows are ignored; a later version may be longer."""
    assert Remote(TRACE, SPAN, flags) == parse_remote(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        GOOD[:-1],
        GOOD + "0",
        GOOD + "-extra",
        GOOD.upper(),
        "ff" + GOOD[2:],
        "0x" + GOOD[2:],
        "cc" + GOOD[2:] + ".future",
        GOOD.replace("-", "_"),
        "00-" + "0" * 32 + GOOD[35:],
        GOOD[:36] + "0" * 16 + "-01",
        GOOD[:-1] + "g",
        GOOD[:-1] + "１",  # a digit, but no ASCII one
        f"{GOOD}\n",
        f"{GOOD},{GOOD}",
    ],
)
def test_a_malformed_traceparent_is_none(header: str) -> None:
    """Nothing is guessed."""
    assert parse_remote(header, "a=1") is None


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("", ""),
        ("a=1", "a=1"),
        (" a=1 ,\tb=2, ,c=x y", "a=1,b=2,c=x y"),
        ("tenant@vendor=v", "tenant@vendor=v"),
        ("0a@v=1", "0a@v=1"),
        ("a=" + "v" * 256, "a=" + "v" * 256),
        ("a=" + "v" * 257, ""),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("0a=1", ""),
        ("a", ""),
        ("a=", ""),
        ("a=b=c", ""),
        ("a=1,bad", ""),
        ("a=é", ""),
        (",".join(f"k{n}=1" for n in range(32)), ",".join(f"k{n}=1" for n in range(32))),
        (",".join(f"k{n}=1" for n in range(33)), ""),
        (",".join(f"k{n}={'v' * 200}" for n in range(3)), ""),
    ],
)
def test_a_tracestate_is_kept_whole_or_not_at_all(state: str, expected: str) -> None:
    """One malformed member makes all of it malformed; it never makes the `traceparent` invalid."""
    assert parse_state(state) == expected
    assert parse_remote(GOOD, state) == Remote(TRACE, SPAN, 1, expected)


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_raises(parent: str, state: str) -> None:
    """Whatever a client sends is read or ignored."""
    parse_remote(parent, state)


def test_what_is_written_is_read_again() -> None:
    """Ids keep their zeros; evidence is sampled unless said otherwise."""
    assert traceparent(TRACE, SPAN) == GOOD
    assert traceparent(TRACE, SPAN, 0) == GOOD[:-2] + "00"
    assert parse_remote(traceparent(TRACE, SPAN)) == Remote(TRACE, SPAN, 1)
