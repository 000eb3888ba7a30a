"""A step becomes actions: the whole answer in pieces and pauses, and what breaks it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.testing.calling import MS, body_of
from tracegate.testing.script import NEVER, At, Drip, Encoding, Step
from tracegate.testing.script_text import read_script
from tracegate.testing.wire import Plan, coded, plan
from tracegate.testing.wire_actions import Close, Data, End, Head, Pause, Raw
from tracegate.testing.wire_answer import Minted
from tracegate.testing.wire_flavour import FLAVOURS
from tracegate.testing.wire_request import Asked, read_request
from tracegate.wire.headers import header

MINTED = Minted("chatcmpl-1", "req", 1_700_000_000)


def made(step: Step | str, *, stream: bool = False, flavour: str = "openai", **members: Any) -> Plan:
    """The plan of a step, or of the first of a text."""
    asked = read_request(body_of("gpt", stream=stream, **members))
    assert isinstance(asked, Asked)
    found = read_script(step).steps[0] if isinstance(step, str) else step
    return plan(found, FLAVOURS[flavour], asked, MINTED)


def shape(found: Plan) -> str:
    """Its actions as a text: pauses in ms, `H`ead, `e`vents, pieces with their size, `E`nd, close and reset."""

    def one() -> Iterator[str]:
        for action in found.actions:
            match action:
                case Pause(ns=ns):
                    yield "never" if ns == NEVER else f"{ns // MS}ms"
                case Head(part=part):
                    yield {"whole": "H", "first": "h1", "second": "h2"}[part]
                case Data(event=True):
                    yield "e"
                case Data(data=data):
                    yield str(len(data))
                case Raw():
                    yield "raw"
                case End():
                    yield "E"
                case Close(reset=reset):
                    yield "reset" if reset else "close"

    return " ".join(one())


def body(found: Plan) -> bytes:
    """All of the body that is sent."""
    return b"".join(action.data for action in found.actions if isinstance(action, Data))


@pytest.mark.parametrize(
    ("step", "actions"),
    [
        ("text=a b", "H e e e e e E"),
        ("text=a b+no-done", "H e e e e E"),
        ("text=a b+finish=none+no-done", "H e e e E"),
        ("text=a b+wait=5ms", "5ms H e e e e e E"),
        ("text=a b+first-event=5ms", "H 5ms e e e e e E"),
        ("text=a b+first-token=5ms", "H e 5ms e e e e E"),
        ("text=a b+pace=5ms", "H e 5ms e 5ms e 5ms e 5ms e E"),
        ("text=a b+pace=5ms+first-token=9ms", "H e 9ms e 5ms e 5ms e 5ms e E"),
        ("text=a b+linger=5ms", "H e e e e e 5ms E"),
        ("text=a b+pings=2+first-event=6ms", "H 2ms 14 2ms 14 2ms e e e e e E"),
        ("no-keep-alive+text=", "H e e e E close"),
        ("framing=close+text=", "H e e e E close"),
        ("cut=start", "close"),
        ("cut=start+wait=5ms+reset", "5ms reset"),
        ("cut=mid-head", "h1 close"),
        ("cut=head+reset", "H reset"),
        ("cut=3", "H e e e close"),
        ("cut=3+pace=5ms", "H e 5ms e 5ms e close"),
        ("cut=3+clean", "H e e e E"),
        ("cut=99+text=", "H e e e close"),
        ("cut=end+text=", "H e e e close"),
        ("cut=10b+text=", "H 10 close"),
        ("cut=0+text=", "H close"),
        ("no-events", "H E"),
        ("role-only", "H e close"),
        ("role-only+framing=close", "H e E close"),
        ("silence", "never E"),
        ("stall=mid-head", "h1 never E"),
        ("stall=mid-head+stall-for=5ms+text=", "h1 5ms h2 e e e E"),
        ("stall=start+stall-for=5ms+text=", "5ms H e e e E"),
        ("stall=1+stall-for=5ms+text=", "H e 5ms e e E"),
        ("stall=1+text=", "H e never E"),
        ("stall=1+stall-for=5ms+cut=2+text=", "H e 5ms e close"),
        ("stall=3+cut=2+text=", "H e e never E"),
        ("bad-frame=1+text=", "H e raw close"),
        ("error-first", "H e E"),
        ("error-event=2", "H e e e E"),
        ("not-http+wait=5ms", "5ms raw close"),
    ],
)
def test_a_stream_is_played_as_its_step_says(step: str, actions: str) -> None:
    """Every wait, place and break."""
    assert shape(made(step, stream=True)) == actions


@pytest.mark.parametrize(
    ("step", "actions"),
    [
        ("ok", "H {} E"),
        ("first-event=2ms+first-token=3ms+pace=9ms", "H 5ms {} E"),
        ("pings=1+first-event=4ms", "H 2ms 1 2ms {} E"),
        ("cut=3", "H {half} close"),
        ("cut=0", "H close"),
        ("cut=half+clean", "H {half} E"),
        ("cut=end", "H {} E close"),
        ("linger=5ms+stall=end", "H {} E"),
        ("framing=chunked+linger=5ms", "H {} 5ms E"),
        ("framing=chunked+cut=end", "H {} close"),
        ("bad-frame=0", "H raw close"),
        ("empty", "H E"),
        ("204", "H E"),
    ],
)
def test_a_whole_answer_is_played_as_its_step_says(step: str, actions: str) -> None:
    """Events count as the half of it."""
    size = len(body(made("ok")))
    assert shape(made(step)) == actions.format(size, half=size // 2)


def test_drips_split_every_piece() -> None:
    """With a pause behind each."""
    found = made(Step(body="12345", body_drip=Drip(2, MS)))
    assert shape(found) == "H 2 1ms 2 1ms 1 E"
    found = made(Step(text="", body_drip=Drip(1000, MS)), stream=True)
    assert shape(found) == "H e 1ms e 1ms e 1ms E"
    assert found.actions[0].__class__ is Head


def test_bytes_are_cut_where_the_step_says() -> None:
    """Inside an event too; a stall in the middle loses nothing."""
    whole = body(made("text=", stream=True))
    assert body(made("text=+cut=17b", stream=True)) == whole[:17]
    assert body(made("text=+stall=17b+stall-for=1ms", stream=True)) == whole
    assert body(made("text=+cut=half", stream=True)) == whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("step", "stream", "framing", "fields"),
    [
        ("body=abc", False, "length", {"content-length": "3", "content-type": "application/json"}),
        ("empty", False, "length", {"content-length": "0"}),
        ("ok", True, "chunked", {"transfer-encoding": "chunked", "content-type": "text/event-stream; charset=utf-8"}),
        ("framing=chunked+body=abc", False, "chunked", {"transfer-encoding": "chunked"}),
        ("framing=close+body=abc", False, "close", {"connection": "close", "content-length": None}),
        ("no-keep-alive+body=abc", False, "length", {"connection": "close"}),
        ("bad-frame=0+body=abc", False, "chunked", {"transfer-encoding": "chunked"}),
        ("204", False, "none", {"content-length": None, "content-type": None, "transfer-encoding": None}),
        ("html+502", True, "length", {"content-type": "text/html"}),
        ("content-type=text%2Fplain+body=abc", False, "length", {"content-type": "text/plain"}),
        ("content-type=text%2Fplain+503", False, "length", {"content-type": "text/plain"}),
        ("cut=2b+body=abc", False, "length", {"content-length": "3"}),
        ("cut=2b+clean+body=abc", False, "length", {"content-length": "2"}),
        ("503", True, "length", {"content-type": "application/json", "retry-after": None}),
        ("429+retry-after=2+retry-after-ms=1500", False, "length", {"retry-after": "2", "retry-after-ms": "1500"}),
        ("region=Poland+ok", False, "length", {"x-ms-region": "Poland"}),
    ],
)
def test_the_head_fits_the_body(step: str, stream: bool, framing: str, fields: dict[str, str | None]) -> None:
    """Its type, its framing, and what the step adds."""
    found = made(step, stream=stream)
    assert found.framing == framing
    assert {name: header(found.headers, name) for name in fields} == fields


def test_fields_are_added_replaced_and_taken_away() -> None:
    """By the step, over its provider's own."""
    found = made(Step(headers=(("server", None), ("x-own", "1"), ("openai-version", "2"))))
    assert header(found.headers, "server") is None
    assert (header(found.headers, "x-own"), header(found.headers, "openai-version")) == ("1", "2")
    azure = FLAVOURS["azure"]
    assert header(azure.headers, "x-ms-region") == "Sweden Central"
    assert header(made("region=none", flavour="azure").headers, "x-ms-region") is None


