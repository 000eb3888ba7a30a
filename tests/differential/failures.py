"""How providers fail, and in which rows of the table the two ways must then differ."""

from __future__ import annotations

from tests.differential import cases
from tests.differential.cases import Case, case
from tracegate.testing.script import Step
from tracegate.testing.script_text import Scripted

MORE = '{"error":{"message":"No.","type":"t","param":null,"code":7,"more":{"a":[1,null,1.5,"\\u00e9"]},"detail":""}}'
FREE = "tracegate-cost"  # a refusal that was no work costs nothing, and that is known


def _error(name: str, script: Scripted, differs: str = "", bare: str = "", target: str = "") -> Case:
    return case(name, script, f"record in errors, {differs}", bare, target=target)


ERRORS = [
    _error("a request refused", "400"),
    _error("a key refused", "401", "refused key, redacted", f"do not retry, {FREE}"),
    _error("an account used up", "402", "account", f"do not retry, {FREE}"),
    _error("not permitted", "403", "refused key", f"do not retry, {FREE}"),
    _error("no such model", "404", bare=FREE),
    _error("timed out", "408", "overloaded"),
    _error("a conflict", "409", "overloaded"),
    _error("too large", "413", bare=FREE),
    _error("unprocessable", "422"),
    _error("too early", "425", "overloaded"),
    _error("a rate limit", "429", bare=FREE),
    _error("a rate limit with a wait", "429+retry-after=7", bare=FREE, target="once"),
    _error("a rate limit with a short wait", "429+retry-after-ms=1500", bare=f"wait in seconds, {FREE}", target="once"),
    _error("a rate limit until a date", "429+retry-date=30", bare=f"wait in seconds, {FREE}", target="once"),
    _error("a rate limit nobody should retry", Step(status=429, headers=(("x-should-retry", "false"),)), bare=FREE),
    _error("a quota", "quota", "account", f"do not retry, {FREE}"),
    _error("a fault", "500", "server error"),
    _error("a fault with a wait", "500+retry-after=3", "server error", "no wait", target="once"),
    _error("a bad gateway", "502"),
    _error("overloaded", "503", bare=FREE),
    _error("overloaded with a wait", "503+retry-after=2", bare=FREE, target="once"),
    _error("a gateway's timeout", "504", "server error"),
    _error("overloaded in another word", "529", "overloaded", FREE),
    _error("a status nobody knows", "418"),
    _error("an error with more to say", Step(status=422, body=MORE)),
    case("an error in words", Step(status=500, body="It broke."), "server error, error reshaped"),
    _error("too long for the context", "context-length"),
    _error("refused by a filter", "content-filter"),
]
"""Errors that come as a status."""

ODD_ERRORS = [
    case(
        "no words", Step(status=422, body='{"error":{"message":null,"type":"t","param":null,"code":"c"}}'), "completed"
    ),
    case("a list of details", Step(status=422, body='{"detail":[{"loc":["body"],"msg":"bad"}]}'), "completed"),
    case("too many words", Step(status=422, body=f'{{"error":{{"message":"{"x" * 3000}"}}}}'), "completed, shortened"),
    case("nothing", Step(status=422, body=""), "wordless"),
    case("no object", Step(status=422, body="[]"), "wordless"),
    case("a page of HTML", Step(status=422, body="<html><title>No.</title></html>"), "error reshaped"),
]
"""Bodies of errors that say little, or too much."""

_SHAPES = {
    "azure": "completed, record in errors",
    "vllm": "record in errors",
    "ollama": "record in errors",
    "llamacpp": "completed, record in errors",
    "mistral": "error reshaped, record in errors",
    "groq": "record in errors",
    "deepseek": "record in errors",
    "openrouter": "completed, beside the error, record in errors",
    "xai": "error reshaped, beside the error",
    "gemini": "error reshaped",
}
FLAVOURED = [
    case(
        f"{name} of {provider}",
        script,
        # Azure hands these two on from OpenAI, so they are in its shape.
        "record in errors" if provider == "azure" and script.startswith("con") else f"{shape}, {differs}",
        never="fields withheld" if provider == "ollama" else "",
        provider=provider,
    )
    for provider, shape in _SHAPES.items()
    for name, script, differs in (
        ("a request refused", "400", ""),
        ("too long for the context", "context-length", ""),
        ("refused by a filter", "content-filter", ""),
        ("a fault", "500", "server error"),
    )
]
"""Errors in the shapes of other providers."""

