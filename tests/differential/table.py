"""The table: every difference between the two ways that is ours, and the rule that asks for it.

A difference that no row explains, or that two do, fails the comparison. Each case names the rows that must occur in it,
so a row that no longer occurs fails too. Rules are rulings by their number, standards, or a promise in its words.
"""

from __future__ import annotations

from tests.differential import showing
from tests.differential.differing import ABSENT, Difference
from tests.differential.fitting import Row, becomes, changed, gone, new, reads, row, status, turns
from tests.differential.ways import MODEL, PROVIDER_KEY

OURS = {
    "x-served-by": ("17", "who served: the provider first, then this gateway"),
    "tracegate-attempts": ("7", "every attempt in order"),
    "tracegate-record": ("24", "the record of the request"),
    "tracegate-cost": ("21", "money of all attempts, where it is known"),
    "proxy-status": ("7", "the attempt whose result this is, or why there is none (RFC 9209)"),
    "server-timing": ("18", "how long the gateway and the provider took"),
    "via": ("31", "this gateway's pseudonym"),
    "traceresponse": ("30", "where the trace is found"),
    "content-digest": ("RFC 9530, 2", "the digest of a whole answer, which the signature covers"),
    "signature-input": ("RFC 9421, 4.1", "what the signature covers, and whose it is"),
    "signature": ("RFC 9421, 4.2", "that this gateway answered so"),
}
"""Fields that every answer of the gateway has: the cost where it is known, the last ones where there is a record."""

WITHHELD = (
    r"openai-organization|openai-version|(x-)?ratelimit.+|x-ms-.+|x-groq-.+|x-ds-.+|x-envoy-.+|cf-.+|set-cookie|server"
    r"|apim-request-id|mistral-correlation-id|x-generation-id|permissions-policy|strict-transport-security"
    r"|x-content-type-options"
)
"""What of a provider's head never passes."""

_FIELDS = r"requests\[\]\.fields\."
_TEXT = r"requests\[\]\.text"
_EVENT = r"events\[\]"
_CHUNK = r"chunks\[\]"

