"""What a simulated provider does, as data: a `Script` is a list of steps, and each call takes the next one.

A step says what is answered (`Step`'s first groups) and how it is brought (the later ones); everything has a default,
and the default step is a plain, good answer. Nothing here does anything: `script_play` takes steps, `wire` turns one
into bytes and waits, `simulator` plays those over sockets and `memory` without.
The text form (`503x3:ok`, for model names) and the mapping form (YAML, JSON) are read by `script_text`, which also
has the table of all names.

Times are integers in nanoseconds. Where a provider is known for an oddity, the row of `wire_flavour` names it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

NEVER = 1 << 62
"""A wait that only ends when the caller hangs up; far beyond every clock, still a small integer."""

Say = Literal["text", "prompt", "request", "empty", "html", "body", "not-http"]
Problem = Literal[
    "invalid_request",
    "context_length",
    "content_filter",
    "auth",
    "permission",
    "not_found",
    "too_large",
    "rate_limit",
    "quota",
    "timeout",
    "server_error",
    "bad_gateway",
    "overloaded",
    "gateway_timeout",
]
Place = Literal["start", "mid-head", "head", "half", "end", "events", "bytes"]
Framing = Literal["auto", "length", "chunked", "close"]
Encoding = Literal["gzip", "deflate", "raw-deflate", "not-gzip"]
How = Literal["close", "reset", "end"]
Fault = Literal[
    "connection_refused",
    "connection_limit_reached",
    "destination_ip_unroutable",
    "dns_error",
    "tls_alert_received",
    "tls_certificate_error",
    "tls_protocol_error",
]


class ScriptError(ValueError):
    """A script can't be played; the text says what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class At:
    """A place in an answer.

    `start` is before the first byte, `mid-head` inside the head, `head` right behind it, `half` in the middle of the
    body, `end` behind the body but before the end of its framing; `events` and `bytes` count what of the body was sent.
    Counted in `events`, a body that is not a stream ends at its half, from 1 on.
    """

    where: Place
    count: int = 0


