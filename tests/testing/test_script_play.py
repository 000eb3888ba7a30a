"""Each call takes its model's next step, with ids that the seed decides."""

from __future__ import annotations

import json

import pytest

from tests.testing.calling import body_of
from tracegate.testing.clock import EPOCH
from tracegate.testing.script import Script, ScriptError, Step
from tracegate.testing.script_play import KEPT_PLANS, Playbook, Turn, head_bytes
from tracegate.testing.wire_actions import Data
from tracegate.wire.headers import Headers, header

PATH = "/v1/chat/completions"


def take(book: Playbook, model: str, provider: str = "", *, wall: int = EPOCH, body: bytes | None = None) -> Turn:
    """The next call of a model."""
    return book.turn(provider, "POST", PATH, (), body_of(model) if body is None else body, wall)


def said(turn: Turn) -> dict[str, object]:
    """The body of a whole answer."""
    found = b"".join(turn.fill(action.data) for action in turn.plan.actions if isinstance(action, Data))
    decoded = json.loads(found)
    assert isinstance(decoded, dict)
    return decoded


def test_each_call_takes_the_next_step() -> None:
    """And every provider and model has its own place."""
    book = Playbook({"gpt": "503x2:ok"})
    assert [take(book, "gpt").plan.status for _ in range(4)] == [503, 503, 200, 200]
    assert take(book, "gpt", "azure").plan.status == 503
    assert take(book, "other").plan.status == 200


@pytest.mark.parametrize(
    ("provider", "model", "status"),
    [("azure", "gpt", 401), ("other", "gpt", 402), ("azure", "new", 403), ("other", "new", 404)],
)
def test_the_most_exact_script_counts(provider: str, model: str, status: int) -> None:
    """The provider's model, the model, the provider, all."""
    book = Playbook({"azure/gpt": "401", "gpt": "402", "azure/*": "403", "*": "404"})
    assert take(book, model, provider).plan.status == status


def test_a_model_may_be_its_own_script() -> None:
    """Behind a publisher's name too; any other is answered well."""
    book = Playbook()
    assert take(book, "sim-503").plan.status == 503
    assert take(book, "meta/sim-503").plan.status == 503
    assert take(book, "gpt").plan.status == 200


def test_a_name_that_is_no_script_is_not_found() -> None:
    """And the answer says why."""
    turn = take(Playbook(), "sim-foo")
    assert (turn.plan.status, turn.name, turn.model) == (404, "404", "sim-foo")
    assert "unknown part `foo`" in str(said(turn)["error"])


def test_a_request_that_cannot_be_read_gets_the_providers_words() -> None:
    """As a real one would."""
    turn = take(Playbook(), "", body=b"{")
    assert (turn.plan.status, turn.model) == (400, "")
    assert "could not parse" in str(said(turn)["error"])


def test_new_scripts_begin_anew_and_others_go_on() -> None:
    """Whatever name they are put under."""
    book = Playbook({"a": "503:ok", "b": "503:ok", "p/*": "503:ok"})
    for model, provider in (("a", ""), ("b", ""), ("c", "p")):
        assert take(book, model, provider).plan.status == 503
    book.put({"a": "429"})
    assert [take(book, "a").plan.status, take(book, "b").plan.status, take(book, "c", "p").plan.status] == [
        429,
        200,
        200,
    ]
    book.put({"*": Script((Step(status=418),))})
    assert [take(book, "b").plan.status, take(book, "new").plan.status] == [503, 418]
    assert set(book.scripts) == {"a", "b", "p/*", "*"}


def test_all_scripts_are_put_or_none() -> None:
    """One that can't be read changes nothing."""
    book = Playbook({"a": "503"})
    with pytest.raises(ScriptError, match="script `b`: unknown part"):
        book.put({"a": "429", "b": "foo"})
    assert take(book, "a").plan.status == 503


@pytest.mark.parametrize(
    ("script", "told"),
    [("flavour=foo", "unknown flavour `foo`; known: openai"), ("fault=dns_error", "only for the exchange in memory")],
)
def test_what_cannot_be_played_is_refused(script: str, told: str) -> None:
    """When it is put, not when it is called."""
    with pytest.raises(ScriptError, match=told):
        Playbook({"a": script})


def test_memory_may_play_more() -> None:
    """What is about connections."""
    assert take(Playbook({"a": "fault=dns_error"}, memory=True), "a").plan.step.fault == "dns_error"


