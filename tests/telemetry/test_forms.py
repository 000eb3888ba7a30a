"""What is filled in says the same as what is rendered the usual way, to the byte, whatever requests come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.telemetry import recorders
from tests.telemetry.made import AZURE, CHAT, MISTRAL, Made, fallback, of, refused, success
from tracegate.errors import Broken, Failed, TimedOut, Unavailable
from tracegate.facts import INITIAL, Answer, Cost, Kind, Target, Usage, Why
from tracegate.inbound import Remote
from tracegate.record import Recorder
from tracegate.telemetry import forms as module
from tracegate.telemetry import names
from tracegate.telemetry.aggregate import Aggregator
from tracegate.telemetry.asked import Asked
from tracegate.telemetry.events import events
from tracegate.telemetry.forms import Forms, parts_of
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.model import Value
from tracegate.telemetry.otlp import Encoder
from tracegate.telemetry.parameters import ATTRIBUTES
from tracegate.telemetry.registry import load
from tracegate.telemetry.shape import shape_of
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import FakeClock

ELSEWHERE = Target("eu", "mistral", "mistral_ai", "mistral-large-latest", host="api.mistral.ai", region="eu")
TARGETS = (AZURE, MISTRAL, ELSEWHERE)
COUNTS = (None, 0, 1, 90, 130, 20_000, 3_000_000)


@pytest.fixture(autouse=True)
def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of a kind are many."""
    monkeypatch.setattr(module, "OFTEN", 2)


class Both:
    """The same requests rendered with forms, and the usual way alone."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.measurements = Measurements(TARGETS, ("chat",), **settings)
        self.plain = Measurements(TARGETS, ("chat",), **settings)
        self.aggregator, self.other = (Aggregator(self.clock, Losses()) for _ in range(2))
        self.forms = Forms(self.measurements, self.aggregator, Encoder())

    def add(self, request: Recorder) -> bool:
        """Render a request; whether it had a form. Bytes are compared at once."""
        usual = Encoder().spans(spans(request))
        self.other.add(self.plain(request))
        filled = self.forms.fill(request)
        self.forms.count()
        if filled is None:
            self.aggregator.add(self.measurements(request))
        else:
            told = events(request)
            assert filled == (usual, Encoder().logs(told), len(told))
        return filled is not None

    def check(self) -> None:
        """All sums are the same, exemplars too."""
        assert self.aggregator.snapshot() == self.other.snapshot()


def drawn(random: Random, spec: Random) -> Recorder:
    """A request: `spec` decides what many have in common, `random` what is each one's own."""
    some = spec.choice
    stream = some((False, False, True))
    kinds: list[dict[str, object]] = [
        {},
        {"temperature": random.choice((0.5, 1)), "stop": ["a", "\u00e9"], "seed": "none"},
        {"max_tokens": 1, "max_completion_tokens": 2},
        {"service_tier": "flex", "stop": ["x" * 100]},
    ]
    members = some(kinds)
    raw = json.dumps({"model": "chat", **({"stream": True} if stream else {}), **members}).encode()
    remote = some((None, None, Remote(random.randbytes(16), random.randbytes(8), 1)))
    made = Made(
        raw,
        seed=random.randrange(1000),
        remote=remote,
        trust=some(("parent", "parent", "ignore")) if remote is None else "parent",
        user_agent=some((None, "curl", "caf\u00e9")),
        method=some(("POST", "POST", "BREW")),
        client_request_id=some((None, "mine-" + "x" * random.randrange(3))),
        record_seq=some((None, random.choice((5, 300)))),
        degraded=some((False, False, True)),
    )
    route = made.route(some((CHAT, None)))
    tries = some((1, 1, 1, 2, 3))
    failure: Failed | None = None
    for number in range(tries):
        kind: Kind = "initial" if not number else some(("retry", "fallback"))
        reason = None if failure is None else failure.class_
        backoff = random.randrange(1, 2**40) if kind == "retry" and some((True, False)) else None
        record = made.attempt(
            route, some(TARGETS), Why(kind, reason, backoff) if number else INITIAL, _price(spec, random)
        )
        made.clock.advance(random.randrange(2_000_000_000))
        attempt = of(record)
        if some((True, False, False)):
            attempt.connection.sent = None
        if some((True, False)):
            attempt.connection.connect_ns = random.randrange(10**9)
        attempt.connection.resent = some((None, True))
        failure = None
        if number < tries - 1 or some((True, False, False)):
            failure = some((refused(), refused(500, code=None), TimedOut("attempt", "late"), Broken("x", "cut \u00e9")))
            attempt.status = failure.status
            attempt.request_id = some((None, "r" * random.randrange(1, 3)))
            if some((True, False)):
                made.answer(record, status=200)
        else:
            made.answer(record, model=some(("gpt-5.5", None, "other")))
            counts = [random.choice(COUNTS[2:]) if some((True, False)) else some((None, 0)) for _ in range(5)]
            usage = Usage(*counts[:5])  # type: ignore[arg-type]  # no more than these five
            answer_id = some((None, f"chatcmpl-{random.random()}"))
            reasons = some((("stop",), ("length", "stop")))
            region = some((None, None, "eu", "us"))
            attempt.answer = Answer(
                answer_id, attempt.answer.model, some((None, "fp")), region, None, reasons, some((usage, None))
            )
            attempt.chunks = random.choice((0, 3, 200))
        made.close(record, failure)
    gone = asyncio.CancelledError("client_disconnect") if some((True, False, False, False, False, False)) else failure
    made.close(route, gone)
    return made.end(gone, 200 if gone is None else some((502, 429, 200)) if gone is failure else None)


