"""What is committed of the dashboards: their JSON, in Grafana's classic form, and the list of panels in README.md.

The classic form is what every Grafana from 7 on provisions from a file. A test compares what is committed with this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import chain_of_custody, who_served_what
from dashboards.listing import inserted

FOLDER = Path(__file__).parent
TEMPO = "json/tracegate-who-served-what.json"
JAEGER = "json/tracegate-who-served-what-jaeger.json"
CUSTODY = "json/tracegate-chain-of-custody.json"
README = "README.md"


def texts(folder: Path = FOLDER) -> Mapping[str, str]:
    """The text of each file, by its path below `dashboards/`; what people wrote of README.md is read from `folder`."""
    made = {
        TEMPO: who_served_what.dashboard("tempo"),
        JAEGER: who_served_what.dashboard("jaeger"),
        CUSTODY: chain_of_custody.dashboard(),
    }
    files = {path: JSONEncoder(indent=2, ensure_ascii=False).encode(one) + "\n" for path, one in made.items()}
    shown = [json.loads(files[path]) for path in (TEMPO, CUSTODY)]
    return {**files, README: inserted((folder / README).read_text("utf-8"), shown)}


def write(folder: Path = FOLDER) -> int:
    """Write all of them; returns the exit status."""
    for path, text in texts(folder).items():
        (folder / path).write_text(text, "utf-8")
    return 0
