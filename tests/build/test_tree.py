"""From configuration to the tree of hops: what selects what, what is recorded, what is shared."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.agreement.house import House, loaded
from tests.server.opened import CALL, SECRET, config, got, opened, trees
from tracegate.build.tree import LONGEST, MADE_ON_THE_SPOT, Tree
from tracegate.config.model import PolicyNode
from tracegate.errors import Rejected
from tracegate.hop import Hop
from tracegate.policies.retry import Retry
from tracegate.testing.script import Step

STREAM = {**CALL, "stream": True}


def tree_of(text: str) -> Tree:
    """The tree of a configuration."""
    trees: list[Tree] = []

    async def asked(house: House) -> None:
        trees.append(house.assembled.tree)

    opened(text, asked)
    return trees[0]


def may(*names: str) -> Any:
    """A caller that may use some names, or everything."""
    return lambda name: not names or name in names


def selected(tree: Tree, model: str, *names: str) -> str | None:
    """What a model selects, by the name of the route; `None` for a 404."""
    try:
        return tree.select(model, may(*names)).name
    except Rejected as exc:
        return None if (exc.status, exc.code, exc.reason, exc.param) == NOT_FOUND else str(exc)


NOT_FOUND = (404, "model_not_found", "not_found", "model")


OPEN = config("sim-ok", "sim-ok").replace("routes:\n", "direct: true\nroutes:\n")
CATCH = OPEN.replace("routes:\n", 'routes:\n  "*": chat\n')


# --- which model selects what ---


@pytest.mark.parametrize(
    ("text", "model", "found"),
    [
        (config("sim-ok"), "chat", "chat"),
        (config("sim-ok"), "t0", "t0"),
        (config("sim-ok"), "p0/anything", None),
        (config("sim-ok"), "unknown", None),
        (config("sim-ok"), "*", None),
        (OPEN, "p0/anything", "p0/anything"),
        (OPEN, "p1/org/model:tag", "p1/org/model:tag"),
        (OPEN, "p0/", None),
        (OPEN, "p0", None),
        (OPEN, "nobody/model", None),
        (OPEN, "/model", None),
        (CATCH, "unknown", "*"),
        (CATCH, "nobody/model", "*"),
        (CATCH, "*", "*"),
        (CATCH, "p0/x", "p0/x"),
        (CATCH, "t1", "t1"),
    ],
)
def test_the_first_match_selects(text: str, model: str, found: str | None) -> None:
    """A route, a target, `provider/model` where that is allowed, or what takes everything else."""
    assert selected(tree_of(text), model) == found


def test_a_match_that_the_caller_may_not_use_is_none() -> None:
    """The next one counts; and at the end it is as if nothing of that name existed."""
    tree = tree_of(CATCH)
    assert selected(tree, "chat", "*") == "*"
    assert selected(tree, "p0/x", "chat", "*") == "*"
    assert selected(tree, "chat", "t0") is None
    assert selected(tree, "unknown", "t0") is None


def test_an_unknown_name_is_told_the_nearest_that_the_caller_may_use() -> None:
    """Three at most, and no others."""
    tree = tree_of(OPEN)
    with pytest.raises(Rejected, match="Did you mean `chat`"):
        tree.select("chart", may())
    with pytest.raises(Rejected) as caught:
        tree.select("chart", may("t0", "t1"))
    assert "chat" not in str(caught.value).replace("`chart`", "")
    with pytest.raises(Rejected) as caught:
        tree.select("t", may())
    assert str(caught.value).count("`") <= 2 + 2 * 3
    with pytest.raises(Rejected, match=r"does not exist or you may not use it\. GET"):
        tree.select("z" * 5000, may())


def test_a_target_that_a_route_made_on_the_spot_has_no_name_of_its_own() -> None:
    """A name with a slash always means `provider/model`, which has to be allowed."""
    text = config("sim-ok").replace("fallback: [t0]", "fallback: [t0, p0/other]")
    tree = tree_of(text)
    assert selected(tree, "p0/other") is None
    assert tree.names(may()) == ["chat", "t0"]


def test_names_are_those_that_the_caller_may_use() -> None:
    """Providers as `provider/*` where their models may be named; the catch-all has no name."""
    assert tree_of(CATCH).names(may()) == ["chat", "t0", "t1", "p0/*", "p1/*"]
    assert tree_of(CATCH).names(may("t1", "p0/*", "*")) == ["t1", "p0/*"]
    assert tree_of(config("sim-ok")).names(may()) == ["chat", "t0"]


def test_what_clients_name_is_kept_but_not_without_bound() -> None:
    """The last to be asked for stay; a name of any length selects nothing."""
    tree = tree_of(OPEN)
    first = tree.select("p0/0", may())
    assert tree.select("p0/0", may()) is first
    for number in range(1, MADE_ON_THE_SPOT):
        tree.select(f"p0/{number}", may())
    assert tree.select("p0/0", may()) is first
    tree.select("p0/new", may())
    assert tree.select("p0/0", may()) is first
    assert len(tree._direct) == MADE_ON_THE_SPOT
    assert "p0/1" not in tree._direct
    assert selected(tree, "p0/" + "x" * (LONGEST - 3)) is not None
    assert selected(tree, "p0/" + "x" * (LONGEST - 2)) is None
    assert len(tree._direct) == MADE_ON_THE_SPOT


def test_a_target_on_the_spot_is_all_its_providers() -> None:
    """Its region, headers, key, time-outs and retries; only the model is the client's."""
    more = """
  p1: {dialect: openai, base_url: "https://p1.test/base/v1", key: "sk-other-0123456789", auth: "header:x-key",
       region: eu, headers: {x-team: a}, via: false, usage_in_stream: leave, timeouts: {attempt: 1s}, retry: 1}
targets:
"""
    text = config("sim-ok").replace("\ntargets:\n", more, 1)
    text = text.replace("routes:\n", "direct: true\nroutes:\n")

    async def asked(house: House) -> None:
        answer = await got(house.app, body={**CALL, "model": "p1/slow"})
        assert answer.status == 504

    house = opened(text, asked, {"slow": Step(wait=3_000_000_000)})
    (request,) = house.view.requests
    (attempt,) = request.attempts  # a time-out is not retried
    target = attempt.target
    assert ("p1/slow", "p1", "slow", "eu", False, False) == (
        target.id,
        target.provider,
        target.model,
        target.region,
        target.via,
        target.usage_in_stream,
    )
    assert attempt.end == attempt.start + 1_000_000_000
    sent = dict(house.exchange.log[0].headers)
    assert ("sk-other-0123456789", "a") == (sent["x-key"], sent["x-team"])
    assert not {"via", "authorization"} & sent.keys()
    assert house.exchange.log[0].path == "/base/v1/chat/completions"
    route = request.records[1].about
    assert route is not None
    assert (route.name, route.strategy, route.candidates) == ("p1/slow", "target", ("p1/slow",))


