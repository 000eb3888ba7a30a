"""The driver streams, blocks and hangs up as a client behind uvicorn does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tracegate.testing.clock import START, FakeClock
from tracegate.testing.driver import App, AppBroke, Message, Receive, Send, drive
from tracegate.testing.loop import run

Scope = Any


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> Message:
    """The head of an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def part(body: bytes = b"", *, more: bool = False) -> Message:
    """A part of its body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


def answers(*messages: Message) -> App:
    """An app that sends these messages."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def test_a_whole_answer_is_read() -> None:
    """Status, fields and body come as the app sent them; repeated fields are joined."""

    async def main() -> None:
        app = answers(
            start(418, (b"a", b"1"), (b"b", b"x"), (b"a", b"2")),
            part(b"tea"),
        )
        async with drive(app, "GET", "/") as exchange:
            assert await exchange.head() == 418
            assert exchange.headers == [("a", "1"), ("b", "x"), ("a", "2")]
            assert (exchange.header("A"), exchange.header("b"), exchange.header("c")) == ("1, 2", "x", None)
            assert await exchange.read() == b"tea"
            assert await exchange.next_chunk() == b""
            assert exchange.complete
            assert exchange.status == 418

    run(main)


def test_the_app_gets_what_a_server_would_give_it() -> None:
    """The scope is a server's: decoded path, raw path, query, fields in lower case, host and length added."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await answers(start(), part())(scope, receive, send)

    async def main() -> None:
        async with drive(app, "POST", "/v1/a%2Fb?x=1&y", {"X-Key": "k"}, b"body", state={"here": 1}) as exchange:
            await exchange.read()
        async with drive(app, "GET", "/", [("Host", "me"), ("Content-Length", "0")], client=None) as exchange:
            await exchange.read()

    run(main)
    first, second = seen
    assert (first["path"], first["raw_path"], first["query_string"]) == ("/v1/a/b", b"/v1/a%2Fb", b"x=1&y")
    assert first["headers"] == [(b"host", b"gateway.test"), (b"x-key", b"k"), (b"content-length", b"4")]
    assert (first["type"], first["method"], first["state"]) == ("http", "POST", {"here": 1})
    assert second["headers"] == [(b"host", b"me"), (b"content-length", b"0")]
    assert (second["client"], second["state"]) == (None, {})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back each part of the body as it comes."""
    await send(start())
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        await send(part(message["body"], more=more))


def test_the_body_is_fed_in_parts() -> None:
    """Given parts arrive one by one; an open body goes on when the client says more."""

    async def main() -> None:
        async with drive(echo, "POST", "/", body=[b"a", b"b"]) as exchange:
            assert [await exchange.next_chunk(), await exchange.next_chunk()] == [b"a", b"b"]
        async with drive(echo, "POST", "/", more=True) as exchange:
            assert await exchange.head() == 200
            exchange.feed(b"one")
            assert await exchange.next_chunk() == b"one"
            exchange.feed(b"two", last=True)
            assert await exchange.read() == b"two"
            with pytest.raises(ValueError, match="is whole"):
                exchange.feed(b"three")
        async with drive(echo, "POST", "/", body=b"first", more=True) as exchange:
            assert await exchange.next_chunk() == b"first"
            exchange.feed(b"", last=True)
            assert await exchange.read() == b""

    run(main)


def test_two_readers_of_the_request_share_one_body() -> None:
    """A watcher that receives beside the reader gets an empty part, as under uvicorn."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        got = await asyncio.gather(receive(), receive())
        bodies = sorted(message["body"] for message in got)
        await send(start())
        await send(part(b"|".join(bodies)))

    async def main() -> bytes:
        async with drive(app, "POST", "/", more=True) as exchange:
            await asyncio.sleep(1)
            exchange.feed(b"once", last=True)
            return await exchange.read()

    assert run(main) == b"|once"


def test_a_stream_arrives_while_it_is_made() -> None:
    """Each chunk is read before the app makes the next one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clock = FakeClock()
        await send(start())
        for n in range(3):
            await send(part(b"%d" % n, more=True))
            await send(part(more=True))
            await clock.sleep_until(clock.now() + 10)
        await send(part())

    async def main() -> list[tuple[int, bytes]]:
        clock = FakeClock()
        seen = []
        async with drive(app, "GET", "/") as exchange:
            while chunk := await exchange.next_chunk():
                seen.append((clock.now() - START, chunk))
        return seen

    assert run(main) == [(0, b"0"), (10, b"1"), (20, b"2")]


