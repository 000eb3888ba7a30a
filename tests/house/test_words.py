"""What no file may say, and what may only be said with a reason."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.repository import comments, files, text

# Absolute paths of somebody's machine. Not after a letter, a dot or a brace: `./work/` and `{base}/home/` are others.
MACHINE = re.compile(r"(?<![\w.$}~/-])/(?:work|farm|root|opt/wheels|home/[a-z]\w*|Users/\w+|tmp/[a-z]\w*)(?:/|\b)")
REGISTRY = re.compile(
    r"pypi[.]org|pythonhosted[.]org|npmjs[.](?:org|com)|crates[.]io|proxy[.]golang[.]org|maven[.]org|deb[.]debian[.]org"
)
PIP_PLACE = re.compile(r"--(?:extra-)?(?:index-url|find-links|trusted-host)[ =]\S")

PYPROJECT = text(Path("pyproject.toml"))

# What silences a tool, and what may follow it on the line: a reason in a comment of its own.
SILENCER = re.compile(
    r"#\s*(?:pragma:\s*no\s*(?:cover|branch)|type:\s*ignore(?:\[[\w, -]+\])?|noqa(?::\s*[A-Z]+\d+(?:[, ]+[A-Z]+\d+)*)?)"
)
REASON = re.compile(r"[A-Za-z]{2,}\W+[A-Za-z]{2,}")  # at least two words


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in files()
        for number, line in enumerate(text(path).splitlines(), 1)
        if pattern.search(line)
    ]


def unexplained(path: Path) -> list[str]:
    """Where a tool is silenced without a reason on the line, or in a comment on the line above."""
    if not SILENCER.search(text(path)):  # most files have none, and to read one token by token takes long
        return []
    found = []
    for number, comment, above in comments(path):
        if not SILENCER.search(comment):
            continue
        on_line = SILENCER.sub("", comment)
        in_line_above = above if above.startswith("#") else ""
        if not REASON.search(on_line) and not REASON.search(in_line_above):
            found.append(f"{path}:{number}: {comment}")
    return found


def test_no_file_names_a_path_of_a_machine() -> None:
    """What works in one folder of one machine works nowhere else."""
    assert _found(MACHINE) == []


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the affair of whoever installs: a mirror must do as well."""
    assert _found(REGISTRY) + [line for line in _found(PIP_PLACE) if line.startswith("requirements")] == []


def test_a_silenced_tool_has_a_reason() -> None:
    """`pragma: no cover`, `type: ignore` and `noqa` say why."""
    assert [line for path in files("*.py") for line in unexplained(path)] == []


def test_an_ignored_rule_has_a_reason() -> None:
    """Each line of an `ignore` or `exclude_also` list in pyproject.toml says why."""
    lists = re.findall(
        r"^(?:ignore|exclude_also|\"tests/\*\*\") = \[\n(.*?)^\]",
        text(Path("pyproject.toml")),
        re.DOTALL | re.MULTILINE,
    )
    assert [line for body in lists for line in body.splitlines() if not re.search(r"#\s*\S+", line)] == []


def test_no_test_waits_or_is_left_out() -> None:
    """A sleep makes a test slow or flaky, and a skipped test is a missing one."""
    waits = re.compile(r"\btime[.]sleep\(|\b(?:pytest[.](?:skip|importorskip)\(|mark[.](?:skip|skipif|xfail)\b)")
    assert [line for line in _found(waits) if line.startswith("tests/")] == []
