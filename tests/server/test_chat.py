"""`POST /v1/chat/completions`: unary and streamed answers as a client sees them."""

from __future__ import annotations

import json
import re

import pytest

from tests.agreement.house import House
from tests.server.opened import CALL, Got, config, got, opened, trees
from tracegate.testing.script import At, Step

STREAM = {**CALL, "stream": True}
ODD = (
    '{"id": "x", "created": 12345678901234567890123, "model":"gpt-odd", "unknown": {"b": 1E400, "a": null},\n'
    ' "choices": [{"index":0, "finish_reason":"stop", "message":{"role":"assistant","content":"\\ud83d"}}]}'
)


def ask(text: str, body: object = CALL, scripts: dict[str, object] | None = None, seed: int = 0) -> tuple[Got, House]:
    """One call, and its answer."""
    found: list[Got] = []

    async def asked(house: House) -> None:
        found.append(await got(house.app, body=body))  # type: ignore[arg-type]  # odd bodies are what is tested

    house = opened(text, asked, scripts, seed=seed)  # type: ignore[arg-type]  # scripts of any kind
    return found[0], house


def block(answer: Got) -> str:
    """The closing comment and what stands behind it, without the receipt, which must be there."""
    found = answer.body.decode()
    rest, receipts = re.subn(
        r"^: tracegate-receipt [\w-]+\n", "", found[found.index(": tracegate-") :], flags=re.MULTILINE
    )
    assert receipts == 1
    return rest


def data_of(answer: Got) -> list[str]:
    """The data of each event."""
    return re.findall(r"^data: (.*)$", answer.body.decode(), re.MULTILINE)


def test_a_whole_answer_passes_byte_by_byte() -> None:
    """Key order, blanks, numbers of any size, half surrogate pairs, unknown and null members (ruling 57)."""
    answer, house = ask(config("odd"), scripts={"odd": Step(body=ODD, content_type="application/json; charset=utf-8")})
    assert (200, ODD.encode()) == (answer.status, answer.body)
    assert answer.header("content-type") == "application/json; charset=utf-8"
    assert answer.header("content-length") == str(len(ODD))
    assert house.view.requests[0].inbound.first_sent is not None


def test_events_of_a_stream_pass_byte_by_byte() -> None:
    """Whole events, unchanged; behind them our comments, and `[DONE]` last."""
    chunk = (
        '{"id": "x",  "choices": [{"index": 0, "delta": {"content": "\\ud83d"}, "finish_reason": null}], "n": 1E400}'
    )
    last = '{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    body = f"data: {chunk}\n\ndata: {last}\n\ndata: [DONE]\n\n"
    answer, _ = ask(config("odd"), STREAM, {"odd": Step(body=body, content_type="text/event-stream")})
    assert [chunk, last, "[DONE]"] == data_of(answer)
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-length") is None


@pytest.mark.parametrize("content", [False, True])
def test_while_a_stream_lasts_no_prompt_is_held_unless_a_view_tells_it(content: bool) -> None:
    """What every view tells is kept, and the bytes are gone."""

    async def asked(house: House) -> None:
        house.assembled.gateway.content = content
        await got(house.app, body={**STREAM, "seed": 7})

    body = opened(config("sim-ok"), asked).view.requests[0].inbound.body
    assert body is not None
    assert list(body.fields) == (["model", "messages", "stream", "seed"] if content else ["seed"])
    assert bool(body.raw) is content


def test_the_comment_block_stands_before_done() -> None:
    """What the head could not know, where every reader ignores it."""
    answer, house = ask(config("sim-ok"), STREAM)
    before, _, after = block(answer).rpartition(": tracegate-outcome ")
    assert after == "ok;finish=stop;chunks=8\n\ndata: [DONE]\n\n"
    assert ": tracegate-served-by openai" in before
    assert len(data_of(answer)) == 9
    assert house.view.requests[0].inbound.chunks == 8


