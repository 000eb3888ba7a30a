"""The phases of a request, as the trace hooks of httpcore tell them."""

from __future__ import annotations

import ssl
from typing import Any

import httpcore
import httpx
import pytest

from tests.upstream.served import MS, OK, S, answering, go, serving
from tracegate.facts import Connection, Limit
from tracegate.testing.clock import START, FakeClock
from tracegate.upstream.phases import Phases, describe


class Told:
    """Phases on a fake clock, one millisecond for each event."""

    def __init__(
        self, *, connect: int = 5 * S, write: int = 9 * S, until: int = 60 * S, limit: Limit = "attempt"
    ) -> None:
        self.clock = FakeClock()
        self.connection = Connection()
        self.sooner = 0
        self.phases = Phases(
            self.clock,
            self.connection,
            connect_by=START + connect,
            write_by=START + write,
            until=START + until,
            limit=limit,
        )
        self.phases.sooner = self._sooner

    def _sooner(self) -> None:
        self.sooner += 1

    def events(self, *events: str, method: bytes = b"POST", stream: object = None) -> Told:
        """Send events, a millisecond before each."""
        request = httpcore.Request(method, "http://host/")
        for event in events:
            self.clock.advance(MS)
            with pytest.raises(StopIteration):  # it awaits nothing
                self.phases.trace(event, {"request": request, "return_value": stream or Quiet()}).send(None)
        return self

    @property
    def left(self) -> int:
        """Nanoseconds to the limit of the phase, from the start."""
        return self.phases.by - START


class Quiet:
    """A stream that tells what it was given, and nothing else."""

    def __init__(self, **told: object) -> None:
        self._told = told

    def get_extra_info(self, info: str) -> object:
        """See httpcore."""
        return self._told.get(info)


TCP = ("connection.connect_tcp.started", "connection.connect_tcp.complete")
TLS = ("connection.start_tls.started", "connection.start_tls.complete")
WRITE = ("http11.send_request_headers.started", "http11.send_request_headers.complete")
BODY = ("http11.send_request_body.started", "http11.send_request_body.complete")
HEAD = ("http11.receive_response_headers.started", "http11.receive_response_headers.complete")


def test_a_fresh_connection_tells_how_long_each_part_took() -> None:
    """Name, TCP and TLS are one duration; sent and first byte are times."""
    told = Told()
    told.phases.begin()
    told.events(*TCP, *TLS, *WRITE, *BODY, *HEAD)
    facts = told.connection
    assert (facts.reused, facts.connect_ns) == (False, 4 * MS)
    assert (facts.sent, facts.first_byte) == (START + 8 * MS, START + 10 * MS)
    assert told.phases.writing == START + 5 * MS


def test_a_reused_connection_has_no_time_to_connect() -> None:
    """It is absent, not 0."""
    told = Told()
    told.phases.begin()
    told.events(*WRITE, *BODY, *HEAD)
    assert (told.connection.reused, told.connection.connect_ns) == (True, None)


def test_each_phase_has_its_own_limit() -> None:
    """Connect until the request is written, write until the head is awaited, then the last."""
    told = Told()
    told.phases.begin()
    seen = [(told.phases.phase, told.left)]
    for events in (TCP, TLS[:1], TLS[1:], WRITE, BODY, HEAD):
        told.events(*events)
        seen.append((told.phases.phase, told.left))
    assert seen == [
        ("connect", 5 * S),
        ("connect", 5 * S),
        ("tls", 5 * S),
        ("connect", 5 * S),
        ("write", 9 * S),
        ("write", 9 * S),
        ("head", 60 * S),
    ]


@pytest.mark.parametrize(
    ("events", "until", "limit"),
    [
        ((), 60 * S, "connect"),
        (TCP, 60 * S, "connect"),
        (TLS[:1], 60 * S, "connect"),
        (WRITE, 60 * S, "write"),
        ((*WRITE, *BODY, HEAD[0]), 60 * S, "first_token"),
        ((), 5 * S, "first_token"),
        (WRITE, 9 * S, "first_token"),
        (WRITE, 2 * S, "first_token"),
    ],
)
def test_the_limit_that_fires_is_named_by_the_phase(events: tuple[str, ...], until: int, limit: str) -> None:
    """The last one's name wins where it comes first, and at a tie."""
    told = Told(until=until, limit="first_token")
    told.phases.begin()
    assert told.events(*events).phases.timed_out().limit == limit


def test_whoever_waits_is_told_of_an_earlier_limit() -> None:
    """And only then."""
    told = Told(connect=5 * S, write=2 * S)
    told.phases.begin()
    assert (told.sooner, told.left) == (1, 5 * S)  # earlier than the last, with which a request begins
    told.events(*TCP)
    assert told.sooner == 1
    told.events(*WRITE)
    assert (told.sooner, told.left) == (2, 2 * S)
    told.events(*BODY, HEAD[0])
    assert (told.sooner, told.left) == (2, 60 * S)
    alone = Phases(FakeClock(), Connection(), connect_by=0, write_by=0, until=START, limit="attempt")
    alone.begin()
    assert alone.by == 0


