"""What providers do, and in which rows of the table the two ways must then differ, whatever the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracegate.testing.script import Step, ToolCall
from tracegate.testing.script_text import Scripted


@dataclass(frozen=True)
class Case:
    """One thing that a provider does.

    Args:
        name: What it is.
        script: How it is played.
        differs: Rows that every client sees.
        bare: Rows that only bare HTTP shows: in heads, and in the bytes of a stream.
        whole, stream: The same of one form of the answer only.
        never: Rows that usually occur, and do not here.
        target: As `Ways.play` has it.
        provider: A row of `wire_flavour`.
    """

    name: str
    script: Scripted
    differs: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    stream: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    target: str = ""
    provider: str = "openai"


def case(
    name: str,
    script: Scripted,
    differs: str = "",
    bare: str = "",
    *,
    whole: str = "",
    stream: str = "",
    never: str = "",
    target: str = "",
    provider: str = "openai",
) -> Case:
    """A case; rows are separated by commas."""
    return Case(name, script, rows(differs), rows(bare), rows(whole), rows(stream), rows(never), target, provider)


def rows(names: str) -> frozenset[str]:
    """Names of rows, separated by commas."""
    return frozenset(name.strip() for name in names.split(",") if name.strip())


CALL = rows("provider's key, user agent, no coding, via upstream")
"""Rows of every call that a provider gets."""

BARE_CALL = CALL | rows("accept")
CLIENT_CALL = CALL | rows("fields kept back")
CLIENT_STREAM = CLIENT_CALL | rows("accept")
"""Beside them those of bare HTTP, which sends no more than it must, and of OpenAI's client, which tells a lot."""

RECORDED = rows("tracegate-record, content-digest, signature-input, signature")
"""Rows of an answer that leaves a record."""

HEAD = RECORDED | rows("x-served-by, proxy-status, server-timing, via, traceresponse, request id, fields withheld")
WHOLE = BARE_CALL | HEAD | rows("tracegate-attempts")
STREAM = (WHOLE - rows("content-digest")) | rows("comment block, no store")
"""Rows that bare HTTP shows whenever a provider was asked: of a whole answer, and of a stream."""

_HEAD = '"id":"chatcmpl-1","object":"chat.completion","created":1795359164,"model":"gpt-5.5-2026-08-07"'


def _answer(content: str = '"a"', more: str = "") -> str:
    said = '{"index":0,"message":{"role":"assistant","content":' + content + '},"finish_reason":"stop"}'
    return "{" + _HEAD + ',"choices":[' + said + "]" + more + "}"


_CHUNK = _answer().replace('"message"', '"delta"')

ODD: Mapping[str, str] = {
    "integers of any size": _answer(more=',"n":123456789012345678901234567890,"m":-9223372036854775809'),
    "a usage of any size": _answer(more=',"usage":{"prompt_tokens":123456789012345678901234567890}'),
    "numbers beyond a double": _answer(more=',"n":1E400,"m":-0.0,"k":1.10,"l":1e-999'),
    "half a surrogate pair": _answer('"a\\ud83d"'),
    "null members": _answer('null,"tool_calls":null', ',"usage":null,"x":null'),
    "unknown members, blanks, an order of its own": ' { "zzz" : {"a":[1, 2 ,{}]} ,\t"a":1,' + _answer()[1:-1] + "  } ",
    "equal names": '{"choices":[],"id":"first",' + _answer()[1:],
    "not a number": _answer(more=',"n":NaN,"m":-Infinity'),
    "escapes": _answer('"\u00e9\\u00e9\\/\\u0000 \U0001f600 \\u2028\u2028"'),
    "deep nesting": _answer(more=',"d":' + "[" * 300 + "]" * 300),
    "choices out of order": _answer().replace("[{", '[{"index":1,"message":{},"finish_reason":"length"},{'),
    "logprobs": _answer(
        more=',"logprobs":{"content":[{"token":"a","logprob":-0.000123456789012345678,"bytes":[97],"top_logprobs":[]}]}'
    ),
}
"""Answers that no parser must have touched on their way."""


