"""What `tracegate check` prints: all that is wrong, or what a valid configuration comes to.

Source of the form: section 18 of the configuration's reference. Exit status 0: valid, 1: not, 2: it can't be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracegate.config.known import Known
from tracegate.config.load import load
from tracegate.config.model import Config, Note, Otlp
from tracegate.errors import ConfigError

_SAME = 5  # notes of one text that are shown


def check(file: str, env: Mapping[str, str], known: Known | None = None) -> tuple[str, int]:
    """The text to print, and the exit status.

    Args:
        file: Path of the configuration.
        env: The environment.
        known: What it may name; by default what is installed.
    """
    try:
        config = load(file, env, known)
    except ConfigError as exc:
        return str(exc), 1
    except OSError as exc:
        return f"{file}: can't be read: {exc.strerror or exc}", 2
    counts = ", ".join(
        f"{len(found)} {name}{'' if len(found) == 1 else 's'}"
        for name, found in (
            ("provider", config.providers),
            ("target", config.targets),
            ("route", config.routes),
            ("key", config.keys),
        )
    )
    lines = [f"{file} is valid: {counts}. Digest {config.digest[:8]}."]
    lines += [f"audit      {kept(config)}", f"telemetry  {exported(config)}"]
    return "\n".join([*lines, *noted(config.notes)]), 0


def kept(config: Config) -> str:
    """Where the audit log is kept, and what happens while it can't be written."""
    audit = config.audit
    if audit.mode == "off":
        return f"off ({audit.origins['mode'].kind})"
    shipped = "" if audit.ship is None else f", shipped to {audit.ship.endpoint}"
    return f"{audit.mode} → {audit.dir} ({audit.origins['dir'].kind}){shipped}"


def exported(config: Config) -> str:
    """Where telemetry goes: which renderer and why, and where to."""
    telemetry = config.telemetry
    sent = {"traces": telemetry.traces, "metrics": telemetry.metrics, "logs": telemetry.logs}
    if telemetry.disabled:
        return "nothing is exported (env OTEL_SDK_DISABLED)"
    ends: dict[str, list[str]] = {}
    for signal, otlp in sent.items():
        if otlp is not None:
            origin = telemetry.origins[f"otlp.{signal}"]
            at = origin.kind if origin.kind != "env" else str(origin)
            ends.setdefault(f"{_base(otlp, signal)} ({at})", []).append(signal)
    why = "" if telemetry.renderer == "direct" else f", because: {telemetry.renderer_why}"
    if not ends:
        return f"nothing is exported{why}"
    whole = len(ends) == 1 and None not in sent.values()
    where = "; ".join(end if whole else f"{', '.join(signals)} → {end}" for end, signals in ends.items())
    return f"{telemetry.renderer}{' → ' if whole else ': '}{where}{why}"


def _base(otlp: Otlp, signal: str) -> str:
    return otlp.endpoint.removesuffix(f"/v1/{signal}")


def noted(notes: tuple[Note, ...]) -> Iterator[str]:
    """Notes and warnings; of many with one text the first few."""
    seen: dict[str, int] = {}
    for note in notes:
        count = seen[note.text] = seen.get(note.text, 0) + 1
        if count <= _SAME:
            place = f"{note.at}  " if note.at else ""
            yield f"{note.kind:<9}  {place}{note.path}{': ' if note.path else ''}{note.text}"
    for text, count in seen.items():
        if count > _SAME:
            yield f"{'':<9}  and {count - _SAME} more: {text}"
