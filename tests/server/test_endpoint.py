"""The life of a request: faults, cancels, deadlines, stops, and that nothing is ever left open."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from tests.agreement.house import PATH, House
from tests.server.opened import CALL, KEY, KEYS, MS, S, config, got, opened, trees
from tracegate.build.tree import Selected
from tracegate.errors import Denied
from tracegate.hop import Call, Hop, Reply
from tracegate.server.auth import Caller
from tracegate.server.client import CLIENT
from tracegate.server.endpoint import Endpoint, Session
from tracegate.server.watch import GRACE_NS
from tracegate.testing.driver import AppBroke, ClientExchange, drive
from tracegate.testing.script import Step

pytestmark = pytest.mark.slow

START = 1_000_000_000
PROMPT = "what nobody may read"


# --- clients that leave or do not read ---


def leaving(at_ns: int, body: dict[str, Any], *models: str, seed: int = 0) -> House:
    """A client hangs up so long after its request."""

    async def asked(house: House) -> None:
        async with house.post(**body) as exchange:
            await house.clock.sleep_until(house.clock.now() + at_ns)
            exchange.disconnect()
        assert house.clock.now() == START + at_ns, "the gateway went on without its client"

    return opened(config(*models), asked, seed=seed)


@pytest.mark.parametrize("seed", range(6))
def test_a_client_that_leaves_before_the_answer_stops_everything(seed: int) -> None:
    """Noticed at once, once it is watched; open records are cancelled, nothing more is sent (ruling 10)."""
    house = leaving(400 * MS, {}, "sim-silence", seed=seed)
    assert trees(house) == [
        "\nPOST /v1/chat/completions cancelled client_disconnect\n"
        "  route chat cancelled client_disconnect\n"
        "    chat sim-silence attempt=0 initial cancelled client_disconnect\n"
    ]
    assert house.view.requests[0].inbound.status is None
    assert house.exchange.log[0].hung_up == START + 400 * MS


def test_a_client_that_leaves_in_the_first_moment_is_noticed_within_a_second() -> None:
    """The watch has not looked yet: it does after 200 ms."""

    async def asked(house: House) -> None:
        async with house.post() as exchange:
            await house.clock.sleep_until(house.clock.now() + MS)
            exchange.disconnect()

    house = opened(config("sim-silence"), asked)
    assert house.exchange.log[0].hung_up == START + 200 * MS


def test_a_client_that_leaves_during_back_off_stops_it() -> None:
    """There is no attempt open then, and no further one begins."""
    text = config("sim-503").replace("retry: 0", "retry: {times: 2, base: 8s, cap: 8s}")

    async def asked(house: House) -> None:
        async with house.post() as exchange:
            await house.clock.sleep_until(house.clock.now() + 300 * MS)
            exchange.disconnect()

    (tree,) = trees(opened(text, asked))
    assert tree == (
        "\nPOST /v1/chat/completions cancelled client_disconnect\n  route chat cancelled client_disconnect\n"
        "    chat sim-503 attempt=0 initial error 503\n"
    )


def test_a_client_that_leaves_while_its_body_is_read() -> None:
    """Nothing was tried; the SERVER record is cancelled."""

    async def asked(house: House) -> None:
        async with drive(house.app, "POST", PATH, {}, b'{"model":', more=True) as exchange:
            await house.clock.sleep_until(house.clock.now() + 700 * MS)
            exchange.disconnect()

    assert trees(opened(config("sim-ok"), asked)) == ["\nPOST /v1/chat/completions cancelled client_disconnect\n"]


def test_a_client_that_leaves_during_a_stream() -> None:
    """Its head was sent, so the status is known."""
    house = leaving(500 * MS, {"stream": True}, "sim-ok+words=200+pace=50ms")
    assert trees(house) == [
        "\nPOST /v1/chat/completions cancelled 200 client_disconnect\n"
        "  route chat cancelled client_disconnect\n"
        "    chat sim-ok+words=200+pace=50ms attempt=0 initial cancelled client_disconnect\n"
    ]


@pytest.mark.parametrize("seed", range(6))
def test_a_client_that_leaves_while_the_final_is_written(seed: int) -> None:
    """Attempts and route stay ok; the SERVER alone is cancelled (ruling 10)."""

    async def asked(house: House) -> None:
        async with house.post(stream=True, window=0) as exchange:  # each part is sent when the one before it was read
            for _ in range(CHUNKS - 1):
                await exchange.next_chunk()
            await house.clock.sleep_until(house.clock.now() + S)  # what is sent last waits for the last but one
            exchange.disconnect()

    house = opened(config("sim-ok+words=5+pace=10ms"), asked, seed=seed)
    assert trees(house) == [
        "\nPOST /v1/chat/completions cancelled 200 client_disconnect\n"
        "  route chat\n"
        "    chat sim-ok+words=5+pace=10ms attempt=0 initial ok\n"
    ]


CHUNKS = 7  # of a stream of five words: a role, the words, a finish reason


@pytest.mark.parametrize("seed", range(12))
def test_a_client_that_does_not_read_is_cut_off_at_the_deadline(seed: int) -> None:
    """Error `http_response_timeout` on what is open; no attempt outlives the deadline."""
    dropped: list[int] = []

    async def asked(house: House) -> None:
        async with undropped(house, dropped).post(stream=True, window=0) as exchange:
            assert await exchange.head() == 200
            await house.clock.sleep_until(house.clock.now() + 5 * S)

    house = opened(config("sim-ok+words=200", route="deadline: 2s, "), asked, seed=seed)
    assert trees(house) == [
        "\nPOST /v1/chat/completions error 200\n"
        "  route chat error deadline\n"
        "    chat sim-ok+words=200 attempt=0 initial error http_response_timeout\n"
    ]
    (request,) = house.view.requests
    assert all(record.end == START + 2 * S for record in request.records)
    assert dropped == [START + 2 * S]


def test_without_a_way_to_drop_the_connection_the_answer_just_ends() -> None:
    """In another server than ours: it sees that the answer is not complete, and closes."""
    opened(config("sim-ok+words=200", route="deadline: 2s, "), lambda house: house.unread(5 * S))


@pytest.mark.parametrize("seed", range(12))
def test_a_deadline_that_passes_upstream_is_told(seed: int) -> None:
    """The leaf raises it, whoever's timer is first: 504, and no retry by the client (ruling 59)."""

    async def asked(house: House) -> None:
        answer = await got(house.app, body=CALL)
        assert (504, "false") == (answer.status, answer.header("x-should-retry"))

    house = opened(config("sim-silence", route="deadline: 400ms, "), asked, seed=seed)
    assert trees(house) == [
        "\nPOST /v1/chat/completions error 504\n  route chat error timeout\n"
        "    chat sim-silence attempt=0 initial error http_response_timeout\n"
    ]
    assert house.view.requests[0].server.end == START + 400 * MS


