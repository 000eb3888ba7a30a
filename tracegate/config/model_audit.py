"""The configuration of the audit log. Part of `model`, which says what all of it has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tracegate.config.model_telemetry import Otlp
from tracegate.config.origin import Origins, no_origins
from tracegate.custody import AuditMode

Preset = Literal["ai-act", "pci", "hipaa", "sec-17a4"]


@dataclass(frozen=True, slots=True)
class Audit:
    """Where and how the audit log is kept.

    Args:
        mode: `off`: there is none, and no answer names a record (ruling 24).
        dir: Path of the directory of all logs.
        host, cluster, replica: The first elements of a log's origin; workers add their slot to the replica.
        wait_ns: How long an answer waits for the log in mode `available`.
        retention_ns: How long leaves are kept at least.
        preset: The rule whose floor that is held against, where one is named.
        sign_path: Signatures of responses cover the request's path.
        ship: Where leaves are sent to as OTLP logs; `None`: nowhere.
        auditors: Ids of keys that may read every tenant's receipts.
    """

    mode: AuditMode
    dir: str
    host: str
    cluster: str
    replica: str
    wait_ns: int
    retention_ns: int
    preset: Preset | None
    sign_path: bool
    ship: Otlp | None
    auditors: tuple[str, ...]
    origins: Origins = field(default_factory=no_origins, repr=False, compare=False)
