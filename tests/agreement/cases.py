"""The cases of the shared check: a route, what its providers do, what the client does, and the trace that must come."""

from __future__ import annotations

from dataclasses import dataclass, field

MS = 1_000_000
S = 1_000_000_000

CONFIG = """
gateway: {{name: tracegate-test, node: node-1, region: here}}
providers:
  a: {{dialect: openai, name: openai, base_url: "{origin}/a/v1", key: "{key}",
       region: eu, propagate: traceparent, transport: httpx}}
  b: {{dialect: openai, name: mistral_ai, base_url: "{origin}/b/v1", key: "{key}", propagate: traceparent}}
  c: {{dialect: openai, name: groq, base_url: "{origin}/c/v1", key: "{key}", propagate: traceparent}}
targets:
  first:  {{provider: a, model: "sim-{first}", price: {{input: 2, output: 8}}}}
  second: {{provider: b, model: "sim-{second}", price: {{input: 1, output: 3}}}}
  third:  {{provider: c, model: "sim-{third}", region: us}}
routes:
  chat:
    fallback: [first, second, third]
    retry: {{times: {retries}, base: 20ms, cap: 40ms}}
    timeouts: {{connect: 1s, attempt: 2s, first_token: {first_token}, idle: 300ms}}
    deadline: {deadline}
    on_malformed_event: {malformed}
"""


@dataclass(frozen=True)
class Case:
    """One request.

    Args:
        name: What it shows.
        first, second, third: What the candidates do, as scripts in text form.
        stream: Whether the client asks for a stream.
        leave_ns: When the client hangs up, after so many nanoseconds.
        leave_after: Or after so many chunks of the body.
        tree: The whole trace as text.
        calls: How many calls the providers must log.
    """

    name: str
    tree: str
    calls: int
    first: str = "ok"
    second: str = "ok"
    third: str = "ok"
    stream: bool = False
    leave_ns: int | None = None
    leave_after: int | None = None
    retries: int = 2
    first_token: str = "1s"
    deadline: str = "5s"
    malformed: str = "break"
    status: int | None = 200
    body: dict[str, object] = field(default_factory=dict)

    def config(self, origin: str, key: str) -> str:
        """The configuration of a gateway that serves this case."""
        return CONFIG.format(
            origin=origin,
            key=key,
            first=self.first,
            second=self.second,
            third=self.third,
            retries=self.retries,
            first_token=self.first_token,
            deadline=self.deadline,
            malformed=self.malformed,
        )


def _tree(server: str, *attempts: str, route: str = "") -> str:
    lines = [f"POST /v1/chat/completions {server}", f"  route chat{route}", *(f"    {line}" for line in attempts)]
    return "\n" + "\n".join(lines) + "\n"


def _one(script: str, result: str) -> str:
    return f"chat sim-{script} attempt=0 initial {result}"


def non_answer(name: str, script: str, error: str, *, stream: bool = False) -> Case:
    """A first candidate that says something that is no answer, and a second one that answers."""
    width = max(len(script), len("ok"))
    return Case(
        name,
        _tree(
            "ok 200",
            f"chat sim-{script:<{width}} attempt=0 initial error {error}",
            f"chat sim-{'ok':<{width}} attempt=1 fallback ok",
        ),
        calls=2,
        first=script,
        stream=stream,
        retries=0,
    )


