"""The clients that people use read the simulator's answers as they read a real provider's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest
from langchain_openai import ChatOpenAI

from tracegate.testing.process import SimulatorProcess
from tracegate.testing.wire_answer import TEXT
from tracegate.testing.wire_flavour import FLAVOURS

MESSAGES: Any = [{"role": "user", "content": "hi"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture(scope="module")
def sim() -> Iterator[SimulatorProcess]:
    """A simulator for blocking clients."""
    with SimulatorProcess() as process:
        yield process


@pytest.fixture
def client(sim: SimulatorProcess) -> Iterator[openai.OpenAI]:
    """The official client, without retries of its own."""
    with openai.OpenAI(base_url=sim.base_url, api_key="sk-0123456789", max_retries=0, timeout=5) as made:
        yield made


def test_an_answer_whole_and_streamed(client: openai.OpenAI) -> None:
    """Text, usage, ids of the request."""
    answer = client.chat.completions.with_raw_response.create(model="gpt", messages=MESSAGES)
    whole = answer.parse()
    assert whole.choices[0].message.content == TEXT
    assert whole.usage is not None
    assert whole._request_id == answer.headers["x-request-id"]
    stream = client.chat.completions.create(
        model="gpt", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize("form", ["crlf", "comments", "multiline", "tight", "split=1", "gzip", "deflate", "pings=3"])
def test_every_form_of_a_stream(client: openai.OpenAI, form: str) -> None:
    """Says the same."""
    stream = client.chat.completions.create(model=f"sim-{form}", messages=MESSAGES, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == TEXT


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("400", openai.BadRequestError),
        ("context-length", openai.BadRequestError),
        ("401", openai.AuthenticationError),
        ("403", openai.PermissionDeniedError),
        ("404", openai.NotFoundError),
        ("422", openai.UnprocessableEntityError),
        ("429", openai.RateLimitError),
        ("503", openai.InternalServerError),
        ("reset-before-head", openai.APIConnectionError),
        ("cut=half", openai.APIConnectionError),
    ],
)
def test_errors_are_the_clients_own(client: openai.OpenAI, script: str, error: type[openai.APIError]) -> None:
    """By status, with the code."""
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=f"sim-{script}", messages=MESSAGES)
    if script == "context-length":
        assert raised.value.code == "context_length_exceeded"


def test_an_error_in_a_stream(client: openai.OpenAI) -> None:
    """Is raised where it comes."""
    stream = client.chat.completions.create(model="sim-error-event=2", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError, match="server had an error"):
        list(stream)


def test_tools_and_structured_output(client: openai.OpenAI) -> None:
    """By the client's own helpers, whole and streamed."""

    class Place(pydantic.BaseModel):
        city: str
        size: int

    call = client.chat.completions.create(model="sim-tools", messages=MESSAGES, tools=[TOOL]).choices[0].message
    assert call.tool_calls is not None
    assert isinstance(call.tool_calls[0], openai.types.chat.ChatCompletionMessageFunctionToolCall)
    assert (call.tool_calls[0].function.name, call.tool_calls[0].function.arguments) == ("weather", '{"city":"text"}')
    parsed = client.chat.completions.parse(model="gpt", messages=MESSAGES, response_format=Place)
    assert parsed.choices[0].message.parsed == Place(city="text", size=1)
    with client.chat.completions.stream(model="gpt", messages=MESSAGES, response_format=Place) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Place(city="text", size=1)


@pytest.mark.parametrize("provider", FLAVOURS)
def test_langchain_reads_every_provider(sim: SimulatorProcess, provider: str) -> None:
    """Whole and streamed, with the counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ChatOpenAI(model="gpt", base_url=sim.url(provider), api_key=pydantic.SecretStr("k"), stream_usage=True)
        whole = model.invoke("hi")
        chunks = list(model.stream("hi"))
    assert whole.content == TEXT
    assert "".join(str(chunk.content) for chunk in chunks) == TEXT
    assert whole.usage_metadata is not None
    tokens = [chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata]
    assert sum(tokens) == whole.usage_metadata["output_tokens"]
