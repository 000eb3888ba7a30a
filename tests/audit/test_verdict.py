"""What checks add up to."""

from __future__ import annotations

import pytest

from tracegate.audit.verdict import Check, Report, Result
from tracegate.errors import Malformed


@pytest.mark.parametrize(
    ("results", "verdict", "code"),
    [
        ((), "verified", 0),
        (("pass", "pass"), "verified", 0),
        (("pass", "missing"), "incomplete", 3),
        (("missing", "fail", "pass"), "refused", 1),
    ],
)
def test_what_is_false_weighs_more_than_what_is_missing(results: tuple[Result, ...], verdict: str, code: int) -> None:
    """And both more than what holds."""
    report = Report()
    for result in results:
        report.add("thing", result, "so")
    assert (report.verdict, report.code) == (verdict, code)


def _broken() -> str | None:
    raise Malformed("broken")


def test_a_check_holds_where_no_fault_is_found() -> None:
    """A fault that is raised counts as one that is returned."""
    report = Report()
    assert report.hold("one", "well", lambda: None)
    assert not report.hold("two", "well", lambda: "ill")
    assert not report.hold("three", "well", _broken)
    assert report.checks == [
        Check("one", "pass", "well"),
        Check("two", "fail", "ill"),
        Check("three", "fail", "broken"),
    ]


def test_it_is_told_as_json() -> None:
    """With what was identified, and where in a log a check failed."""
    report = Report([Check("tile", "fail", "differs", "tile/0/000", 5), Check("leaf", "pass", "so")])
    report.facts["size"] = 6
    assert report.as_json() == {
        "v": 1,
        "code": 1,
        "verdict": "refused",
        "checks": [
            {"check": "tile", "result": "fail", "detail": "differs", "file": "tile/0/000", "index": 5},
            {"check": "leaf", "result": "pass", "detail": "so"},
        ],
        "size": 6,
    }