def odd(name: str, stream: bool) -> Step:
    """One of those, as a whole answer or as the event of a stream."""
    text = ODD[name]
    if not stream:
        return Step(body=text)
    event = text.replace('"message"', '"delta"').replace("chat.completion", "chat.completion.chunk")
    return _stream(f"data: {event}\n\n")


def _stream(events: str) -> Step:
    body, kind = f"{events}data: [DONE]\n\n", "text/event-stream; charset=utf-8"
    return Step(body=body, content_type=kind, framing="chunked")


ANSWERS = [
    case("plain", "ok"),
    case("several choices", "choices=3"),
    case("a refusal", Step(refusal="I can't help with that.")),
    case("reasoning", Step(reasoning="Let me think.", text="Yes.")),
    case("a tool call", "tools"),
    case(
        "two tool calls",
        Step(calls=(ToolCall("look", '{"at":"\u00e9"}'), ToolCall("find", '{"n": 1E400, "deep": [[]]}'))),
    ),
    case("cut by length", "finish=length"),
    case("cut by a filter", "filtered"),
    case("no finish reason", "finish=none"),
    case("no usage", "usage=never"),
    case("another model served", "served=simulated-4-mini"),
    case("no model said", "served=none"),
    case("no fingerprint", "fingerprint=none"),
    case("a tier", "tier=flex"),
    case("a region", Step(region="Sweden Central")),
    case("cached and reasoning tokens", "cached-tokens=5+reasoning-tokens=7+prompt-tokens=1000"),
    case("a hundred words", "words=100"),
    case("split at any place", "split=50"),
    case("in drips", "body-drip=64b@1ms"),
    case("kept alive before it", "pings=3+first-event=10ms", stream="comments"),
    case("in gzip", "gzip", bare="decoded", whole="framing"),
    case("in deflate", "deflate", bare="decoded", whole="framing"),
    case("in bare deflate", "encoding=raw-deflate", bare="decoded", whole="framing"),
    case("in chunks", "framing=chunked", whole="framing"),
    case("ended by a close", "framing=close", bare="framing"),
    case("a connection that is not kept", "no-keep-alive", bare="framing"),
    case("a framing that ends late", "linger=20ms"),
    case("another good status", "201", bare="another 2xx"),
    case("the provider says to ask again", Step(headers=(("x-should-retry", "true"),))),
    case("the provider says no time", Step(headers=(("openai-processing-ms", None),))),
    case(
        "the provider says no type", Step(headers=(("content-type", None),)), whole="JSON said", stream="stream's type"
    ),
]
"""Good answers, whole and streamed."""

SPOKEN = [case for case in ANSWERS if not case.bare and not case.whole and not case.stream]
"""Those of them that differ in what is said, not in how it is brought."""

STREAMS = [
    case("CRLF", "crlf", "lines, end of a stream"),
    case("CR", "newline=cr", "lines, end of a stream"),
    case("comments", "comments", "comments"),
    case("names and ids", "named", "end of a stream"),
    case("several data lines", "multiline"),
    case("no blank behind the colon", "tight", "end of a stream"),
    case("a byte order mark", "bom", "byte order mark"),
    case("all of these", "crlf+comments+named+multiline+tight", "lines, end of a stream, comments"),
    case("a comment within an event", _stream(f": c\nevent: message\ndata: {_CHUNK}\n\n"), "comment within an event"),
    case("a block without data", _stream(f"retry: 3000\n\nevent: ping\n\ndata: {_CHUNK}\n\n"), "no data"),
    case("no [DONE]", "no-done", "end made up"),
    case("usage on the last chunk", "usage=last"),
    case("usage on every chunk", "usage=each"),
    case("paced", "pace=2ms"),
    case("split at every byte", Step(split=1, text="\u00e9\U0001f600")),
    case("a stream under another name", Step(content_type="text/event-stream"), "stream's type"),
]
"""Forms of a stream that only bare HTTP sees."""