@pytest.mark.parametrize("seed", range(6))
def test_a_deadline_shorter_than_the_first_look_is_kept(seed: int) -> None:
    """For a client that does not read, too."""
    dropped: list[int] = []

    async def asked(house: House) -> None:
        async with undropped(house, dropped).post(stream=True, window=0) as exchange:
            assert await exchange.head() == 200
            await house.clock.sleep_until(house.clock.now() + S)

    opened(config("sim-ok+words=50", route="deadline: 100ms, "), asked, seed=seed)
    assert dropped == [START + 100 * MS]


def test_a_body_that_is_slower_than_the_deadline_is_refused() -> None:
    """408, and the connection ends with it."""

    async def asked(house: House) -> None:
        async with drive(house.app, "POST", PATH, {}, b'{"model":', more=True) as exchange:
            assert await exchange.head() == 408
            assert exchange.header("connection") == "close"
            assert exchange.header("tracegate-record") is not None
            assert json.loads(await exchange.read())["error"]["code"] == "request_timeout"

    house = opened(config("sim-ok", more="timeouts: {deadline: 3s}\n"), asked)
    (request,) = house.view.requests
    assert ("error", "timeout", START + 3 * S) == (request.server.outcome, request.server.reason, request.server.end)


def test_a_client_that_takes_not_even_the_error_of_the_deadline() -> None:
    """It has a second, then it is dropped."""
    dropped: list[int] = []

    async def asked(house: House) -> None:
        app = undropped(house, dropped)
        async with app.post(stream=True, window=900) as exchange:  # room for the head and some events
            assert await exchange.head() == 200
            await house.clock.sleep_until(house.clock.now() + 5 * S)

    house = opened(config("sim-ok+stall=3", route="deadline: 1s, "), asked)
    assert dropped == [START + S + GRACE_NS]
    assert house.view.requests[0].server.reason == "deadline"


