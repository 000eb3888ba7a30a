"""Who calls: credentials, expiry, and what a caller may select."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.work import functions_entered
from tracegate.errors import Rejected
from tracegate.server.auth import Caller, Keyring

KEY = b"tg-key-0123456789"
WALL = 1_767_225_600_000_000_000
ANYONE = Caller("none", "default", "parent")


def keyring(*callers: Caller) -> Keyring:
    """Keys `tg-key-0123456789`, then made-up ones."""
    keys = [KEY, *(b"key %d" % number for number in range(1, len(callers)))]
    return Keyring({hashlib.sha256(key).digest(): one for key, one in zip(keys, callers, strict=True)}, ANYONE)


def refused(ring: Keyring, headers: Mapping[bytes, bytes], wall: int = WALL) -> Rejected:
    """The refusal of some credentials."""
    with pytest.raises(Rejected) as caught:
        ring.caller(headers, wall)
    assert (401, "invalid_api_key", "auth") == (caught.value.status, caught.value.code, caught.value.reason)
    return caught.value


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer " + KEY},
        {b"authorization": b"bearer  " + KEY + b" "},
        {b"api-key": KEY},
        {b"x-api-key": KEY},
        {b"authorization": b"Basic dTpw", b"api-key": KEY},
        {b"authorization": b"Bearer ", b"x-api-key": KEY},
    ],
)
def test_a_key_is_found_where_clients_put_it(headers: dict[bytes, bytes]) -> None:
    """Any case of `Bearer`; an empty field is none."""
    caller = Caller("app", "acme", "link")
    assert keyring(caller).caller(headers, WALL) is caller


def test_no_key_and_a_wrong_key_are_refused() -> None:
    """Neither is told what was wrong with which key."""
    ring = keyring(Caller("app", "acme", "link"))
    assert str(refused(ring, {})).startswith("No API key was sent. Send one as")
    for headers in ({b"api-key": b"other"}, {b"authorization": KEY}, {b"authorization": b"Bearer " + KEY[:-1]}):
        assert "other" not in str(refused(ring, headers))


def test_an_expired_key_is_refused_from_that_nanosecond_on() -> None:
    """With the words for a wrong one."""
    ring = keyring(Caller("app", "acme", "link", expires=WALL))
    headers = {b"api-key": KEY}
    assert ring.caller(headers, WALL - 1).key == "app"
    assert str(refused(ring, headers)) == str(refused(ring, {b"api-key": b"wrong"}))


def test_an_open_gateway_asks_nobody() -> None:
    """Whatever is sent."""
    ring = Keyring(None, ANYONE)
    assert ring.caller({b"authorization": b"Bearer x"}, WALL) is ANYONE is ring.caller({}, WALL)


def test_the_work_of_a_look_up_does_not_grow_with_the_keys() -> None:
    """One digest and one look-up: no key is compared with another, so time tells nothing."""

    class Counted(dict[bytes, Caller]):
        looked = 0

        def get(self, key: bytes, default: object = None) -> Caller | None:  # type: ignore[override]  # one form is used
            self.looked += 1
            return super().get(key)

        def __iter__(self) -> Iterator[bytes]:
            raise AssertionError("keys are looked through")

    for headers in ({b"api-key": b"key 7"}, {b"api-key": b"no such key"}):
        work = set()
        for number in (10, 1000):
            callers = [Caller(str(n), "t", "link") for n in range(number)]
            known = Counted({hashlib.sha256(b"key %d" % n).digest(): one for n, one in enumerate(callers)})
            ring = Keyring(known, ANYONE)

            def ask(ring: Keyring = ring, headers: dict[bytes, bytes] = headers) -> None:
                with contextlib.suppress(Rejected):  # only the work is counted
                    ring.caller(headers, WALL)

            work.add((functions_entered(ask), known.looked))
        assert len(work) == 1


def test_without_a_list_everything_may_be_selected() -> None:
    """`["*"]` is no list."""
    assert ANYONE.may("chat")
    assert ANYONE.may("*")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("chat", True),
        ("fast", False),
        ("openai/gpt-5", True),
        ("openai/a/b", True),
        ("openai/*", True),
        ("openai", False),  # a route of that name is not what `openai/*` means
        ("openai-eu/gpt-5", False),
        ("mistral/large", False),
        ("mistral/*", False),
        ("*", False),  # what stands for any other name
    ],
)
def test_a_list_allows_names_and_providers(name: str, allowed: bool) -> None:
    """And nothing that merely begins alike."""
    caller = Caller("app", "acme", "link", (frozenset({"chat", "openai/*"}),))
    assert caller.may(name) is allowed


def test_every_list_must_allow_a_name() -> None:
    """The tenant's is a ceiling for its keys."""
    caller = Caller("app", "acme", "link", (frozenset({"chat", "fast", "openai/*"}), frozenset({"chat", "openai/*"})))
    assert [name for name in ("chat", "fast", "openai/x", "slow") if caller.may(name)] == ["chat", "openai/x"]


class Connected:
    """A connection of our own server."""

    def __init__(self) -> None:
        self.called: tuple[bytes, Caller] | None = None

    def drop(self) -> None:
        """See `Client`."""

    def left(self, call: Callable[[], object], wanted: bool) -> None:
        """See `Client`."""


def test_a_connection_keeps_who_called_last() -> None:
    """The same key is not digested again; another one is, and an expired one is refused all the same."""
    ring = keyring(first := Caller("app", "acme", "link"), second := Caller("b", "b", "link", expires=WALL + 5))
    client = Connected()
    other = {b"api-key": b"key 1"}
    for _ in range(2):
        assert ring.caller({b"api-key": KEY}, WALL, client) is first
        assert client.called == (KEY, first)
    assert ring.caller(other, WALL, client) is second
    with pytest.raises(Rejected):
        ring.caller({b"api-key": b"wrong"}, WALL, client)
    with pytest.raises(Rejected):
        ring.caller({}, WALL, client)
    with pytest.raises(Rejected):
        ring.caller(other, WALL + 5, client)
    assert client.called == (b"key 1", second)


def test_nothing_is_kept_where_the_server_is_not_ours() -> None:
    """Each key is digested."""
    ring = keyring(caller := Caller("app", "acme", "link"))
    assert [ring.caller({b"api-key": KEY}, WALL, None) for _ in range(2)] == [caller, caller]
