"""Bare HTTP: the bytes of answers, streams, errors and calls, straight and through the gateway."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from tests.differential.bare import FIELDS, LONGEST_S, chat, post, send
from tests.differential.cases import (
    ANSWERS,
    HEAD,
    ODD,
    RECORDED,
    STREAM,
    STREAMS,
    WHOLE,
    Case,
    odd,
    rows,
)
from tests.differential.comparing import compare
from tests.differential.failures import BROKEN, CUT, DYING, ERRORS, FLAVOURED, MID_STREAM, ODD_ERRORS, REDIRECT
from tests.differential.seeing import Seen, of_answer
from tests.differential.ways import BODY, CLIENT_KEY, Way, Ways
from tracegate.testing.script import Step
from tracegate.testing.wire_flavour import FLAVOURS

pytestmark = pytest.mark.slow

FORMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
SILENT = ("impatient", "deadline")
PATIENCE_S = 0.3  # with a silent provider; the gateway is waited for, it has limits of its own


def each(*cases: Case) -> pytest.MarkDecorator:
    """A test for each case."""
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def asked(ways: Ways, case: Case, body: bytes) -> set[str]:
    """The rows that occur when this body is sent."""

    def ask(way: Way) -> Seen:
        patience_s = PATIENCE_S if case.target in SILENT and not way.through else LONGEST_S
        return of_answer(post(way, body, patience_s=patience_s))

    return compare(ways, ask, case.script, case.provider, case.target)


@FORMS
@each(*ANSWERS)
def test_answers_are_the_same_bytes(ways: Ways, case: Case, stream: bool) -> None:
    """A whole answer byte for byte, a stream event for event."""
    expected = (STREAM | case.stream if stream else WHOLE | case.whole) | case.differs | case.bare
    assert expected == asked(ways, case, chat(stream or None))


@FORMS
@pytest.mark.parametrize("name", ODD)
def test_json_is_not_touched(ways: Ways, name: str, stream: bool) -> None:
    """Whatever a parser would round, refuse, reorder or drop."""
    expected = STREAM if stream else WHOLE
    assert expected == asked(ways, Case(name, odd(name, stream)), chat(stream or None))


@each(*STREAMS)
def test_streams_are_the_same_events(ways: Ways, case: Case) -> None:
    """In every form that the standard allows."""
    assert STREAM | case.differs == asked(ways, case, chat(True))


@FORMS
@pytest.mark.parametrize("provider", FLAVOURS)
def test_every_providers_oddities_pass(ways: Ways, provider: str, stream: bool) -> None:
    """First chunks without choices, members of their own, usage here or there; fields of theirs do not."""
    expected = (STREAM if stream else WHOLE) - (rows("fields withheld") if provider == "ollama" else set())
    expected |= rows("framing") if provider == "llamacpp" else set()
    assert expected == asked(ways, Case(provider, "ok", provider=provider), chat(stream or None))


@FORMS
@each(*ERRORS)
def test_errors_are_the_same_objects(ways: Ways, case: Case, stream: bool) -> None:
    """With the record in them, and the status that says whose fault it is."""
    assert WHOLE | rows("framing") | case.differs | case.bare == asked(ways, case, chat(stream or None))


@each(*FLAVOURED)
def test_errors_of_every_provider_are_in_one_shape(ways: Ways, case: Case) -> None:
    """Every member of theirs is kept."""
    assert (WHOLE | rows("framing") | case.differs) - case.never == asked(ways, case, chat())


@each(*ODD_ERRORS)
def test_errors_in_no_shape_are_in_one(ways: Ways, case: Case) -> None:
    """Whatever a provider said, or did not."""
    reshaped = case.differs & rows("wordless, error reshaped")  # then the record came with the rest
    expected = WHOLE | rows("framing") | case.differs
    assert (expected if reshaped else expected | rows("record in errors")) == asked(ways, case, chat())


@FORMS
@each(*BROKEN, REDIRECT)
def test_what_is_no_answer_is_an_error(ways: Ways, case: Case, stream: bool) -> None:
    """Asked for whole or as a stream."""
    assert (WHOLE | case.differs | case.bare) - case.never == asked(ways, case, chat(stream or None))


@each(*CUT)
def test_a_broken_whole_answer_is_an_error(ways: Ways, case: Case) -> None:
    """Not the half of it."""
    assert WHOLE | case.differs == asked(ways, case, chat())


@each(*DYING)
def test_a_stream_that_said_nothing_is_an_error(ways: Ways, case: Case) -> None:
    """With a status, for nothing was sent yet."""
    assert WHOLE | case.differs == asked(ways, case, chat(True))


@each(*MID_STREAM)
def test_a_stream_that_dies_says_so(ways: Ways, case: Case) -> None:
    """Every event before it, then an error in band."""
    assert STREAM | case.differs | case.bare == asked(ways, case, chat(True))


@pytest.mark.parametrize(
    ("script", "options", "differs"),
    [
        ("ok", None, "usage asked, usage nulls"),
        ("ok", {"include_usage": False}, "usage asked, usage nulls"),
        ("ok", {"include_obfuscation": False}, "usage asked, usage nulls"),
        ("ok", {"include_usage": True}, ""),
        ("usage=always", None, "usage asked, usage nulls, usage hidden"),
        ("usage=each", None, "usage asked"),
        ("usage=last", None, "usage asked"),
        ("usage=never", None, "usage asked"),
        ("flavour=azure", None, "usage asked, usage nulls"),
    ],
)
def test_usage_is_as_the_client_asked(ways: Ways, script: str, options: dict[str, bool] | None, differs: str) -> None:
    """The provider is always asked; who did not ask sees none, but for what providers say unasked."""
    body = chat(True, stream_options=options)
    assert STREAM | rows(differs) == asked(ways, Case(script, script), body)


@pytest.mark.parametrize(
    ("body", "differs"),
    [
        (b'{"seed":123456789012345678901234567890,"model":MODEL,"messages":[],"x":1E400,"y":-0.0,"z":1.10}', ""),
        (b'{"messages":[{"role":"user","content":"\\ud83d \\u00e9\\/"}],"model":MODEL}', ""),
        ('{"messages":[{"role":"user","content":"é 😀\u2028"}],"model":MODEL}'.encode(), ""),
        (b'{"stop":null,"tools":null,"stream":null,"user":null,"model":MODEL,"messages":[]}', ""),
        (b'{"zz":{"b":1,"a":[ 1, 2 ]},"model":MODEL,"a":[],"messages":[],"":{}}', ""),
        (b' {\n "messages" : [ ] ,\t"model": MODEL , "zz" : { "a" : 1 } }\n', "blanks"),
        (b'{"twice":1,"model":MODEL,"messages":[],"twice":2}', "equal names"),
        (b'{"x":NaN,"model":MODEL,"messages":[{}]}', ""),
        (b'{"model":MODEL,"messages":[],"deep":' + b"[" * 300 + b"]" * 300 + b"}", ""),
        (b'{"model":MODEL,"messages":"not what it should be","temperature":"hot"}', ""),
        (b'{"model":MODEL}', ""),
    ],
    ids=["numbers", "half a pair", "UTF-8", "nulls", "order", "blanks", "twice", "NaN", "deep", "wrong types", "bare"],
)
def test_a_call_is_the_clients(ways: Ways, body: bytes, differs: str) -> None:
    """Nothing of it is judged, rounded, reordered or dropped."""
    assert WHOLE | rows(differs) == asked(ways, Case("a call", "ok"), body)


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({"OpenAI-Beta": "assistants=v2"}, ""),
        ({"OpenAI-Organization": "org-1", "OpenAI-Project": "proj-1", "Idempotency-Key": "1"}, "fields kept back"),
        ({"Cookie": "a=1", "X-Forwarded-For": "10.0.0.1", "X-Custom": "1"}, "fields kept back"),
        ({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "a=1", "baggage": "a=1"}, "fields kept back"),
        ({"X-Served-By": "forged", "Tracegate-Record": "tg-1", "X-Request-Id": "mine"}, "fields kept back"),
        ({"Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": "me"}, ""),
        ({"Content-Type": "text/plain"}, "JSON"),
    ],
    ids=["beta", "organisation", "cookie", "trace", "forged", "usual", "type"],
)
def test_fields_of_a_client(ways: Ways, fields: dict[str, str], differs: str) -> None:
    """Only those that are listed reach a provider."""
    sent = {name: value for name, value in FIELDS.items() if name not in {field.lower() for field in fields}} | fields

    def ask(way: Way) -> Seen:
        return of_answer(post(way, chat(), sent))

    assert WHOLE | rows(differs) == compare(ways, ask, "ok")


@pytest.mark.parametrize("field", ["Authorization: bearer", "api-key:", "x-api-key:"])
def test_a_key_in_any_field(ways: Ways, field: str) -> None:
    """The gateway takes it in each; the provider gets its own where it wants it."""
    name, _, scheme = field.partition(":")
    sent = {"content-type": "application/json", name: f"{scheme} {CLIENT_KEY}".strip()}

    def ask(way: Way) -> Seen:
        return of_answer(post(way, chat(), sent))

    assert compare(ways, ask, "ok") == WHOLE


def test_a_call_in_pieces_is_that_call(ways: Ways) -> None:
    """Framing belongs to each hop."""

    def ask(way: Way) -> Seen:
        body = chat().replace(b"MODEL", json.dumps(way.model).encode())
        pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        fields = {**FIELDS, "transfer-encoding": "chunked"}
        return of_answer(send("POST", f"{way.base_url}/chat/completions", pieces, fields))

    assert WHOLE | rows("framing") == compare(ways, ask, "ok")


@FORMS
def test_a_large_answer(ways: Ways, stream: bool) -> None:
    """A megabyte in one text."""
    expected = STREAM if stream else WHOLE
    assert expected == asked(ways, Case("a megabyte", Step(text="x" * 1_000_000)), chat(stream or None))


def test_the_type_of_an_answer_passes(ways: Ways) -> None:
    """With its parameters."""
    script = Step(content_type="application/json; charset=utf-8")
    assert asked(ways, Case("a type", script), chat()) == WHOLE


def test_a_query_stays(ways: Ways) -> None:
    """Azure's clients send one."""

    def ask(way: Way) -> Seen:
        body = chat().replace(b"MODEL", json.dumps(way.model).encode())
        return of_answer(send("POST", f"{way.base_url}/chat/completions?api-version=2024-10-21", body))

    assert WHOLE | rows("query") == compare(ways, ask, "ok")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_call_in_a_coding_is_that_call(ways: Ways, coding: str) -> None:
    """The provider sees what it would see of a client that sent it plain."""

    def ask(way: Way) -> Seen:
        body = chat().replace(b"MODEL", json.dumps(way.model).encode())
        fields = dict(FIELDS)
        if way.through:
            body = gzip.compress(body, mtime=0) if coding == "gzip" else zlib.compress(body)
            fields["content-encoding"] = coding
        return of_answer(send("POST", f"{way.base_url}/chat/completions", body, fields))

    assert compare(ways, ask, "ok") == WHOLE


