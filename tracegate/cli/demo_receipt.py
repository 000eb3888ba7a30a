"""What the demo shows of the audit log: the head of its tree before and after, an answer proved, a changed one refused.

The answer is verified as anybody would who has it: from its saved bytes, its bundle, and the log's public key, by the
code of `tracegate verify`, without asking the gateway.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tracegate.audit.checkpoint import Checkpoint
from tracegate.audit.directory import Directory
from tracegate.audit.encodings import base64_of
from tracegate.audit.keys import Key
from tracegate.audit.policy import trusting
from tracegate.audit.verdict import Report
from tracegate.audit.verify import Given, verify
from tracegate.cli.demo_shown import INDENT, say

STYLES = {"verified": "green", "refused": "red", "incomplete": "yellow"}


@dataclass(frozen=True, slots=True)
class Head:
    """A log's public key, and its tree as it is published."""

    key: Key
    checkpoint: Checkpoint


def head(folder: Path) -> Head:
    """The head of the one log that is kept below a folder."""
    (log,) = Directory(folder).logs()
    published = log.head()
    assert published is not None  # noqa: S101  # a gateway that serves has published one
    return Head(log.key, published.checkpoint)


def bundle_of(port: int, record: str) -> bytes:
    """The bundle of a record, as the gateway gives it to whoever asked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", f"/v1/receipts/{record}")
        return connection.getresponse().read()
    finally:
        connection.close()


def flipped(saved: bytes) -> bytes:
    """A saved answer of which one bit is another, in the middle of its body."""
    body = saved.index(b"\r\n\r\n") + 4
    at = (body + len(saved)) // 2
    return saved[:at] + bytes([saved[at] ^ 1]) + saved[at + 1 :]


def show_custody(
    console: Console, before: Head, after: Head, answer: tuple[str, bytes], bundle: bytes, now: int
) -> bool:
    """Show both heads, and what the verifier says of an answer and of the same with one byte changed.

    Args:
        console: Where to print.
        before, after: The heads of the log.
        answer: Its name, and its bytes as the client saved them.
        bundle: Of its record.
        now: Seconds since 1970 UTC.

    Returns:
        Whether the first was verified and the second refused, and the tree grew.
    """
    name, saved = answer
    say(console, f"The audit log {after.key.name}: its tree and the signed head of it.")
    for when, shown in (("before", before.checkpoint), ("after", after.checkpoint)):
        leaves = f"{shown.size} {'leaf' if shown.size == 1 else 'leaves'}"
        say(console, f"{when:<8}{leaves:<12}{base64_of(shown.root)}", INDENT, "cyan")
    policy = trusting([after.key])
    verdicts = [verify(Given(policy, now, one, bundle)) for one in (saved, flipped(saved))]
    for what, report in zip(
        (f"{name}, as its client saved it", "The same with one byte changed"), verdicts, strict=True
    ):
        say(console, f"{what}, verified offline with the log's public key:")
        _verdict(console, report)
    grew = after.checkpoint.size > before.checkpoint.size
    return grew and [report.verdict for report in verdicts] == ["verified", "refused"]


def _verdict(console: Console, report: Report) -> None:
    """The verdict, and which checks made it."""
    verdict = report.verdict
    said = Text(INDENT).append(f"{verdict:<10}", STYLES[verdict])
    if verdict == "verified":
        said.append(", ".join(dict.fromkeys(check.check for check in report.checks)), "dim")
    console.print(said, soft_wrap=True)
    for check in report.checks:
        if check.result != "pass":
            say(console, f"{check.check}: {check.detail}", INDENT * 2, "dim")
