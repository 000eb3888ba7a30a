"""Routes: names, circles and sizes, and trees with effective settings."""

from __future__ import annotations

import pytest

from tests.config.reading import PROVIDERS, Sticky, configured, notes, problems, whats
from tracegate.config.model import DEFAULT, Child, Node, Origin, PolicyNode, RouteNode, TargetNode
from tracegate.policies.settings import FALLBACK_WHEN

S = 10**9


def shape(node: Node) -> object:
    """A tree in short: names, weights, retries."""
    match node:
        case TargetNode(name=name, retry=retry):
            return name, retry.times
        case RouteNode(name=name, route=route):
            return name, shape(route.node)
        case PolicyNode(key=key, children=children):
            return key, [(shape(child.node), child.weight) for child in children]


def tree(routes: str, name: str = "r") -> Node:
    """The tree of a route among others."""
    return configured(f"{PROVIDERS}routes:\n{routes}").routes[name].node


def test_a_name_is_a_target_a_route_or_made_on_the_spot() -> None:
    """What is made on the spot has its text as its id."""
    config = configured(f"{PROVIDERS}routes: {{r: [gpt, s, openai/m/x], s: large}}")
    assert shape(config.routes["r"].node) == (
        "fallback",
        [(("gpt", 2), 1.0), (("s", ("large", 2)), 1.0), (("openai/m/x", 2), 1.0)],
    )
    made = config.targets["openai/m/x"].target
    assert (made.id, made.provider, made.model) == ("openai/m/x", "openai", "m/x")


def test_children_have_names() -> None:
    """Those of their target or route; a nested policy is called by what it is made of."""
    node = tree("  r: {weighted: [{node: [gpt, s], weight: 9}, {node: llama, weight: 1}]}\n  s: large")
    assert isinstance(node, PolicyNode)
    assert [child.name for child in node.children] == ["fallback(gpt, s)", "llama"]
    assert [child.weight for child in node.children] == [9.0, 1.0]


def test_settings_flow_down_and_the_nearest_wins() -> None:
    """Key by key: defaults < file < provider < target < node, outermost first, through nested routes too."""
    config = configured(
        """
timeouts: {write: 11s}
retry: {cap: 9s}
providers: {openai: {timeouts: {connect: 2s}, retry: {max_wait: 1s}}}
targets: {a: {provider: openai, model: m, timeouts: {idle: 3s}, retry: {times: 5, base: 1s}}}
routes:
  outer:
    fallback: [inner, {target: a, retry: {times: 7}}]
    retry: {times: 1, base: 2s}
    timeouts: {attempt: 40s, first_token: 4s}
  inner: {target: a, retry: {times: 3}, timeouts: {first_token: none}}
  alone: [a]
"""
    )
    outer, alone = config.routes["outer"].node, config.routes["alone"].node
    assert isinstance(outer, PolicyNode)
    assert isinstance(alone, PolicyNode)
    nested, direct, plain = outer.children[0].node, outer.children[1].node, alone.children[0].node
    assert isinstance(nested, RouteNode)
    inner = nested.route.node
    assert isinstance(inner, TargetNode)
    assert isinstance(direct, TargetNode)
    assert isinstance(plain, TargetNode)
    for leaf in (inner, direct, plain):
        assert (leaf.timeouts.write, leaf.timeouts.connect, leaf.timeouts.idle) == (11 * S, 2 * S, 3 * S)
        assert (leaf.retry.cap_ns, leaf.retry.max_wait_ns) == (9 * S, S)
    assert (inner.retry.times, inner.retry.base_ns) == (3, 2 * S)
    assert (direct.retry.times, direct.retry.base_ns) == (7, 2 * S)
    assert (plain.retry.times, plain.retry.base_ns) == (5, S)
    assert (inner.timeouts.attempt, inner.timeouts.first_token) == (40 * S, None)
    assert (direct.timeouts.attempt, direct.timeouts.first_token) == (40 * S, 4 * S)
    assert (plain.timeouts.attempt, plain.timeouts.first_token) == (120 * S, 60 * S)
    levels = {key: origin.level for key, origin in inner.origins.items()}
    assert levels == {
        "timeouts.connect": "provider",
        "timeouts.write": "defaults",
        "timeouts.attempt": "node",
        "timeouts.first_token": "node",
        "timeouts.idle": "target",
        "retry.times": "node",
        "retry.when": None,
        "retry.base": "node",
        "retry.cap": "defaults",
        "retry.max_wait": "provider",
    }


