"""What the server takes from a request's scope, and what it refuses to believe."""

from __future__ import annotations

from typing import Any

import pytest

from tracegate.inbound import Inbound, Remote
from tracegate.server.inbound import inbound_of, loops, path_of, remote_of, values_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()


def scope(*headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    """An ASGI scope."""
    plain = {"method": "POST", "path": "/v1/chat/completions", "scheme": "https", "http_version": "1.1"}
    return {**plain, "server": ("10.0.0.1", 443), "headers": list(headers), **more}


def of(*headers: tuple[bytes, bytes], **more: Any) -> Inbound:
    """The facts of a request."""
    return inbound_of(scope(*headers, **more), dict(headers), "/v1/chat/completions", "chat_completions")


def test_the_facts_of_a_request() -> None:
    """Nothing is authenticated and nothing trusted yet."""
    sent = ((b"x-request-id", b"mine"), (b"user-agent", b"curl/8"), (b"openai-beta", b"assistants=v2"))
    assert of(*sent) == Inbound(
        method="POST",
        path="/v1/chat/completions",
        route="/v1/chat/completions",
        api="chat_completions",
        scheme="https",
        host="10.0.0.1",
        port=443,
        protocol="1.1",
        user_agent="curl/8",
        client_request_id="mine",
        passed=(("openai-beta", "assistants=v2"),),
        trust="ignore",
    )


def test_what_was_not_sent_is_absent() -> None:
    """A server may not know its own address either."""
    inbound = of(server=None)
    assert (None, None, None, None, ()) == (
        inbound.host,
        inbound.port,
        inbound.user_agent,
        inbound.client_request_id,
        inbound.passed,
    )


def test_texts_of_a_client_are_bounded() -> None:
    """Views keep many of them."""
    long = b"x" * 1000
    inbound = of((b"x-request-id", long), (b"user-agent", long), path="/v1/models/" + "m" * 1000)
    assert (128, 512, 512) == (len(inbound.client_request_id or ""), len(inbound.user_agent or ""), len(inbound.path))


def test_bytes_that_are_no_ascii_are_kept_or_not_passed_on() -> None:
    """A provider would get something else than was sent."""
    inbound = of((b"user-agent", b"\xfc"), (b"openai-beta", b"\xfc"))
    assert ("ü", ()) == (inbound.user_agent, inbound.passed)


def test_a_trace_context_is_read() -> None:
    """With all `tracestate` fields as one."""
    sent = ((b"traceparent", PARENT), (b"tracestate", b"a=1"), (b"tracestate", b"b=2"))
    remote = remote_of(scope(*sent), dict(sent))
    assert remote == Remote(bytes.fromhex(TRACE), bytes.fromhex("b7ad6b7169203331"), 1, "a=1,b=2")


@pytest.mark.parametrize("sent", [(), ((b"traceparent", b"\xfc"),), ((b"traceparent", PARENT),) * 2])
def test_no_trace_context_one_that_is_malformed_or_two_are_none(sent: tuple[tuple[bytes, bytes], ...]) -> None:
    """W3C Trace Context, section 3.2.1."""
    assert remote_of(scope(*sent), dict(sent)) is None


def test_a_path_is_told_as_the_client_sent_it() -> None:
    """Not decoded; a server that gives only the decoded one gives that."""
    assert path_of(scope(raw_path=b"/v1/chat%2Fcompletions")) == "/v1/chat%2Fcompletions"
    assert path_of(scope()) == "/v1/chat/completions"


def test_every_field_of_a_name_counts() -> None:
    """In their order."""
    assert values_of(scope((b"a", b"1"), (b"b", b"2"), (b"a", b"\xfc")), b"a") == ["1", "ü"]


@pytest.mark.parametrize(
    ("via", "ours"),
    [
        (b"1.1 tg", True),
        (b"1.0 fred, 1.1 tg (comment)", True),
        (b"HTTP/2 tg", True),
        (b"1.1 tg-2", False),
        (b"1.1 other (tg)", False),
        (b"1.1 other tg", False),
        (b"tg", False),
        (b"", False),
    ],
)
def test_a_loop_is_our_own_name_among_those_who_received_it(via: bytes, ours: bool) -> None:
    """RFC 9110, section 7.6.3: protocol, then pseudonym, then perhaps a comment."""
    assert loops(scope((b"via", via)), "tg") is ours
    assert loops(scope((b"via", b"1.1 x"), (b"via", via)), "tg") is ours
