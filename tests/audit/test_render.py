"""Leaves from records: against the headers that the same records give, and in bytes that anybody can read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.audit.leaves import HEX
from tests.audit.vectors import LEAVES, ORIGIN
from tests.server.case import ANTHROPIC, AZURE, BROKEN, MS, OPENAI, Case, costs, named
from tracegate.audit.agreement import closing_faults, head_faults
from tracegate.audit.blinding import REQUEST, TEXT, WIRE, Blinding, committed, r_hash
from tracegate.audit.closing import split
from tracegate.audit.kinds import At, ClockState, Final, Gateway
from tracegate.audit.leaf import read
from tracegate.audit.render import LeafWriter, Question, Sent
from tracegate.errors import Broken, Denied, Failed, Refused, Rejected, TimedOut
from tracegate.facts import Route, Usage
from tracegate.server.headers import GatewayFacts, HeaderWriter

R = bytes(range(32))
BLINDING = Blinding(R)
DIGEST = hashlib.sha256(b"body").digest()
QUESTION = Question(DIGEST, 4, "application/json", BLINDING, "/v1/chat/completions")
GATEWAY = Gateway(node="tg-7f9c", run="r", version="0.1.0", config_digest=HEX, region="eu-central-1")
WRITER = LeafWriter(ORIGIN, GATEWAY, lambda: ClockState(source="adjtimex", offset_us=-5))
HEADERS = HeaderWriter(GatewayFacts("tracegate-1", version="0.1.0", node="tg-7f9c", region="eu-central-1"))
JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


def _sent(case: Case, status: int | None = 200, media: str = JSON, **members: Any) -> Sent:
    return Sent(status, media, 4, DIGEST, "complete", case.now)._replace(**members)


def _final(case: Case, sent: Sent, exc: BaseException | None = None) -> Final:
    asked = WRITER.intent(case.recorder, QUESTION)
    made, raw = WRITER.final(case.recorder, asked, BLINDING, sent, exc, None)
    leaf = read(raw).leaf
    assert isinstance(leaf, Final)
    assert leaf == made
    assert {name: getattr(leaf, name) for name in asked.__struct_fields__} == {
        name: getattr(asked, name) for name in asked.__struct_fields__
    }
    return leaf


def _success() -> Case:
    case = Case()
    case.answered()
    return case


def _fallback() -> Case:
    case = Case()
    slow = Refused("rate_limit", None, "slow down", status=429, retry_after_ns=5 * MS)
    case.end(case.begin(AZURE), slow, after=184.2, status=429)
    timed_out = case.begin(AZURE, kind="retry", reason="rate_limit", waited=800, cost=BROKEN)
    case.end(timed_out, TimedOut("first_token", "late"), after=2000)
    answered = case.begin(ANTHROPIC, kind="fallback", reason="timeout", cost=costs(7))
    attempt = case.commit(
        answered, after=830.4, model="claude-opus-5-20260801", region="eu", usage=Usage(1, 2, 3, 4, 5)
    )
    attempt.answer.fingerprint, attempt.answer.id, attempt.request_id = "fp_1", "msg_1", "req_1"
    attempt.connection.tls = "TLSv1.3"
    case.end(answered)
    return case


def _odd_model() -> Case:
    case = Case()
    record = case.begin()
    case.commit(record, model="modèle")
    case.end(record)
    return case


def _odd_times() -> Case:
    case = Case()
    slow = Refused("rate_limit", None, "slow down", status=429)
    case.end(case.begin(AZURE), slow, after=184.234_567, status=429)
    record = case.begin(ANTHROPIC, kind="retry", reason="rate_limit", waited=0.001_999)
    case.commit(record, after=0.000_999)
    case.end(record)
    return case


def _many() -> Case:
    case = Case()
    for n in range(19):
        record = case.begin(OPENAI, kind="retry" if n else "initial")
        if n == 10:
            case.commit(record, after=1)
            case.end(record)
        else:
            case.end(record, Refused("overloaded", None, "busy", status=503), after=1)
    return case


@pytest.mark.parametrize("made", [_success, _fallback, _odd_model, _odd_times, _many])
def test_the_head_of_an_answer_and_its_leaf_agree(made: Callable[[], Case]) -> None:
    """Rendered from the same records by two renderers that do not know each other."""
    case = made()
    fields = {**named(HEADERS.success(case.recorder, case.now)), "content-type": JSON}
    leaf = _final(case, _sent(case))
    assert list(head_faults(leaf, 200, fields, whole=True)) == []
    assert leaf.outcome == "ok"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("overloaded", None, "busy", status=503), 503),
        (Failed("connection", "connection_refused", "nobody"), 502),
        (Broken("http_response_incomplete", "cut", status=200), 502),
    ],
)
def test_the_head_of_an_error_and_its_leaf_agree(error: Failed, status: int) -> None:
    """Whose error it is, and how each attempt ended."""
    case = Case()
    case.end(case.begin(AZURE), Failed("connection", "dns_error", "no name"), after=3.1)
    case.end(case.begin(ANTHROPIC, kind="fallback"), error, after=95, status=error.status)
    fields = {**named(HEADERS.failure(case.recorder, error, status, case.now)), "content-type": JSON}
    leaf = _final(case, _sent(case, status), error)
    assert list(head_faults(leaf, status, fields, whole=True)) == []
    (blamed,) = leaf.served
    assert (blamed.status is None) != (blamed.error is None)
    assert (leaf.outcome, leaf.outcome_reason) == ("error", error.class_)


@pytest.mark.parametrize(
    "exc", [Denied("no"), Rejected(404, "model_not_found", "none"), asyncio.CancelledError("shutdown")]
)
def test_what_the_gateway_answers_itself_names_no_provider(exc: Exception) -> None:
    """A denial, an unknown model, a stop."""
    case = Case()
    fields = {**named(HEADERS.failure(case.recorder, exc, 403, case.now)), "content-type": JSON}
    leaf = _final(case, _sent(case, 403), exc)
    assert list(head_faults(leaf, 403, fields, whole=True)) == []
    assert (leaf.served, leaf.attempts, leaf.cost, leaf.usage) == ([], [], None, None)


@pytest.mark.parametrize("finish", ["stop", "arrêt"])
def test_a_stream_agrees_at_its_commit_and_at_its_end(finish: str) -> None:
    """Its head is a snapshot, its closing comment is all that a field can hold."""
    case = Case(stream=True)
    record = case.begin(cost=costs(4213))
    case.commit(record, after=213.9, usage=Usage(812, 96, 512), finish=(finish,))
    fields = {**named(HEADERS.success(case.recorder, case.now)), "content-type": EVENTS}
    case.inbound.status, case.inbound.chunks = 200, 97
    case.end(record, after=4000)
    leaf = _final(case, _sent(case, media=EVENTS, chunks=97, finish_reasons=(finish,)))
    assert list(head_faults(leaf, 200, fields, whole=False)) == []
    _, closing = split(HEADERS.comment(case.recorder, None))
    assert closing is not None
    assert list(closing_faults(leaf, closing.lines)) == []


def test_a_stream_that_broke_agrees_with_its_comment() -> None:
    """The error of the attempt is the outcome's."""
    case = Case(stream=True)
    record = case.begin(cost=BROKEN)
    case.commit(record, after=200)
    case.inbound.status, case.inbound.chunks = 200, 41
    error = Broken("http_response_incomplete", "cut", status=200)
    case.end(record, error, after=100)
    leaf = _final(case, _sent(case, media=EVENTS, chunks=41, ended="truncated_by_upstream"), error)
    _, closing = split(HEADERS.comment(case.recorder, error))
    assert closing is not None
    assert list(closing_faults(leaf, closing.lines)) == []
    assert (leaf.usage, leaf.res.ended) == (None, "truncated_by_upstream")