@pytest.mark.parametrize(
    ("script", "body", "key", "differs"),
    [
        pytest.param("ok", b"{", CLIENT_KEY, "", id="no JSON"),
        pytest.param("ok", b"[]", CLIENT_KEY, "", id="no object"),
        pytest.param("ok", b'{"messages":[]}', CLIENT_KEY, "", id="no model"),
        pytest.param("ok", b'{"model":1,"messages":[]}', CLIENT_KEY, "", id="a model of another type"),
        pytest.param("ok", b'{"model":"sim-404","messages":[]}', CLIENT_KEY, "", id="a model that is not there"),
        pytest.param("413", chat(padding="x" * BODY), CLIENT_KEY, "", id="too large"),
        pytest.param("401", chat(), "sk-unknown", "how to come in", id="another key"),
        pytest.param("401", chat(), "", "how to come in", id="no key"),
    ],
)
def test_the_gateway_refuses_as_a_provider_would(ways: Ways, script: str, body: bytes, key: str, differs: str) -> None:
    """With the same status, in the same shape, in words of its own; who has no key leaves no record."""
    fields = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})

    def ask(way: Way) -> Seen:
        return of_answer(post(way, body, fields))

    expected = HEAD - RECORDED if differs else HEAD
    assert expected | rows(f"own words, {differs}") == compare(ways, ask, script)


