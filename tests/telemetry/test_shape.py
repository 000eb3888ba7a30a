"""What has a shape, and what has none; what a shape is good for is held in test_forms.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.telemetry.made import Made, refused, success
from tracegate.facts import Usage
from tracegate.inbound import Remote
from tracegate.record import Recorder
from tracegate.telemetry import shape
from tracegate.telemetry.asked import Asked
from tracegate.telemetry.protobuf import varint
from tracegate.telemetry.shape import shape_of


def unusual() -> Iterator[Recorder]:
    """Requests without a shape."""
    yield Made().end()
    yield success(remote=Remote(b"T" * 16, b"P" * 8, 1), trust="link")
    yield success(remote=Remote(b"T" * 16, b"P" * 8, 1, "a=b"))
    yield success(b'{"model":"chat","n":2}')
    yield success(body=None)
    yield success(client_request_id="")
    yield success(record_seq=-1)
    made = Made()
    inner = made.route(parent=made.route())
    record = made.attempt(inner)
    made.answer(record)
    for closed in (record, inner, inner.parent):
        assert closed is not None
        made.close(closed)
    yield made.end()
    for change in ("skipped", "modalities", "open", "guard", "noted", "aside", "half a pair"):
        yield _changed(change)


def _changed(how: str) -> Recorder:
    made = Made()
    route = made.route()
    record = made.attempt(made.recorder.server if how == "aside" else route)
    attempt = made.answer(record)
    if how == "skipped":
        attempt.skipped = 1
    elif how == "modalities":
        attempt.answer.usage = Usage(5, 7, modalities=(("audio.input_tokens", 2),))
    elif how == "guard":
        made.recorder.open("guard", "pii", route)
    elif how == "noted":
        route.notes = (("skipped", {"target": "a", "reason": "cooldown"}),)
    if how != "open":
        made.close(record, refused(message="\ud83d") if how == "half a pair" else None)
    made.close(route)
    return made.end()


@pytest.mark.parametrize("request_", [*unusual()])
def test_what_is_not_usual_has_no_shape(request_: Recorder) -> None:
    """It goes the usual way, always."""
    assert shape_of(request_, Asked()) is None


def test_requests_that_differ_in_values_only_have_one_key() -> None:
    """Ids, times and counts are each one's own; a count of another length is another shape."""
    first, second = (shape_of(success(seed=seed), Asked()) for seed in (1, 2))
    assert first is not None
    assert second is not None
    assert first.key == second.key
    assert first.values != second.values
    other = shape_of(success(record_seq=300), Asked())
    assert other is not None
    assert other.key not in (first.key, None)


def test_numbers_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients and providers may send any."""
    monkeypatch.setattr(shape, "NUMBERS", 3)
    numbers = shape._Numbers({None: b""})
    for number in (1, 300, 2, 3, 4):
        assert numbers[number] == varint(number)
        assert (len(numbers) <= 3, numbers[None]) == (True, b"")