def test_the_top_of_a_route_says_what_holds_for_all_of_it() -> None:
    """With where each came from."""
    config = configured(
        f"""{PROVIDERS}
timeouts: {{deadline: 5m}}
routes:
  r:
    target: gpt
    deadline: 90s
    delivery: buffered
    on_stream_failure: restart
    on_malformed_event: skip
    description: for chats
  s: gpt
"""
    )
    route, usual = config.routes["r"], config.routes["s"]
    assert (route.deadline_ns, route.delivery, route.on_stream_failure) == (90 * S, "buffered", "restart")
    assert (route.on_malformed_event, route.description, route.calls) == ("skip", "for chats", 3)
    assert route.origins["deadline"].kind == "file"
    assert (usual.deadline_ns, usual.delivery, usual.on_stream_failure) == (300 * S, "live", "error")
    assert (usual.on_malformed_event, usual.description) == ("break", None)
    assert usual.origins["delivery"] is DEFAULT
    assert isinstance(usual.origins["deadline"], Origin)
    assert usual.origins["deadline"].kind == "file"
    assert config.deadline_ns == 300 * S


def test_fallback_happens_on_every_class_but_one() -> None:
    """Unless a node says otherwise."""
    node = tree("  r: [gpt, {weighted: {large: 1}, fallback_when: [timeout]}]")
    assert isinstance(node, PolicyNode)
    inner = node.children[1].node
    assert isinstance(inner, PolicyNode)
    assert (node.fallback_when, inner.fallback_when) == (FALLBACK_WHEN, frozenset({"timeout"}))


def test_a_third_partys_policy_keeps_its_settings() -> None:
    """As its own model made them."""
    node = tree("  r: {policy: sticky, with: {by: user}, over: [gpt, large]}")
    assert isinstance(node, PolicyNode)
    assert (node.key, node.settings) == ("sticky", Sticky(by="user"))
    assert [child.name for child in node.children] == ["gpt", "large"]


@pytest.mark.parametrize(
    ("routes", "calls"),
    [
        ("{r: gpt}", 3),
        ("{r: {target: gpt, retry: 0}}", 1),
        ("{r: [gpt, large]}", 6),
        ("{r: [gpt, s], s: {fallback: [large, llama], retry: 1}}", 7),
        ("{r: {fallback: [gpt, s], retry: 0}, s: [large, llama]}", 3),
        ("{r: [gpt, gpt, gpt, gpt, gpt]}", 12),
    ],
)
def test_the_greatest_number_of_calls_is_known(routes: str, calls: int) -> None:
    """`limits.attempts` bounds it."""
    assert configured(f"{PROVIDERS}routes: {routes}").routes["r"].calls == calls


def test_any_name_may_be_served_by_one_route() -> None:
    """The route `*`."""
    config = configured(f'{PROVIDERS}routes: {{"*": chat, chat: gpt}}')
    star = config.routes["*"].node
    assert isinstance(star, RouteNode)
    assert star.name == "chat"


def test_an_unknown_name_lists_what_there_is() -> None:
    """Not the route itself, and not `*`."""
    text = f'{PROVIDERS}routes:\n  chat: [gpt, larg]\n  fast: opnai/m\n  "*": chat\n  other: {{weighted: {{gtp: 1}}}}'
    names = "Targets: gpt, large, llama. Routes: %s. Or provider/model with one of: local, mistral, openai."
    assert problems(text) == [
        f"11:15  routes.chat[1]: unknown name `larg` | did you mean `large`? {names % 'fast, other'}",
        f"12:9  routes.fast: unknown name `opnai/m` | did you mean `openai/m`? {names % 'chat, other'}",
        f"14:22  routes.other.weighted.gtp: unknown name `gtp` | did you mean `gpt`? {names % 'chat, fast'}",
    ]