@pytest.mark.parametrize(
    ("method", "path", "differs"),
    [
        ("GET", "/chat/completions", "what is allowed, proxy-status, server-timing, traceresponse"),
        ("PUT", "/models", "what is allowed, proxy-status, server-timing, traceresponse"),
        ("POST", "/completions", ""),
    ],
)
def test_what_is_not_served(ways: Ways, method: str, path: str, differs: str) -> None:
    """404 and 405 in the shape that clients read; a path that is nobody's has no trace."""

    def ask(way: Way) -> Seen:
        return of_answer(send(method, way.base_url + path))

    assert rows(f"own words, x-served-by, via, request id, {differs}") == compare(ways, ask, "ok")


def test_a_stream_is_not_held_back_and_a_client_may_leave(ways: Ways) -> None:
    """Three events arrive while the provider says nothing more; it notices that its caller has gone."""

    def ask(way: Way) -> Seen:
        return of_answer(post(way, chat(True), enough=lambda heard: heard.body.count(b"\n\n") == 3))

    assert compare(ways, ask, "stall=3", leaving=True) == STREAM - rows("comment block")


def test_a_connection_that_died_while_idle_costs_nothing(ways: Ways) -> None:
    """The gateway asks again on another one, where a client that keeps its connections would fail."""

    def ask(way: Way) -> Seen:
        post(way, chat())  # leaves the gateway a connection that it keeps
        return of_answer(post(way, chat()))

    assert compare(ways, ask, "ok:reset-before-head:ok") == WHOLE - rows("fields withheld") | rows("sent again")
