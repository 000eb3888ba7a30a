"""What one request writes, in each mode, whatever the log does."""

from __future__ import annotations

import asyncio
import errno
import hashlib

import pytest

from tests.audit.scenes import BODY, EVENT, EVENTS, JSON, MODES, MS, S, Scene, paused, played
from tests.server.case import Case
from tracegate.audit.answer import Answer
from tracegate.audit.blinding import REQUEST, WIRE, committed, r_hash, text_digest
from tracegate.audit.process import Mode
from tracegate.audit.receipt import parse_receipt
from tracegate.audit.signature import PROVENANCE, ROUTE, Request, content_digest, verify_response
from tracegate.errors import Broken, Rejected, Unavailable

# --- a log that works ---


@pytest.mark.parametrize("mode", MODES)
def test_intent_and_final_say_the_same_of_the_request(mode: Mode) -> None:
    """Both durable before anything is released; the blinding is the record's, and no leaf has it."""

    async def scene() -> Scene:
        made = Scene(mode)
        made.answer.media, made.answer.path = JSON, "/prefix/v1/chat%2Fcompletions"
        made.answer.received([b'{"model":', b'"chat"}'])
        await made.answer.intent()
        await made.answer.intent()  # another attempt
        made.case.answered()
        made.whole()
        assert await made.answer.durable()
        made.answer.gone(None)
        return made

    made, (intent, final) = played(scene)
    repeated = set(intent) - {"type"}
    assert {name: final[name] for name in repeated} == {name: intent[name] for name in repeated}
    assert final["prev_intent"]["index"] == made.inbound.record_seq - 1 if made.inbound.record_seq else False
    r = made.log.audit.blinds.r(made.record)
    assert r is not None
    sent = b'{"model":"chat"}'
    assert (intent["r_hash"], intent["req"]) == (
        r_hash(r).hex(),
        {
            "method": "POST",
            "path": "/prefix/v1/chat%2Fcompletions",
            "bytes": len(sent),
            "media": JSON,
            "commit": committed(r, REQUEST, hashlib.sha256(sent).digest()),
        },
    )
    assert final["res"]["commit_wire"] == committed(r, WIRE, hashlib.sha256(BODY).digest())
    text = text_digest("Paris.")
    assert text is not None
    (row,) = made.log.audit.blinds.find("text", text)
    assert (row.record_id, row.index) == (made.record, made.inbound.record_seq)
    assert (made.inbound.degraded, made.inbound.lost, paused(made)) == (False, False, [])


def test_an_answer_that_asks_nobody_has_a_final_alone() -> None:
    """Its blinding comes with it; a body that was never read has no bytes."""

    async def scene() -> Scene:
        made = Scene()
        assert await made.answer.ready()
        made.whole(Rejected(404, "model_not_found", "none"), 404)
        assert await made.answer.durable()
        return made

    made, (final,) = played(scene)
    assert "prev_intent" not in final
    assert (final["outcome"], final["outcome_reason"]) == ("error", "invalid_request")
    assert (final["res"]["status"], final["res"]["ended"], final["req"]["bytes"]) == (404, "complete", 0)
    assert "finish_reasons" not in final["res"]
    assert made.log.audit.blinds.r(made.record) is not None


def test_several_attempts_wait_for_one_intent() -> None:
    """Who is cancelled meanwhile takes nothing from the others."""

    async def scene() -> Scene:
        made = Scene(delay=10 * MS)
        first, second = (asyncio.create_task(made.answer.intent()) for _ in range(2))
        await made.passes(MS)
        first.cancel("superseded")
        since = made.clock.now()
        await second
        assert made.clock.now() - since == 9 * MS
        assert first.cancelled()
        made.whole()
        assert await made.answer.durable()
        return made

    _, leaves = played(scene)
    assert [leaf["type"] for leaf in leaves] == ["intent", "final"]


def test_a_final_may_stand_in_the_log_that_follows() -> None:
    """It names the one in which its intent stands, and is signed by its own key."""

    async def scene() -> Scene:
        made = Scene()
        await made.answer.intent()
        await made.log.audit.rotate()
        made.case.answered()
        made.whole()
        head = made.answer.signed(200, [(b"content-type", JSON.encode())])
        assert await made.answer.durable()
        assert made.log.key.keyid in dict(head)[b"signature-input"].decode()
        return made

    made, (intent, final) = played(scene)
    assert intent["log"] != final["log"] == made.log.key.name
    assert final["prev_intent"]["log"] == intent["log"]


# --- what is given out ---