def test_a_client_that_leaves_is_noticed_by_receive_and_not_by_send() -> None:
    """`receive` says disconnect for ever, `send` returns silently."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(start())
        await send(part(b"a", more=True))
        seen.append((await receive())["type"])
        await send(part(b"b", more=True))
        seen.append((await receive())["type"])

    async def main() -> None:
        async with drive(app, "GET", "/") as exchange:
            assert await exchange.next_chunk() == b"a"
            exchange.disconnect()
            with pytest.raises(RuntimeError, match="hung up"):
                await exchange.next_chunk()

    run(main)
    assert seen == ["http.disconnect"] * 2


def test_leaving_the_block_early_hangs_up() -> None:
    """Before the answer as well."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        seen.append((await receive())["type"])

    async def main() -> None:
        async with drive(app, "GET", "/"):
            pass

    run(main)
    assert seen == ["http.disconnect"]


def test_after_the_answer_receive_says_disconnect() -> None:
    """And a disconnect then changes nothing."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(part(b"x"))
        seen.append((await receive())["type"])

    async def main() -> None:
        async with drive(app, "GET", "/") as exchange:
            await asyncio.sleep(1)
            exchange.disconnect()
            assert await exchange.read() == b"x"

    run(main)
    assert seen == ["http.disconnect"]


def test_a_client_that_does_not_read_blocks_send() -> None:
    """Beyond the window `send` waits, until the client reads or leaves."""
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sent.clear()
        await send(start())
        for n in range(4):
            await send(part(b"xxxx", more=n < 3))
            sent.append(n)

    async def main() -> None:
        async with drive(app, "GET", "/", window=7) as exchange:
            await asyncio.sleep(1)
            assert sent == [0, 1]
            assert await exchange.next_chunk() == b"xxxx"
            await asyncio.sleep(1)
            assert sent == [0, 1, 2]
        assert sent == [0, 1, 2, 3]
        async with drive(app, "GET", "/", window=0) as exchange:
            assert len(await exchange.read()) == 16

    run(main)


def test_send_stays_blocked_while_more_than_the_window_is_unread() -> None:
    """Reading a small part before a large one does not make room."""
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        for n, size in enumerate((1, 100, 1)):
            await send(part(b"x" * size, more=n < 2))
            sent.append(n)

    async def main() -> None:
        async with drive(app, "GET", "/", window=5) as exchange:
            assert len(await exchange.next_chunk()) == 1
            await asyncio.sleep(1)
            assert sent == [0, 1]
            assert len(await exchange.read()) == 101

    run(main)


def test_what_the_app_raises_is_raised_at_the_end() -> None:
    """And earlier, where the client waits for what can't come any more."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        raise KeyError("inside")

    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("inside")

    async def ask() -> None:
        async with drive(app, "GET", "/") as exchange:
            assert await exchange.head() == 200
            with pytest.raises(AppBroke, match="in the middle"):
                await exchange.read()

    async def main() -> None:
        with pytest.raises(AppBroke, match=r"raised KeyError\('inside'\)") as caught:
            await ask()
        assert isinstance(caught.value.__cause__, KeyError)
        with pytest.raises(AppBroke, match="ended before it answered") as caught:
            async with drive(early, "GET", "/") as exchange:
                await exchange.head()
        assert caught.value.__notes__ == ["the app, meanwhile: KeyError('inside')"]

    run(main)


def test_an_error_of_the_test_goes_before_one_of_the_app() -> None:
    """The block's own exception is raised, without a note when the app was fine."""

    async def main() -> None:
        with pytest.raises(LookupError) as caught:
            async with drive(answers(start(), part()), "GET", "/"):
                raise LookupError
        assert not hasattr(caught.value, "__notes__")

    run(main)


