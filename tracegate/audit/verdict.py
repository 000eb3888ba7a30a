"""What a verifier found: checks by name, and the one verdict they add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tracegate.errors import Malformed

Result = Literal["pass", "fail", "missing"]
Verdict = Literal["verified", "refused", "incomplete"]

VERIFIED, REFUSED, UNUSABLE, INCOMPLETE = 0, 1, 2, 3
"""Exit statuses: all proved; something is false; usage or unreadable input; something needed was not there."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `file` and `index` say where in a log it failed, `log` in which of several."""

    check: str
    result: Result
    detail: str
    file: str | None = None
    index: int | None = None
    log: str | None = None


@dataclass(slots=True)
class Report:
    """The checks in the order in which they were made, and what was identified on the way."""

    checks: list[Check] = field(default_factory=list)
    facts: dict[str, str | int] = field(default_factory=dict)

    def add(self, check: str, result: Result, detail: str) -> None:
        """Note a result."""
        self.checks.append(Check(check, result, detail))

    def hold(self, check: str, detail: str, fault: Callable[[], str | None]) -> bool:
        """Note whether a function finds no fault; one that it raises as `Malformed` counts as found.

        Args:
            check: Its name.
            detail: What is said when it holds.
            fault: Says what is wrong, `None` when nothing is.
        """
        try:
            found = fault()
        except Malformed as exc:
            found = str(exc)
        self.add(check, "pass" if found is None else "fail", detail if found is None else found)
        return found is None

    @property
    def verdict(self) -> Verdict:
        """Refused if anything is false, incomplete if anything needed is missing."""
        results = {check.result for check in self.checks}
        return "refused" if "fail" in results else "incomplete" if "missing" in results else "verified"

    @property
    def code(self) -> int:
        """The exit status."""
        return {"verified": VERIFIED, "refused": REFUSED, "incomplete": INCOMPLETE}[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        checks = [_shown(check) for check in self.checks]
        return {"v": 1, "code": self.code, "verdict": self.verdict, "checks": checks, **self.facts}


def _shown(check: Check) -> dict[str, str | int]:
    shown: dict[str, str | int] = {"check": check.check, "result": check.result, "detail": check.detail}
    if check.file is not None:
        shown["file"] = check.file
    if check.index is not None:
        shown["index"] = check.index
    if check.log is not None:
        shown["log"] = check.log
    return shown