def test_comments_can_be_switched_off() -> None:
    """`headers.comments: false`: nothing but the provider's events."""
    answer, _ = ask(config("sim-ok", more="headers: {comments: false}\n"), STREAM)
    assert b"tracegate" not in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_done_is_sent_where_the_provider_forgot_it() -> None:
    """The finish reason came: the answer is complete (ruling 27)."""
    answer, house = ask(config("sim-no-done"), STREAM)
    assert data_of(answer)[-1] == "[DONE]"
    assert house.view.requests[0].server.outcome == "ok"


@pytest.mark.parametrize(
    ("script", "code"),
    [("cut=4", "http_response_incomplete"), ("malformed=4", "http_protocol_error")],
)
def test_a_broken_stream_ends_with_an_error_event_and_without_done(script: str, code: str) -> None:
    """The error, the comment block, a clean end, and no `[DONE]` (ruling 27)."""
    answer, house = ask(config(f"sim-{script}"), STREAM)
    events = data_of(answer)
    error = json.loads(events[-1])["error"]
    assert ("upstream_error", code) == (error["type"], error["code"])
    assert error["record"] == answer.header("tracegate-record")
    assert block(answer).endswith(f": tracegate-outcome error;error={code};chunks={len(events)}\n\n")
    (tree,) = trees(house)
    assert tree == (
        f"\nPOST /v1/chat/completions error 200\n  route chat error broken_answer\n"
        f"    chat sim-{script} attempt=0 initial error {code}\n"
    )


def test_a_broken_stream_without_comments_ends_with_the_error_event() -> None:
    """Nothing of ours but the error."""
    answer, _ = ask(config("sim-cut=4", more="headers: {comments: false}\n"), STREAM)
    assert "error" in json.loads(data_of(answer)[-1])
    assert b"tracegate-outcome" not in answer.body


@pytest.mark.parametrize("model", ["sim-ok", "sim-cut=4", "sim-503"])
def test_without_a_log_nothing_names_a_record(model: str) -> None:
    """Neither a head nor an error, nor the end of a stream (`audit: {mode: off}`)."""
    for body in (CALL, STREAM):
        answer, house = ask(config(model, more="audit: {mode: off}\n"), body)
        assert not {"tracegate-record", "content-digest", "signature"} & {name for name, _ in answer.headers}
        assert b"receipt" not in answer.body
        assert b'"record"' not in answer.body
        assert house.log is None


def test_a_providers_own_error_event_is_kept() -> None:
    """Its type, code and unknown members (ruling 58)."""
    answer, _ = ask(config("sim-error-event=3"), STREAM)
    error = json.loads(data_of(answer)[-1])["error"]
    assert ("server_error", None) == (error["type"], error["code"])


def test_an_error_before_the_head_is_an_answer_with_a_status() -> None:
    """Also where a stream was asked for; the provider's own object, with every attempt inside."""
    answer, _ = ask(config("sim-503+message=busy"), STREAM)
    assert answer.status == 503
    assert answer.error["message"].startswith("busy ")
    assert [(one["status"], one["kind"]) for one in answer.error["attempts"]] == [(503, "initial")]
    assert answer.error["record"] == answer.header("tracegate-record")
    assert answer.header("x-served-by") == 'openai;target="t0";status=503;attempt=0, tracegate;node="node-1";v="0.1.0"'


def test_what_a_failing_provider_says_of_itself_passes() -> None:
    """`OpenAI-Processing-Ms`, and `x-should-retry` once (rulings 59 and 63)."""
    script = Step(status=500, headers=(("x-should-retry", "false"), ("openai-processing-ms", "77")))
    answer, _ = ask(config("bad"), scripts={"bad": script})
    assert ("false", "77") == (answer.header("x-should-retry"), answer.header("openai-processing-ms"))


def test_what_a_provider_says_of_itself_passes_on_success() -> None:
    """The same of an answer; nothing else of its head."""
    fields = (("x-should-retry", "true"), ("openai-processing-ms", "7"), ("x-ratelimit-limit-requests", "9"))
    for body in (CALL, STREAM):
        answer, _ = ask(
            config("ok"), body, {"ok": Step(headers=(*fields, ("set-cookie", "a=b"), ("x-request-id", "p")))}
        )
        assert ("true", "7") == (answer.header("x-should-retry"), answer.header("openai-processing-ms"))
        assert not {"x-ratelimit-limit-requests", "set-cookie", "openai-organization"} & {n for n, _ in answer.headers}
        assert answer.header("x-request-id") != "p"


