"""The section `audit`: where the log is kept, what it is called, what happens while it can't be written.

Source: section 12 of the configuration's reference. Floors of retention: Regulation (EU) 2024/1689, articles 19 and
26(6), six months; PCI DSS 4.0.1, 10.5.1, twelve; 45 CFR 164.316(b)(2) and 17 CFR 240.17a-4(a), six years.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from tracegate.config import schema_audit as schema
from tracegate.config.draft import Draft
from tracegate.config.model_audit import Anchor, Audit, Preset
from tracegate.config.model_telemetry import Otlp as Exporter
from tracegate.config.nearest import did_you_mean, listed
from tracegate.config.origin import DEFAULT
from tracegate.config.schema import Otlp
from tracegate.config.secret import Secret, names_credential
from tracegate.config.telemetry import exporter
from tracegate.config.validate import section
from tracegate.config.words import duration
from tracegate.custody import DAY_NS, KEEP_NS

FOLDER = "tracegate-audit"
"""The directory beside the file, or in the current folder where there is none."""

FLOORS: dict[Preset, int] = {
    "ai-act": KEEP_NS,
    "pci": 365 * DAY_NS,
    "hipaa": 2192 * DAY_NS,
    "sec-17a4": 2192 * DAY_NS,
}
"""The shortest retention of each preset."""

_NO_ELEMENT = re.compile(r"[^A-Za-z0-9._-]+")


def audit(draft: Draft, file: str | None, keys: Collection[str]) -> Audit:
    """The section `audit`.

    Args:
        draft: The document.
        file: Its first file.
        keys: Ids of clients' keys.
    """
    written = section(draft, "audit", schema.Audit)
    place = written.dir or str(Path(file or "").parent / FOLDER)
    for index, id in enumerate(written.auditors):
        if id not in keys:
            fix = f"{did_you_mean(id, list(keys))}Keys: {listed(sorted(keys)) or 'none'}."
            draft.wrong(("audit", "auditors", index), f"there is no key `{id}`", fix)
    on = draft.known.network(place) if written.mode != "off" else None
    if on is not None:
        text = f"`{place}` is on a network file system ({on}): a lock or a sync may not hold there; use a local disk"
        draft.note("warning", ("audit", "dir"), text)
    return Audit(
        mode=written.mode,
        dir=place,
        host=written.host,
        cluster=written.cluster,
        replica=written.replica or _replica(draft.known.node),
        wait_ns=written.wait,
        retention_ns=_retention(draft, written.retention),
        preset=written.retention.preset,
        sign_path=written.sign_path,
        ship=_ship(draft, written.ship),
        auditors=written.auditors,
        anchors=_anchors(draft, written.anchors or {}),
        origins={key: draft.written_or_default(("audit", key)) for key in schema.Audit.fields()},
    )


def _replica(node: str) -> str:
    """A machine's name as an element of a log's name, where it can be one."""
    name = _NO_ELEMENT.sub("-", node).strip("-.")
    return "gateway" if not name or name in schema.FOLDERS else name


def _anchors(draft: Draft, written: Mapping[str, Anchor]) -> tuple[Anchor, ...]:
    """Who is told of heads; what is secret of them is kept for the redactor."""
    for anchor in written.values():
        for name, setting in anchor.settings:
            if isinstance(setting, Secret) and names_credential(name):
                draft.keep(setting)
    return tuple(written.values())


def meant(audit: Audit) -> Audit:
    """What of it is a part of the configuration's digest: neither the directory (ruling 45) nor the machine's name."""
    return replace(audit, dir="", replica="" if audit.origins["replica"] is DEFAULT else audit.replica)


def _ship(draft: Draft, written: Otlp | None) -> Exporter | None:
    if written is None or written.endpoint == "none":
        return None
    if written.protocol == "grpc":
        fix = "take it out: the Collector's receiver for leaves speaks `http/protobuf`."
        draft.wrong(("audit", "ship", "protocol"), "leaves don't go over `grpc`", fix)
    return exporter(draft, ("audit", "ship"), written)


def _retention(draft: Draft, written: schema.Retention) -> int:
    floor = FLOORS[written.preset] if written.preset else FLOORS["ai-act"]
    keep = floor if written.keep is None else written.keep
    if keep < floor and written.preset:
        what = f"{duration(keep)} is shorter than `{written.preset}` asks for, {duration(floor)}"
        draft.wrong(("audit", "retention", "keep"), what, f"write `{duration(floor)}` or more, or take `preset` out.")
    elif keep < floor:
        text = f"{duration(keep)} is shorter than any preset asks for: {', '.join(get_args(Preset))}"
        draft.note("warning", ("audit", "retention"), text)
    return keep
