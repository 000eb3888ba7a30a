"""Routes as they are written: the forms of a node."""

from __future__ import annotations

import pytest

from tests.config.reading import Sticky, draft, said
from tracegate.config import schema
from tracegate.config.routes_read import Choice, Leaf, Written, read_node


def read(text: str, beside: type[schema.Beside] = schema.Beside) -> Written:
    """The node `r` of a text that has no problems."""
    one = draft(f"r: {text}")
    node = read_node(one, ("r",), beside)
    assert said(one) == []
    assert node is not None
    return node


def shape(node: Written) -> object:
    """A node in short."""
    if isinstance(node, Leaf):
        return node.name
    return node.policy, [(shape(child), weight) for child, weight in zip(node.nodes, node.weights, strict=True)]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a", "a"),
        ("openai/gpt", "openai/gpt"),
        ("[a, b]", ("fallback", [("a", 1.0), ("b", 1.0)])),
        ("{fallback: [a]}", ("fallback", [("a", 1.0)])),
        ("{target: a}", "a"),
        ("{weighted: {a: 90, b: 10}}", ("weighted", [("a", 90.0), ("b", 10.0)])),
        ("{weighted: {a: 90%, b: 10%}}", ("weighted", [("a", 90.0), ("b", 10.0)])),
        (
            "{weighted: [{node: [a, b], weight: 0.5}, {node: c, weight: 2}]}",
            ("weighted", [(("fallback", [("a", 1.0), ("b", 1.0)]), 0.5), ("c", 2.0)]),
        ),
        ("{policy: sticky, with: {by: user}, over: a}", ("sticky", [("a", 1.0)])),
        ("{policy: sticky, with: {by: user}, over: [a, b]}", ("sticky", [("a", 1.0), ("b", 1.0)])),
        (
            "{policy: sticky, with: {by: user}, over: {fallback: [a, b]}}",
            ("sticky", [(("fallback", [("a", 1.0), ("b", 1.0)]), 1.0)]),
        ),
    ],
)
def test_a_node_has_one_of_these_forms(text: str, form: object) -> None:
    """Section 5 of the reference."""
    assert shape(read(text)) == form


def test_settings_stand_beside_a_chooser() -> None:
    """What they hold for is decided later."""
    node = read("{fallback: [a], retry: 1, timeouts: {idle: 1s}, fallback_when: [auth], deadline: 9s}", schema.Top)
    assert isinstance(node, Choice)
    assert isinstance(node.beside, schema.Top)
    assert (node.beside.retry.times, node.beside.timeouts.idle, node.beside.deadline) == (1, 10**9, 9 * 10**9)
    assert node.when == frozenset({"auth"})
    assert node.holder == ("r",)


def test_never_is_an_empty_list_of_classes() -> None:
    """And nothing written is the default."""
    never, usual = read("{fallback: [a], fallback_when: []}"), read("[a]")
    assert isinstance(never, Choice)
    assert isinstance(usual, Choice)
    assert (never.when, usual.when) == (frozenset(), None)


def test_one_target_has_room_for_settings() -> None:
    """They stand in the map around its name."""
    node = read("{target: a, retry: 0}")
    assert isinstance(node, Leaf)
    assert (node.path, node.holder, node.beside.retry.times) == (("r", "target"), ("r",), 0)


def test_a_policy_checks_its_settings_by_its_own_model() -> None:
    """Numbers and variables are read by its types."""
    node = read("{policy: sticky, with: {by: user, ratio: 0.25, nested: {a: 1}}, over: a}")
    assert isinstance(node, Choice)
    assert node.settings == Sticky(by="user", ratio=0.25, nested={"a": 1})