def test_a_hop_that_knows_no_deadline_is_cancelled_a_while_after_it() -> None:
    """A policy of a third party may forget it; the client is told all the same."""

    async def endless(call: Call) -> Reply:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable")

    async def asked(house: House) -> None:
        answer = await got(house.app, body=CALL)
        assert (504, "http_response_timeout") == (answer.status, answer.error["code"])

    house = replaced(config("sim-ok", route="deadline: 2s, "), endless, asked)
    assert house.view.requests[0].server.end == START + 2 * S + GRACE_NS


# --- faults and stops ---


def test_a_fault_of_our_own_is_a_500_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the client nor the log gets the text of an exception nobody foresaw: it may hold anything."""

    async def broken(call: Call) -> Reply:
        raise ValueError("the prompt was: " + PROMPT)

    async def asked(house: House) -> None:
        answer = await got(house.app, body=CALL)
        assert (500, "internal_error") == (answer.status, answer.error["code"])
        assert PROMPT.encode() not in answer.body

    house = replaced(config("sim-ok"), broken, asked)
    assert house.view.requests[0].server.reason == "server_error"
    assert "ValueError" in caplog.text
    assert "in broken" in caplog.text
    assert house.view.requests[0].request_id in caplog.text
    assert PROMPT not in caplog.text


def test_a_policys_refusal_is_a_403() -> None:
    """`Denied` is nobody's fault."""

    async def denied(call: Call) -> Reply:
        raise Denied("Not in this region.")

    async def asked(house: House) -> None:
        answer = await got(house.app, body=CALL)
        assert (403, "permission_error") == (answer.status, answer.error["type"])

    replaced(config("sim-ok"), denied, asked)


