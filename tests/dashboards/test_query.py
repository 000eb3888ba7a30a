"""The forms of PromQL: names as Prometheus has them, and counts that are exact."""

from __future__ import annotations

import pytest
from promql_parser import parse

from dashboards import query
from tests.dashboards.shown import filled


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("tracegate.cost.micros", "tracegate_cost_micros_total"),
        ("tracegate.request.duration", "tracegate_request_duration_seconds"),
        ("tracegate.requests.active", "tracegate_requests_active"),
        ("tracegate.audit.ship_lag", "tracegate_audit_ship_lag_seconds"),
        (
            "gen_ai.client.inference.usage.cache_read.input_tokens",
            "gen_ai_client_inference_usage_cache_read_input_tokens_total",
        ),
    ],
)
def test_names_are_those_that_prometheus_makes(metric: str, name: str) -> None:
    """Units in braces are left out, a counter ends in `_total`."""
    assert query.series(metric) == name


def test_a_histogram_is_three_series() -> None:
    """Only its buckets have `le`."""
    made = query.series_of("tracegate.gateway.overhead")
    name = "tracegate_gateway_overhead_seconds"
    labels = {"tracegate_route_name", "job", "instance", "service_name", "service_instance_id", "service_version"}
    assert made == {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    assert list(query.series_of("tracegate.fallbacks")) == ["tracegate_fallbacks_total"]


def test_only_what_says_a_provider_is_chosen_by_it() -> None:
    """A matcher on a label that a series lacks would find nothing."""
    assert query.select("tracegate.fallbacks") == 'tracegate_fallbacks_total{job=~"$job"}'
    assert query.select("tracegate.attempts", 'error_type!=""') == (
        'tracegate_attempts_total{job=~"$job", gen_ai_provider_name=~"$provider", error_type!=""}'
    )
    assert query.select("tracegate.gateway.overhead", suffix="_count") == (
        'tracegate_gateway_overhead_seconds_count{job=~"$job"}'
    )


def test_a_total_is_the_difference_to_the_start_of_the_range() -> None:
    """What was absent then counted nothing then."""
    last = "last_over_time(x{}[$__range])"
    assert query.total("x{}", ["error.type"]) == (
        f"sum by (error_type) ({last} - (last_over_time(x{{}}[1h] offset $__range) or {last} * 0))"
    )


def test_a_part_that_has_no_series_is_none_of_what_was_counted() -> None:
    """The zero is that of the whole: without it there is none."""
    assert query.part_of("x", "y") == f"{query.total('x')} or {query.total('y')} * 0"


def test_a_count_is_the_difference_to_one_interval_before() -> None:
    """So the points of a graph add up to the total."""
    assert query.counts("x{}") == "sum (x{} - (last_over_time(x{}[1h] offset $__interval) or x{} * 0))"


def test_a_share_is_0_where_only_the_whole_was_counted() -> None:
    """And nothing where nothing was."""
    part, whole = query.counts("x", ["job"]), query.counts("y", ["job"])
    assert query.share("x", "y", ["job"]) == f"({part} or {whole} * 0) / ({whole} > 0)"


def test_a_quantile_keeps_the_buckets() -> None:
    """Until it was made of them."""
    made = query.quantile(0.99, "gen_ai.client.inference.duration", ["gen_ai.request.model"])
    assert made == (
        "histogram_quantile(0.99, sum by (le, gen_ai_request_model) (rate("
        'gen_ai_client_inference_duration_seconds_bucket{job=~"$job", gen_ai_provider_name=~"$provider"}'
        "[$__rate_interval])))"
    )
    assert parse(filled(made)) is not None


def test_a_legend_is_the_values_of_labels() -> None:
    """Joined as it reads best."""
    assert query.legend(["tracegate.fallback.from", "tracegate.fallback.to"], " → ") == (
        "{{tracegate_fallback_from}} → {{tracegate_fallback_to}}"
    )


def test_a_gauge_is_taken_as_it_is() -> None:
    """Summed over its other labels."""
    assert query.level("x") == "sum (x)"
