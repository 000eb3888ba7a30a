"""Good answers have OpenAI's format, by the official client's own types, and say the same whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.testing.calling import body_of
from tracegate.testing.script import Step, ToolCall
from tracegate.testing.wire_answer import TEXT, Minted, chunks, completion, said
from tracegate.testing.wire_flavour import FLAVOURS
from tracegate.testing.wire_request import Asked, read_request

MINTED = Minted("chatcmpl-1", "0123456789abcdef0123456789", 1_700_000_000)
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def asked(**members: Any) -> Asked:
    """A request."""
    found = read_request(body_of("gpt", **members))
    assert isinstance(found, Asked)
    return found


def whole(step: Step, flavour: str = "openai", **members: Any) -> dict[str, Any]:
    """A whole answer, which the official types accept."""
    call = asked(**members)
    answer = completion(step, FLAVOURS[flavour], call, said(step, call, "{}"), MINTED)
    ChatCompletion.model_validate(answer, strict=True)
    return answer


def streamed(step: Step, flavour: str = "openai", **members: Any) -> list[dict[str, Any]]:
    """A stream's chunks, which the official types accept (Azure's first one apart, which has no `object`)."""
    call = asked(stream=True, **members)
    made, _ = chunks(step, FLAVOURS[flavour], call, said(step, call, "{}"), MINTED)
    for chunk in made:
        if chunk["object"]:
            ChatCompletionChunk.model_validate(chunk, strict=True)
    return made


def joined(made: list[dict[str, Any]], index: int = 0) -> dict[str, Any]:
    """What a reader of one choice has in the end."""
    message: dict[str, Any] = {"role": None, "content": "", "reasoning_content": "", "refusal": "", "calls": {}}
    finish = None
    for choice in (choice for chunk in made for choice in chunk["choices"] if choice["index"] == index):
        delta = choice["delta"]
        message["role"] = delta.get("role", message["role"])
        for name in ("content", "reasoning_content", "refusal"):
            message[name] += delta.get(name) or ""
        for call in delta.get("tool_calls", []):
            known = message["calls"].setdefault(call["index"], {"arguments": ""})
            known["name"] = call["function"].get("name", known.get("name"))
            known["id"] = call.get("id", known.get("id"))
            known["arguments"] += call["function"]["arguments"]
        finish = choice["finish_reason"] or finish
    return message | {"finish": finish}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "step",
    [
        Step(),
        Step(words=40),
        Step(text=" lead  and trail \n"),
        Step(reasoning="first think", text="then speak"),
        Step(refusal="I can't."),
        Step(tools=True),
        Step(calls=(ToolCall("a", '{"x": 1}'), ToolCall("b", '{"y": "long enough to be split"}'))),
        Step(choices=3),
        Step(finish="length"),
    ],
    ids=repr,
)
def test_whole_and_streamed_say_the_same(step: Step, flavour: str) -> None:
    """Each choice's text, reasoning, refusal, calls and finish reason, and the counts."""
    answer = whole(step, flavour, tools=[TOOL])
    made = streamed(step, flavour, tools=[TOOL], stream_options={"include_usage": True})
    for choice in answer["choices"]:
        message = choice["message"]
        found = joined(made, choice["index"])
        assert found["role"] == "assistant"
        assert found["finish"] == choice["finish_reason"]
        assert found["content"] == (message["content"] or "")
        assert found["refusal"] == (message["refusal"] or "")
        assert found["reasoning_content"] == message.get("reasoning_content", "")
        calls = [
            {"name": call["function"]["name"], "id": call["id"], "arguments": call["function"]["arguments"]}
            for call in message.get("tool_calls", [])
        ]
        assert list(found["calls"].values()) == calls
    usages = [chunk["usage"] for chunk in made if chunk.get("usage")]
    assert usages == [answer["usage"]]


def test_what_is_said_is_what_the_step_says() -> None:
    """A text, words, the prompt, the request, or the usual sentence."""

    def text(step: Step, received: str = "") -> str:
        return "".join(said(step, asked(), received).text)

    assert text(Step()) == TEXT
    assert text(Step(text="")) == ""
    assert len(text(Step(words=30)).split()) == 30
    assert text(Step(words=0)) == ""
    assert text(Step(say="prompt")).startswith("Where is the tower?")
    assert text(Step(say="request"), '{"a":1}') == '{"a":1}'


def test_words_are_events() -> None:
    """So many words, so many chunks, besides role, finish reason and usage."""
    assert len(streamed(Step(words=2000))) == 2002