def test_a_cancel_that_escapes_the_app_is_an_error() -> None:
    """uvicorn would log it as one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError("client_disconnect")

    async def ask() -> None:
        async with drive(app, "GET", "/") as exchange:
            with pytest.raises(AppBroke, match="before it answered"):
                await exchange.head()

    async def main() -> None:
        with pytest.raises(AppBroke, match="CancelledError"):
            await ask()

    run(main)


@pytest.mark.parametrize("kind", ["stays", "will not go"])
def test_an_app_that_stays_after_its_client_left_is_an_error(kind: str) -> None:
    """It is given a bounded time, then cancelled."""
    ended: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(FakeClock().now() - START)
            if kind == "will not go":
                raise KeyError

    async def main() -> None:
        with pytest.raises(AppBroke, match=r"did not end within 2\.0 s"):
            async with drive(app, "GET", "/", patience_s=2.0):
                pass

    run(main)
    assert ended == [2_000_000_000]


BAD: dict[str, tuple[Message, ...]] = {
    "where `http.response.start` is due": (part(b"x"),),
    "where `http.response.body` is due": (start(), start()),
    "after the answer was complete": (start(), part(), part()),
    "invalid header field b'Upper'": (start(200, (b"Upper", b"x")),),
    "invalid header field b'split'": (start(200, (b"split", b"a\r\nb: c")),),
    "invalid status 99": (start(99),),
    "longer than its Content-Length": (start(200, (b"content-length", b"1")), part(b"xy")),
    "shorter than its Content-Length": (start(200, (b"content-length", b"3")), part(b"xy")),
    "returned without completing": (start(), part(b"x", more=True)),
}


@pytest.mark.parametrize("said", BAD)
def test_messages_against_the_rules_are_errors(said: str) -> None:
    """The app is told at once, and the test at the end."""

    async def main() -> None:
        with pytest.raises(AppBroke, match=said):
            async with drive(answers(*BAD[said]), "GET", "/"):
                await asyncio.sleep(0.1)

    run(main)


def test_a_rule_broken_and_swallowed_is_still_an_error() -> None:
    """An app can't hide it by catching what `send` raised."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(part())
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await send(part())

    async def main() -> None:
        with pytest.raises(AppBroke, match="after the answer was complete"):
            async with drive(app, "GET", "/") as exchange:
                await exchange.read()

    run(main)


def test_an_app_that_returns_something_is_an_error() -> None:
    """ASGI apps return nothing."""

    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        await answers(start(), part())(scope, receive, send)
        return "something"

    async def main() -> None:
        with pytest.raises(AppBroke, match="returned 'something'"):
            async with drive(app, "GET", "/") as exchange:
                await exchange.read()

    run(main)


def test_a_head_request_has_no_body() -> None:
    """Whatever the app sends, and whatever length it declares."""

    async def main() -> None:
        async with drive(answers(start(200, (b"content-length", b"9")), part(b"x")), "HEAD", "/") as exchange:
            assert await exchange.read() == b""

    run(main)


def test_the_exchange_says_how_to_use_it() -> None:
    """Asking too early is an error with the remedy in it."""

    async def main() -> None:
        exchange = drive(answers(start(), part()), "GET", "/")
        with pytest.raises(RuntimeError, match="inside `async with`"):
            await exchange.head()
        async with exchange:
            with pytest.raises(RuntimeError, match="has not come"):
                _ = exchange.status
            await exchange.read()

    run(main)


def test_many_clients_at_once_mix_nothing_up() -> None:
    """Each has its own exchange."""

    async def ask(n: int) -> bytes:
        async with drive(echo, "POST", "/", body=[b"%d" % n] * 3) as exchange:
            return await exchange.read()

    async def main() -> list[bytes]:
        return await asyncio.gather(*(ask(n) for n in range(50)))

    assert run(main) == [b"%d" % n * 3 for n in range(50)]


def test_the_driver_agrees_with_starlette() -> None:
    """A real app of the framework is driven without a complaint."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def hello(request: Request) -> Response:
        return Response(await request.body(), headers={"X-Path": request.url.path})

    async def main() -> None:
        app = Starlette(routes=[Route("/hello", hello, methods=["POST"])])
        async with drive(app, "POST", "/hello", body=[b"he", b"llo"]) as exchange:
            assert (await exchange.read(), exchange.header("x-path")) == (b"hello", "/hello")
        async with drive(app, "GET", "/nowhere") as exchange:
            assert await exchange.head() == 404

    run(main)
