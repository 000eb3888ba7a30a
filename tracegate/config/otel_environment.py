"""The `OTEL_*` variables that the renderer `direct` reads, and the names of those that it does not.

Values have the form that the OpenTelemetry specification gives them; its SDK for Python reads time-outs in seconds, the
specification and this module in milliseconds.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

from tracegate.config.problems import Wrong

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")

_OTLP = ("ENDPOINT", "PROTOCOL", "HEADERS", "COMPRESSION", "TIMEOUT", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
_READ = frozenset(
    {
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_SDK_DISABLED",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_SEMCONV_STABILITY_OPT_IN",  # the newest names are the only ones there are: nothing to choose
        "OTEL_TRACES_SAMPLER",  # evidence is never sampled away
        "OTEL_TRACES_SAMPLER_ARG",
        *(f"OTEL_{signal.upper()}_EXPORTER" for signal in SIGNALS),
        *(f"OTEL_EXPORTER_OTLP_{key}" for key in _OTLP),
        *(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{key}" for signal in SIGNALS for key in _OTLP),
    }
)


def otlp_variable(env: Mapping[str, str], signal: Signal, key: str) -> str | None:
    """The variable that holds a key of one signal's exporter: its own, else the common one; `None`: neither is set."""
    for name in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{key}", f"OTEL_EXPORTER_OTLP_{key}"):
        if env.get(name):
            return name
    return None


def unread(env: Mapping[str, str]) -> tuple[str, ...]:
    """The `OTEL_*` variables that are set and mean nothing to `direct`."""
    return tuple(
        sorted(name for name, value in env.items() if name.startswith("OTEL_") and value and name not in _READ)
    )


def exporters(env: Mapping[str, str]) -> dict[Signal, str]:
    """What `OTEL_{TRACES,METRICS,LOGS}_EXPORTER` say, where they are set."""
    named = {signal: env.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() for signal in SIGNALS}
    return {signal: value for signal, value in named.items() if value}


def pairs(text: str) -> dict[str, str]:
    """`name=value,other=value`, percent-encoded: header fields and resource attributes."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not part.strip():
            continue
        if not equals or not name.strip():
            raise Wrong("not a list of `name=value`", "write `name=value,other=value`.")
        found[unquote(name.strip())] = unquote(value.strip())
    return found


def milliseconds(text: str) -> int:
    """A duration in nanoseconds, of a number of milliseconds."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:12]) < 10**11):
        raise Wrong(
            f"`{text[:40]}` is not a number of milliseconds", "write a whole number above zero: `10000` is 10 s."
        )
    return int(text) * 10**6


def disabled(env: Mapping[str, str]) -> bool:
    """`OTEL_SDK_DISABLED`."""
    return env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def value_limit(text: str) -> int:
    """`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, in characters."""
    if not (text.isascii() and text.isdigit()):
        raise Wrong(f"`{text[:40]}` is not a number of characters", "write a whole number.")
    return int(text[:12])
