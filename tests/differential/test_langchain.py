"""LangChain's chat model: messages, chunks, tools, structured output, exceptions, straight and through the gateway."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from langchain_core.messages import BaseMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from tests.differential.cases import CLIENT_CALL, CLIENT_STREAM, SPOKEN, Case, rows
from tests.differential.comparing import compare
from tests.differential.failures import BROKEN, DYING, ERRORS, MID_STREAM
from tests.differential.official import named, of_exception
from tests.differential.seeing import Seen
from tests.differential.ways import CLIENT_KEY, Way, Ways
from tracegate.testing.script import Step

pytestmark = pytest.mark.slow

PROMPT = [("system", "Be brief."), ("human", "hi")]


class City(BaseModel):
    """Something to be asked for."""

    name: str
    people: int


class Chain:
    """A chat model for a way, over clients that are shared; asks as an application does."""

    def __init__(self, http: httpx2.Client, later: httpx2.AsyncClient, runner: asyncio.Runner) -> None:
        self._http = http
        self._later = later
        self._runner = runner

    def at(self, way: Way, **settings: Any) -> ChatOpenAI:
        """The model; nothing differs between the ways but `base_url` and `model`."""
        return ChatOpenAI(
            base_url=way.base_url,
            model=way.model,
            api_key=SecretStr(CLIENT_KEY),
            max_retries=0,
            http_client=self._http,
            http_async_client=self._later,
            **settings,
        )

    def invoke(self, way: Way, **settings: Any) -> Seen:
        """A message as a whole."""
        return _answer(lambda: self.at(way, **settings).invoke(PROMPT))

    def ainvoke(self, way: Way, **settings: Any) -> Seen:
        """The same, async."""
        return _answer(lambda: self._runner.run(self.at(way, **settings).ainvoke(PROMPT)))

    def stream(self, way: Way, **settings: Any) -> Seen:
        """A message in chunks."""
        return _chunks(lambda keep: _each(self.at(way, **settings).stream(PROMPT), keep))

    def astream(self, way: Way, **settings: Any) -> Seen:
        """The same, async."""

        async def read(keep: Callable[[Any], None]) -> None:
            async for chunk in self.at(way, **settings).astream(PROMPT):
                keep(chunk)

        return _chunks(lambda keep: self._runner.run(read(keep)))


def _each(chunks: Iterator[Any], keep: Callable[[Any], None]) -> None:
    for chunk in chunks:
        keep(chunk)


def _answer(ask: Callable[[], Any]) -> Seen:
    try:
        return {"kind": "answer", "answer": plain(ask())}
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        return of_exception(exc)


def _chunks(read: Callable[[Callable[[Any], None]], None]) -> Seen:
    chunks: list[Any] = []
    try:
        read(lambda chunk: chunks.append(plain(chunk)))
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        if not chunks:
            return of_exception(exc)
        return {"kind": "stream", "chunks": chunks, "broken": {named(exc): of_exception(exc)}}
    return {"kind": "stream", "chunks": chunks, "broken": {}}


def plain(value: Any) -> Any:
    """A result as plain data; the ids of runs are drawn by LangChain itself."""
    if isinstance(value, BaseMessage):
        return value.model_dump() | {"id": re.sub(r"run-.*", "run", value.id or "")}
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, BaseModel):
        return {"class": type(value).__name__, **value.model_dump()}
    return named(value) if isinstance(value, Exception) else value


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    """Clients, and a loop for the async one."""
    with asyncio.Runner() as runner, httpx2.Client() as http:
        later = httpx2.AsyncClient()
        try:
            yield Chain(http, later, runner)
        finally:
            runner.run(later.aclose())


FORMS = pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])


def each(*cases: Case) -> pytest.MarkDecorator:
    """A test for each case."""
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def asked(ways: Ways, chain: Chain, case: Case, form: str, **settings: Any) -> set[str]:
    """The rows that occur when an application asks so; a stream asks for its usage."""
    if form in ("stream", "astream"):
        settings = {"stream_usage": True} | settings

    def ask(way: Way) -> Seen:
        seen: Seen = getattr(chain, form)(way, **settings)
        return seen

    return compare(ways, ask, case.script, case.provider, case.target)


def call(form: str) -> frozenset[str]:
    """The rows of every call of this form."""
    return CLIENT_STREAM if form in ("stream", "astream") else CLIENT_CALL


@pytest.mark.parametrize("form", ["invoke", "astream"])
@each(*SPOKEN)
def test_messages_are_the_same(ways: Ways, chain: Chain, case: Case, form: str) -> None:
    """Content, tool calls, usage and metadata, whole or chunk by chunk."""
    assert call(form) == asked(ways, chain, case, form)


@pytest.mark.parametrize("form", ["invoke", "astream"])
@each(*[case for case in ERRORS if case.target != "once"])
def test_exceptions_are_the_same(ways: Ways, chain: Chain, case: Case, form: str) -> None:
    """Those that LangChain makes of the client's."""
    assert call(form) | rows("request id") | case.differs == asked(ways, chain, case, form)


