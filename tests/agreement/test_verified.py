"""Every kind of answer that the gateway gives, saved as its client got it, stands before the offline verifier."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from tests.agreement.check_leaf import Json, proved
from tests.agreement.client import Answer
from tests.agreement.house import PATH, House
from tests.server.opened import CALL, KEY, KEYS, MS, Got, S, config, got, opened
from tracegate.build.tree import Selected
from tracegate.errors import Denied
from tracegate.hop import Call, Hop, Reply
from tracegate.testing.driver import AppBroke, drive

STREAM = {**CALL, "stream": True}
SENT = json.dumps(CALL).encode()


def verified(
    text: str, asked: Callable[[House], Awaitable[Got | Answer]], *, verdict: str = "verified", **shown: Any
) -> tuple[Answer, Json]:
    """Ask, and verify what was answered; returns it with its leaf."""
    answers: list[Answer] = []

    async def ask(house: House) -> None:
        answer = await asked(house)
        answers.append(answer if isinstance(answer, Answer) else Answer(answer.status, answer.headers, answer.body))

    house = opened(text, ask)
    (answer,) = answers
    assert house.log is not None
    report = proved(answer, house.log, **shown)
    assert [str(check) for check in report.checks if check.result == "fail"] == []
    assert report.verdict == verdict
    (leaf,) = [leaf for leaf in house.log.leaves() if leaf["type"] == "final"]
    return answer, leaf


def digest(data: bytes, name: str = "sha-256") -> str:
    """A `Content-Digest`."""
    return f"{name}=:{base64.b64encode(hashlib.new(name.replace('-', ''), data).digest()).decode()}:"


@pytest.mark.parametrize(
    ("headers", "body", "status", "taken"),
    [
        ({}, {**CALL, "model": "nothing"}, 404, None),
        ({}, b"[]", 400, 2),
        ({}, b"", 400, 0),
        ({"content-length": "2000001"}, b"", 413, 0),
        ({"content-encoding": "br"}, b"x", 415, 0),
        ({"content-encoding": "gzip"}, b"x", 400, 1),
        ({"via": "1.1 tracegate-test"}, SENT, 502, 0),
        ({"content-digest": digest(b"another")}, SENT, 400, len(SENT)),
    ],
)
def test_what_we_refuse_ourselves(headers: dict[str, str], body: Any, status: int, taken: int | None) -> None:
    """A final alone, with as much of the request as was taken."""
    answer, leaf = verified(
        config("sim-ok", more="limits: {body: 2MB}\n"), lambda house: got(house.app, headers=headers, body=body)
    )
    assert (answer.status, leaf["res"]["status"], leaf["outcome"]) == (status, status, "error")
    assert "prev_intent" not in leaf
    assert leaf["attempts"] == leaf["served"] == []
    assert taken is None or leaf["req"]["bytes"] == taken


def test_a_request_whose_body_does_not_arrive() -> None:
    """408, with the part that came."""

    async def asked(house: House) -> Answer:
        async with drive(house.app, "POST", PATH, {}, b'{"model":', more=True) as exchange:
            return Answer(await exchange.head(), exchange.headers, await exchange.read())

    answer, leaf = verified(config("sim-ok", more="timeouts: {deadline: 3s}\n"), asked)
    assert (answer.status, leaf["req"]["bytes"]) == (408, len(b'{"model":'))


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_says_its_digest(stream: bool) -> None:
    """It is covered once it was checked; over a coded body, as the client sent it."""
    sent = gzip.compress(json.dumps(STREAM if stream else CALL).encode(), mtime=0)
    headers = {"content-encoding": "gzip", "content-digest": digest(sent)}
    answer, leaf = verified(config("sim-ok"), lambda house: got(house.app, headers=headers, body=sent), request=sent)
    assert '"content-digest";req' in (answer.header("signature-input") or "")
    assert leaf["req"]["bytes"] == len(sent)


def test_a_digest_that_nobody_can_check_is_not_covered() -> None:
    """Nor refused (RFC 9530, section 5)."""
    answer, _ = verified(
        config("sim-ok"),
        lambda house: got(house.app, headers={"content-digest": "md5=:AAAA:"}, body=SENT),
        request=SENT,
    )
    assert '"content-digest";req' not in (answer.header("signature-input") or "")


def test_the_request_is_committed_to() -> None:
    """By its body, its media type and its path as it was sent."""
    path = "/v1/chat%2Fcompletions"
    headers = {"content-type": "text/plain; x=1"}
    _, leaf = verified(
        config("sim-ok"), lambda house: got(house.app, path=path, headers=headers, body=SENT), request=SENT
    )
    assert (leaf["req"]["path"], leaf["req"]["media"]) == (path, "text/plain; x=1")
    assert leaf["actor"] == {"tenant": "default", "key_id": "none"}


def test_another_request_is_not() -> None:
    """The leaf commits to one."""

    async def asked(house: House) -> Got:
        return await got(house.app, body=CALL)

    with pytest.raises(AssertionError, match="the request is another"):
        verified(config("sim-ok"), asked, request=b"another")


def test_the_caller_is_named_by_the_id_of_its_key() -> None:
    """Never by the key."""
    _, leaf = verified(config("sim-ok", more=KEYS), lambda house: got(house.app, headers={"api-key": KEY}, body=CALL))
    assert leaf["actor"] == {"tenant": "acme", "key_id": "app"}
    assert KEY not in json.dumps(leaf)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (config("sim-ok+pace=10ms", route="delivery: buffered, "), STREAM),
        (config("sim-ok+choices=3"), {**CALL, "n": 3}),
        (config("sim-ok+choices=3"), {**STREAM, "n": 3}),
        (config("sim-ok+words=1"), {**STREAM, "stream_options": {"include_usage": True}}),
        (config("sim-tool"), STREAM),
        (config("sim-error-event=3"), STREAM),
        (config("sim-503", "sim-ok"), STREAM),
        (config("sim-ok", more="headers: {traceresponse: false}\n"), CALL),
    ],
)
def test_answers_of_every_kind(text: str, body: Mapping[str, Any]) -> None:
    """Whole and streamed."""
    verified(text, lambda house: got(house.app, body=body))


def test_a_public_stream_has_a_slim_receipt() -> None:
    """Only the bundle has the leaf."""
    text = config("sim-ok", more="headers: {detail: public}\n")
    verified(text, lambda house: got(house.app, body=STREAM))
    verified(text, lambda house: got(house.app, body=STREAM), bundle=False, verdict="incomplete")


def test_without_comments_a_capture_is_partial() -> None:
    """Its final is durable before `[DONE]` all the same."""
    text = config("sim-ok", more="headers: {comments: false}\n")
    answer, leaf = verified(text, lambda house: got(house.app, body=STREAM), verdict="incomplete")
    assert answer.events[-1] == "[DONE]"
    assert leaf["res"]["bytes"] == len(answer.body) - len(b"data: [DONE]\n\n")


def test_a_denial_and_a_fault_of_our_own() -> None:
    """Whatever a hop raises."""

    async def denied(call: Call) -> Reply:
        raise Denied("Not in this region.")

    async def broken(call: Call) -> Reply:
        raise ValueError("nobody knows what is in it")

    for hop, status, reason in ((denied, 403, "denied"), (broken, 500, "server_error")):
        answer, leaf = verified(config("sim-ok"), behind(hop))
        assert (answer.status, leaf["outcome_reason"]) == (status, reason)


def behind(hop: Hop) -> Callable[[House], Awaitable[Got]]:
    """Ask for a route that is this hop."""

    async def asked(house: House) -> Got:
        routes = house.assembled.tree._routes
        routes["chat"] = Selected("chat", hop, routes["chat"].deadline_ns)
        return await got(house.app, body=CALL)

    return asked


@pytest.mark.parametrize(("script", "stream"), [("silence", False), ("ok+pace=100ms", True)])
def test_a_stop(script: str, stream: bool) -> None:
    """Before the answer and in it: the client that is told of it can prove it."""

    async def asked(house: House) -> Answer:
        answer = Answer(None)

        async def client() -> None:
            async with house.post(stream=stream) as exchange:
                await house.clock.sleep_until(house.clock.now() + 300 * MS)
                exchange._task.cancel()
                answer.status, answer.headers = await exchange.head(), exchange.headers
                answer.body = await exchange.read()

        with pytest.raises(AppBroke, match="CancelledError"):
            await client()
        return answer

    answer, leaf = verified(config(f"sim-{script}"), asked)
    assert answer.error is not None
    assert answer.error["code"] == "shutdown"
    assert (leaf["outcome"], leaf["outcome_reason"]) == ("cancelled", "shutdown")


def test_a_client_that_does_not_read() -> None:
    """Its final says what it was sent, and that it did not take it."""

    house = opened(config("sim-ok+words=200", route="deadline: 2s, "), lambda house: house.unread(5 * S))
    assert house.log is not None
    (leaf,) = [leaf for leaf in house.log.leaves() if leaf["type"] == "final"]
    assert (leaf["outcome"], leaf["outcome_reason"]) == ("error", "deadline")
    assert leaf["res"]["ended"] == "truncated_by_client"


def test_an_answer_that_could_not_be_sent_was_about_to_be() -> None:
    """What is told instead has no record."""
    told: list[dict[str, Any]] = []

    async def asked(house: House) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": SENT, "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)
            if len(told) == 1:
                raise RuntimeError("Invalid HTTP header value.")

        scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": PATH}
        await house.app({**scope, "headers": []}, receive, send)

    house = opened(config("sim-ok"), asked)
    assert house.log is not None
    (leaf,) = [leaf for leaf in house.log.leaves() if leaf["type"] == "final"]
    assert (leaf["outcome"], leaf["res"]["status"], leaf["res"]["ended"]) == ("ok", 200, "complete")
    first, second, _ = told
    assert b"tracegate-record" in dict(first["headers"])
    assert second["status"] == 500
    assert not {b"tracegate-record", b"signature", b"content-digest"} & set(dict(second["headers"]))


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_begins_in_one_epoch_and_ends_in_the_next(stream: bool) -> None:
    """A whole one is signed by the log that has its final; a stream's head by that of its beginning."""

    async def asked(house: House) -> Answer:
        assert house.log is not None
        asking = asyncio.create_task(house.ask(stream=stream))
        await house.clock.sleep_until(house.clock.now() + 300 * MS)
        await house.log.audit.rotate()
        return await asking

    answer, leaf = verified(config("sim-ok+words=6+pace=100ms" if stream else "sim-ok+wait=500ms"), asked)
    old, new = leaf["prev_intent"]["log"], leaf["log"]
    assert old != new
    assert f'keyid="{old if stream else new}+' in (answer.header("signature-input") or "")