NO_HEAD = "fields withheld"  # none came, so none are withheld
BROKEN = [
    case("a reset before the head", "reset-before-head", "unreachable", never=NO_HEAD, target="alone"),
    case("a close before the head", "close-before-head", "unreachable", never=NO_HEAD, target="alone"),
    case("a cut inside the head", "cut=mid-head", "unreachable", never=NO_HEAD, target="alone"),
    case("no HTTP", "not-http", "no answer", never=NO_HEAD, target="alone"),
    case("a reset behind the head", "reset-after-head", "cut"),
    case("a close behind the head", "close-after-head", "cut"),
    case("an empty body", "empty", "cut"),
    case("a page of HTML", "html", "no answer"),
    case("a text", Step(body="text", content_type="application/json"), "no answer"),
    case("null", "body=null", "no answer"),
    case("a list", "body=[]", "no answer"),
    case("an object without choices", "body={}", "no answer"),
    case("no gzip", "encoding=not-gzip", "bad coding"),
    case("a fault in a 200", "error-200", "error in a 200"),
    case("a rate limit in a 200", "200+problem=rate_limit", "error in a 200"),
    case("too long for the context in a 200", "200+problem=context_length", "error in a 200"),
    case("a filter in a 200", "200+problem=content_filter", "error in a 200"),
    case("a refused key in a 200", "200+problem=auth", "error in a 200", bare="do not retry"),
    case("no content", "204", "cut"),
    case("silence", "silence", "silent", never=NO_HEAD, target="impatient"),
    case("silence behind the head", "stall=head", "silent", target="impatient"),
    case("silence until the deadline", "silence", "deadline", bare="do not retry", never=NO_HEAD, target="deadline"),
]
"""What is no answer, asked for whole or as a stream."""

REDIRECT = case("a redirect", Step(status=307, headers=(("location", "/elsewhere"),)), "no answer", bare="redirect")
"""What OpenAI's client follows, and the gateway does not."""

CUT = [
    case("half a body", "cut=half", "cut"),
    case("half a body and a reset", "cut=half+reset", "cut"),
    case("half a body, well framed", "truncated", "no answer"),
    case("a trickle that takes too long", "body-drip=40b@10ms", "silent", target="impatient"),
]
"""Whole answers that break."""

DYING = [
    case("a stream without events", "no-events", "cut"),
    case("nothing but a role", "role-only", "cut"),
    case("an error at first", "error-first", "error in a 200"),
    case("a first event that is malformed", "malformed=0", "no answer"),
    case("no first token", "first-token=never", "silent", target="impatient"),
    case("a whole answer instead of a stream", Step(body=cases.ODD["logprobs"]), "no answer"),
]
"""Streams that say nothing that could be used."""

MID_STREAM = [
    case("a cut", "cut=4", "broken in band, whole framing"),
    case("a reset", "cut=4+reset", "broken in band, whole framing"),
    case("an end that is well framed", "cut=4+clean", "broken in band"),
    case("a cut within an event", "cut=1200b", "broken in band, whole framing", "half an event"),
    case("broken framing", "bad-frame=4", "broken in band, whole framing"),
    case("a malformed event", "malformed=4+usage=never", "broken in band, behind a malformed event", "no end"),
    case(
        "bytes that are no UTF-8",
        "malformed=4+malformed-by=utf8+usage=never",
        "broken in band, behind a malformed event",
        "no end",
    ),
    case("no finish reason and no end", "finish=none+no-done+usage=never", "broken in band"),
    case("an error event", "error-event=4", "record in band"),
    case("an error event that repeats the key", Step(error_event=4, message="No: {key}"), "record in band"),
    case("an error event, then [DONE]", "error-event=4+flavour=vllm", "record in band", "no end"),
    case("an error within a chunk", "error-event=4+flavour=openrouter", "record in band"),
    case("silence", "stall=4", "broken in band, whole framing", target="impatient"),
    case("a cut behind [DONE]", "cut=end", bare="whole framing"),
    case("a reset behind the finish reason", "usage=never+cut=8+reset", "whole framing", "end made up"),
]
"""Streams that die while they speak."""
