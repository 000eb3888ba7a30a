"""The configuration of the audit log. Part of `model`, which says what all of it has in common."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from tracegate.config.model_telemetry import Otlp
from tracegate.config.origin import Effective, Origins, no_origins
from tracegate.config.secret import Secret
from tracegate.custody import AuditMode

Preset = Literal["ai-act", "pci", "hipaa", "sec-17a4"]


class Anchor(Struct, frozen=True):
    """Somebody who is told of the heads of logs.

    Args:
        name: In this file.
        kind: Who makes it of its settings.
        settings: As they were written, but those that came from a file or are secret; what they mean is the kind's
            affair.
        every_ns: Time between two heads of which it is told.
    """

    name: str
    kind: str
    settings: tuple[tuple[str, str | Secret], ...]
    every_ns: int


class Audit(Effective, frozen=True):
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
        anchors: Who is told of the heads of logs, so that they can't be taken back.
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
    anchors: tuple[Anchor, ...] = ()
    origins: Origins = field(default_factory=no_origins)
