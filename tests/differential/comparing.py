"""Runs one request on both ways, and says in which rows of the table they differ."""

from __future__ import annotations

from collections.abc import Callable

from tests.differential.differing import Difference, differences
from tests.differential.seeing import Seen, of_call
from tests.differential.table import explained
from tests.differential.ways import MODEL, PROVIDER_KEY, Way, Ways
from tracegate.telemetry.spans import spans
from tracegate.testing.script_text import Scripted

OF_BODY = {"content-length", "content-type", "content-encoding", "transfer-encoding", "connection"}


def compare(
    ways: Ways,
    ask: Callable[[Way], Seen],
    script: Scripted,
    provider: str = "openai",
    target: str = "",
    *,
    leaving: bool = False,
) -> set[str]:
    """The names of the rows that occur; every other difference fails.

    Args:
        ways: Both.
        ask: Asks on one of them, and tells what it saw.
        script: What the provider does.
        provider, target: As `Ways.play` has them.
        leaving: Compare too whether the caller left before the provider had said all.
    """
    seen: list[Seen] = []
    for way in ways.play(script, provider, target=target):
        ways.begin()
        told = ask(way)
        calls = ways.calls(over=leaving or told["kind"] == "broken")  # whoever heard nothing may be the first to know
        requests = [of_call(entry) | ({"left": entry.hung_up is not None} if leaving else {}) for entry in calls]
        seen.append(told | {"requests": requests})
        if way.through and calls:
            _traced(ways, way, told)
    return explained(between(*seen))


def between(direct: Seen, through: Seen) -> list[Difference]:
    """Every place where two answers differ; those of different kinds are one difference, beside heads and calls."""
    kinds = [direct["kind"], through["kind"]]
    shared = [{"requests": seen["requests"], "head": _head(seen)} for seen in (direct, through)]
    if kinds[1] == "error" and not through["requests"]:
        kinds[1] = "refusal"  # nobody was asked: the error is the gateway's own
        del shared[0]["requests"], shared[1]["requests"]
    if kinds[0] == kinds[1]:
        return differences(direct, through)
    return [Difference(" → ".join(kinds), direct, through), *differences(shared[0], shared[1])]


def _head(seen: Seen) -> Seen:
    return {name: value for name, value in seen.get("head", {}).items() if name not in OF_BODY}


def _traced(ways: Ways, way: Way, told: Seen) -> None:
    """The alias is in the trace, the provider's model in its attempts, and the alias nowhere in the answer."""
    assert way.model not in repr(told), "the alias in an answer"
    assert PROVIDER_KEY not in repr(told), "the provider's key in an answer"
    recorded = ways.recorded()
    assert recorded
    for recorder in recorded:
        assert recorder.inbound.alias == way.model
        for span in spans(recorder):
            if span.kind == "client":
                assert str(span.attributes["gen_ai.request.model"]).startswith(MODEL)
                assert way.model not in repr(span.attributes), "the alias in an attempt"
            else:
                assert span.attributes["tracegate.request.alias"] == way.model
