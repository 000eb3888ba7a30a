"""The end of a saved stream: its content, the closing comment, and what stands behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tracegate.errors import Malformed

NAMES = ("served-by", "attempts", "usage", "cost", "outcome", "receipt")
"""Lines of the closing comment, in their order; `served-by` and `outcome` are always there."""

DONE = b"data: [DONE]\n\n"

_START = re.compile(rb"^: tracegate-", re.MULTILINE)
_LINE = re.compile(rb": tracegate-([a-z-]+) ([ -~]+)\n")


@dataclass(frozen=True, slots=True)
class Closing:
    """The lines of the comment by name, and the bytes behind it."""

    lines: Mapping[str, str]
    rest: bytes


def split(body: bytes) -> tuple[bytes, Closing | None]:
    """The content of a stream and its closing comment, `None` where the capture ends before or in it.

    Raises:
        Malformed: The comment has another line, twice one, or another order.
    """
    start = _START.search(body)
    if start is None:
        return body, None
    content, at = body[: start.start()], start.start()
    lines: dict[str, str] = {}
    while body[at : at + 1] != b"\n":
        line = _LINE.match(body, at)
        if line is None:
            if b"\n" not in body[at:]:
                return content, None
            raise Malformed("a line that is none of the closing comment")
        name = line[1].decode()
        if name not in NAMES or any(NAMES.index(before) >= NAMES.index(name) for before in lines):
            raise Malformed(f"the line `tracegate-{name}` does not belong there")
        lines[name] = line[2].decode()
        at = line.end()
    for name in ("served-by", "outcome"):
        if name not in lines:
            raise Malformed(f"a closing comment without `tracegate-{name}`")
    return content, Closing(lines, body[at + 1 :])