FORMS = "write a name, `provider/model`, a list, or a map with one of `fallback`, `weighted`, `policy`, `target`."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("7", f"1:4  r: `7` is not a node | {FORMS}"),
        ('""', "1:4  r: empty, or with characters that can't be printed | write a word, or take the key out."),
        ("[]", "1:1  r: not a list of at least one node | write `[one, other]`."),
        ("[a, 7]", f"1:8  r[1]: `7` is not a node | {FORMS}"),
        ("{fallback: a}", "1:15  r.fallback: not a list of at least one node | write `[one, other]`."),
        ("{target: [a]}", "1:5  r.target: a list is not text | write it in quotes."),
        ("{retry: 1}", f"1:1  r: names no targets | {FORMS} For one target: `{{target: name}}`."),
        (
            "{fallbak: [a]}",
            "1:5  r.fallbak: unknown key `fallbak` | did you mean `fallback`? "
            "Known: fallback, fallback_when, policy, retry, target, timeouts, weighted.",
        ),
        (
            "{fallback: [a], weighted: {b: 1}}",
            "1:1  r: has `fallback` and `weighted` | a node has exactly one of them; nest the other.",
        ),
        ("{hedge: {after: 1s}}", "1:5  r.hedge: `hedge` is not in this version | take it out."),
        ("{target: a, retry: 11}", "1:23  r.retry: `11` is out of range | write a number from 0 to 10."),
        (
            "{target: a, fallback_when: []}",
            "1:16  r.fallback_when: has no effect beside `target` | "
            "write it where several candidates stand: beside `fallback` or `weighted`.",
        ),
        (
            "{fallback: [a], fallback_when: [timout]}",
            "1:36  r.fallback_when[0]: `timout` is not allowed here | did you mean `timeout`? "
            "Allowed: rate_limit, overloaded, server_error, timeout, connection, broken_answer, context_length, "
            "content_filter, auth, quota, not_found, too_large, invalid_request, residency.",
        ),
        (
            "[{fallback: [a], deadline: 1s}]",
            "1:21  r[0].deadline: `deadline` does not stand here | it holds for a whole route: write it at the top.",
        ),
        (
            "{weighted: 7}",
            "1:15  r.weighted: not a map of names and weights | "
            "write `{name: 90, other: 10}` or `[{node: …, weight: 90}, …]`.",
        ),
        ("{weighted: {a: x}}", "1:19  r.weighted.a: `x` is not a weight | write a number above 0, such as `90`."),
        ("{weighted: {'': 1}}", "1:16  r.weighted.: empty, or with characters that can't be printed | write a word,"),
        ("{weighted: [a]}", "1:16  r.weighted[0]: not a candidate | write `{node: name, weight: 90}`."),
        ("{weighted: [{node: a}]}", "1:16  r.weighted[0]: `weight` is missing | write a number above 0, such as `90`."),
        (
            "{weighted: [{node: a, weight: 1, share: 2}]}",
            "1:37  r.weighted[0].share: unknown key `share` | Known: node, weight.",
        ),
        (
            "{weighted: {a: 90%, b: 10}}",
            "1:5  r.weighted: has shares and weights | write all as shares (`90%`), or all as weights (`90`).",
        ),
        (
            "{weighted: {a: 90%, b: 9.5%}}",
            "1:5  r.weighted: the shares add up to 99.5% | let them add up to 100%, or write weights.",
        ),
        (
            "{policy: stiky, over: a}",
            "1:13  r.policy: unknown policy `stiky` | did you mean `sticky`? Installed: fallback, sticky.",
        ),
        ("{policy: [a], over: a}", "1:5  r.policy: unknown policy a list | Installed: fallback, sticky."),
        ("{policy: sticky, with: {by: user}}", "1:1  r: `over` is missing | write the node, or the list of nodes"),
        ("{policy: sticky, with: {by: user}, over: []}", "1:39  r.over: not a list of at least one node | write"),
        ("{policy: sticky, with: {by: user}, over: 7}", f"1:45  r.over: `7` is not a node | {FORMS}"),
        (
            "{policy: sticky, with: {by: usr}, over: a}",
            "1:32  r.with.by: `usr` is not allowed here | did you mean `user`? Allowed: user, tenant.",
        ),
        ("{policy: sticky, over: a}", "1:1  r: `by` is missing | write it."),
        ("{policy: sticky, with: 7, over: a}", "1:27  r.with: `7` is not a map | write `{key: value}`"),
    ],
)
def test_what_is_no_node_is_refused(text: str, why: str) -> None:
    """At its place, with what is allowed."""
    one = draft(f"r: {text}")
    read_node(one, ("r",))
    assert [line.startswith(why) for line in said(one)] == [True], said(one)


def test_what_could_be_read_is_kept() -> None:
    """So that its names are looked up although something else is wrong."""
    one = draft("r: {fallback: [a, 7, b], retry: 11}")
    node = read_node(one, ("r",))
    assert isinstance(node, Choice)
    assert [child.name for child in node.nodes if isinstance(child, Leaf)] == ["a", "b"]
    assert len(one.problems) == 2


def test_deep_nesting_is_refused_before_it_is_read() -> None:
    """However it is written."""
    one = draft(f"r: {'[' * 50}a{']' * 50}")
    read_node(one, ("r",))
    assert [line.partition(" | ")[0].partition(": ")[2] for line in said(one)] == ["nested too deeply"]