@dataclass(frozen=True, slots=True)
class Drip:
    """Sending in small pieces: so many bytes, then a pause in nanoseconds."""

    size: int
    every: int


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call of an answer; `arguments` is the JSON text that the model wrote."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """What the simulated provider does with one call.

    What is said:
        status: HTTP status; by default the problem's own, else 200.
        problem: Answer with this error; by default what the status means. With `status: 200` an error object in a 200.
        say: `text`; `prompt` (the last message, said back); `request` (what was received, as JSON); or no answer at
            all: `empty`, `html`, `body`, `not-http` (bytes that are no HTTP).
        text, words: The text, or how many words of a made-up one.
        body, content_type: A body as it is, and its type.
        flavour: A row of `wire_flavour`; by default the one named like the path's provider, else `openai`.
        message, code: Instead of the error's own; `{key}` in a message becomes the key that was received.
        served: The model in the answer; by default the one asked for, `""` for none.
        fingerprint, tier, region: `system_fingerprint`, `service_tier`, header `x-ms-region`; `""` for none.
        finish: Finish reason; by default the natural one, `""` for none at all.
        refusal, reasoning: A refusal instead of the text; reasoning before it.
        tools: Call the first tool of the request; `calls` names the calls instead.
        choices: How many, whatever `n` was asked.
        usage: `asked` (in streams only with `include_usage`), `never`, `always`, `last` (on the chunk that has the
            finish reason), `each` (running, on every chunk).
        prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens: Counts instead of the made-up ones.

    The form of a stream:
        done: Whether `[DONE]` is sent.
        newline: Line ends: `lf`, `crlf`, `cr`.
        comments, named, multiline, tight, bom: A comment before each event; fields `event` and `id`; the JSON over
            several `data` lines; no blank after the colon; a byte order mark first.
        pings: Keep-alives spread over `first_event`: comments in a stream, empty lines before another body.
        malformed, malformed_by: The event of this number is broken (`json`: cut in half; `utf8`: not UTF-8).
        error_event: Instead of the event of this number an error object comes, and the stream ends.

    How it is brought:
        wait: Before the first byte. first_event: between head and body. first_token: before the first output.
        pace: Between events.
        head_drip, body_drip: In pieces with pauses.
        split: Bytes per write, at any place, framing included.
        encoding: Content coding; `not-gzip` says gzip and isn't.
        framing: `auto` is a length for a whole body and chunks for a stream.
        bad_frame: Before the event of this number the chunked framing breaks.
        cut, how: Where the answer ends too early: by a close, a reset, or (`end`) well framed.
        stall, stall_for: Where it stops, and for how long; by default until the caller leaves.
        linger: Between the body's last byte and the end of its framing.
        garbage, garbage_after: Bytes behind a good answer on the kept connection, and how much later.
        idle, idle_after: The kept connection dies so long after the answer (10 ms: a reset that comes with an answer
            may destroy it): `close`, `reset`, or (`next`) by a reset when the next request comes, unread.
        keep_alive: Whether the connection is kept.
        headers: Added to the head; a value of `None` takes a field away.
        retry_after, retry_after_ms, retry_date: `Retry-After` as text, `retry-after-ms`, and the date so many seconds
            ahead.

    Only in memory, where a connection can be told by the model:
        fault: The exchange fails so before a request is sent.
        connect: How long a new connection takes.
        unread: The request is never taken.
    """

    status: int | None = None
    problem: Problem | None = None
    say: Say = "text"
    text: str | None = None
    words: int | None = None
    body: str | None = None
    content_type: str | None = None
    flavour: str | None = None
    message: str | None = None
    code: str | None = None
    served: str | None = None
    fingerprint: str | None = None
    tier: str | None = None
    region: str | None = None
    finish: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    tools: bool = False
    calls: tuple[ToolCall, ...] = ()
    choices: int | None = None
    usage: Literal["asked", "never", "always", "last", "each"] = "asked"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None

    done: bool = True
    newline: Literal["lf", "crlf", "cr"] = "lf"
    comments: bool = False
    named: bool = False
    multiline: bool = False
    tight: bool = False
    bom: bool = False
    pings: int = 0
    malformed: int | None = None
    malformed_by: Literal["json", "utf8"] = "json"
    error_event: int | None = None

    wait: int = 0
    first_event: int = 0
    first_token: int = 0
    pace: int = 0
    head_drip: Drip | None = None
    body_drip: Drip | None = None
    split: int | None = None
    encoding: Encoding | None = None
    framing: Framing = "auto"
    bad_frame: int | None = None
    cut: At | None = None
    how: How = "close"
    stall: At | None = None
    stall_for: int = NEVER
    linger: int = 0
    garbage: str | None = None
    garbage_after: int = 0
    idle: Literal["close", "reset", "next"] | None = None
    idle_after: int = 10_000_000
    keep_alive: bool = True
    headers: tuple[tuple[str, str | None], ...] = ()
    retry_after: str | None = None
    retry_after_ms: int | None = None
    retry_date: int | None = None

    fault: Fault | None = None
    connect: int = 0
    unread: bool = False

    def __post_init__(self) -> None:
        small = [name for name in ("split", "choices") if (n := getattr(self, name)) is not None and n < 1]
        small += [name for name in ("head_drip", "body_drip") if (drip := getattr(self, name)) and drip.size < 1]
        if small:
            raise ScriptError(f"`{small[0]}` must be at least 1")
        if self.how != "close" and self.cut is None:
            raise ScriptError(f"`how: {self.how}` needs `cut`, the place; `reset-before-head` is short for one")
        if self.how == "end" and self.cut is not None and self.cut.where in ("start", "mid-head"):
            raise ScriptError("an answer can't end well framed before its head is whole; cut at `head` or later")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ScriptError(f"`status` is {self.status}; write a final one, from 200 to 599")

    def __repr__(self) -> str:
        told = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != f.default)
        return f"Step({', '.join(told)})"

    @property
    def failing(self) -> bool:
        """Whether an error object is what is said."""
        return self.say == "text" and self.body is None and (self.problem is not None or (self.status or 200) >= 400)

    @property
    def memory_only(self) -> bool:
        """Whether only the exchange in memory can play it."""
        return self.fault is not None or self.connect > 0 or self.unread


OK = Step()
"""A plain, good answer."""


@dataclass(frozen=True, slots=True)
class Script:
    """Steps, one per call: the last one repeats, or (`again`) the list starts over, as a flapping provider does."""

    steps: tuple[Step, ...] = (OK,)
    again: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ScriptError("a script needs at least one step; `ok` is a plain answer")

    def at(self, call: int) -> int:
        """The index of the step that call number `call` (0 for the first) takes."""
        return call % len(self.steps) if self.again else min(call, len(self.steps) - 1)