def test_a_provider_without_a_key_gets_no_credentials() -> None:
    """`key: none`."""

    async def asked(house: House) -> None:
        assert (await got(house.app, body=CALL)).status == 200

    house = opened(config("sim-ok").replace(f'"{SECRET}"', "none"), asked)
    assert "authorization" not in dict(house.exchange.log[0].headers)


# --- what is recorded ---


def test_routes_within_routes_are_recorded_and_policies_are_not() -> None:
    """Executed leaves are attempts, executed routes are routes (ruling 35)."""
    text = config("sim-503", "sim-500", "sim-ok").replace(
        "  chat: {fallback: [t0, t1, t2], retry: 0}",
        "  inner: {weighted: {t1: 1}, retry: 0}\n  leaf: {target: t2}\n"
        "  chat: {fallback: [t0, inner, {fallback: [leaf]}], retry: 0}",
    )

    async def asked(house: House) -> None:
        assert (await got(house.app, body=CALL)).status == 200

    house = opened(text, asked)
    assert trees(house) == [
        "\nPOST /v1/chat/completions ok 200\n"
        "  route chat\n"
        "    chat sim-503 attempt=0 initial error 503\n"
        "    route inner  error server_error\n"
        "      chat sim-500 attempt=1 fallback error 500\n"
        "    route leaf\n"
        "      chat sim-ok attempt=2 fallback ok\n"
    ]
    routes = {record.name: record.about for record in house.view.requests[0].records if record.about is not None}
    assert {name: (about.strategy, about.candidates) for name, about in routes.items()} == {
        "chat": ("fallback", ("t0", "inner", "fallback(leaf)")),
        "inner": ("weighted", ("t1",)),
        "leaf": ("target", ("t2",)),
    }
    assert {about.version for about in routes.values()} == {house.config.digest}


def test_a_route_of_a_route_and_a_target_alone() -> None:
    """Both have a strategy, `target`."""
    text = config("sim-ok").replace("routes:\n", "routes:\n  other: {target: chat, deadline: 3s}\n")
    tree = tree_of(text)
    assert (tree.select("other", may()).deadline_ns, tree.select("t0", may()).deadline_ns) == (
        3_000_000_000,
        600_000_000_000,
    )

    async def asked(house: House) -> None:
        for model in ("other", "t0"):
            assert (await got(house.app, body={**CALL, "model": model})).status == 200

    both = opened(text, asked).view.requests
    assert [[record.name for record in request.records if record.kind == "route"] for request in both] == [
        ["other", "chat"],
        ["t0"],
    ]


