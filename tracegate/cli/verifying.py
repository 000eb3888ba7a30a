"""`verify`: what a saved answer and its bundle prove, for people and for programs. The checks are the audit room's."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from tracegate.audit.keys import Key, parse_vkey
from tracegate.audit.policy import Policy, parse_policy, trusting
from tracegate.audit.verdict import UNUSABLE, Report, Result, Verdict
from tracegate.audit.verify import Given, verify
from tracegate.errors import Malformed, Unreadable

STYLES = {"pass": "green", "fail": "red", "missing": "yellow"}
VERDICTS: dict[Verdict, Result] = {"verified": "pass", "refused": "fail", "incomplete": "missing"}
SAID = {
    "verified": "Verified: everything that was given is proved.",
    "refused": "Refused: something is false or altered.",
    "incomplete": "Incomplete: nothing is false, and something needed for the proof was not there.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command line: names of files, keys as they were written."""

    response: str | None = None
    receipt: str | None = None
    keys: Sequence[str] = ()
    policy: str | None = None
    text: str | None = None
    request: str | None = None
    method: str | None = None
    path: str | None = None
    against: str | None = None


def run(asked: Asked, *, as_json: bool) -> int:
    """Verify and print; returns the exit status: that of the verdict, or 2 where something can't be read.

    Args:
        asked: What the command was given.
        as_json: Print one JSON object in the place of the table.
    """
    try:
        report = verify(given(asked, int(time.time())))
    except (Malformed, OSError) as exc:
        click.echo(f"can't be read: {exc}", err=True)
        return UNUSABLE
    return tell(report, SAID[report.verdict], as_json=as_json)


def tell(report: Report, said: str, *, as_json: bool) -> int:
    """Print what was found, one check a line, and the verdict in words; returns the exit status."""
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
        return report.code
    console = Console(highlight=False, soft_wrap=True)
    for check in report.checks:
        line = Text(f"{check.result:<8}", STYLES[check.result]).append(f"{check.check:<18}", "bold")
        where = [place for place in (check.log, check.file) if place]
        where += [f"leaf {check.index}"] if check.index is not None else []
        console.print(line.append(": ".join([*where, check.detail]), "default"))
    console.print(Text(said, STYLES[VERDICTS[report.verdict]]))
    return report.code


def given(asked: Asked, now: int) -> Given:
    """What the files of a command line hold.

    Raises:
        Malformed: A key, a policy or a text is none.
        OSError: A file can't be read.
    """
    return Given(
        policy=policy_of(asked),
        now=now,
        response=_bytes(asked.response),
        bundle=_bytes(asked.receipt),
        text=_text(asked.text),
        request=_bytes(asked.request),
        method=asked.method,
        path=asked.path,
        against=_text(asked.against),
    )


def policy_of(asked: Asked) -> Policy:
    """Whom a command line trusts: the keys of its policy, or those that it names."""
    if asked.policy is not None:
        return parse_policy(text_of(asked.policy))
    return trusting(keys_of(asked.keys))


def keys_of(given: Sequence[str]) -> list[Key]:
    """The keys of a command line: each as it stands, or those of a file."""
    return [parse_vkey(line) for key in given for line in _vkeys(key)]


def _vkeys(key: str) -> list[str]:
    """A key as it stands, or those of a file: one a line, but empty lines and comments."""
    if not Path(key).is_file():
        return [key]
    lines = [line.strip() for line in text_of(key).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _bytes(file: str | None) -> bytes | None:
    return None if file is None else Path(file).read_bytes()


def _text(file: str | None) -> str | None:
    return None if file is None else text_of(file)


def text_of(file: str) -> str:
    """The text of a file; `Unreadable` where it is none."""
    try:
        return Path(file).read_bytes().decode()
    except UnicodeDecodeError:
        raise Unreadable(f"{file}: not a text in UTF-8") from None