@pytest.mark.parametrize("digest", [None, "sha-256=:AAAA:"])
def test_a_whole_answer_is_signed_with_its_digest(digest: str | None) -> None:
    """Before its leaf is durable, for it is not sent before; what the client's own digest was is covered."""

    async def scene() -> Scene:
        made = Scene()
        made.answer.digest = digest
        made.case.answered()
        made.whole()
        head = [(b"content-type", JSON.encode()), (b"x-served-by", b"tracegate"), (b"via", b"1.1 x")]
        fields = {name.decode(): value.decode() for name, value in [*head, *made.answer.signed(200, head)]}
        assert await made.answer.durable()
        request = Request("POST", "/v1/chat/completions", digest)
        signed = verify_response(200, fields, request, made.log.key)
        assert (signed.tag, fields["content-digest"]) == (PROVENANCE, content_digest(BODY))
        assert ('"content-digest";req' in fields["signature-input"]) is (digest is not None)
        assert '"via"' not in fields["signature-input"]
        return made

    played(scene)


def test_the_head_of_a_stream_is_signed_without_one() -> None:
    """And its end has a receipt, whole or slim."""

    async def scene() -> Scene:
        made = Scene(stream=True)
        await made.answer.intent()
        made.answer.begin(EVENTS)
        head = made.answer.signed(200, [(b"content-type", EVENTS.encode())])
        fields = {name.decode(): value.decode() for name, value in head} | {"content-type": EVENTS}
        request = Request("POST", "/v1/chat/completions")
        assert verify_response(200, fields, request, made.log.key).tag == ROUTE
        assert "content-digest" not in fields
        made.streams()
        made.answer.finish(None)
        assert await made.answer.durable()
        whole, slim = (parse_receipt(made.answer.receipt(slim=slim)) for slim in (False, True))
        assert whole.signed_by(made.log.key)
        assert slim.signed_by(made.log.key)
        assert (whole.hash, whole.index) == (slim.hash, slim.index) == (whole.hash, made.inbound.record_seq)
        assert (slim.leaf, slim.r) == (None, None)
        assert whole.leaf is not None
        return made

    _, (_, final) = played(scene)
    assert final["res"] == {
        **final["res"],
        "bytes": len(EVENT),
        "chunks": 1,
        "ended": "complete",
        "finish_reasons": ["stop"],
        "media": EVENTS,
        "status": 200,
    }
    assert "commit_text" in final["res"]
    assert "commit_canonical" not in final["res"]


def test_a_long_leaf_has_a_slim_receipt() -> None:
    """A comment is no place for 4 KiB."""

    async def scene() -> Scene:
        made = Scene(stream=True)
        await made.answer.intent()
        for _ in range(15):
            made.case.end(made.case.begin(), Broken("http_response_incomplete", "cut", status=200), status=200)
        made.streams()
        made.answer.finish(None)
        assert await made.answer.durable()
        assert parse_receipt(made.answer.receipt(slim=False)).leaf is None
        return made

    played(scene)


# --- a log that fails ---


def test_strict_refuses_what_can_not_begin() -> None:
    """After a second; while the log is known to fail, at once. Nothing names the record then."""

    async def scene() -> Scene:
        made = Scene()
        made.fails()
        for wait in (S, 0):
            since = made.clock.now()
            answer = Answer(made.log.audit, made.case.recorder)
            with pytest.raises(Unavailable) as caught:
                await answer.intent()
            assert (caught.value.reason, caught.value.retry_after_ns) == ("audit_unavailable", S)
            assert made.clock.now() - since == wait
            assert not await answer.ready()
            answer.whole(503, JSON, BODY, caught.value)
            assert answer.signed(503, []) == []
            assert not await answer.durable()
            answer.gone(caught.value)
        assert (made.inbound.lost, made.inbound.degraded) == (True, False)
        return made

    made, leaves = played(scene)
    assert (leaves, paused(made)) == ([], [])


def test_available_lets_it_begin_without_a_record() -> None:
    """After its short wait; and it is counted once it was served."""

    async def scene() -> Scene:
        made = Scene("available")
        made.fails()
        since = made.clock.now()
        await made.answer.intent()
        assert made.clock.now() - since == 50 * MS
        made.case.answered()
        made.whole()
        assert made.answer.signed(200, []) == []
        assert not await made.answer.durable()
        made.answer.gone(None)
        assert (made.inbound.lost, made.inbound.degraded, made.inbound.record_seq) == (True, True, None)
        return made

    made, leaves = played(scene)
    assert (leaves, paused(made)) == ([], [{"ok": 1}])