def _price(spec: Random, random: Random) -> Any:
    cost = spec.choice((Cost(None, unknown="no_price"), None, Cost(0, "USD", "inferred")))
    part = spec.choice((None, random.choice((0, 70, 70_000))))
    known = Cost(random.choice((1, 200, 3_000_000)), "EUR", "local", None, part, part, part, part, "m", "sha256:a")
    return lambda attempt: known if cost is None else cost


def test_what_is_filled_in_is_what_would_have_been_rendered() -> None:
    """Of many kinds of requests, in any order: every byte, every sum, every exemplar."""
    both, random, filled = Both(), Random(1), 0
    for kind in [random.randrange(15) for _ in range(400)]:
        filled += both.add(drawn(random, Random(kind)))
    both.check()
    assert filled > 150


@pytest.mark.parametrize("case", recorders.CASES)
def test_cases_of_other_tests_are_filled_in_alike(case: Callable[..., Recorder]) -> None:
    """Those that have a form, and those that have none."""
    both = Both()
    for seed in range(4):
        both.add(case(seed=seed))
    both.check()


def test_a_shape_has_a_form_when_it_comes_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not before: what comes seldom would cost more than it saves."""
    both = Both()
    monkeypatch.setattr(module, "OFTEN", 5)
    assert [both.add(success(seed=seed)) for seed in range(6)] == [False] * 4 + [True] * 2
    monkeypatch.setattr(module, "OFTEN", 2)
    assert [both.add(fallback().end()) for _ in range(3)] == [False, True, True]
    both.check()


def test_streams_that_the_log_broke_name_their_own_records() -> None:
    """Their heads did."""
    both = Both()
    for seed in range(4):
        made = Made(seed=seed, stream=True)
        route = made.route()
        record = made.attempt(route)
        made.answer(record)
        made.close(record)
        made.close(route)
        assert both.add(made.end(Unavailable("no room", reason="audit_unavailable"), 200)) == (seed > 0)
    both.check()


def test_a_report_of_neither_input_nor_output_is_filled_in_alike() -> None:
    """It is counted as a usage that nobody knows."""
    both = Both()
    for seed in range(4):
        made = Made(seed=seed)
        route = made.route()
        record = made.attempt(route)
        made.answer(record)
        of(record).answer.usage = Usage(cache_read=5)
        made.close(record)
        made.close(route)
        assert both.add(made.end()) == (seed > 0)
    both.check()


def test_a_fault_of_our_own_is_filled_in_alike() -> None:
    """Whose attempt has no failure; only the record knows."""
    both = Both()
    for seed in range(4):
        made = Made(seed=seed)
        route = made.route()
        record = made.attempt(route)
        fault = KeyError("x")
        made.close(record, fault)
        made.close(route, fault)
        assert both.add(made.end(fault, 500)) == (seed > 0)
    both.check()


def test_what_was_filled_in_together_is_counted_together() -> None:
    """As if each had been counted by itself, up to the last bit of a sum of times."""
    measurements, together = Measurements(TARGETS, ("chat",)), Aggregator(FakeClock(), Losses())
    forms = Forms(measurements, together, Encoder())
    apart = Aggregator(FakeClock(), Losses())
    for seed in range(5):
        request = success(seed=seed)
        apart.add(measurements(request))
        if forms.fill(request) is None:
            together.add(measurements(request))
    forms.count()
    forms.count()
    assert together.snapshot() == apart.snapshot()


def test_a_form_waits_for_the_first_of_its_kind_to_be_measured() -> None:
    """Only then there are series to add to."""
    measurements, aggregator = Measurements(TARGETS, ("chat",)), Aggregator(FakeClock(), Losses())
    forms = Forms(measurements, aggregator, Encoder())
    assert [forms.fill(success(seed=seed)) for seed in range(4)] == [None] * 4
    aggregator.add(measurements(success()))
    assert forms.fill(success()) is None
    assert forms.fill(success()) is not None


def test_nothing_is_measured_where_nobody_asks_for_metrics() -> None:
    """Spans are written all the same."""
    forms = Forms(Measurements(), None, Encoder())
    assert forms.fill(success()) is None
    assert forms.fill(success()) == (Encoder().spans(spans(success())), b"", 0)
    forms.count()


def test_label_sets_beyond_the_limit_go_the_usual_way() -> None:
    """Where each of them is counted as lost."""
    measurements, losses = Measurements(TARGETS, ("chat",)), Losses()
    aggregator = Aggregator(FakeClock(), losses, limit=0)
    forms = Forms(measurements, aggregator, Encoder())
    for _ in range(4):
        assert forms.fill(success()) is None
        aggregator.add(measurements(success()))


def test_what_is_measured_otherwise_has_no_form() -> None:
    """Tokens of each attempt, where they were asked for: forms know nothing of them."""
    both = Both(tokens=True)
    assert [both.add(success(seed=seed)) for seed in range(4)] == [False] * 4
    both.check()


def test_forms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients can name what they like: what is kept of it begins anew when it is too much."""
    monkeypatch.setattr(module, "KEPT", 2)
    both = Both()
    for alias in ("a", "b", "c", "a", "c", "c", "b", "b", "b", "d", "d", "d", "c", "c", "c"):
        both.add(success(alias=alias))
        assert len(both.forms._forms) <= 2
        assert len(both.forms._seen) <= 2
    both.check()


