"""The official OpenAI client, sync and async: what it returns, raises and sends, straight and through the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Literal, get_args

import pytest
from openai import AsyncOpenAI, OpenAI, pydantic_function_tool
from pydantic import BaseModel

from tests.differential.bare import LONGEST_S, MESSAGES
from tests.differential.cases import ANSWERS, CLIENT_CALL, CLIENT_STREAM, ODD, SPOKEN, Case, odd, rows
from tests.differential.comparing import compare
from tests.differential.failures import BROKEN, CUT, DYING, ERRORS, FLAVOURED, MID_STREAM
from tests.differential.official import Form, Official, of_exception, of_result, plain
from tests.differential.seeing import Seen
from tests.differential.ways import CLIENT_KEY, Way, Ways
from tracegate.testing.script import Step, ToolCall

pytestmark = pytest.mark.slow

SILENT = ("impatient", "deadline")
PATIENCE_S = 0.3  # with a silent provider; the gateway is waited for, it has limits of its own


class City(BaseModel):
    """Something to be asked for."""

    name: str
    country: Literal["France", "Japan"]
    people: int
    districts: list[str]


@pytest.fixture(scope="module")
def official() -> Iterator[Official]:
    """Both clients, and a loop for the async one."""
    with asyncio.Runner() as runner, OpenAI(api_key=CLIENT_KEY) as sync:
        asynchronous = AsyncOpenAI(api_key=CLIENT_KEY)
        try:
            yield Official(sync, asynchronous, runner.run)
        finally:
            runner.run(asynchronous.close())


def each(*cases: Case) -> pytest.MarkDecorator:
    """A test for each case that a client can tell from others; those with limits of their own are asked sync only."""
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


FORMS = pytest.mark.parametrize("form", get_args(Form))
WHOLE = pytest.mark.parametrize("form", ["whole", "whole, async"])
STREAM = pytest.mark.parametrize("form", ["stream", "stream, async"])
SYNC = pytest.mark.parametrize("form", ["whole", "stream"])


def asked(ways: Ways, official: Official, case: Case, form: Form, **members: Any) -> set[str]:
    """The rows that occur when a client asks so; a stream asks for its usage unless told otherwise."""
    if form.startswith("stream"):
        members = {"stream_options": {"include_usage": True}} | members

    def ask(way: Way) -> Seen:
        gives_up = case.target in SILENT and not way.through
        return official.ask(form, way, patience_s=PATIENCE_S if gives_up else LONGEST_S, **members)

    return compare(ways, ask, case.script, case.provider, case.target)


def call(form: Form) -> frozenset[str]:
    """The rows of every call of this form."""
    return CLIENT_STREAM if form.startswith("stream") else CLIENT_CALL


def answer(form: Form) -> frozenset[str]:
    """The rows of every answer of this form; of a stream the client does not tell the request's id."""
    return CLIENT_STREAM if form.startswith("stream") else CLIENT_CALL | rows("request id")


