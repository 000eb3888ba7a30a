"""The views before they take a renderer's form: spans, log events and measurements as plain values.

`attributes`, `events` and `metrics` make these from records; `otlp` (direct) and `sdk` (replay) render them. Both
renderers see the same values, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

Value = str | bool | int | float | Sequence[str]
Structured: TypeAlias = "Value | Sequence[Structured] | Mapping[str, Structured] | None"
"""A value of any depth; of log events only."""

SpanKind = Literal["server", "client", "internal"]
StatusCode = Literal["unset", "error"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another span."""

    trace: bytes
    span: bytes
    flags: int = 0
    tracestate: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)


class SpanView(NamedTuple):
    """One span; times are UTC nanoseconds. `parent` is empty for a root, `parent_remote` says it came from outside.

    A tuple for the same reason as `Measurement`.
    """

    name: str
    kind: SpanKind
    trace: bytes
    span: bytes
    parent: bytes
    start: int
    end: int
    attributes: Mapping[str, Value]
    status: StatusCode = "unset"
    description: str = ""
    links: tuple[Link, ...] = ()
    tracestate: str = ""
    parent_remote: bool = False


@dataclass(frozen=True, slots=True)
class LogView:
    """One log event in the context of a span; `time` is UTC nanoseconds."""

    name: str
    severity: int
    severity_text: str
    time: int
    trace: bytes
    span: bytes
    attributes: Mapping[str, Structured]


class Measurement(NamedTuple):
    """One recording of an instrument: the amount, its labels as sorted pairs, and the span an exemplar points to.

    A tuple because a request makes a dozen: a frozen dataclass costs three times as much to make.
    """

    instrument: str
    amount: int | float
    labels: tuple[tuple[str, str | bool | int], ...]
    time: int
    trace: bytes
    span: bytes