def test_values_that_stand_elsewhere_make_no_form() -> None:
    """Nothing is filled in that would say something else than the usual way."""
    request = success()
    found = shape_of(request, Asked())
    assert found is not None
    assert parts_of(spans(request), found.values, Encoder()) is not None
    assert parts_of(spans(success(seed=7)), found.values, Encoder()) is None
    emptied = [b"" if value.startswith(b"tg-") else value for value in found.values]
    assert parts_of(spans(request), emptied, Encoder()) is None  # though the bytes would be the same
    swapped = spans(request)
    own: dict[str, Value] = {"tracegate.latency.ttfb_ms": 1.0, names.TRACEGATE_REQUEST_ID: "x"}
    assert parts_of([swapped[0]._replace(attributes=own), *swapped[1:]], found.values, Encoder()) is None


@pytest.mark.parametrize("made", ["parts_of", "told_of"])
def test_a_shape_whose_values_do_not_stand_in_its_bytes_never_has_a_form(
    monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    """Neither in those of its spans nor in those of its log events. It is not tried again."""
    monkeypatch.setattr(module, made, lambda *_: None)
    both = Both()
    assert [both.add(success(seed=seed)) for seed in range(3)] == [False] * 3
    assert list(both.forms._forms.values()) == [None]


def test_every_attribute_stands_in_forms_or_is_never_there() -> None:
    """A new one must be added to `drawn`, so that what forms make of it is held to the usual way."""
    random, said = Random(2), set[str]()
    for kind in range(600):
        for view in spans(drawn(random, Random(kind))):
            said.update(view.attributes)
    ours = load()
    may = set[str]().union(*(ours.spans[f"tracegate.{kind}"].allowed for kind in ("server", "route", "attempt")))
    usual_way = {names.TRACEGATE_ROUTE_SKIPPED, names.TRACEGATE_STREAM_SKIPPED} | {
        name for name in may if {"text", "audio", "image", "video", "document"} & {*name.split(".")}
    }
    never = {"tracegate.policy.id", "tracegate.policy.version", "tracegate.latency.queue_ms"}
    assert may - said - usual_way - never - ATTRIBUTES == set()  # the last are held by test_asked.py
