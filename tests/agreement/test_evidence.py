"""Evidence can't be switched off from outside, nothing leaks in either direction, and no secret or text is exported."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping

import pytest

from tests.agreement.client import Answer
from tests.agreement.house import House, loaded
from tests.agreement.renderers import RENDERERS, Renderer, export_of, finish
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.receiver import Receiver
from tracegate.testing.simulator_log import Entry
from tracegate.testing.tree import span_tree

PROVIDER_KEY = "sk-planted-provider-0123456789abcdef"
CLIENT_KEY = "planted-client-key-0123456789abcdef"
PROMPT = "planted prompt: the patient's name is Ada"
ANSWER = "planted answer: take two"
HEADER_SECRET = "planted-header-secret-998877"

CONFIG = f"""
providers:
  closed: {{dialect: openai, base_url: "http://127.0.0.1:9/closed/v1", key: "{PROVIDER_KEY}",
            headers: {{x-api-token: "{HEADER_SECRET}"}}}}
  own:    {{dialect: openai, base_url: "http://127.0.0.1:9/own/v1", key: none, propagate: traceparent}}
targets:
  plain:  {{provider: closed, model: plain}}
  mine:   {{provider: own, model: plain}}
  leaky:  {{provider: closed, model: leaky}}
  cut:    {{provider: closed, model: cut}}
routes:
  chat: [leaky, plain]
keys:
  app:  {{tenant: inside, key: "{CLIENT_KEY}"}}
  edge: {{tenant: outside, hash: "sha256:{hashlib.sha256(b"edge-key-0123456789").hexdigest()}"}}
  deaf: {{tenant: deaf, hash: "sha256:{hashlib.sha256(b"deaf-key-0123456789").hexdigest()}"}}
tenants:
  inside: {{inbound: parent}}
  outside: {{inbound: link}}
  deaf: {{inbound: ignore}}
"""
SCRIPTS = {
    "plain": {"text": ANSWER},
    "cut": {"text": ANSWER, "cut": "3", "how": "reset"},
    "leaky": {"status": 401, "message": "Incorrect API key provided: {key}. Bearer {key} was refused."},
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def asked(
    model: str,
    headers: Mapping[str, str],
    renderer: Renderer = "direct",
    *,
    stream: bool = False,
    key: str = CLIENT_KEY,
) -> tuple[Answer, Receiver, list[Entry]]:
    """One request with planted texts, down to the receiver."""

    async def main() -> tuple[Answer, Receiver, list[Entry]]:
        clock = FakeClock()
        config = loaded(CONFIG)
        export = export_of(renderer, config, clock, SeededIds(5))
        house = House(config, SCRIPTS, export.view)
        answer = await house.ask(
            model,
            headers={"authorization": f"Bearer {key}", **headers},
            stream=stream,
            messages=[{"role": "user", "content": PROMPT}],
        )
        await house.close()
        receiver = await finish(export, clock)
        return answer, receiver, list(house.exchange.log)

    return run(main, leave_timers=True)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("flags", ["00", "01"])
def test_an_inbound_flag_can_not_switch_evidence_off(flags: str, renderer: Renderer) -> None:
    """In parent mode the trace is the caller's, whole, whatever its flag says."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "tracestate": "vendor=1"}
    answer, receiver, _ = asked("plain", headers, renderer)
    assert (
        span_tree(receiver.spans)
        == """
POST /v1/chat/completions ok 200
  route plain
    chat plain attempt=0 initial ok
"""
    )
    (server,) = [span for span in receiver.spans if span.kind == "server"]
    assert {span.trace.hex() for span in receiver.spans} == {TRACE}
    assert (server.parent.hex(), server.parent_remote, server.tracestate) == (PARENT, True, "vendor=1")
    assert (answer.header("traceresponse") or "").startswith(f"00-{TRACE}-{server.span.hex()}-01")


@pytest.mark.parametrize("renderer", RENDERERS)
def test_in_link_mode_the_inbound_trace_is_linked_not_joined(renderer: Renderer) -> None:
    """A root of our own, and nothing of the caller's state."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-00", "tracestate": "vendor=1", "baggage": "user=ada"}
    _, receiver, _ = asked("plain", headers, renderer, key="edge-key-0123456789")
    (server,) = [span for span in receiver.spans if span.kind == "server"]
    assert server.trace.hex() != TRACE
    assert server.parent == b""
    assert [(link.trace.hex(), link.span.hex()) for link in server.links] == [(TRACE, PARENT)]
    assert receiver.found("vendor=1", "user=ada") == []


def test_a_tenant_may_ignore_inbound_context() -> None:
    """Neither joined nor linked."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    _, receiver, _ = asked("plain", headers, key="deaf-key-0123456789")
    (server,) = [span for span in receiver.spans if span.kind == "server"]
    assert server.trace.hex() != TRACE
    assert server.links == ()


@pytest.mark.parametrize("key", [CLIENT_KEY, "edge-key-0123456789"])
def test_no_context_reaches_a_provider_that_did_not_opt_in(key: str) -> None:
    """Nor a client's credentials, cookies, or claims in our name."""
    headers = {
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "tracestate": "vendor=1",
        "baggage": "user=ada",
        "cookie": "session=1",
        "x-served-by": "liar",
        "tracegate-record": "tg-lie",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
        "idempotency-key": "once",
        "x-forwarded-for": "10.0.0.1",
        "openai-beta": "assistants=v2",
        "user-agent": "curl/8",
    }
    _, _, (entry,) = asked("plain", headers, key=key)
    sent = dict(entry.headers)
    assert sent["authorization"] == f"Bearer {PROVIDER_KEY}"
    assert sent["openai-beta"] == "assistants=v2"
    assert set(sent) <= {
        "host",
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "openai-beta",
        "user-agent",
        "via",
        "x-api-token",
    }
    assert sent["user-agent"].startswith("tracegate/")


def test_a_target_that_opted_in_gets_the_attempts_own_context() -> None:
    """Never the client's header copied, and never its state or baggage."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1", "baggage": "user=ada"}
    _, receiver, (entry,) = asked("mine", headers)
    (attempt,) = [span for span in receiver.spans if span.kind == "client"]
    assert entry.header("traceparent") == f"00-{TRACE}-{attempt.span.hex()}-01"
    assert entry.header("tracestate") is None
    assert entry.header("baggage") is None


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize(
    ("model", "stream"), [("plain", False), ("plain", True), ("chat", False), ("cut", True), ("leaky", False)]
)
def test_no_key_and_no_text_in_anything_exported_answered_or_logged(
    model: str, stream: bool, renderer: Renderer, caplog: pytest.LogCaptureFixture
) -> None:
    """All exported bytes, response headers, errors and log lines are searched for what was planted."""
    caplog.set_level(logging.DEBUG)
    answer, receiver, _ = asked(model, {"x-request-id": "client-1"}, renderer, stream=stream)
    pieces = [ANSWER[:10], ANSWER.split()[0], PROMPT[:10]]
    assert receiver.found(PROVIDER_KEY, PROVIDER_KEY[3:20], CLIENT_KEY, HEADER_SECRET, PROMPT, ANSWER, *pieces) == []
    said = str(answer.headers) + (answer.body.decode() if answer.status != 200 else "")
    for secret in (PROVIDER_KEY, CLIENT_KEY, HEADER_SECRET):
        assert secret not in said + caplog.text
    assert PROMPT not in said + caplog.text
    config = loaded(CONFIG)
    assert not any(secret in repr(config) for secret in (PROVIDER_KEY, CLIENT_KEY, HEADER_SECRET))
