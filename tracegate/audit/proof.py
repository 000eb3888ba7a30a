"""The proof that a leaf stands in a log, as one text. Source: C2SP tlog-proof."""

from __future__ import annotations

from dataclasses import dataclass

from tracegate.audit.encodings import base64_of, from_base64, number
from tracegate.errors import Malformed

HEADER = "c2sp.org/tlog-proof@v1"
LONGEST = 63
"""Hashes of a path: sizes have 63 bits."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The index of a leaf, the path to the root, and the signed checkpoint that has the root."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        lines = [HEADER, f"index {self.index}", *map(base64_of, self.path), "", self.checkpoint]
        return "\n".join(lines)


def parse_proof(text: str) -> Proof:
    """The proof of its text; nothing is verified, and an `extra` line, which nobody signs, is passed over.

    Raises:
        Malformed: It is no proof.
    """
    above, blank, checkpoint = text.partition("\n\n")
    lines = above.split("\n")
    if not blank or lines.pop(0) != HEADER:
        raise Malformed(f"not a proof: it begins with `{HEADER}` and ends with a checkpoint")
    if lines and lines[0].startswith("extra "):
        from_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise Malformed("a proof without an index")
    if len(lines) > LONGEST + 1:
        raise Malformed(f"a path of {len(lines) - 1} hashes; at most {LONGEST}")
    path = tuple(from_base64(line, 32) for line in lines[1:])
    return Proof(number(lines[0].removeprefix("index ")), path, checkpoint)
