"""What is filled in says the same as what is rendered, to the byte, whatever requests come."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

import pytest

from tests.audit.leaves import HEX
from tests.audit.vectors import ORIGIN
from tests.server.case import ANTHROPIC, AZURE, OPENAI, Case
from tracegate.audit import render_forms as module
from tracegate.audit.blinding import Blinding
from tracegate.audit.canonical import LARGEST
from tracegate.audit.kinds import At, ClockState, Final, Gateway
from tracegate.audit.leaf import WRITTEN, Written, read, written
from tracegate.audit.render import LeafWriter, Question, Sent
from tracegate.audit.render_forms import Begun, LeafForms
from tracegate.errors import Broken, Malformed
from tracegate.facts import Cost, Route, Target, Usage
from tracegate.record import Recorder
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds

GATEWAY = Gateway(node="tg-7f9c", run="r", version="0.1.0", config_digest=HEX, region="eu-central-1")
ELSEWHERE = Target("50%", "eu", "mistral_ai", "caf\u00e9", host="api.mistral.ai", region="eu", region_observed="us")
TARGETS = (OPENAI, AZURE, ANTHROPIC, ELSEWHERE)
ROUTES = (Route("chat", "fallback", ("a", "b"), HEX), Route("50%d", "target", ("a",)), None)
COUNTS = (None, 0, 1, 90, 20_000, LARGEST, LARGEST + 1, -1)
TEXTS = (None, "", "unknown", "chatcmpl-1", "req %s %d", 'a "quote"', "back\\slash", "caf\u00e9", "\ud800", "x" * 300)
TEXT = hashlib.sha256(b"text").digest()


class _Mostly(Random):
    """Decides for the first of everything, mostly."""

    def choice(self, seq: Any) -> Any:
        """One of some."""
        return seq[0] if self.random() < 0.85 else super().choice(seq)


class Request:
    """One request, recorded, with all that its leaves are made of."""

    def __init__(self, spec: Random, random: Random, number: int) -> None:
        """Draw it: `spec` decides what many have in common, `random` what is each one's own."""
        some, own = spec.choice, random.choice
        case = Case(stream=some((False, False, False, True)))
        self.clock: FakeClock = case.clock
        self.clock.advance(random.randrange(10**12))
        inbound = case.inbound
        inbound.tenant, inbound.key = some(("acme", None, "50%")), some(("k", None, "caf\u00e9"))
        inbound.alias = some(("chat", "fast", None, "\0", "x" * 1200, "y" * 9000))
        inbound.method = some(("POST", "POST", "BREW"))
        self.recorder = recorder = Recorder(inbound, self.clock, SeededIds(number))
        route = recorder.open("route", "chat", recorder.server, about=some(ROUTES))
        self.blinding = Blinding(random.randbytes(32))
        media, path = some(("application/json", None, "a; b=%s")), some(("/v1/chat/completions", "", "/%41"))
        self.question = Question(random.randbytes(32), random.randrange(10**5), media, self.blinding, path)
        for _ in range(some((1, 1, 1, 1, 1, 0, 2))):
            self._attempt(case, spec, random, route)
        texts = ((0, random.randbytes(32)),)
        self.sent = Sent(
            some((200, 200, None)),
            some(("application/json", "text/plain;n=%d", None)),
            random.randrange(10**6),
            random.randbytes(32),
            some(("complete", "complete", "truncated_by_client")),
            self.clock.now() + random.randrange(10**6),
            some((random.randbytes(32), random.randbytes(32), None)),
            some((texts, texts, (), ((1, TEXT),), ((0, TEXT), (1, TEXT)))),
            some((("stop",), (), ("stop", "unknown"))),
            some((None, None, None, 3)),
        )
        self.exc = some((None, None, None, None, Broken("http_response_incomplete", "cut", status=200)))
        at = At(index=random.randrange(2**40), hash=random.randbytes(32).hex())
        self.prev = some((at, at, None, At(index=1, hash=HEX, log=own(("a", "b")))))
        self.late = some((False, False, False, True))

    def _attempt(self, case: Case, spec: Random, random: Random, route: Any) -> None:
        some = spec.choice
        micros = some((random.choice((1, 70, 4_213)), 0, None, LARGEST + 1))
        cost = some((Cost(micros, some(("USD", "EUR")), some(("local", "provider", "inferred")), digest=HEX), None))
        target = some(TARGETS)
        record = self.recorder.open("attempt", "chat", route, target=target, price=lambda _: cost)  # type: ignore[arg-type,return-value]  # none is what an open attempt has
        attempt = record.attempt
        assert attempt is not None
        self.clock.advance(random.randrange(2_000_000_000))
        attempt.status = some((200, 201, None))
        attempt.streaming = some((False, False, False, True))
        attempt.committed = some((self.clock.now(), self.clock.now(), self.clock.now(), None))
        attempt.connection.tls = some((None, "TLSv1.3", "caf\u00e9"))
        answer = attempt.answer
        answer.model, answer.fingerprint = some((None, "gpt-5.5-2026-08-07", "caf\u00e9")), some((None, "fp_1", "50%"))
        answer.region, answer.finish_reasons = some((None, "eu", "us")), some(((), ("stop",), ("length", "stop")))
        answer.id, attempt.request_id = (some((f"id-{random.random()}", some(TEXTS))) for _ in range(2))
        counts = [some((random.randrange(1, 10**6), some(COUNTS))) for _ in range(5)]
        usage = Usage(*counts)  # type: ignore[arg-type]  # they are five
        answer.usage = some((usage, usage, None))
        failed = some((None, None, None, Broken("http_response_incomplete", "cut", status=200)))
        self.recorder.close(record, failed)


