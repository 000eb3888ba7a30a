"""What the stack is made of, and what each part is built from.

A part is one Go module of the checkout whose sums are committed; its programs are built from it, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracegate.errors import TracegateError


class StackError(TracegateError):
    """The stack can't be built, started or asked; the text is ready for a person."""


@dataclass(frozen=True, slots=True)
class Part:
    """One module that programs are built from.

    Args:
        name: Of the part, and of its folder in the cache.
        what: For people: the server and its version.
        source: Folder of its `go.mod`, below the checkout.
        programs: Go package by name of the program.
        tags: Build tags, separated by commas.
        minutes: About how long a build takes with nothing cached, on two cores.
    """

    name: str
    what: str
    source: str
    programs: Mapping[str, str]
    tags: str
    minutes: float


PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part(
            "collector",
            "the Tracegate Collector (OpenTelemetry Collector 0.161.0)",
            "collector/otelcol",
            {"otelcol-tracegate": "."},
            "grpcnotrace",
            3,
        ),
        Part(
            "victorialogs",
            "VictoriaLogs (18 February 2026)",
            "tests/stores/victorialogs",
            {"victoria-logs": "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"},
            "",
            1,
        ),
        Part(
            "jaeger",
            "Jaeger 1.62.0, `cmd/jaeger`",
            "tests/stores/jaeger",
            {"jaeger": "github.com/jaegertracing/jaeger/cmd/jaeger"},
            "",
            4,
        ),
        Part(
            "prometheus",
            "Prometheus 3.16.0 with promtool",
            "tests/stores/prometheus",
            {
                "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
                "promtool": "github.com/prometheus/prometheus/cmd/promtool",
            },
            # Discovery of targets in clouds is left out, which is much code that nothing here uses.
            "remove_all_sd,netgo",
            4,
        ),
    )
}


def chosen(names: Sequence[str]) -> list[Part]:
    """The parts of those names, all without a name; raises `StackError` for a name that is none."""
    for name in names:
        if name not in PARTS:
            raise StackError(f"there is no part `{name}`; there are {', '.join(f'`{part}`' for part in PARTS)}")
    return [PARTS[name] for name in dict.fromkeys(names)] or list(PARTS.values())


def maker(program: str) -> Part:
    """The part that a program is built from."""
    return next(part for part in PARTS.values() if program in part.programs)


def source(part: Part, checkout: Path) -> Path:
    """The folder that a part is built in.

    Raises:
        StackError: It is not in the checkout.
    """
    folder = checkout / part.source
    if not (folder / "go.mod").is_file():
        raise StackError(f"`{part.source}/go.mod` is missing in `{checkout}`: the checkout is not whole")
    return folder
