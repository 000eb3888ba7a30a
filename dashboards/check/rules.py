"""The rules as the check loads them: the expressions as they are, but looked at every second, and without waiting.

What is left out is `for:` alone, which would make every alert take minutes; how long it waits is promtool's to test.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from tracegate.stack.readers import NotFound, found
from tracegate.stack.servers import bundled_rules
from tracegate.stack.stack import Stack

ROOT = Path(__file__).parents[2]

WITHIN_S = 20.0


def hurried(folder: Path) -> list[Path]:
    """Write the rules of the checkout, hurried, into a folder; returns their files."""
    made = []
    for path in bundled_rules(ROOT):
        rules = yaml.safe_load(path.read_text("utf-8"))
        for group in rules["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                rule.pop("for", None)
        made.append(folder / path.name)
        made[-1].write_text(yaml.safe_dump(rules, sort_keys=False), "utf-8")
    return made


async def firing(stack: Stack, **labels: str) -> set[str]:
    """Names of the alerts that fire with those labels."""
    return {alert["labels"]["alertname"] for alert in await stack.prometheus.alerts() if _fits(alert, labels)}


async def until(stack: Stack, names: set[str], **labels: str) -> set[str]:
    """Wait until those alerts fire, those and no others, and return what fires then or at last."""
    last: set[str] = set()

    async def read() -> set[str]:
        nonlocal last
        last = await firing(stack, **labels)
        return last

    try:
        return await found(read, lambda seen: seen == names, within_s=WITHIN_S)
    except NotFound:
        return last


def named(alerts: Collection[str]) -> str:
    """Alerts in words."""
    return ", ".join(sorted(alerts)) or "nothing fires"


def _fits(alert: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    of = alert["labels"]
    return alert["state"] == "firing" and all(of.get(name, "") == value for name, value in labels.items())