def test_strict_waits_one_second_in_all() -> None:
    """What the intent took is gone; a whole answer's final is written later, and says so."""

    async def scene() -> Scene:
        made = Scene()
        since = made.clock.now()
        made.fails(errno.EIO)
        begun = asyncio.create_task(made.answer.intent())
        await made.passes(300 * MS)
        made.works()
        await begun
        took = made.clock.now() - since
        assert took > 300 * MS
        made.case.answered()
        made.fails(errno.EIO)
        since = made.clock.now()
        made.whole()
        with pytest.raises(Unavailable):
            await made.answer.durable()
        assert made.clock.now() - since == S - took
        assert made.answer.refused
        assert not await made.answer.ready()
        made.answer.gone(Unavailable("x", reason="audit_unavailable"))
        assert (made.inbound.lost, made.inbound.degraded) == (True, False)
        return made

    made, (_, final) = played(scene)
    assert (final["late"], final["outcome"], final["res"]["status"]) == (True, "ok", 200)
    assert paused(made) == []


@pytest.mark.parametrize("begun", [True, False])
def test_available_lets_an_answer_go_whose_final_is_not_durable(begun: bool) -> None:
    """An intent is closed as soon as the log takes it; without one, the answer is counted."""

    async def scene() -> Scene:
        made = Scene("available")
        if begun:
            await made.answer.intent()
        made.fails()
        made.case.answered()
        made.whole()
        assert not await made.answer.durable()
        made.answer.gone(None)
        assert (made.inbound.lost, made.inbound.degraded) == (True, True)
        return made

    made, leaves = played(scene)
    assert [leaf["type"] for leaf in leaves] == (["intent", "final"] if begun else [])
    assert not any("late" in leaf for leaf in leaves)
    assert paused(made) == ([] if begun else [{"ok": 1}])


def test_a_stream_that_is_broken_off_by_the_log_is_told_as_it_was_sent() -> None:
    """In strict mode: with the event that says so, once the log takes it; its head has named the record."""
    tail = b'data: {"error":{"code":"audit_unavailable"}}\n\n'

    async def scene() -> Scene:
        made = Scene(stream=True)
        await made.answer.intent()
        made.streams()
        made.fails()
        made.answer.finish(None)
        with pytest.raises(Unavailable) as caught:
            await made.answer.durable()
        made.inbound.chunks += 1
        made.answer.late(caught.value, tail)
        made.answer.gone(caught.value)
        assert (made.inbound.lost, made.inbound.degraded) == (False, False)
        return made

    _, (_, final) = played(scene)
    assert (final["late"], final["outcome"], final["outcome_reason"]) == (True, "error", "audit_unavailable")
    assert (final["res"]["bytes"], final["res"]["chunks"]) == (len(EVENT + tail), 2)
    assert final["res"]["ended"] == "truncated_by_upstream"


def test_available_ends_a_stream_without_a_receipt() -> None:
    """Its head has named the record, which is written when the log takes it."""

    async def scene() -> Scene:
        made = Scene("available", stream=True)
        await made.answer.intent()
        made.streams()
        made.fails()
        made.answer.finish(None)
        assert not await made.answer.durable()
        made.answer.gone(None)
        assert (made.inbound.lost, made.inbound.degraded) == (False, True)
        return made

    made, leaves = played(scene)
    assert [leaf["type"] for leaf in leaves] == ["intent", "final"]
    assert paused(made) == []


def test_a_slow_log_lets_nobody_wait_for_ever() -> None:
    """An intent that reaches the disk all the same is closed as aborted."""

    async def scene() -> Scene:
        made = Scene("available", delay=60 * MS)
        await made.answer.intent()
        made.whole()
        assert not await made.answer.durable()
        made.answer.gone(None)
        return made

    made, leaves = played(scene)
    assert [leaf["type"] for leaf in leaves] == ["intent", "aborted"]
    assert paused(made) == [{"ok": 1}]


def test_a_stream_whose_intent_was_not_durable_has_no_record_at_its_end_either() -> None:
    """Though the log works again by then: the record would begin with its end."""

    async def scene() -> Scene:
        made = Scene("available", stream=True)
        made.fails()
        await made.answer.intent()
        made.works()
        await made.passes(S)
        made.streams()
        made.answer.finish(None)
        assert not await made.answer.durable()
        made.answer.gone(None)
        return made

    made, leaves = played(scene)
    assert (leaves, paused(made)) == ([], [{"ok": 1}])


def test_an_error_waits_for_an_intent_that_is_on_its_way() -> None:
    """The deadline may pass while the log is waited for."""

    async def scene() -> Scene:
        made = Scene(delay=10 * MS)
        asking = asyncio.create_task(made.answer.intent())
        await made.passes(MS)
        asking.cancel("deadline")
        await asyncio.wait([asking])
        assert await made.answer.ready()
        made.whole(Unavailable("x", reason="shutdown"), 503)
        assert await made.answer.durable()
        return made

    _, (intent, final) = played(scene)
    assert final["prev_intent"]["index"] > 0
    assert intent["type"] == "intent"