TABLE: tuple[Row, ...] = (
    # The call
    row(
        "provider's key",
        "62",
        "a client's key opens the gateway; the provider gets its own",
        (_FIELDS + "authorization", becomes(f"Bearer {PROVIDER_KEY}", ABSENT)),
        (_FIELDS + "(x-)?api-key", becomes(PROVIDER_KEY, ABSENT)),
    ),
    row(
        "fields kept back",
        "63",
        "nothing of a client's header reaches a provider but what is listed",
        (
            _FIELDS + "(x-stainless-.+|connection|openai-(organization|project)|idempotency-key|cookie|baggage"
            "|trace(parent|state)|x-forwarded-for|x-served-by|tracegate-record|x-request-id|x-custom)",
            gone(),
        ),
    ),
    row("user agent", "63", "the gateway is the client", (_FIELDS + "user-agent", reads("tracegate/.+"))),
    row(
        "accept",
        "63",
        "errors of a stream are JSON",
        (_FIELDS + "accept", becomes("application/json", "text/event-stream, application/json")),
    ),
    row("no coding", "63", "a compressed stream is a late one", (_FIELDS + "accept-encoding", becomes("identity"))),
    row("via upstream", "31", "a gateway says that it is one", (_FIELDS + "via", turns(ABSENT, "1.1 tracegate-test"))),
    row("JSON", "62", "any content type is read as JSON", (_FIELDS + "content-type", becomes("application/json"))),
    row(
        "usage asked",
        "61",
        "cost needs usage",
        (r"requests\[\]\.body\.stream_options", becomes({"include_usage": True})),
        (r"requests\[\]\.body\.stream_options\.include_usage", becomes(True)),
        (_TEXT, changed(showing.asking_usage)),
    ),
    row("blanks", "40", "those between members are not kept", (_TEXT, changed(showing.without_blanks))),
    row(
        "equal names",
        "40",
        "of members of one name the last counts, as parsers have it",
        (r"requests\[\]\.body\.twice", turns("1", "2")),
        (r"requests\[\]\.body\.twice#2", turns("2", ABSENT)),
        (_TEXT, changed(showing.without_repetition)),
    ),
    row(
        "query",
        "62",
        "accepted and not forwarded",
        (r"requests\[\]\.path", changed(lambda d, t: d.partition("?")[0] == t)),
    ),
    row("asked once", "59", "a client is told not to ask again", (r"requests\[\]", gone())),
    row(
        "sent again",
        '"a connection that died while idle costs nobody an error"',
        "nobody can tell that from one that dies on the next request",
        (r"requests\[\]", new()),
        ("broken → answer", changed(lambda d, t: d["ended"] == "reset" and t["status"] == 200)),
        (r"head\.openai-processing-ms", new()),
    ),
    # The head of an answer
    *(row(name, rule, why, (f"head\\.{name}", new())) for name, (rule, why) in OURS.items()),
    row("request id", "63", "each server names its own", (r"head\.x-request-id|request_id", reads("[0-9a-f-]{36}"))),
    row("fields withheld", "63", "they speak of the operator's account", (f"head\\.({WITHHELD})", gone())),
    row(
        "framing",
        "RFC 9112, 6 and 9.6",
        "framing and connection belong to each hop",
        (r"head\.(transfer-encoding|connection|keep-alive)|" + _FIELDS + "transfer-encoding", gone()),
        (r"head\.transfer-encoding", turns(ABSENT, "chunked")),
        (r"head\.content-length", gone()),
        (r"head\.content-length", reads(r"\d+")),
    ),
    row("decoded", "63", "no coding was asked for, so it is undone", (r"head\.content-encoding", gone())),
    row(
        "stream's type",
        "WHATWG HTML, 9.2.5",
        "a stream is one whatever it was called, and is UTF-8",
        (r"head\.content-type", becomes("text/event-stream; charset=utf-8")),
    ),
    row("JSON said", "63", "an answer is JSON", (r"head\.content-type", turns(ABSENT, "application/json"))),
    row("no store", "RFC 9111, 5.2.2.5", "nobody may keep it", (r"head\.cache-control", turns(ABSENT, "no-store"))),
    row("do not retry", "59", "asking again is in vain", (r"head\.x-should-retry", turns(ABSENT, "false"))),
    row(
        "wait in seconds",
        "11",
        "one form for all",
        (r"head\.retry-after", showing.in_seconds),
        (r"head\.retry-after-ms", gone()),
    ),
    row("no wait", "11", "waits are said with 429 and 503 only", (r"head\.retry-after", gone())),
    row("redirect", "63", "none is followed, so nothing is said of where it leads", (r"head\.location", gone())),
    row("another 2xx", "RFC 9110, 15.3", "good is good", ("status", changed(lambda d, t: 200 < d < 300 and t == 200))),
    # Errors
    row("record in errors", "58", "SDKs show the error object only", (r"error\.(record|attempts)", new())),
    row(
        "completed",
        "58",
        "errors have OpenAI's shape",
        (r"error\.(type|param|code)", turns(ABSENT, None)),
        (r"error\.message", lambda d, t: d in (ABSENT, None) and isinstance(t, str)),
    ),
    row("shortened", "12", "a text of 1,000 characters says it", (r"error\.message", changed(showing.shortened))),
    row("wordless", "58", "errors have OpenAI's shape", ("error", changed(showing.wordless))),
    row("beside the error", "58", "SDKs show the error object only", (r"beside\..+", gone())),
    row(
        "error reshaped",
        "58",
        "errors have OpenAI's shape",
        ("error", changed(showing.reshaped)),
        (r"error\.object", turns("error", ABSENT)),
        ("message", changed(lambda d, t: d == "Error code: 500")),  # a client that found no object
        (r"attributes\.(code|type)", changed(lambda d, t: d is None and isinstance(t, str))),
    ),
    row(
        "redacted",
        "12",
        "providers repeat keys",
        (r"(error\.)?message|error\.metadata\.raw", changed(showing.redacted)),
    ),
    row("refused key", "11", "the client's own key is fine", *status({401: 502, 403: 502})),
    row("account", "11", "it is the operator's", *status({402: 502, 429: 502})),
    row("overloaded", "6", "one class, one status", *status({408: 503, 409: 503, 425: 503, 529: 503})),
    row("server error", "11", "the fault is behind the gateway", *status({500: 502, 504: 502})),
    row(
        "own words",
        "60",
        "the gateway refuses by itself, as a provider would",
        ("error → refusal", showing.refused),
        (r"head\.openai-processing-ms", gone()),
    ),
    row("how to come in", "RFC 9110, 11.6.1", "a 401 says what is wanted", (r"head\.www-authenticate", new())),
    row("what is allowed", "RFC 9110, 15.5.6", "a 405 says what is served", (r"head\.allow", new())),
    row(
        "own list",
        "64",
        "it tells what can be asked for here",
        (r"answer\.id", turns(MODEL, "alias-openai")),
        (r"answer\.created", becomes(0)),
        (r"answer\.owned_by", becomes("tracegate")),
    ),
    # What is no answer
    row("unreachable", "11", "no head came", ("broken → error", showing.own_error(502, "connection_terminated"))),
    row("cut", "48", "the answer ended early", (".+ → error", showing.own_error(502, "http_response_incomplete"))),
    row("no answer", "47", "it is none", (".+ → error", showing.own_error(502, "http_protocol_error"))),
    row("bad coding", "47", "it can't be read", (".+ → error", showing.own_error(502, "http_response_content_coding"))),
    row("silent", "9", "nothing came in time", (".+ → error", showing.own_error(504, "connection_read_timeout"))),
    row("deadline", "9", "it took too long", ("broken → error", showing.own_error(504, "http_response_timeout"))),
    row("error in a 200", "47", "it is an error of the class that it names", (".+ → error", showing.named_in_a_200)),
    # Streams
    row("comment block", "17", "what is known only at the end", (r"comments\[\]", new(showing.own_comments))),
    row("comments", "40", "a provider's are for its own clients", (r"comments\[\]", gone())),
    row("comment within an event", "40", "as those between", (_EVENT, changed(showing.without_comment))),
    row("no data", "WHATWG HTML, 9.2.6", "a block without data says nothing", (_EVENT, gone(showing.no_data))),
    row("lines", "WHATWG HTML, 9.2.5", "all ends of a line are one", (_EVENT, changed(showing.other_lines))),
    row(
        "byte order mark",
        "WHATWG HTML, 9.2.5",
        "it is no part of the text",
        (_EVENT, changed(lambda d, t: d == showing.BOM + t)),
    ),
    row(
        "end of a stream",
        "27",
        "the gateway ends its own",
        (_EVENT, changed(lambda d, t: showing.payload(d) == "[DONE]" and t == showing.DONE)),
    ),
    row("end made up", "27", "the finish reason came, only this was missing", (_EVENT, turns(ABSENT, showing.DONE))),
    row("no end", "27", "a broken stream has none", (_EVENT, turns(showing.DONE, ABSENT))),
    row(
        "usage hidden",
        "61",
        "the client did not ask",
        (_EVENT, gone(showing.usage_only)),
        (_CHUNK, gone(lambda chunk: chunk.get("choices") == [])),
    ),
    row(
        "usage nulls",
        "61",
        "who is asked for usage says null before it",
        (_EVENT, changed(lambda d, t: t.replace(b',"usage":null', b"") == d)),
    ),
    row("half an event", "40", "events are forwarded whole", (_EVENT, gone(showing.half))),
    row(
        "behind a malformed event",
        "33",
        "text may have been in it",
        (_EVENT, gone(showing.unread)),
        (r"broken\.(json|builtins)\..+", gone()),
    ),
    row(
        "broken in band",
        "27",
        "a broken stream never ends as if it were whole",
        (_EVENT, new(showing.broken_in_band)),
        (r"broken\.openai\.APIError", new(showing.own_in_band)),
        (_CHUNK, gone(showing.last_chunk)),
    ),
    row(
        "record in band",
        "58",
        "the provider's own error is kept",
        (_EVENT, changed(showing.with_record)),
        (_EVENT, changed(showing.with_record_redacted)),
        (_EVENT, gone(lambda event: showing.error_in(event) is not None)),
        (_EVENT, new(showing.out_of_a_chunk)),
        (r"broken\.openai\.APIError\.error\.record", new()),
        (r"broken\.openai\.APIError\.(error\.)?message", changed(showing.redacted)),
        (r"broken\.openai\.APIError\.error\.(type|param)", turns(ABSENT, None)),
    ),
    row(
        "whole framing",
        "27",
        "the framing of a broken stream ends well",
        ("ended", becomes("whole")),
        (r"broken\.openai\.API(Connection|Timeout)Error", gone()),
        (_CHUNK, new(showing.last_chunk)),
    ),
)

NAMES = frozenset(row.name for row in TABLE)


def explained(found: list[Difference]) -> set[str]:
    """The names of the rows that occur.

    Raises:
        AssertionError: A difference is not in the table, or is there twice.
    """
    names: set[str] = set()
    unexplained = []
    for difference in found:
        fitting = [row.name for row in TABLE if row.fit(difference)]
        if len(fitting) == 1:
            names.add(fitting[0])
        else:
            unexplained.append(f"{difference}\n    rows: {fitting}")
    assert not unexplained, "not in the table, or there twice:\n" + "\n".join(unexplained)
    return names