def test_a_nested_route_can_only_shorten_the_deadline() -> None:
    """That of the route which was selected bounds everything."""
    for outer, inner, expected in (("2s", "9s", 2), ("9s", "1s", 1)):
        text = config("sim-silence").replace(
            "  chat: {", f"  outer: {{target: chat, deadline: {outer}}}\n  chat: {{deadline: {inner}, "
        )

        async def asked(house: House) -> None:
            assert (await got(house.app, body={**CALL, "model": "outer"})).status == 504

        (attempt,) = opened(text, asked).view.requests[0].attempts
        assert attempt.end == attempt.start + expected * 1_000_000_000


# --- delivery ---


@pytest.mark.parametrize("restart", [False, True])
def test_a_buffered_answer_is_whole_or_an_error(restart: bool) -> None:
    """With `restart` the next candidate gives the whole answer; without it the client gets a clean error."""
    more = "delivery: buffered, " + ("on_stream_failure: restart, " if restart else "")

    async def asked(house: House) -> None:
        answer = await got(house.app, body=STREAM)
        assert answer.status == (200 if restart else 502)

    (tree,) = trees(opened(config("sim-cut=3", "sim-ok", route=more), asked))
    assert ("attempt=1 fallback ok" in tree) is restart


def test_a_nested_route_is_delivered_as_the_selected_one_says() -> None:
    """Its own delivery counts only where it is selected itself."""
    text = config("sim-cut=3", route="delivery: buffered, ").replace("routes:\n", "routes:\n  outer: {target: chat}\n")

    async def asked(house: House) -> None:
        assert (await got(house.app, body={**STREAM, "model": "outer"})).status == 200
        assert (await got(house.app, body={**STREAM, "model": "chat"})).status == 502

    opened(text, asked)


@pytest.mark.parametrize("skip", [False, True])
def test_malformed_events_break_or_are_skipped_as_the_selected_route_says(skip: bool) -> None:
    """Ruling 33."""
    more = "on_malformed_event: skip, " if skip else ""

    async def asked(house: House) -> None:
        assert (b"[DONE]" in (await got(house.app, body=STREAM)).body) is skip

    (request,) = opened(config("sim-malformed=3", route=more), asked).view.requests
    assert request.attempts[0].skipped == (1 if skip else 0)


# --- what is shared ---


def test_a_cool_down_is_shared_by_all_routes_of_a_worker() -> None:
    """Whoever is told to come back later, all of them keep away: by route, by target, and on the spot."""
    text = config("sim-429+retry-after=30").replace("routes:\n", "direct: true\nroutes:\n  other: {target: t0}\n")

    async def asked(house: House) -> None:
        for model in ("chat", "other", "t0"):
            answer = await got(house.app, body={**CALL, "model": model})
            assert (answer.status, answer.header("retry-after")) == (429, "30")

    house = opened(text, asked)
    assert len(house.exchange.log) == 1
    assert trees(house)[1] == "\nPOST /v1/chat/completions error 429\n  route other error rate_limit\n"


def test_a_retry_stands_around_every_target_and_nothing_else() -> None:
    """It decides whether a target is asked at all, also with no retries."""
    text = config("sim-ok").replace("retry: 0", "retry: 2").replace("{provider: p0,", "{provider: p0, disabled: true,")

    async def asked(house: House) -> None:
        answer = await got(house.app, body=CALL)
        assert answer.status == 503

    house = opened(text, asked)
    assert len(house.exchange.log) == 0
    assert house.view.requests[0].records[1].notes == (("skipped", {"target": "t0", "reason": "disabled"}),)


def test_a_third_partys_policy_gets_its_children_and_settings() -> None:
    """Through the same door as ours."""
    given: list[Any] = []

    class Named:
        key = "named"

        class Settings:
            def __init__(self, **values: object) -> None:
                self.values = values

        def build(self, settings: Any, children: Any) -> Hop:
            given.append((settings, [(child.name, child.weight) for child in children]))
            assert all(isinstance(child.hop, Retry) for child in children)
            last: Hop = children[-1].hop
            return last

    plain = loaded(config("sim-503", "sim-ok"))
    node = plain.routes["chat"].node
    assert isinstance(node, PolicyNode)
    settings: Any = Named.Settings(x=1)
    changed = replace(
        plain, routes={"chat": replace(plain.routes["chat"], node=replace(node, key="named", settings=settings))}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracegate.server.assemble.policies", lambda: {"named": Named()})

        async def asked(house: House) -> None:
            assert (await got(house.app, body=CALL)).status == 200

        opened(changed, asked)
    assert given == [(settings, [("t0", 1.0), ("t1", 1.0)])]