# --- nobody is left ---


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("where", ["body", "intent", "provider", "stream"])
def test_a_client_that_leaves_has_a_final_for_which_nobody_waits(mode: Mode, where: str) -> None:
    """Cancelled, with what is known of the answer; also while the intent is on its way."""

    async def scene() -> Scene:
        made = Scene(mode, stream=True, delay=10 * MS)
        gone = asyncio.CancelledError("client_disconnect")
        made.answer.received([b'{"mod'])
        if where != "body":
            asking = asyncio.create_task(made.answer.intent())
            await made.passes(MS if where == "intent" else 15 * MS)
            asking.cancel("client_disconnect")
            await asyncio.wait([asking])
        if where == "stream":
            made.streams()
        since = made.clock.now()
        made.answer.gone(gone)
        made.answer.gone(gone)
        assert made.clock.now() == since
        assert made.answer.over
        return made

    _, leaves = played(scene)
    final = leaves[-1]
    assert [leaf["type"] for leaf in leaves] == (["final"] if where == "body" else ["intent", "final"])
    assert (final["outcome"], final["outcome_reason"]) == ("cancelled", "client_disconnect")
    assert final["res"]["ended"] == "truncated_by_client"
    streamed = where == "stream"
    assert final["res"].get("status") == (200 if streamed else None)
    assert final["res"].get("media") == (EVENTS if streamed else None)
    assert (final["res"]["bytes"], final["res"].get("chunks")) == ((len(EVENT), 1) if streamed else (0, None))


def test_an_intent_that_is_refused_behind_its_client_leaves_nothing() -> None:
    """Nothing was promised, and nobody is left."""

    async def scene() -> Scene:
        made = Scene()
        made.fails()
        asking = asyncio.create_task(made.answer.intent())
        await made.passes(MS)
        asking.cancel("client_disconnect")
        await asyncio.wait([asking])
        made.answer.gone(asyncio.CancelledError("client_disconnect"))
        await made.passes(2 * S)
        return made

    _, leaves = played(scene)
    assert leaves == []


def test_who_leaves_while_the_log_fails_is_counted() -> None:
    """A final alone would begin a record; those do not queue up."""

    async def scene() -> Scene:
        made = Scene()
        made.fails()
        with pytest.raises(Unavailable):
            await Answer(made.log.audit, Case().recorder).intent()
        made.answer.gone(asyncio.CancelledError("client_disconnect"))
        return made

    made, leaves = played(scene)
    assert (leaves, paused(made)) == ([], [{"cancelled": 1}])


def test_a_client_that_leaves_while_the_final_is_written_changes_nothing() -> None:
    """It was about to be released (ruling 10)."""

    async def scene() -> Scene:
        made = Scene(delay=10 * MS)
        await made.answer.intent()
        made.case.answered()
        made.whole()
        waiting = asyncio.create_task(made.answer.durable())
        await made.passes(MS)
        waiting.cancel("client_disconnect")
        await asyncio.wait([waiting])
        made.answer.gone(asyncio.CancelledError("client_disconnect"))
        return made

    _, (_, final) = played(scene)
    assert (final["outcome"], final["res"]["ended"]) == ("ok", "complete")


def test_another_answer_of_the_same_request_has_no_record() -> None:
    """What was handed over is of one that could not be sent."""

    async def scene() -> Scene:
        made = Scene()
        made.whole()
        assert await made.answer.durable()
        assert not await made.answer.ready()
        made.whole(ValueError("x"), 500)
        assert made.answer.signed(500, []) == []
        assert made.inbound.lost
        return made

    _, (final,) = played(scene)
    assert final["res"]["status"] == 200


@pytest.mark.parametrize("mode", MODES)
def test_a_leaf_that_can_not_be_made_is_one_that_is_not_durable(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """No answer names it; the log says why."""

    async def scene() -> Scene:
        made = Scene(mode)
        await made.answer.intent()
        made.answer.whole(200, "unknown", BODY, None)
        if mode == "strict":
            with pytest.raises(Unavailable):
                await made.answer.durable()
        else:
            assert not await made.answer.durable()
        made.answer.gone(None)
        assert made.inbound.lost
        return made

    made, leaves = played(scene)
    assert [leaf["type"] for leaf in leaves] == ["intent", "aborted"]
    assert f"The final of {made.record} can't be written" in caplog.text
