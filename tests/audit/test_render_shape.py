"""What has a shape, and what two requests of one shape may differ in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.audit.leaves import HEX
from tests.server.case import OPENAI, Case, costs
from tracegate.audit.blinding import Blinding
from tracegate.audit.canonical import LARGEST
from tracegate.audit.kinds import At, ClockState
from tracegate.audit.render import Question, Sent
from tracegate.audit.render_shape import Shape, asked_of, closed_of
from tracegate.facts import Attempt, Cost, Route, Usage, Why

DIGEST = hashlib.sha256(b"body").digest()
BLINDING = Blinding(bytes(range(32)))
QUESTION = Question(DIGEST, 4, "application/json", BLINDING, "/v1/chat/completions")
ROUTE = Route("chat", "target", ("a",))
AT = At(index=7, hash=HEX)


def _answered() -> Case:
    case = Case()
    case.answered()
    return case


def _attempt(case: Case) -> Attempt:
    return case.recorder.attempts[0]


def _closed(case: Case, prev: At | None = AT, **sent: Any) -> Shape | None:
    asked = asked_of(case.recorder, QUESTION, ROUTE, None).own
    whole = Sent(200, "application/json", 4, DIGEST, "complete", case.now, DIGEST, ((0, DIGEST),), ("stop",))
    return closed_of(case.recorder, 1, asked, BLINDING, whole._replace(**sent), prev)


def test_what_an_intent_says_of_itself_is_no_part_of_its_shape() -> None:
    """Ids, times, the size and the digest of the request."""
    one, other = _answered(), _answered()
    other.recorder.request_id, other.recorder.wall, other.recorder.origin = "other", 5_000, 1_999
    key, own = asked_of(one.recorder, QUESTION, ROUTE, None)
    again = asked_of(other.recorder, QUESTION._replace(size=5, digest=bytes(32)), ROUTE, None)
    assert (again.key, again.own[1:3], again.own[6:8]) == (key, ("tg-other", 5), (1, 5))
    assert again.own != own


@pytest.mark.parametrize("name", ["tenant", "key", "alias", "method", "stream"])
def test_who_asked_for_what_is_part_of_the_shape_of_an_intent(name: str) -> None:
    """As are the route, the path, the content type and the clock's state."""
    one, other = _answered(), _answered()
    setattr(other.inbound, name, "other")
    key = asked_of(one.recorder, QUESTION, ROUTE, None).key
    assert asked_of(other.recorder, QUESTION, ROUTE, None).key != key
    for question, route, clock in (
        (QUESTION._replace(path="/"), ROUTE, None),
        (QUESTION._replace(media=None), ROUTE, None),
        (QUESTION, None, None),
        (QUESTION, ROUTE, ClockState(stratum=2)),
    ):
        assert asked_of(one.recorder, question, route, clock).key != key


@pytest.mark.parametrize(
    "alters",
    [
        lambda attempt: setattr(attempt, "why", Why("retry", "timeout")),
        lambda attempt: setattr(attempt, "outcome", "error"),
        lambda attempt: setattr(attempt, "streaming", True),
        lambda attempt: setattr(attempt, "committed", None),
        lambda attempt: setattr(attempt, "lost", True),
        lambda attempt: setattr(attempt, "end", None),
        lambda attempt: setattr(attempt, "cost", None),
        lambda attempt: setattr(attempt, "cost", costs(LARGEST + 1)),
        lambda attempt: setattr(attempt, "request_id", 'a "quote"'),
        lambda attempt: setattr(attempt.answer, "id", "unknown"),
        lambda attempt: setattr(attempt.answer, "id", "\x7f"),
    ],
)
def test_an_unusual_attempt_has_no_shape(alters: Callable[[Attempt], None]) -> None:
    """Nor one that says what a leaf would have in another form."""
    case = _answered()
    assert _closed(case) is not None
    alters(_attempt(case))
    assert _closed(case) is None


def test_an_unusual_answer_has_no_shape() -> None:
    """A stream, several choices, an intent in the log before, several attempts, none."""
    case = _answered()
    assert _closed(case, chunks=2) is None
    assert _closed(case, texts=((1, DIGEST),)) is None
    assert _closed(case, texts=((0, DIGEST), (1, DIGEST))) is None
    assert _closed(case, At(index=1, hash=HEX, log="before")) is None
    case.answered()
    assert _closed(case) is None
    assert _closed(Case()) is None


@pytest.mark.parametrize(
    ("alters", "fewer"),
    [
        (lambda attempt: setattr(attempt, "cost", costs(7)), 0),
        (lambda attempt: setattr(attempt, "cost", costs(None)), 2),
        (lambda attempt: setattr(attempt.answer, "usage", Usage(1, 2)), 0),
        (lambda attempt: setattr(attempt.answer, "usage", None), 2),
        (lambda attempt: setattr(attempt.answer, "id", "chatcmpl-1"), -1),
        (lambda attempt: setattr(attempt, "request_id", "req_1"), -1),
        (lambda attempt: setattr(attempt.answer, "fingerprint", "fp"), 0),
        (lambda attempt: setattr(attempt, "cost", Cost(0, "USD", "local")), 0),
    ],
)
def test_what_is_absent_is_part_of_the_shape(alters: Callable[[Attempt], None], fewer: int) -> None:
    """Then it has no value either; a value that is another is still of the shape, a text of the key is not."""
    one, other = _answered(), _answered()
    alters(_attempt(other))
    was, now = _closed(one), _closed(other)
    assert was is not None
    assert now is not None
    assert len(was.own) - len(now.own) == fewer
    assert (was.key == now.key) == (_attempt(other).cost == costs(7) or _attempt(other).answer.usage == Usage(1, 2))


def test_an_answer_without_an_intent_a_form_or_a_text_is_of_another_shape() -> None:
    """Their values are absent."""
    case = _answered()
    whole = _closed(case)
    assert whole is not None
    for less, fewer in ((_closed(case, None), 2), (_closed(case, canonical=None), 1), (_closed(case, texts=()), 1)):
        assert less is not None
        assert (less.key != whole.key, len(whole.own) - len(less.own)) == (True, fewer)
    assert OPENAI is _attempt(case).target