def test_what_is_exchanged_with_a_proxy_is_still_connecting() -> None:
    """CONNECT is no request of ours; what it takes is part of connecting."""
    told = Told()
    told.phases.begin()
    told.events(*TCP)
    told.events(*WRITE, *BODY, *HEAD, method=b"CONNECT")
    assert (told.phases.phase, told.connection) == ("connect", Connection())
    told.events("proxy.start_tls.started")
    assert told.phases.phase == "tls"
    told.events("proxy.start_tls.complete", *WRITE, *BODY, *HEAD)
    assert (told.connection.reused, told.connection.connect_ns) == (False, 10 * MS)
    assert told.connection.sent == START + 14 * MS


def test_a_request_that_is_sent_again_begins_anew() -> None:
    """What the first connection told is forgotten."""
    told = Told()
    told.phases.begin()
    told.events(*WRITE, *BODY)
    told.phases.begin()
    assert (told.connection.reused, told.phases.phase, told.phases.writing) == (None, "connect", None)
    told.events(*TCP, *WRITE)
    assert (told.connection.reused, told.connection.connect_ns) == (False, 2 * MS)


def test_a_request_that_could_not_be_written_whole_still_waits_for_its_head() -> None:
    """The provider may have answered before the end of it."""
    told = Told()
    told.phases.begin()
    told.events(*WRITE, "http11.send_request_body.failed", HEAD[0])
    assert (told.phases.phase, told.connection.sent) == ("head", None)


def test_a_transport_without_hooks_tells_nothing() -> None:
    """Only the last limit is kept here, and the transport is asked to keep the others."""
    told = Told(connect=-1)
    assert (told.phases.phase, told.left) == ("head", 60 * S)
    assert told.phases.timed_out().limit == "attempt"
    assert told.phases.own() == {"connect": 0, "pool": 0, "write": 9, "read": None}


def test_http_2_has_the_same_phases() -> None:
    """Also over a transport that is not ours."""
    told = Told()
    told.events(*TCP, *(event.replace("http11", "http2") for event in (*WRITE, *BODY, *HEAD)))
    assert (told.connection.reused, told.connection.connect_ns) == (False, 2 * MS)
    assert told.connection.sent == START + 6 * MS
    assert told.connection.first_byte == START + 8 * MS


def test_the_peer_is_known_as_soon_as_there_is_a_connection() -> None:
    """So it is told of requests that fail, too."""
    told = Told().events(*TCP, stream=Quiet(server_addr=("127.0.0.1", 80)))
    assert told.connection.peer == "127.0.0.1:80"
    told = Told().events(*TCP, stream=Quiet(server_addr=("::1", 80, 0, 0)))
    assert told.connection.peer == "[::1]:80"
    secured = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="host")
    told = Told().events(*TCP, *TLS, stream=Quiet(server_addr="path", ssl_object=secured))
    assert (told.connection.peer, told.connection.tls) == (None, secured.version())


@pytest.mark.parametrize(
    ("extensions", "protocol", "peer"),
    [
        ({}, None, None),
        ({"http_version": b"HTTP/1.1"}, "http/1.1", None),
        ({"http_version": b"HTTP/2"}, "h2", None),
        ({"http_version": "odd", "network_stream": Quiet(server_addr=("127.0.0.1", 80))}, None, "127.0.0.1:80"),
    ],
)
def test_an_answer_tells_of_its_connection(extensions: dict[str, Any], protocol: str | None, peer: str | None) -> None:
    """As ALPN names the protocol."""
    connection = Connection()
    describe(httpx.Response(200, extensions=extensions), connection)
    assert (connection.protocol, connection.peer) == (protocol, peer)


def test_the_peer_of_a_fresh_connection_is_not_asked_for_twice() -> None:
    """It stands there already."""
    connection = Connection(peer="here:1")
    describe(httpx.Response(200, extensions={"network_stream": Quiet(server_addr=("there", 2))}), connection)
    assert connection.peer == "here:1"


def test_httpcore_still_sends_the_events_that_are_listened_to() -> None:
    """The names are httpcore's; a change would make facts vanish in silence."""
    seen: list[str] = []

    async def trace(event: str, info: object) -> None:
        seen.append(event)

    async def main() -> None:
        async with serving(answering(OK)) as port:
            transport = httpx.AsyncHTTPTransport()
            request = httpx.Request("POST", f"http://127.0.0.1:{port}/", content=b"x", extensions={"trace": trace})
            await (await transport.handle_async_request(request)).aclose()
            await transport.aclose()

    go(main)
    listened = [event for event in seen if event.endswith(("_tcp.started", "_tcp.complete"))]
    listened += [event for event in seen if event in (*WRITE, *BODY, *HEAD)]
    assert listened == [*TCP, *WRITE, *BODY, *HEAD]
