"""The dashboards as the JSON that Grafana provisions: its classic form, which every version from 7 on loads.

What is committed in `json/` is what this makes; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.who_served_what import dashboard

FOLDER = Path(__file__).parent / "json"


def texts() -> Mapping[str, str]:
    """Each dashboard's JSON by the name of its file."""
    made = {
        "tracegate-who-served-what.json": dashboard("tempo"),
        "tracegate-who-served-what-jaeger.json": dashboard("jaeger"),
    }
    return {name: JSONEncoder(indent=2, ensure_ascii=False).encode(one) + "\n" for name, one in made.items()}


def write(folder: Path = FOLDER) -> int:
    """Write all of them; returns the exit status."""
    for name, text in texts().items():
        (folder / name).write_text(text, "utf-8")
    return 0