def test_the_same_seed_gives_the_same_ids() -> None:
    """Per provider and model, in whatever order they are called."""

    def ids(book: Playbook, *models: str) -> list[tuple[object, str | None]]:
        turns = [take(book, model) for model in models]
        return [(said(turn)["id"], header(turn.headers, "x-request-id")) for turn in turns]

    first = ids(Playbook(seed=3), "a", "b", "a")
    second = ids(Playbook(seed=3), "b", "a", "a")
    assert [first[0], first[1], first[2]] == [second[1], second[0], second[2]]
    assert len(set(first)) == 3
    assert ids(Playbook(seed=4), "a") != first[:1]


def test_a_rewound_book_says_the_same_again() -> None:
    """Steps and ids."""
    book = Playbook({"a": "503:ok"})
    first = [take(book, "a").headers for _ in range(2)]
    book.rewind()
    assert [take(book, "a").headers for _ in range(2)] == first


def test_ids_and_times_are_of_the_call() -> None:
    """In plans that are kept as in those that are not."""
    book = Playbook({"broken": "malformed=99"})
    for model in ("kept", "broken"):
        turns = [take(book, model, wall=EPOCH + second * 1_000_000_000) for second in (0, 0, 5)]
        ids = [str(said(turn)["id"]) for turn in turns]
        assert len(set(ids)) == 3
        assert all(len(one) == len("chatcmpl-") + 29 for one in ids)
        assert [said(turn)["created"] for turn in turns] == [EPOCH // 10**9, EPOCH // 10**9, EPOCH // 10**9 + 5]
        assert header(turns[2].headers, "date") == "Thu, 01 Jan 2026 00:00:05 GMT"
    assert said(take(Playbook(created=7), "a"))["created"] == 7


def test_kept_plans_are_bounded() -> None:
    """However many shapes of requests come."""
    book = Playbook()
    for length in range(KEPT_PLANS + 10):
        message = [{"role": "user", "content": "x" * length}]
        body = json.dumps({"model": "a", "messages": message}).encode()
        assert take(book, "a", body=body).plan.status == 200
    (player,) = book._players.values()
    assert len(player._kept) < KEPT_PLANS


@pytest.mark.parametrize(
    ("flavour", "name", "length"),
    [("openai", "x-request-id", 36), ("azure", "apim-request-id", 36), ("openrouter", "x-generation-id", 32)],
)
def test_the_request_has_an_id_in_its_providers_form(flavour: str, name: str, length: int) -> None:
    """A prefix, a UUID, or bare."""
    value = header(take(Playbook(), "a", flavour).headers, name)
    assert value is not None
    assert len(value) == length


def test_a_provider_without_request_ids_sends_none() -> None:
    """As those that one runs oneself."""
    assert [name for name, _ in take(Playbook(), "a", "vllm").headers if "id" in name] == []


def test_a_date_to_come_back_at_is_counted_from_the_call() -> None:
    """In HTTP's form."""
    turn = take(Playbook({"a": "429+retry-date=90"}), "a")
    assert header(turn.headers, "retry-after") == "Thu, 01 Jan 2026 00:01:30 GMT"


def test_the_request_is_said_back() -> None:
    """Method, path, fields and body, as they came."""
    headers: Headers = (("a", "1"),)
    turn = Playbook().turn("", "POST", PATH, headers, body_of("sim-echo", n=1), EPOCH)
    message = said(turn)["choices"]
    assert isinstance(message, list)
    told = json.loads(message[0]["message"]["content"])
    assert (told["method"], told["path"], told["headers"]) == ("POST", PATH, [["a", "1"]])
    assert told["body"] == json.loads(body_of("sim-echo", n=1))


@pytest.mark.parametrize(
    ("path", "provider"),
    [
        ("/v1/chat/completions", ""),
        ("/chat/completions", ""),
        ("/azure/v1/chat/completions?api-version=1", "azure"),
        ("/azure/openai/v1/chat/completions", "azure"),
        ("/v1beta/openai/chat/completions", "v1beta"),
    ],
)
def test_the_path_names_the_provider(path: str, provider: str) -> None:
    """By its first part."""
    book = Playbook()
    assert [book.provider_of(path), book.provider_of(path)] == [provider, provider]


def test_a_head_is_written_as_http_does() -> None:
    """Status line, fields, an empty line."""
    head = head_bytes(take(Playbook({"a": Step(status=503, headers=(("x-a", "é"),))}), "a"))
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n")
    assert b"x-a: \xe9\r\n" in head
    assert head.endswith(b" GMT\r\n\r\n")