def test_a_route_that_is_no_node_has_a_name_all_the_same() -> None:
    """So that those that name it have no problem of their own."""
    assert whats(f"{PROVIDERS}routes: {{a: 7, b: a}}") == ["routes.a: `7` is not a node"]


def test_one_name_space_has_one_meaning() -> None:
    """A name can't be a target and a route."""
    assert whats(f"{PROVIDERS}routes: {{gpt: large}}") == ["routes.gpt: `gpt` stands for a target and for a route"]


@pytest.mark.parametrize(
    ("routes", "circle"),
    [
        ("{a: a}", "a → a"),
        ("{a: [gpt, b], b: {target: c}, c: {weighted: {a: 1}}}", "a → b → c → a"),
        ("{a: b, b: c, c: b}", "b → c → b"),
        ('{"*": a, a: "*"}', "* → a → *"),
    ],
)
def test_a_circle_is_printed_once(routes: str, circle: str) -> None:
    """A route may name routes, never itself."""
    (what,) = whats(f"{PROVIDERS}routes: {routes}")
    assert what.endswith(f"the routes go in a circle: {circle}")


def test_two_circles_are_printed_both() -> None:
    """Each for itself."""
    found = whats(f"{PROVIDERS}routes: {{a: b, b: a, c: [a, d], d: [c, d]}}")
    assert [what.partition("circle: ")[2] for what in found] == ["a → b → a", "c → d → c", "d → d"]


def test_a_tree_is_at_most_eight_levels_deep() -> None:
    """Routes and policies count, however they are written."""
    chain = "".join(f"  r{i}: [r{i + 1}]\n" for i in range(3))
    assert problems(f"{PROVIDERS}routes:\n{chain}  r3: [[gpt]]\n") == []
    assert whats(f"{PROVIDERS}routes:\n{chain}  r3: [[[gpt]]]\n") == ["routes.r0: 9 levels deep; at most 8 are allowed"]


def test_a_chain_of_routes_is_refused_before_it_exhausts_the_stack() -> None:
    """A thousand routes that each name the next."""
    chain = "".join(f"  r{i}: r{i + 1}\n" for i in range(1000))
    found = whats(f"{PROVIDERS}routes:\n{chain}  r1000: gpt\n")
    assert "routes.r100: more than 100 routes deep" in found


def test_a_tree_has_at_most_64_candidates() -> None:
    """Those of nested routes count, each time."""
    four = "[gpt, gpt, gpt, gpt]"
    assert problems(f"{PROVIDERS}routes: {{a: [b, b, b, b], b: [c, c, c, c], c: {four}}}") == []
    assert whats(f"{PROVIDERS}routes: {{a: [b, b, b, b, gpt], b: [c, c, c, c], c: {four}}}") == [
        "routes.a: 65 candidates; at most 64 are allowed"
    ]


def test_restart_needs_a_buffered_answer() -> None:
    """What a client has seen can't be taken back."""
    assert problems(f"{PROVIDERS}routes: {{r: {{target: gpt, on_stream_failure: restart}}}}") == [
        "10:46  routes.r.on_stream_failure: `restart` needs `delivery: buffered` | "
        "write `delivery: buffered` beside it: what a client has seen can't be taken back."
    ]


def test_a_buffered_answer_is_noted() -> None:
    """The client's time-out must be longer than the deadline (ruling 65)."""
    assert notes(f"{PROVIDERS}routes: {{r: {{target: gpt, delivery: buffered}}}}") == [
        "note routes.r.delivery: nothing is sent before the whole answer is there: "
        "a client's time-out must be longer than the deadline"
    ]


def test_a_child_is_a_name_a_node_and_a_weight() -> None:
    """That is what `build` hands to a policy."""
    node = tree("  r: {weighted: {gpt: 3}}")
    assert isinstance(node, PolicyNode)
    (child,) = node.children
    assert child == Child("gpt", child.node, 3.0)
