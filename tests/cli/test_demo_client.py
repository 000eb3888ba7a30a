"""The client of the demo: what it says of an answer."""

from __future__ import annotations

import pytest

from tracegate.cli.demo_client import Seen, ask, told
from tracegate.cli.demo_scenes import Scene
from tracegate.testing.process import SimulatorProcess

EVENT = 'data: {"choices":[]}'
ERROR = '{"error":{"message":"The provider\'s answer was cut off."}}'


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Seen(200, {}, ['{"id":"1"}']), "200 OK"),
        (Seen(200, {}, [EVENT, "", EVENT, "", "data: [DONE]", ""]), "200 OK, 2 events and [DONE]"),
        (Seen(200, {}, [EVENT, ""], left=True), "200 OK, 1 events, then the client left"),
        (
            Seen(200, {}, [EVENT, "", f"data: {ERROR}", "", ": tracegate-outcome error"]),
            "200 OK, 2 events, no [DONE]; the last says: The provider's answer was cut off.",
        ),
        (Seen(429, {}, [ERROR]), "429 Too Many Requests: The provider's answer was cut off."),
    ],
)
def test_an_answer_is_told_in_a_few_words(seen: Seen, words: str) -> None:
    """Status, how many events, and how it ended."""
    assert told(seen) == words


def test_it_asks_and_leaves_as_it_is_told() -> None:
    """A whole answer, and a stream that it leaves after a few lines: the provider sees it go."""
    with SimulatorProcess({"long": "words=400+pace=25ms"}) as sim:
        port = int(sim.base_url.split(":")[2].split("/")[0])
        whole = ask(port, Scene("", "gpt"))
        assert (whole.status, whole.headers["content-type"], whole.left) == (200, "application/json", False)
        part = ask(port, Scene("", "long", stream=True, leave_after=4))
        assert (len(part.lines), part.left) == (4, True)
        sim.until(lambda log: log[1].hung_up)
