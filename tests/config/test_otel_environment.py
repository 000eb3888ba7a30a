"""The `OTEL_*` variables that `direct` reads."""

from __future__ import annotations

import pytest

from tracegate.config import otel_environment as otel
from tracegate.config.problems import Wrong


def test_a_signals_own_variable_wins_over_the_common_one() -> None:
    """An empty one counts as not set."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "b"}
    assert otel.otlp_variable(env, "traces", "ENDPOINT") == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    assert otel.otlp_variable(env, "logs", "ENDPOINT") == "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert otel.otlp_variable(env, "logs", "HEADERS") is None
    assert otel.otlp_variable({"OTEL_EXPORTER_OTLP_HEADERS": ""}, "logs", "HEADERS") is None


def test_what_is_not_read_is_named() -> None:
    """Except samplers: evidence is never sampled away."""
    env = {
        "OTEL_BSP_SCHEDULE_DELAY": "1",
        "OTEL_PROPAGATORS": "b3",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "",
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_TRACES_SAMPLER_ARG": "0",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_SERVICE_NAME": "x",
        "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY": "x",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "PATH": "x",
    }
    assert otel.unread(env) == ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_PROPAGATORS")


def test_exporters_are_those_that_are_named() -> None:
    """Nothing named is nothing said."""
    assert otel.exporters({"OTEL_TRACES_EXPORTER": " none ", "OTEL_LOGS_EXPORTER": ""}) == {"traces": "none"}


def test_pairs_are_percent_encoded() -> None:
    """As the W3C baggage has them."""
    assert otel.pairs("a=b, c%20d = e%2Cf ,,g=") == {"a": "b", "c d": "e,f", "g": ""}
    for wrong in ("a", "=b", "a=b,c"):
        with pytest.raises(Wrong, match="not a list of `name=value`"):
            otel.pairs(wrong)


def test_time_outs_are_in_milliseconds() -> None:
    """As the specification says."""
    assert otel.milliseconds("10000") == 10 * 10**9
    for wrong in ("0", "-1", "10s", "1.5", "", "9" * 40):
        with pytest.raises(Wrong, match="is not a number of milliseconds"):
            otel.milliseconds(wrong)


def test_the_sdk_can_be_switched_off() -> None:
    """`true` in any case, and nothing else."""
    assert otel.disabled({"OTEL_SDK_DISABLED": " True"})
    assert not otel.disabled({"OTEL_SDK_DISABLED": "1"})
    assert not otel.disabled({})


def test_values_may_have_a_limit() -> None:
    """A whole number of characters."""
    assert otel.value_limit("4096") == 4096
    with pytest.raises(Wrong, match="is not a number of characters"):
        otel.value_limit("4k")