@pytest.mark.parametrize("form", ["invoke", "astream"])
@each(*[case for case in BROKEN if case.target in ("", "alone")])
def test_what_is_no_answer_raises(ways: Ways, chain: Chain, case: Case, form: str) -> None:
    """An exception that says what happened."""
    assert call(form) | case.differs == asked(ways, chain, case, form)


@pytest.mark.parametrize("form", ["stream", "astream"])
@each(*[case for case in DYING + MID_STREAM if case.target == ""])
def test_a_stream_that_dies_raises(ways: Ways, chain: Chain, case: Case, form: str) -> None:
    """After the same chunks."""
    assert call(form) | case.differs == asked(ways, chain, case, form)


@FORMS
def test_many_settings(ways: Ways, chain: Chain, form: str) -> None:
    """All of them reach the provider."""
    settings: dict[str, Any] = {
        "temperature": 0.3,
        "seed": 7,
        "logprobs": True,
        "stop": ["\n"],
        "organization": "org-1",
        "extra_body": {"top_k": 5},
        "default_headers": {"OpenAI-Beta": "x=1", "X-Custom": "1"},
        "model_kwargs": {"user": "someone"},
    }
    assert call(form) == asked(ways, chain, Case("many settings", "ok"), form, **settings)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tools(ways: Ways, chain: Chain, stream: bool) -> None:
    """Bound tools are called with the same arguments."""

    def ask(way: Way) -> Seen:
        bound = chain.at(way, stream_usage=True).bind_tools([City])
        return (
            _chunks(lambda keep: _each(bound.stream(PROMPT), keep)) if stream else _answer(lambda: bound.invoke(PROMPT))
        )

    assert (CLIENT_STREAM if stream else CLIENT_CALL) == compare(ways, ask, "tools")


@pytest.mark.parametrize(
    ("method", "script"),
    [
        ("json_schema", "ok"),
        ("json_schema", Step(text='{"name": "a"}')),
        ("json_schema", Step(refusal="I can't.")),
        ("json_schema", "finish=length"),
        ("function_calling", "tools"),
        ("function_calling", "ok"),
        ("json_mode", Step(text='{"name": "a", "people": 1}')),
        ("json_mode", Step(text="no JSON")),
    ],
    ids=str,
)
def test_structured_output(ways: Ways, chain: Chain, method: Any, script: Any) -> None:
    """An object, with what it was made of, or why there is none."""

    def ask(way: Way) -> Seen:
        model = chain.at(way).with_structured_output(City, method=method, include_raw=True)
        return _answer(lambda: model.invoke(PROMPT))

    assert compare(ways, ask, script) == CLIENT_CALL


def test_a_batch(ways: Ways, chain: Chain) -> None:
    """Several prompts, each with its own answer."""

    def ask(way: Way) -> Seen:
        return _answer(
            lambda: [plain(message) for message in chain.at(way).batch([PROMPT] * 3, {"max_concurrency": 1})]
        )

    assert compare(ways, ask, "ok") == CLIENT_CALL
