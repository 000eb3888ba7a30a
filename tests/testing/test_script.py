"""Scripts are values that refuse what can't be played."""

from __future__ import annotations

import pytest

from tracegate.testing.script import OK, At, Drip, Script, ScriptError, Step


def test_the_last_step_repeats() -> None:
    """A script that has run out stays at its end."""
    script = Script((Step(status=503), OK))
    assert [0, 1, 1, 1] == [script.at(call) for call in range(4)]


def test_a_script_may_start_over() -> None:
    """As a flapping provider does."""
    script = Script((Step(status=503), OK), again=True)
    assert [0, 1, 0, 1] == [script.at(call) for call in range(4)]


def test_a_script_without_steps_is_refused() -> None:
    """There would be nothing to do."""
    with pytest.raises(ScriptError, match="at least one step"):
        Script(())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"split": 0}, "`split` must be at least 1"),
        ({"choices": 0}, "`choices` must be at least 1"),
        ({"head_drip": Drip(0, 1)}, "`head_drip` must be at least 1"),
        ({"body_drip": Drip(0, 1)}, "`body_drip` must be at least 1"),
        ({"status": 100}, "from 200 to 599"),
        ({"status": 600}, "from 200 to 599"),
        ({"how": "reset"}, "needs `cut`"),
        ({"how": "end", "cut": At("mid-head")}, "before its head"),
    ],
)
def test_impossible_steps_are_refused(fields: dict[str, int], told: str) -> None:
    """With a word that says what is allowed."""
    with pytest.raises(ScriptError, match=told):
        Step(**fields)  # type: ignore[arg-type]  # the table mixes the types of several fields


def test_a_step_shows_what_is_special_about_it() -> None:
    """Its text has no defaults."""
    assert "Step()" == repr(OK)
    assert "Step(status=200, cut=At(where='events', count=3))" == repr(Step(status=200, cut=At("events", 3)))


@pytest.mark.parametrize(
    ("step", "failing"),
    [
        (OK, False),
        (Step(status=200), False),
        (Step(status=400), True),
        (Step(problem="quota"), True),
        (Step(status=200, problem="server_error"), True),
        (Step(status=502, say="html"), False),
        (Step(status=500, body="oops"), False),
    ],
)
def test_a_step_fails_when_an_error_object_is_what_it_says(step: Step, failing: bool) -> None:
    """A body of another kind is no error object, whatever the status."""
    assert failing == step.failing


@pytest.mark.parametrize("step", [Step(fault="dns_error"), Step(connect=1), Step(unread=True)])
def test_what_happens_before_a_request_is_for_memory_only(step: Step) -> None:
    """Over sockets the model is not known then."""
    assert step.memory_only
    assert not OK.memory_only
