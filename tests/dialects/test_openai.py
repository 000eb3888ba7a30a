"""The dialect as the upstream hop uses it: requests out, readers and failures in."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import Any

import pytest

from tests.dialects.recordings import UNARY
from tracegate import __version__
from tracegate.dialects.dialect import Dialect
from tracegate.dialects.openai import OpenAI
from tracegate.dialects.openai_stream import StreamReader
from tracegate.dialects.openai_unary import UnaryReader
from tracegate.errors import Broken
from tracegate.facts import Target
from tracegate.wire.body import Body
from tracegate.wire.headers import Headers

DIALECT: Dialect = OpenAI()
USAGE = {"include_usage": True}


def target(**facts: Any) -> Target:
    """A target at OpenAI."""
    return Target(id="t", provider="openai", provider_name="openai", model="gpt-5.5", **facts)


def body(**members: Any) -> Body:
    """A client's request for the route `fast`."""
    return Body(json.dumps({"model": "fast", "messages": [], **members}).encode())


def sent(request: Body, to: Target) -> dict[str, Any]:
    """The body that the provider gets."""
    found = json.loads(DIALECT.request(request, to).body)
    assert isinstance(found, dict)
    return found


def test_the_model_is_spliced_and_all_else_stays() -> None:
    """Numbers and unknown members as the client wrote them (ruling 40)."""
    request = Body(b'{"seed":123456789012345678901234567890,"model":"fast","messages":[{"content":"\\ud83d"}],"t":1.0}')

    outgoing = DIALECT.request(request, target())

    expected = b'{"seed":123456789012345678901234567890,"model":"gpt-5.5","messages":[{"content":"\\ud83d"}],"t":1.0}'
    assert expected == outgoing.body
    assert ("POST", "/v1/chat/completions") == (outgoing.method, outgoing.path)


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/v1", "/v1/chat/completions"),
        ("", "/chat/completions"),
        ("/", "/chat/completions"),
        ("/a/b/", "/a/b/chat/completions"),
    ],
)
def test_the_path_is_below_the_base(base: str, path: str) -> None:
    """Whatever way the base is written."""
    assert path == DIALECT.request(body(), target(path=base)).path


def test_headers_are_ours() -> None:
    """Nothing of the client's; no coding is asked for; credentials come later."""
    ours = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"tracegate/{__version__}",
    }

    assert {**ours, "accept": "application/json"} == dict(DIALECT.request(body(), target()).headers)
    streamed = DIALECT.request(body(stream=True), target()).headers
    assert {**ours, "accept": "text/event-stream, application/json"} == dict(streamed)


def test_a_request_may_be_changed_without_changing_the_next() -> None:
    """The upstream hop adds to the list."""
    DIALECT.request(body(), target()).headers.append(("authorization", "x"))

    assert "authorization" not in dict(DIALECT.request(body(), target()).headers)


def test_a_targets_headers_win() -> None:
    """In whatever case they are written; nothing is sent twice."""
    headers = DIALECT.request(body(), target(headers=(("User-Agent", "x"), ("x-title", "y")))).headers

    assert [("User-Agent", "x"), ("x-title", "y")] == headers[-2:]
    assert "user-agent" not in dict(headers)


def test_of_the_clients_headers_only_the_beta_may_pass() -> None:
    """An allow-list (ruling 63)."""
    passed = (("openai-beta", "x=1"), ("openai-organization", "org"), ("cookie", "c"), ("idempotency-key", "i"))

    headers = OpenAI().request(body(), target(), passed).headers

    assert ("openai-beta", "x=1") in headers
    assert not {"openai-organization", "cookie", "idempotency-key"} & {name for name, _ in headers}


def test_fields_of_the_target_are_set() -> None:
    """Defaults where the client left them out, forced ones always."""
    to = target(defaults={"temperature": b"0.5", "user": b'"d"'}, forced={"store": b"false", "n": b"1"})

    found = sent(body(temperature=None, n=4), to)

    assert {
        "model": "gpt-5.5",
        "messages": [],
        "temperature": None,
        "n": 1,
        "user": "d",
        "store": False,
    } == found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, USAGE),
        ({"stream_options": None}, USAGE),
        ({"stream_options": {}}, USAGE),
        ({"stream_options": {"include_usage": False}}, USAGE),
        ({"stream_options": {"include_obfuscation": False}}, {"include_obfuscation": False, **USAGE}),
        ({"stream_options": {"include_usage": True, "x": 1.0}}, {"include_usage": True, "x": 1.0}),
        ({"stream_options": "odd"}, "odd"),
    ],
)
def test_usage_is_asked_for_in_streams(options: dict[str, Any], expected: Any) -> None:
    """Other members of a client's options stay; what is no object is the provider's to refuse."""
    assert expected == sent(body(stream=True, **options), target())["stream_options"]