def test_an_attempt_is_told_with_its_evidence_and_times() -> None:
    """Whole microseconds; each claim with its class; what is unknown is absent."""
    refused, late, answered = _final(_fallback(), _sent(_fallback())).attempts
    assert (refused.status, refused.error, refused.class_, refused.retry_after_us) == (429, None, "rate_limit", 5000)
    assert (refused.dur_us, refused.t_us, refused.cost_micros, refused.cost_src) == (184_200, 0, 0, "inferred")
    assert (late.error, late.wait_us, late.t_us, late.cost_micros) == (
        "connection_read_timeout",
        800_000,
        984_200,
        None,
    )
    assert answered.evidence == {"region": "asserted", "model_returned": "asserted", "fingerprint": "asserted"}
    assert (answered.region, answered.response_id, answered.upstream_request_id) == ("eu", "msg_1", "req_1")
    assert (answered.ttft_us, answered.usage and answered.usage.reasoning) == (None, 5)
    assert answered.tls is not None
    assert answered.tls.version == "TLSv1.3"


def test_an_attempt_that_still_runs_is_open() -> None:
    """A loser that can't be cancelled; an amend closes it."""
    case = _success()
    case.begin(ANTHROPIC, kind="shadow")
    assert [(tried.outcome, tried.dur_us is None) for tried in _final(case, _sent(case)).attempts] == [
        ("ok", False),
        ("open", True),
    ]