def test_an_answer_that_can_not_be_sent_is_broken_off_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The server refused what we sent: that is our fault, and the records are closed."""

    async def asked(house: House) -> None:
        async def refusing(message: MutableMapping[str, Any]) -> None:
            raise RuntimeError("Invalid HTTP header value: " + PROMPT)

        await house.app(*parts(refusing))

    house = opened(config("sim-ok"), asked)
    assert house.view.requests[0].server.outcome == "error"
    assert "RuntimeError" in caplog.text
    assert PROMPT not in caplog.text


@pytest.mark.parametrize(
    "models",
    [("sim-ok",), ("sim-500",), ("sim-cut=3",), ("sim-silence",), ("sim-429", "sim-ok"), ("sim-429", "sim-500")],
    ids=" ".join,
)
def test_a_request_is_freed_without_the_collector(models: tuple[str, ...]) -> None:
    """Also one that failed: the traceback of its error would hold it, until a collection that stops everybody."""

    async def asked(house: House) -> None:
        gc.collect()
        gc.disable()
        try:
            await got(house.app, body={**CALL, "stream": True})
            await asyncio.sleep(0)
            assert [one for one in gc.get_objects() if isinstance(one, Session | Call)] == []
        finally:
            gc.enable()

    opened(config(*models, route="deadline: 1s, "), asked)


def test_what_ends_the_process_passes_through() -> None:
    """Records are closed all the same."""

    async def ended(call: Call) -> Reply:
        raise GeneratorExit

    async def asked(house: House) -> None:
        with pytest.raises(GeneratorExit):
            await house.app(*parts(ignoring))

    house = replaced(config("sim-ok"), ended, asked)
    assert house.view.requests[0].server.outcome == "error"


async def stopped(house: House, exchange: ClientExchange) -> None:
    """What uvicorn does when a request is still there after the drain time."""
    await house.clock.sleep_until(house.clock.now() + 300 * MS)
    exchange._task.cancel("Task cancelled, timeout graceful shutdown exceeded")


def test_a_stop_tells_a_client_that_waits_for_its_answer() -> None:
    """503, so that it asks another gateway; the records say `shutdown`, and the cancel goes on to the server."""

    async def asked(house: House) -> None:
        async def client() -> None:
            async with house.post() as exchange:
                await stopped(house, exchange)
                assert (await exchange.head(), exchange.header("retry-after")) == (503, "1")
                assert json.loads(await exchange.read())["error"]["code"] == "shutdown"

        with pytest.raises(AppBroke, match="CancelledError"):
            await client()

    assert trees(opened(config("sim-silence"), asked)) == [
        "\nPOST /v1/chat/completions cancelled 503 shutdown\n"
        "  route chat cancelled shutdown\n"
        "    chat sim-silence attempt=0 initial cancelled shutdown\n"
    ]


def test_a_stop_tells_a_client_in_its_stream() -> None:
    """In band, without `[DONE]`."""

    async def asked(house: House) -> None:
        async def client() -> None:
            async with house.post(stream=True) as exchange:
                await stopped(house, exchange)
                body = (await exchange.read()).decode()
                assert '"code":"shutdown"' in body
                assert "\n: tracegate-outcome cancelled;chunks=4\n: tracegate-receipt " in body
                assert "[DONE]" not in body

        with pytest.raises(AppBroke, match="CancelledError"):
            await client()

    (tree,) = trees(opened(config("sim-ok+pace=100ms"), asked))
    assert "attempt=0 initial cancelled shutdown" in tree


def test_a_stop_does_not_wait_for_a_client_that_does_not_read() -> None:
    """It is dropped."""
    dropped: list[int] = []

    async def asked(house: House) -> None:
        async def client() -> None:
            async with undropped(house, dropped).post(stream=True, window=0) as exchange:
                await stopped(house, exchange)
                await asyncio.sleep(0)

        with pytest.raises(AppBroke, match="CancelledError"):
            await client()

    (tree,) = trees(opened(config("sim-ok+words=50"), asked))
    assert tree.startswith("\nPOST /v1/chat/completions cancelled 200 shutdown\n")
    assert dropped == [START + 300 * MS]


def test_a_cancel_without_a_word_is_a_stop() -> None:
    """Whoever cancels without one of our reasons is the server stopping."""

    async def asked(house: House) -> None:
        async def client() -> None:
            async with house.post() as exchange:
                await house.clock.sleep_until(house.clock.now() + 50 * MS)
                exchange._task.cancel()

        with pytest.raises(AppBroke, match="CancelledError"):
            await client()

    assert opened(config("sim-silence"), asked).view.requests[0].server.reason == "shutdown"


# --- counts ---


def test_requests_in_flight_are_counted_by_route() -> None:
    """`none` until the route is known; nothing is left at the end."""
    seen: list[dict[Any, int]] = []

    def look(house: House) -> None:
        counts = house.assembled.gateway.active.counts()
        seen.append({labels[0][1]: count for labels, count in counts if count})

    async def asked(house: House) -> None:
        sent = json.dumps(CALL).encode()
        async with drive(house.app, "POST", PATH, {}, sent[:5], more=True) as exchange:
            await asyncio.sleep(0)
            look(house)
            exchange.feed(sent[5:], last=True)
            await house.clock.sleep_until(house.clock.now() + MS)
            look(house)
            await exchange.head()
            await exchange.read()
        look(house)

    opened(config("sim-ok+wait=1s"), asked)
    assert seen == [{"none": 1}, {"chat": 1}, {}]


def test_quick_requests_make_no_task_and_slow_ones_exactly_one() -> None:
    """The watcher of a client that may leave comes after 200 ms."""
    tasks: list[int] = []

    async def asked(house: House) -> None:
        for _ in range(2):
            before = len(asyncio.all_tasks())
            async with house.post() as exchange:
                await house.clock.sleep_until(house.clock.now() + 150 * MS)
                tasks.append(len(asyncio.all_tasks()) - before)
                await house.clock.sleep_until(house.clock.now() + 700 * MS)
                tasks.append(len(asyncio.all_tasks()) - before)
                await exchange.head()
                await exchange.read()

    opened(config("slow"), asked, {"slow": Step(wait=2 * S)})
    assert tasks == [1, 2, 1, 2]  # one of them is the request's own


def test_requests_without_a_record_leave_a_line_where_somebody_wants_it(caplog: pytest.LogCaptureFixture) -> None:
    """Ruling 24; those with a record leave none, for they have a span."""
    caplog.set_level(logging.INFO, "tracegate.server")

    async def asked(house: House) -> None:
        await got(house.app, "GET", "/v1/models", headers={"api-key": KEY})
        await got(house.app, body=CALL)
        await got(house.app, headers={"api-key": KEY}, body=CALL)

    house = opened(config("sim-ok", more=KEYS), asked)
    listed, refused, _ = house.view.requests
    assert [record.getMessage() for record in caplog.records] == [
        f"GET /v1/models 200 {listed.request_id}",
        f"POST /v1/chat/completions 401 {refused.request_id}",
    ]


def test_what_a_third_partys_endpoint_needs_is_there() -> None:
    """An endpoint is a function of a session."""

    async def hello(session: Session) -> None:
        await session.whole(b"text/plain", session.headers[b"x-name"], [])

    async def asked(house: House) -> None:
        app = Endpoint(house.assembled.gateway, hello, route="/hello", methods=["GET"])
        answer = await got(app, "GET", "/hello", {"x-name": "bob"})
        assert (200, b"bob") == (answer.status, answer.body)
        assert answer.header("x-served-by") == 'tracegate;node="node-1";v="0.1.0"'

    opened(config("sim-ok"), asked)


# --- helpers ---


class undropped:  # noqa: N801  # reads as a word where it is used
    """A gateway in a server that can drop a connection, as ours can; notes when it did."""

    def __init__(self, house: House, dropped: list[int]) -> None:
        self._house = house
        self._dropped = dropped
        self._exchange: ClientExchange | None = None
        self.called: tuple[bytes, Caller] | None = None

    def post(self, window: int, **body: Any) -> ClientExchange:
        """As `House.post`."""
        sent = json.dumps({**CALL, **body}).encode()
        self._exchange = drive(self._app, "POST", PATH, {}, sent, window=window)
        return self._exchange

    async def _app(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        scope["extensions"] = {CLIENT: self}
        await self._house.app(scope, receive, send)

    def left(self, call: Callable[[], object], wanted: bool) -> None:
        """See `Client`; nobody leaves."""

    def drop(self) -> None:
        """See `Client`."""
        self._dropped.append(self._house.clock.now())
        assert self._exchange is not None
        self._exchange.disconnect()


def replaced(text: str, hop: Hop, asked: Callable[[House], Awaitable[None]]) -> House:
    """As `opened`, with another hop behind the route."""

    async def with_it(house: House) -> None:
        routes = house.assembled.tree._routes
        routes["chat"] = Selected("chat", hop, routes["chat"].deadline_ns)
        await asked(house)

    return opened(text, with_it)


async def ignoring(message: MutableMapping[str, Any]) -> None:
    """A client that takes everything."""


def parts(send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> tuple[dict[str, Any], Any, Any]:
    """Scope, receive and send of one call, without a driver."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(CALL).encode(), "more_body": False}

    scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": PATH, "headers": []}
    return scope, receive, send