def test_structured_output_fits_its_schema() -> None:
    """Unless the step says what to answer."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "size": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    content = whole(Step(), response_format=wanted)["choices"][0]["message"]["content"]
    assert json.loads(content) == {"city": "text", "size": 1}
    content = whole(Step(), response_format={"type": "json_object"})["choices"][0]["message"]["content"]
    assert json.loads(content) == {"answer": "text"}
    assert whole(Step(), response_format={"type": "text"})["choices"][0]["message"]["content"] == TEXT
    assert whole(Step(text="x"), response_format=wanted)["choices"][0]["message"]["content"] == "x"


def test_the_first_tool_is_called_with_arguments_that_fit() -> None:
    """And its id is derived from the request's."""
    choice = whole(Step(tools=True), tools=[TOOL])["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    call = {"name": "weather", "arguments": '{"city":"text"}'}
    assert choice["message"]["tool_calls"] == [
        {"id": "call_0123456789abcdef01234500", "type": "function", "function": call}
    ]


@pytest.mark.parametrize(
    ("usage", "asks", "on"),
    [
        ("asked", False, []),
        ("asked", True, ["apart"]),
        ("never", True, []),
        ("always", False, ["apart"]),
        ("last", False, ["finish"]),
        ("last", True, ["finish"]),
        ("each", False, ["role", "text", "text", "finish"]),
        ("each", True, ["role", "text", "text", "finish", "apart"]),
    ],
)
def test_usage_in_a_stream_stands_where_the_step_says(usage: Any, asks: bool, on: list[str]) -> None:
    """And where it is asked for and stands apart, the others have null."""
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asks else {}
    made = streamed(Step(text="two words", usage=usage), **options)
    places = ["role", "text", "text", "finish", "apart"]
    assert [place for place, chunk in zip(places, made, strict=False) if chunk.get("usage")] == on
    nulls = [chunk for chunk in made if "usage" in chunk and chunk["usage"] is None]
    assert len(nulls) == (4 if asks and usage == "asked" else 0)


def test_usage_can_be_set_or_left_out() -> None:
    """Counts that the step names win."""
    step = Step(prompt_tokens=100, completion_tokens=7, cached_tokens=64, reasoning_tokens=5)
    usage = whole(step, "vllm")["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (100, 7, 107)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 64
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5
    assert "usage" not in whole(Step(usage="never"))
    assert "prompt_tokens_details" not in whole(Step(), "vllm")["usage"]


def test_what_signs_an_answer_can_be_set_or_left_out() -> None:
    """Model, fingerprint and tier."""
    answer = whole(Step(served="gpt-2024-08-06", fingerprint="fp_1", tier="flex"))
    assert (answer["model"], answer["system_fingerprint"], answer["service_tier"]) == ("gpt-2024-08-06", "fp_1", "flex")
    answer = completion(
        Step(served="", fingerprint="", tier=""), FLAVOURS["openai"], asked(), said(Step(), asked(), ""), MINTED
    )
    assert not {"model", "system_fingerprint", "service_tier"} & answer.keys()
    assert whole(Step())["model"] == "gpt"


def test_a_finish_reason_may_never_come() -> None:
    """Then no chunk ends the choice."""
    made = streamed(Step(finish=""))
    assert joined(made)["finish"] is None
    assert made[-1]["choices"][0]["delta"] == {"content": " answer."}
    answer = completion(Step(finish=""), FLAVOURS["openai"], asked(), said(Step(finish=""), asked(), ""), MINTED)
    assert answer["choices"][0]["finish_reason"] is None


def test_azure_opens_a_stream_with_a_chunk_without_choices() -> None:
    """And says its filter's verdicts."""
    made, opening = chunks(Step(), FLAVOURS["azure"], asked(stream=True), said(Step(), asked(), ""), MINTED)
    assert made[0]["choices"] == []
    assert made[0]["prompt_filter_results"]
    assert opening == 2
    assert whole(Step(), "azure")["choices"][0]["content_filter_results"]["hate"]["severity"] == "safe"


@pytest.mark.parametrize("flavour", ["mistral", "groq", "deepseek"])
def test_some_providers_tell_usage_with_the_finish_reason(flavour: str) -> None:
    """Asked or not."""
    made = streamed(Step(), flavour)
    assert [bool(chunk.get("usage")) for chunk in made] == [False] * (len(made) - 1) + [True]
    assert made[-1]["choices"][0]["finish_reason"] == "stop"


def test_several_choices_come_one_after_the_other_piece_by_piece() -> None:
    """As OpenAI interleaves them; output begins behind their roles."""
    made, opening = chunks(
        Step(text="a b"), FLAVOURS["openai"], asked(stream=True, n=2), said(Step(text="a b"), asked(n=2), ""), MINTED
    )
    assert opening == 2
    assert [chunk["choices"][0]["index"] for chunk in made] == [0, 1] * 4