@pytest.mark.parametrize(
    ("step", "status", "reason"),
    [("ok", 200, "OK"), ("503", 503, "Service Unavailable"), ("529", 529, "Unknown"), ("body=a", 200, "OK")],
)
def test_the_status_has_its_phrase(step: str, status: int, reason: str) -> None:
    """Where there is one."""
    assert (made(step).status, made(step).reason) == (status, reason)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("encoding", "bits"), [("gzip", 31), ("deflate", 15), ("raw-deflate", -15)])
def test_a_coded_body_decodes_to_the_plain_one(encoding: Encoding, bits: int, stream: bool) -> None:
    """And each event can be read when its bytes are there."""
    plain, found = made("ok", stream=stream), made(Step(encoding=encoding), stream=stream)
    assert header(found.headers, "content-encoding") == encoding.removeprefix("raw-")
    reader = zlib.decompressobj(wbits=bits)
    pieces = [reader.decompress(action.data) for action in found.actions if isinstance(action, Data)]
    assert pieces == [action.data for action in plain.actions if isinstance(action, Data)]
    assert reader.eof


def test_a_coding_may_be_a_lie_or_of_nothing() -> None:
    """As some servers send it."""
    found = made("encoding=not-gzip+body=abc")
    assert (header(found.headers, "content-encoding"), body(found)) == ("gzip", b"abc")
    assert gzip.decompress(b"".join(coded("gzip", []))) == b""


def test_an_error_in_a_stream_is_its_last_event() -> None:
    """In the provider's shape; vLLM says `[DONE]` all the same, OpenRouter puts it into a chunk."""

    def last(flavour: str) -> list[bytes]:
        events = body(made("error-event=1", stream=True, flavour=flavour)).split(b"\n\n")[1:-1]
        return [item.removeprefix(b"data: ") for item in events]

    (error,) = last("openai")
    assert json.loads(error)["error"]["type"] == "server_error"
    error, done = last("vllm")
    assert (json.loads(error)["error"]["code"], done) == (500, b"[DONE]")
    (error,) = last("openrouter")
    chunk = json.loads(error)
    assert (chunk["error"]["code"], chunk["choices"][0]["finish_reason"]) == (500, "error")


def test_a_step_that_is_an_object_and_a_text_are_the_same() -> None:
    """So that either may be used."""
    assert shape(made(Step(cut=At("events", 2)), stream=True)) == shape(made("cut=2", stream=True))