def test_a_fault_of_our_own_has_a_class_and_no_text() -> None:
    """Nobody knows what is in it."""
    case = Case()
    case.end(case.begin(), ValueError("secret"), after=1)
    (tried,) = _final(case, _sent(case, 500), ValueError("secret")).attempts
    assert (tried.outcome, tried.error, tried.class_) == ("error", "server_error", "server_error")


def test_of_very_many_attempts_the_middle_is_counted() -> None:
    """The first, the last and the one that served stay, with their own numbers."""
    leaf = _final(_many(), _sent(_many()))
    assert [tried.n for tried in leaf.attempts] == [*range(8), 10, *range(12, 19)]
    assert leaf.attempts_omitted is not None
    assert leaf.attempts_omitted.count == 3


def test_of_very_many_attempts_that_all_failed_none_served() -> None:
    """Then the first and the last stay."""
    case = Case()
    error = Refused("overloaded", None, "busy", status=503)
    for _ in range(17):
        error = Refused("overloaded", None, "busy", status=503)
        case.end(case.begin(), error, after=1)
    leaf = _final(case, _sent(case, 503), error)
    assert [tried.n for tried in leaf.attempts] == [*range(8), *range(10, 17)]


def test_texts_of_others_are_fitted() -> None:
    """Cut, whole characters, absent where they say nothing; numbers that no leaf can hold are unknown."""
    case = Case()
    case.inbound.tenant, case.inbound.key, case.inbound.alias = "acme", "key-1", "unknown"
    record = case.begin()
    attempt = case.commit(record, model="unknown", usage=Usage(2**60, -1), finish=("stop", "unknown"))
    attempt.answer.id, attempt.answer.fingerprint = "half \ud83d", "x" * 2000
    case.end(record)
    leaf = _final(case, _sent(case, finish_reasons=("stop", "")))
    (tried,) = leaf.attempts
    assert (tried.response_id, tried.fingerprint, tried.model_returned) == ("half ?", "x" * 1000, None)
    assert tried.evidence == {"fingerprint": "asserted"}  # what is absent has none
    assert (leaf.requested.model, leaf.actor.tenant, leaf.actor.key_id) == (None, "acme", "key-1")
    assert (leaf.usage, tried.finish_reasons, leaf.res.finish_reasons) == (tried.usage, ["stop"], ["stop"])
    assert tried.usage is not None
    assert (tried.usage.input, tried.usage.output) == (None, None)