class Both:
    """The same requests with forms and rendered, and how often a form was filled in."""

    def __init__(self, clock: ClockState | None = None) -> None:
        """As one log has it."""
        plain = self.plain = LeafWriter(ORIGIN, GATEWAY, lambda: clock, "50%")
        self.rendered = 0
        outer = self

        class Counting(LeafWriter):
            def final(self, *args: Any, **more: Any) -> tuple[Final, bytes]:
                outer.rendered += 1
                return plain.final(*args, **more)

        self.forms = LeafForms(Counting(ORIGIN, GATEWAY, lambda: clock, "50%"))
        self.begun = self.closed = 0

    def add(self, one: Request) -> None:
        """Write both leaves of a request."""
        asked = self.plain.intent(one.recorder, one.question)
        begun = self.forms.intent(one.recorder, one.question)
        self.begun += begun.form is not None
        _same(begun.intent, written(asked))
        assert begun.intent.intent == asked
        try:
            leaf, raw = self.plain.final(one.recorder, asked, one.blinding, one.sent, one.exc, one.prev, late=one.late)
        except Malformed:
            with pytest.raises(Malformed):
                self._final(one, begun)
            return
        before = self.rendered
        made = self._final(one, begun)
        _same(made, written(leaf, raw))
        assert made.leaf == leaf == read(raw).leaf
        self.closed += self.rendered == before

    def _final(self, one: Request, begun: Begun) -> Written:
        return self.forms.final(one.recorder, begun, one.blinding, one.sent, one.exc, one.prev, late=one.late)


def _same(one: Written, other: Written) -> None:
    """All that a log goes by."""
    assert one.raw == other.raw
    assert (one.kind, one.log, one.record_id) == (other.kind, other.log, other.record_id)
    assert (one.tenant, one.begins) == (other.tenant, other.begins)


@pytest.mark.parametrize("clock", [None, ClockState(source="adjtimex", offset_us=-5)])
def test_what_is_filled_in_is_what_would_have_been_rendered(clock: ClockState | None) -> None:
    """Of many kinds of requests, in any order: every byte of both leaves, and what the log goes by."""
    both, random = Both(clock), Random(1)
    kinds = [random.randrange(80) for _ in range(640)]
    for number, kind in enumerate(kinds):
        both.add(Request(_Mostly(kind), random, number))
    assert both.begun > 300
    assert both.closed > 100


class _Plain(Random):
    """Decides for the first of everything."""

    def choice(self, seq: Any) -> Any:
        """The first."""
        return seq[0]


def _usual(number: int = 0, **inbound: Any) -> Request:
    one = Request(_Plain(), Random(number), number)
    for name, value in inbound.items():
        setattr(one.recorder.inbound, name, value)
    return one


def test_a_shape_has_a_form_from_the_third_time_on() -> None:
    """The first time nothing is kept, the second time the form is made."""
    both, seen = Both(), []
    for number in range(6):
        both.add(_usual(number))
        seen.append((both.begun, both.closed))
    assert seen == [(0, 0), (0, 0), (1, 0), (2, 0), (3, 1), (4, 2)]


def test_forms_are_kept_in_a_room_that_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does what is remembered of shapes that came once; whatever is forgotten begins anew."""
    monkeypatch.setattr(module, "KEPT", 2)
    both = Both()
    for number in range(30):
        both.add(_usual(number, alias=f"model-{number // 6}"))
        both.add(_usual(number, alias=f"once-{number}"))
    assert both.begun > 5
    assert all(len(kept) <= 2 and len(kept._seen) <= 2 for kept in (both.forms._intents, both.forms._finals))


def test_what_a_client_writes_can_not_break_a_form() -> None:
    """A text that looks like a hole, one that is too long to be kept, one that makes the leaf long."""
    both = Both()
    for alias in ("\0", f"n {LARGEST}", '{"input":' + str(LARGEST) + "}", "y" * 9000, "%s"):
        before = both.begun
        for number in range(4):
            both.add(_usual(number, alias=alias))
        assert (both.begun > before) == (alias == "%s")
    assert None in both.forms._intents.values()


def test_a_long_leaf_has_no_form() -> None:
    """The values of another request of its shape may be longer, and a leaf must not be."""
    one = _usual()
    leaf = LeafWriter(ORIGIN, GATEWAY, lambda: None).intent(one.recorder, one.question)
    assert module._form(leaf, written(leaf, b"x" * WRITTEN), (), None) is None


def test_a_final_of_the_log_that_follows_is_rendered() -> None:
    """Its intent's form is of the log before."""
    both, other = Both(), LeafForms(LeafWriter("gw.example/tracegate/prod/r1/2027-01", GATEWAY, lambda: None))
    for number in range(6):
        both.add(_usual(number))
        one = _usual(number)
        begun = both.forms.intent(one.recorder, one.question)
        made = other.final(one.recorder, begun, one.blinding, one.sent, None, one.prev)
        leaf = read(made.raw).leaf
        assert isinstance(leaf, Final)
        assert (leaf.log, leaf.record_id) == ("gw.example/tracegate/prod/r1/2027-01", begun.intent.record_id)
    assert not other._finals