@FORMS
@each(*SPOKEN)
def test_results_are_the_same(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """Every member of the completion, every chunk in order."""
    assert answer(form) == asked(ways, official, case, form)


@SYNC
@each(*[case for case in ANSWERS if case not in SPOKEN])
def test_results_are_the_same_however_they_are_brought(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """Compressed, in chunks, on a connection that closes."""
    assert answer(form) == asked(ways, official, case, form)


@SYNC
@pytest.mark.parametrize("name", sorted(ODD.keys() - {"numbers beyond a double"}))
def test_odd_json_is_the_same(ways: Ways, official: Official, name: str, form: Form) -> None:
    """What this client can read; or the same exception, where it can't."""
    expected = answer(form)
    assert expected == asked(ways, official, Case(name, odd(name, form == "stream")), form)


@FORMS
@each(*ERRORS)
def test_exceptions_are_the_same(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """Class, status, code, param, type, message and body."""
    assert call(form) | rows("request id") | case.differs == asked(ways, official, case, form)


@SYNC
@each(*[case for case in FLAVOURED if case.provider in ("azure", "vllm", "mistral", "openrouter")])
def test_exceptions_of_other_providers_are_the_same(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """The client shows the object that is the error, and not what stands beside it."""
    expected = call(form) | rows("request id") | case.differs
    assert expected - rows("beside the error") == asked(ways, official, case, form)


@pytest.mark.parametrize("form", ["whole", "stream, async"])
@each(*[case for case in BROKEN if case.target in ("", "alone")])
def test_what_is_no_answer_raises(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """An exception with a status, where the client would connect in vain, stumble over the JSON or return anything."""
    assert call(form) | case.differs == asked(ways, official, case, form)


@SYNC
@each(*[case for case in BROKEN if case.target in ("impatient", "deadline")])
def test_silence_raises(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """504 by the gateway's limit, where the client would wait for its own."""
    expected = call(form) | case.differs
    assert expected == asked(ways, official, case, form)


@WHOLE
@each(*CUT)
def test_a_broken_answer_raises(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """With a status."""
    assert CLIENT_CALL | case.differs == asked(ways, official, case, form)


@STREAM
@each(*DYING)
def test_a_stream_that_said_nothing_raises_at_once(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """When the stream is opened, so that the client may ask again."""
    assert CLIENT_STREAM | case.differs == asked(ways, official, case, form)


@STREAM
@each(*MID_STREAM)
def test_a_stream_that_dies_raises(ways: Ways, official: Official, case: Case, form: Form) -> None:
    """After the same chunks, with a code that says what happened."""
    assert CLIENT_STREAM | case.differs == asked(ways, official, case, form)


@pytest.mark.parametrize(
    ("script", "differs"), [("ok", ""), ("usage=always", "usage hidden"), ("usage=each", ""), ("flavour=azure", "")]
)
def test_a_client_that_did_not_ask_for_usage(ways: Ways, official: Official, script: str, differs: str) -> None:
    """Sees no chunk without choices, but for what the provider sends anyway."""
    expected = CLIENT_STREAM | rows(f"usage asked, {differs}")
    assert expected == asked(ways, official, Case(script, script), "stream", stream_options=None)


@FORMS
def test_every_member_of_a_call_passes(ways: Ways, official: Official, form: Form) -> None:
    """Known ones, unknown ones, and those that only a provider can judge."""
    members: dict[str, Any] = {
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "temperature": 0.7,
        "seed": 2**53 + 1,
        "stop": ["\n", "é"],
        "logit_bias": {"50256": -100},
        "max_completion_tokens": 100,
        "user": "someone",
        "metadata": {"a": "b"},
        "reasoning_effort": "low",
        "service_tier": "flex",
        "extra_body": {"unknown": {"deep": [1, None]}, "top_k": 5},
        "extra_headers": {"OpenAI-Beta": "x=1", "OpenAI-Organization": "org-1", "OpenAI-Project": "proj-1"},
        "extra_query": {"api-version": "2024-10-21"},
    }
    expected = answer(form) | rows("query")
    assert expected == asked(ways, official, Case("many members", "ok"), form, **members)


@FORMS
@pytest.mark.parametrize(
    "script", ["tools", Step(calls=(ToolCall("City", '{"name": "\u00e9"'), ToolCall("Country")))], ids=str
)
def test_tools(ways: Ways, official: Official, form: Form, script: Any) -> None:
    """Calls of tools, whole and in pieces."""
    members = {"tools": [pydantic_function_tool(City)], "tool_choice": "auto", "parallel_tool_calls": True}
    expected = answer(form)
    assert expected == asked(ways, official, Case("tools", script), form, **members)


@pytest.mark.parametrize(
    "script",
    ["ok", "finish=length", "filtered", Step(refusal="I can't."), Step(text='{"name": 1}'), Step(text="no JSON")],
    ids=str,
)
def test_parsing_into_a_model(ways: Ways, official: Official, script: Any) -> None:
    """An object of the class asked for, a refusal, or the exception that says why there is none."""

    def ask(way: Way) -> Seen:
        try:
            answer = official.at(way).chat.completions.parse(model=way.model, messages=MESSAGES, response_format=City)
        except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
            return of_exception(exc)
        parsed = answer.choices[0].message.parsed
        return of_result(answer) | {"parsed": plain(parsed), "class": type(parsed).__name__}

    expected = (
        CLIENT_CALL if script in ("finish=length", "filtered") or getattr(script, "text", None) else answer("whole")
    )
    assert expected == compare(ways, ask, script)


def test_parsing_the_arguments_of_a_tool(ways: Ways, official: Official) -> None:
    """As an object of the class that describes it."""

    def ask(way: Way) -> Seen:
        answer = official.at(way).chat.completions.parse(
            model=way.model, messages=MESSAGES, tools=[pydantic_function_tool(City)]
        )
        (call,) = answer.choices[0].message.tool_calls or []
        return of_result(answer) | {"parsed": plain(call.function.parsed_arguments)}

    assert compare(ways, ask, "tools") == answer("whole")


@pytest.mark.parametrize("script", ["ok", "tools", "finish=length", Step(refusal="I can't help."), "cut=2"], ids=str)
def test_the_helper_for_streams(ways: Ways, official: Official, script: Any) -> None:
    """Every event that it makes of the chunks, and the completion that it adds up."""

    def ask(way: Way) -> Seen:
        seen: Seen = {"kind": "stream", "chunks": [], "broken": {}}
        try:
            with official.at(way).chat.completions.stream(
                model=way.model, messages=MESSAGES, response_format=City, tools=[pydantic_function_tool(City)]
            ) as stream:
                for event in stream:
                    seen["chunks"].append({"event": event.type} | event.model_dump())
                seen["whole"] = stream.get_final_completion().model_dump()
        except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
            seen["broken"] = {of_exception(exc)["exception"]: of_exception(exc)}
        return seen

    expected = CLIENT_STREAM | rows("usage asked")
    expected |= rows("broken in band, whole framing") if script == "cut=2" else set()
    assert expected == compare(ways, ask, script)


@pytest.mark.parametrize(
    ("form", "script", "differs"),
    [
        ("whole", "503:ok", ""),
        ("stream", "reset-before-head:ok", ""),
        ("whole", "429+retry-after-ms=50:ok", ""),
        ("whole, async", "quota", "record in errors, account, asked once"),
    ],
)
def test_a_client_that_retries(ways: Ways, official: Official, form: Form, script: str, differs: str) -> None:
    """As often as it would, but not where that is in vain."""
    target = {"reset-before-head:ok": "alone", "429+retry-after-ms=50:ok": "once"}.get(script, "")
    expected = (answer(form)) | rows(differs)
    assert expected == asked(ways, official, Case(script, script, target=target), form, retries=1)


@SYNC
def test_a_client_that_gives_up(ways: Ways, official: Official, form: Form) -> None:
    """Raises what it always does, and the provider notices that nobody waits."""

    def ask(way: Way) -> Seen:
        return official.ask(form, way, patience_s=0.1)

    expected = call(form) | (rows("usage asked") if form == "stream" else set())
    assert expected == compare(ways, ask, "silence", leaving=True)


def test_a_client_that_has_enough(ways: Ways, official: Official) -> None:
    """Sees what came so far, and the provider notices that it left."""

    def ask(way: Way) -> Seen:
        with official.at(way).chat.completions.create(
            model=way.model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        ) as stream:
            return {"kind": "stream", "chunks": [plain(next(stream)) for _ in range(3)]}

    assert compare(ways, ask, "stall=3", leaving=True) == CLIENT_STREAM


def test_a_model_is_told(ways: Ways, official: Official) -> None:
    """By the gateway's own list, for a client can't use what it does not route."""

    def ask(way: Way) -> Seen:
        return of_result(official.at(way).models.retrieve(way.model)) | {"kind": "answer"}

    assert compare(ways, ask, "ok") == rows("own list, request id")