@pytest.mark.parametrize(
    ("request_", "to"),
    [
        (body(), target()),
        (body(stream=False), target()),
        (body(stream=True), target(usage_in_stream=False)),
    ],
)
def test_usage_is_not_asked_for_elsewhere(request_: Body, to: Target) -> None:
    """Not for whole answers, and not of a provider that rejects the question."""
    assert "stream_options" not in sent(request_, to)


def test_the_targets_stream_options_are_respected() -> None:
    """Forced ones are the operator's word; defaults are completed."""
    forced = target(forced={"stream_options": b'{"include_usage":false}'})
    default = target(defaults={"stream_options": b'{"x":1}'})

    assert {"include_usage": False} == sent(body(stream=True), forced)["stream_options"]
    assert {"x": 1, **USAGE} == sent(body(stream=True), default)["stream_options"]


@pytest.mark.parametrize(
    ("stream", "media", "expected"),
    [
        (False, "application/json", UnaryReader),
        (False, "text/event-stream", UnaryReader),
        (False, None, UnaryReader),
        (True, "text/event-stream", StreamReader),
        (True, "Text/Event-Stream; charset=utf-8", StreamReader),
        (True, "text/plain", StreamReader),
        (True, None, StreamReader),
        (True, "application/json; charset=utf-8", UnaryReader),
        (True, "application/problem+json", UnaryReader),
        (True, "text/html", UnaryReader),
    ],
)
def test_the_reader_follows_the_request_and_the_media_type(stream: bool, media: str | None, expected: type) -> None:
    """A stream that is none is still read for its error."""
    headers: Headers = (("x", "y"),) if media is None else (("x", "y"), ("content-type", media))

    assert expected is type(DIALECT.reader(body(stream=stream), 200, headers, limit=10, skip_malformed=False))


def test_the_region_is_what_azure_says() -> None:
    """In its short form, beside what the body says."""
    headers = (("x-ms-region", "Sweden Central"), ("content-type", "application/json"))
    reader = DIALECT.reader(body(), 200, headers, limit=1 << 20, skip_malformed=False)
    reader.feed(UNARY)
    reader.end()

    assert ("swedencentral", "gpt-5.5-2026-08-07") == (reader.facts.region, reader.facts.model)


@pytest.mark.parametrize(
    ("count", "complete"), [(None, True), (1, True), (0, True), ("2", True), (True, True), (2, False)]
)
def test_several_choices_are_waited_for(count: Any, complete: bool) -> None:
    """A stream that closes after one of two finish reasons is cut."""
    reader = DIALECT.reader(body(stream=True, n=count), 200, (), limit=1 << 20, skip_malformed=False)
    reader.feed(b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n')

    if complete:
        assert len(reader.end()) == 1
    else:
        with pytest.raises(Broken):
            reader.end()


@pytest.mark.parametrize(("options", "events"), [(None, 0), ({"include_usage": True}, 1)])
def test_usage_is_shown_to_whom_asked(options: dict[str, bool] | None, events: int) -> None:
    """Hidden from all others (ruling 61)."""
    reader = DIALECT.reader(body(stream=True, stream_options=options), 200, (), limit=1 << 20, skip_malformed=False)

    assert events == len(reader.feed(b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'))


def test_malformed_events_are_skipped_on_demand() -> None:
    """The choice of a route reaches the reader."""
    reader = DIALECT.reader(body(stream=True), 200, (), limit=1 << 20, skip_malformed=True)

    assert reader.feed(b"data: {\n\n") == []
    assert reader.skipped == 1


def test_a_failure_is_classified() -> None:
    """Status, code, wait, and the object for the client."""
    failed = DIALECT.failure(429, (("retry-after", "2"),), b'{"error":{"message":"m","code":"rate_limit_exceeded"}}', 0)

    assert ("rate_limit", None, 429) == (failed.class_, failed.token, failed.status)
    assert (2_000_000_000, "rate_limit_exceeded") == (failed.retry_after_ns, failed.code)
    assert failed.body == {"message": "m", "code": "rate_limit_exceeded"}


def test_it_is_found_by_its_entry_point() -> None:
    """As a dialect of another package would be."""
    (found,) = entry_points(group="tracegate.dialects", name="openai")

    assert found.load() is OpenAI
    assert OpenAI.name == "openai"