def test_no_path_is_the_root() -> None:
    """RFC 9110, section 4.2.3; any other is told as it came."""
    for path, said in (("", "/"), ("/v1/chat%2Fcompletions", "/v1/chat%2Fcompletions")):
        assert WRITER.intent(_success().recorder, QUESTION._replace(path=path)).req.path == said


def test_a_final_may_stand_in_the_log_that_follows() -> None:
    """The intent is of the one before; all else that both say is equal."""
    case = _success()
    asked = msgspec.structs.replace(WRITER.intent(case.recorder, QUESTION), log="gw.example/tracegate/prod/r1/2026-10")
    leaf, _ = WRITER.final(case.recorder, asked, BLINDING, _sent(case), None, At(index=1, hash=HEX, log=asked.log))
    assert (leaf.log, leaf.record_id) == (ORIGIN, asked.record_id)


def test_a_leaf_that_would_be_too_long_has_shorter_texts() -> None:
    """Whatever providers say, a leaf is written."""
    case = Case()
    for _ in range(16):
        record = case.begin()
        attempt = case.commit(record, model="m" * 5000)
        attempt.answer.id = attempt.answer.fingerprint = attempt.request_id = "é" * 5000
        case.end(record)
    leaf = _final(case, _sent(case))
    assert {len(tried.response_id or "") for tried in leaf.attempts} == {32}


def test_the_route_is_named_with_its_digest() -> None:
    """The configuration's, where a route has none of its own."""
    case = _success()
    assert WRITER.intent(case.recorder, QUESTION).route is None
    for version, digest in ((None, HEX), ("f" * 64, "f" * 64)):
        case.route.about = Route("chat", "fallback", ("a",), version)
        route = WRITER.intent(case.recorder, QUESTION).route
        assert route is not None
        assert (route.name, route.digest) == ("chat", digest)
    case.route.about = Route("unknown", "fallback", ("a",))
    assert WRITER.intent(case.recorder, QUESTION).route is None


def test_a_region_that_two_say_differently_is_a_conflict() -> None:
    """The stronger one counts, and the leaf says so."""
    case = Case()
    record = case.begin(replace(OPENAI, region="eu"))
    case.commit(record, region="us")
    case.end(record)
    (tried,) = _final(case, _sent(case)).attempts
    assert (tried.region, tried.region_conflict, tried.region_configured) == ("us", True, "eu")


def test_content_is_committed_to_under_the_blinding() -> None:
    """Nothing of it stands in the leaf."""
    case = _success()
    text = hashlib.sha256(b"text").digest()
    leaf = _final(case, _sent(case, canonical=DIGEST, texts=((0, text), (2, text))))
    assert (leaf.r_hash, leaf.req.commit) == (r_hash(R).hex(), committed(R, REQUEST, DIGEST))
    assert leaf.res.commit_wire == committed(R, WIRE, DIGEST)
    assert leaf.res.commit_text == committed(R, f"{TEXT}0", text)
    assert leaf.res.commit_texts == [committed(R, f"{TEXT}2", text)]
    assert leaf.res.commit_canonical is not None


def test_a_final_names_its_intent_and_that_it_is_late() -> None:
    """Where one was written; and where the client was told that the log could not be."""
    case, at = _success(), At(index=1, hash=HEX)
    asked = WRITER.intent(case.recorder, QUESTION)
    _, raw = WRITER.final(case.recorder, asked, BLINDING, _sent(case), None, at, late=True)
    leaf = read(raw).leaf
    assert isinstance(leaf, Final)
    assert (leaf.prev_intent, leaf.late, leaf.t_end - leaf.t_start) == (at, True, 812_300)


def test_the_leaves_of_the_vectors_are_of_the_same_form() -> None:
    """What they say in members, ours says too."""
    final = read(LEAVES[2]).leaf
    assert isinstance(final, Final)
    ours = msgspec.to_builtins(_final(_success(), _sent(_success(), finish_reasons=("stop",))))
    theirs = msgspec.to_builtins(final)
    assert set(theirs) - set(ours) == {"prev_intent", "route"}
    assert set(ours) - set(theirs) == set()
