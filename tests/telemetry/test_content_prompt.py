"""The prompt of an attempt: messages, instructions, tools, each bounded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.telemetry.content_form import wrong_in
from tests.telemetry.made import AZURE
from tracegate.telemetry import names
from tracegate.telemetry.content_prompt import prompt
from tracegate.telemetry.content_values import CUT, MOST
from tracegate.telemetry.protobuf import any_value
from tracegate.wire.body import Body


def told(**body: Any) -> dict[str, Any]:
    """The attributes of a prompt."""
    return dict(prompt(Body(json.dumps({"model": "chat", **body}).encode()), AZURE))


def test_a_conversation_is_told_in_its_order() -> None:
    """What the role `system` says is a message, for it was not given apart from them."""
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
        "no message",
    ]
    found = told(messages=messages)
    assert list(found) == [names.GEN_AI_INPUT_MESSAGES]
    said = found[names.GEN_AI_INPUT_MESSAGES]
    assert [message["role"] for message in said] == ["system", "user", "assistant", "tool"]
    assert said[0]["parts"] == [{"type": "text", "content": "Be kind."}]
    assert wrong_in(said) == []


@pytest.mark.parametrize("messages", [None, [], "hi", {"role": "user"}, [1, None]])
def test_what_are_no_messages_is_absent(messages: object) -> None:
    """Whether that is an error was the provider's to judge."""
    assert told(messages=messages) == {}
    assert told() == {}


def test_instructions_are_those_given_apart() -> None:
    """As text, or in parts; of parts they hold texts only."""
    assert told(instructions="Be kind.", system=[{"type": "text", "text": "And brief."}]) == {
        names.GEN_AI_SYSTEM_INSTRUCTIONS: [
            {"type": "text", "content": "Be kind."},
            {"type": "text", "content": "And brief."},
        ]
    }
    (part,) = told(system="x" * (MOST + 5))[names.GEN_AI_SYSTEM_INSTRUCTIONS]
    assert (len(part["content"]), part[CUT]) == (MOST, 5)


def test_tools_are_told_with_their_schemas() -> None:
    """What OpenAI nests stands beside the type; other tools keep their members, and their type as a name."""
    schema = {"type": "object", "properties": {"city": {"type": "string", "default": None}}, "required": ["city"]}
    tools = [
        {
            "type": "function",
            "function": {"name": "weather", "description": "The weather.", "parameters": schema, "strict": True},
        },
        {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}, "": 1}},
        {"type": "web_search", "domains": ["example.org"]},
        {"name": "flat", "description": None},
        "no tool",
    ]
    functions = [{"name": "old", "parameters": {}}]
    assert told(tools=tools, functions=functions) == {
        names.GEN_AI_TOOL_DEFINITIONS: [
            {
                "type": "function",
                "name": "weather",
                "description": "The weather.",
                "parameters": schema,
                "strict": True,
            },
            {"type": "custom", "name": "sql", "format": {"type": "text"}},
            {"type": "web_search", "name": "web_search", "domains": ["example.org"]},
            {"type": "function", "name": "flat", "description": None},
            {"type": "function", "name": "old", "parameters": {}},
        ]
    }


def test_the_request_is_told_as_it_was_sent_to_the_target() -> None:
    """Configured defaults stand in where the client said nothing, forced fields replace what it said."""
    target = replace(
        AZURE, defaults={"system": b'"default"', "tools": b"[]"}, forced={"messages": b'[{"content":"x"}]'}
    )
    body = Body(b'{"model":"chat","messages":[],"tools":[{"name":"f"}]}')
    found = prompt(body, target)
    assert found[names.GEN_AI_SYSTEM_INSTRUCTIONS] == [{"type": "text", "content": "default"}]
    assert found[names.GEN_AI_INPUT_MESSAGES] == [{"role": "user", "parts": [{"type": "text", "content": "x"}]}]
    assert found[names.GEN_AI_TOOL_DEFINITIONS] == [{"type": "function", "name": "f"}]


def test_of_a_long_conversation_the_newest_messages_are_told() -> None:
    """The oldest of these is cut, and says how many bytes are missing there and before."""
    size = 3 * MOST // 10
    messages = [{"role": "user", "content": f"{number}" * size} for number in range(6)]
    said = told(messages=messages)[names.GEN_AI_INPUT_MESSAGES]
    assert [message["parts"][0]["content"][0] for message in said] == ["2", "3", "4", "5"]
    assert [CUT in message for message in said] == [True, False, False, False]
    kept = sum(len(message["parts"][0]["content"]) for message in said)
    assert MOST - 5 * 32 <= kept <= MOST
    left_out = sum(len(json.dumps(message)) for message in messages[:2])
    assert said[0][CUT] == 4 * size - kept + left_out
    assert len(any_value(said)) < MOST + 1000


def test_of_many_tools_the_first_are_told() -> None:
    """One that is too large loses what does not fit; what follows is counted."""
    parameters = {"enum": ["x" * 400_000]}
    tools = [{"type": "function", "function": {"name": f"f{n}", "parameters": parameters}} for n in range(3)]
    tools.append({"type": "function", "function": {"name": "g", "description": "y" * 400_000}})
    tools.append({"type": "function", "function": {"name": "h"}})
    said = told(tools=tools)[names.GEN_AI_TOOL_DEFINITIONS]
    assert [(tool["name"], "parameters" in tool, "description" in tool, CUT in tool) for tool in said] == [
        ("f0", True, False, False),
        ("f1", True, False, False),
        ("f2", False, False, False),
        ("g", False, True, True),
    ]
    assert said[-1][CUT] > 400_000 + 200_000


def test_a_prompt_that_only_a_lenient_reader_takes_is_told() -> None:
    """Half a surrogate pair in a message does not hide the others."""
    body = Body(rb'{"model":"chat","messages":[{"role":"user","content":"a"},{"role":"user","content":"\ud83d"}]}')
    said: Any = prompt(body, AZURE)[names.GEN_AI_INPUT_MESSAGES]
    assert [message["parts"][0]["content"] for message in said] == ["a", "\ud83d"]
