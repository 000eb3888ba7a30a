"""What a running Collector complains of, by its log."""

from __future__ import annotations

import re

HARMLESS = "zPages span processor registration is not available"
"""Said at every start and end with zpages; it means only that the Collector has no pages of its own spans."""

_COMPLAINT = re.compile(r"\t(warn|error|dpanic|panic|fatal)\t|deprecat", re.IGNORECASE)


def complaints(log: str) -> list[str]:
    """Lines of a level above info, or about something deprecated, but for what is harmless."""
    return [line for line in log.splitlines() if _COMPLAINT.search(line) and HARMLESS not in line]