CASES = [
    Case(
        "three 503 of the primary, then the fallback answers once",
        _tree(
            "ok 200",
            "chat sim-503 attempt=0 initial error 503",
            "chat sim-503 attempt=1 retry error 503",
            "chat sim-503 attempt=2 retry error 503",
            "chat sim-ok  attempt=3 fallback ok",
        ),
        calls=4,
        first="503",
    ),
    Case("plain success", _tree("ok 200", _one("ok", "ok")), calls=1),
    Case("stream", _tree("ok 200", _one("ok+pace=5ms", "ok")), calls=1, first="ok+pace=5ms", stream=True),
    Case(
        "retry after the two seconds asked for",
        _tree(
            "ok 200",
            "chat sim-429+retry-after=2:ok attempt=0 initial error 429",
            "chat sim-429+retry-after=2:ok attempt=1 retry ok",
        ),
        calls=2,
        first="429+retry-after=2:ok",
    ),
    Case(
        "all failed",
        _tree(
            "error 503",
            "chat sim-500 attempt=0 initial error 500",
            "chat sim-429 attempt=1 fallback error 429",
            "chat sim-503 attempt=2 fallback error 503",
            route=" error overloaded",
        ),
        calls=3,
        first="500",
        second="429",
        third="503",
        retries=0,
        status=503,
    ),
    Case(
        "the client leaves before the answer",
        _tree(
            "cancelled client_disconnect",
            _one("silence", "cancelled client_disconnect"),
            route=" cancelled client_disconnect",
        ),
        calls=1,
        first="silence",
        leave_ns=400 * MS,
        status=None,
    ),
    Case(
        "the client leaves during the answer",
        _tree(
            "cancelled 200 client_disconnect",
            _one("ok+words=200+pace=20ms", "cancelled client_disconnect"),
            route=" cancelled client_disconnect",
        ),
        calls=1,
        first="ok+words=200+pace=20ms",
        stream=True,
        leave_after=3,
    ),
    Case(
        "a committed stream is cut",
        _tree(
            "error 200",
            _one("cut=4", "error http_response_incomplete"),
            route=" error broken_answer",
        ),
        calls=1,
        first="cut=4",
        stream=True,
    ),
    Case(
        "no first token in time",
        _tree(
            "ok 200",
            "chat sim-ok+first-token=9s attempt=0 initial error connection_read_timeout",
            "chat sim-ok                attempt=1 fallback ok",
        ),
        calls=2,
        first="ok+first-token=9s",
        stream=True,
        first_token="300ms",
    ),
    Case(
        "the deadline passes",
        _tree(
            "error 504",
            _one("silence", "error http_response_timeout"),
            route=" error timeout",
        ),
        calls=1,
        first="silence",
        deadline="500ms",
        status=504,
    ),
    Case(
        "a committed stream goes silent",
        _tree(
            "error 200",
            _one("ok+stall=3", "error connection_read_timeout"),
            route=" error timeout",
        ),
        calls=1,
        first="ok+stall=3",
        stream=True,
    ),
    non_answer("an error object in a 200", "error-200", "http_protocol_error"),
    non_answer("an error object in a 200 instead of a stream", "error-200", "http_protocol_error", stream=True),
    non_answer("an empty body", "empty", "http_response_incomplete"),
    non_answer("a body of HTML", "html", "http_protocol_error"),
    non_answer("a body of HTML instead of a stream", "html", "http_protocol_error", stream=True),
    non_answer("JSON that is none", "truncated", "http_protocol_error"),
    non_answer(
        "a stream that says nothing but a role and breaks", "role-only", "http_response_incomplete", stream=True
    ),
    non_answer("a stream whose first event is an error", "error-first", "http_protocol_error", stream=True),
    non_answer("a stream without any event", "no-events", "http_response_incomplete", stream=True),
    non_answer("a reset before the head", "reset-before-head", "connection_terminated"),
    non_answer("a reset after the head", "reset-after-head", "http_response_incomplete", stream=True),
    non_answer("a key that is refused", "401", "401"),
    non_answer("a request that is refused", "400", "400"),
    non_answer("too long for the context", "context-length", "400"),
    Case(
        "a content filter is the answer",
        _tree("error 400", _one("content-filter", "error 400"), route=" error content_filter"),
        calls=1,
        first="content-filter",
        status=400,
    ),
    Case(
        "a malformed event breaks the stream",
        _tree("error 200", _one("malformed=4", "error http_protocol_error"), route=" error broken_answer"),
        calls=1,
        first="malformed=4",
        stream=True,
    ),
    Case(
        "a malformed event is skipped where the route says so",
        _tree("ok 200", _one("malformed=4", "ok")),
        calls=1,
        first="malformed=4",
        stream=True,
        malformed="skip",
    ),
    Case(
        "a stream without [DONE] is complete by its finish reason",
        _tree("ok 200", _one("no-done", "ok")),
        calls=1,
        first="no-done",
        stream=True,
    ),
    Case(
        "a stream whose provider never reports usage",
        _tree("ok 200", _one("ok+usage=never", "ok")),
        calls=1,
        first="ok+usage=never",
        stream=True,
    ),
    Case(
        "a provider that names another model and a region",
        _tree("ok 200", _one("ok+served=gpt-y-2026+region=Sweden%20Central", "ok")),
        calls=1,
        first="ok+served=gpt-y-2026+region=Sweden%20Central",
    ),
]