def test_what_can_not_stand_in_a_head_is_not_passed() -> None:
    """Only printable ASCII: the rest is dropped, and a content type replaced."""
    script = Step(content_type="application/json; ü=1", headers=(("openai-processing-ms", "7\tü"),))
    answer, _ = ask(config("odd"), scripts={"odd": script})
    assert answer.header("content-type") == "application/json"
    assert answer.header("openai-processing-ms") is None


def test_only_the_model_of_a_request_is_touched() -> None:
    """In the same dialect everything else reaches the provider as the client wrote it (ruling 57)."""
    sent = b'{"t":1E400,"model":"chat","z":{"b":1,"a":"\\ud83d"},"messages":[{"role":"user","content":"x"}],"n":1}'
    found: list[Got] = []

    async def asked(house: House) -> None:
        found.append(await got(house.app, body=sent))

    house = opened(config("sim-ok"), asked)
    assert found[0].status == 200
    assert house.exchange.log[0].body == sent.replace(b'"chat"', b'"sim-ok"')


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"model": "chat"', None),
        (b'{"messages": []}', "model"),
        (b'{"model": 7}', "model"),
        (b'{"model": "chat", "stream": "yes"}', "stream"),
    ],
)
def test_a_body_that_can_not_be_routed_is_refused(body: bytes, param: str | None) -> None:
    """400 in OpenAI's shape, with a record; nothing was tried (rulings 24 and 60)."""
    answer, house = ask(config("sim-ok"), body)
    assert (400, param) == (answer.status, answer.error["param"])
    assert answer.header("tracegate-record") == f"tg-{answer.header('x-request-id')}"
    assert answer.header("tracegate-attempts") is None
    assert len(house.exchange.log) == 0
    assert trees(house) == ["\nPOST /v1/chat/completions error 400\n"]


def test_an_unknown_model_is_not_found() -> None:
    """404 `model_not_found` with what was meant, and a record."""
    answer, _ = ask(config("sim-ok"), {**CALL, "model": "chatt"})
    assert (404, "model_not_found", "model") == (answer.status, answer.error["code"], answer.error["param"])
    assert "Did you mean `chat`?" in answer.error["message"]
    assert answer.header("tracegate-record") is not None


def test_the_alias_is_the_clients_text_and_bounded() -> None:
    """What a catch-all route takes may be of any length."""
    text = config("sim-ok").replace("  chat:", '  "*":')
    _, house = ask(text, {**CALL, "model": "m" * 1000})
    assert house.view.requests[0].inbound.alias == "m" * 256


def test_accept_does_not_decide_the_form() -> None:
    """`stream` of the body does."""
    found: list[Got] = []

    async def asked(house: House) -> None:
        for accept, body in (("text/event-stream", CALL), ("application/json", STREAM)):
            found.append(await got(house.app, headers={"accept": accept, "content-type": "text/plain"}, body=body))

    opened(config("sim-ok"), asked)
    assert ["application/json", "text/event-stream; charset=utf-8"] == [a.header("content-type") for a in found]


def test_a_buffered_stream_has_final_headers() -> None:
    """Nothing is released before the whole answer is there, so its attempt is closed in the head."""
    answer, _ = ask(config("sim-ok+pace=10ms", route="delivery: buffered, "), STREAM)
    assert ";dur=" in (answer.header("tracegate-attempts") or "")
    assert data_of(answer)[-1] == "[DONE]"


def test_a_stream_that_stalls_is_broken_by_its_idle_limit() -> None:
    """In band, as every failure behind the head."""
    answer, _ = ask(config("slow"), STREAM, {"slow": Step(stall=At("events", 3))})
    assert json.loads(data_of(answer)[-1])["error"]["code"] == "connection_read_timeout"


@pytest.mark.parametrize("said", ["unknown", "x" * 257, " "])
def test_a_content_type_that_no_leaf_could_repeat_is_replaced(said: str) -> None:
    """What is unknown is not told, and what is long is not either."""
    answer, _ = ask(config("odd"), scripts={"odd": Step(body=ODD, content_type=said)})
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
