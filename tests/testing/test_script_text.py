"""Scripts are read from texts and mappings, and written back."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.testing import script as vocabulary
from tracegate.testing.script import NEVER, OK, At, Drip, Script, ScriptError, Step, ToolCall
from tracegate.testing.script_text import SHORT, describe, read_script

MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("ok", Script((OK,))),
        ("503", Script((Step(status=503),))),
        ("503x3", Script((Step(status=503),) * 3 + (OK,))),
        ("503x2:429", Script((Step(status=503),) * 2 + (Step(status=429),))),
        ("ok:503:again", Script((OK, Step(status=503)), again=True)),
        ("503x2:again", Script((Step(status=503),) * 2, again=True)),
        ("429+retry-after=2:ok", Script((Step(status=429, retry_after="2"), OK))),
        ("first-token=2s+pace=20ms", Script((Step(first_token=2000 * MS, pace=20 * MS),))),
        ("cut=3+reset", Script((Step(cut=At("events", 3), how="reset"),))),
        ("cut=100b+clean", Script((Step(cut=At("bytes", 100), how="end"),))),
        ("stall=half+stall-for=1.5s", Script((Step(stall=At("half"), stall_for=1500 * MS),))),
        ("stall=2+stall-for=never", Script((Step(stall=At("events", 2)),))),
        ("body-drip=8b@50us", Script((Step(body_drip=Drip(8, 50_000)),))),
        ("no-done+finish=none", Script((Step(done=False, finish=""),))),
        ("comments+malformed=2", Script((Step(comments=True, malformed=2),))),
        ("text=a%3Ab%2Bc", Script((Step(text="a:b+c"),))),
        ("usage=last", Script((Step(usage="last"),))),
        ("tools", Script((Step(tools=True),))),
        ("silence", Script((Step(stall=At("start")),))),
        ("error-200", Script((Step(status=200, problem="server_error"),))),
    ],
)
def test_a_text_is_read(text: str, script: Script) -> None:
    """Each kind of part, alone and together."""
    assert script == read_script(text)


@pytest.mark.parametrize("name", SHORT)
def test_short_forms_can_be_read(name: str) -> None:
    """Each alone, or with the place that it needs."""
    needs_place = name in ("reset", "clean")
    assert len(read_script(f"cut=1+{name}" if needs_place else name).steps) == 1


@pytest.mark.parametrize(
    ("mapping", "script"),
    [
        ({"status": 503, "retry_after": 2}, Script((Step(status=503, retry_after="2"),))),
        ({"steps": [{"status": 503}, "ok"], "again": True}, Script((Step(status=503), OK), again=True)),
        ({"steps": ["503x2", "429:401"]}, Script(tuple(Step(status=status) for status in (503, 503, 429, 401)))),
        ({"steps": ["503x2"]}, Script((Step(status=503), Step(status=503), OK))),
        ([{"first-token": "1m"}, Step(words=3)], Script((Step(first_token=60_000 * MS), Step(words=3)))),
        ({"headers": {"X-A": 1, "server": None}}, Script((Step(headers=(("x-a", "1"), ("server", None))),))),
        (
            {"calls": [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": "{"}, {"name": "h"}]},
            Script((Step(calls=(ToolCall("f", '{"a": 1}'), ToolCall("g", "{"), ToolCall("h"))),)),
        ),
        ({"done": False, "cut": 3, "pings": 2}, Script((Step(done=False, cut=At("events", 3), pings=2),))),
        (Step(words=1), Script((Step(words=1),))),
        (Script((OK,)), Script((OK,))),
    ],
)
def test_a_mapping_is_read(mapping: Any, script: Script) -> None:
    """As YAML and JSON would have it."""
    assert script == read_script(mapping)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("foo", "unknown part `foo`; known: .*first-token.*silence"),
        ("", "unknown part ``"),
        ("flavor=a", "unknown part `flavor`"),
        ("no-foo", "unknown part `no-foo`"),
        ("pace=3", "`pace`: is '3'; write a number with a unit"),
        ("cut=x", "`cut`: is 'x'; write end, half, head, mid-head, start, a number of events, or of bytes"),
        ("head-drip=5", "`head-drip`: is '5'; write bytes and a pause"),
        ("malformed=-1", "write a number of at least 0"),
        ("usage=often", "`usage`: is 'often'; allowed: asked, never, always, last, each"),
        ("done=5", "`done`: is '5'; write true or false"),
        ("headers=a", "`headers`: is 'a'; write a table"),
        ("calls=a", "`calls`: is 'a'; write a list"),
        ({"text": ["a"]}, "`text`: is .*; write a text"),
        ({"text": True}, "`text`: is True; write a text"),
        ({"pings": True}, "`pings`: is True; write a number"),
        ({"calls": [{"arguments": {}}]}, "`calls`: has .*; a call is"),
        ({"calls": [3]}, "`calls`: has 3; a call is"),
        ({"steps": []}, "at least one step"),
        ({"steps": "ok"}, "`steps` is a list"),
        ({"steps": ["ok"], "agian": True}, "unknown key `agian`"),
        (3, "a script is a text, a list or a mapping, not 3"),
        ([3], "a script is a text, a list or a mapping, not 3"),
    ],
)
def test_what_cannot_be_read_is_told(given: Any, told: str) -> None:
    """What is wrong, and what is allowed."""
    with pytest.raises(ScriptError, match=told):
        read_script(given)


def _values(name: str, hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field, by its type."""
    texts = st.text(alphabet="ab:+=%x1 é{[\"'/", min_size=1).filter(
        lambda text: text != "none" and text[:1] not in "{["
    )
    durations = st.sampled_from([1, 1_500, 20 * MS, 3_000 * MS, 90_000 * MS, NEVER])
    special: dict[str, st.SearchStrategy[Any]] = {
        "status": st.integers(200, 599),
        "cut": st.sampled_from([At("start"), At("end"), At("events", 4), At("bytes", 9)]),
        "stall": st.sampled_from([At("mid-head"), At("half"), At("events"), At("bytes", 1)]),
        "headers": st.just((("a", "1"), ("b", None))),
        "calls": st.just((ToolCall("f", '{"a": "+:x2"}'),)),
        "head_drip": st.builds(Drip, st.integers(1, 9), durations),
        "body_drip": st.builds(Drip, st.integers(1, 9), durations),
        "split": st.integers(1, 9),
        "choices": st.integers(1, 9),
        "how": st.just("close"),
    }
    if name in special:
        return special[name]
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(typing.get_args(hint))
    members = [member for member in typing.get_args(hint) if member is not type(None)]
    if members:
        return _values("", members[0])
    if hint is bool:
        return st.booleans()
    if hint is int:
        return durations if name not in ("", "pings") else st.integers(0, 99)
    return texts


@st.composite
def _steps(draw: st.DrawFn) -> Step:
    hints = typing.get_type_hints(Step, vars(vocabulary))
    names = draw(st.lists(st.sampled_from([field.name for field in dataclasses.fields(Step)]), max_size=6))
    return Step(**{name: draw(_values(name, hints[name])) for name in names})


@given(_steps())
def test_a_step_that_was_written_is_read_back(step: Step) -> None:
    """Every field, whatever stands in its text."""
    assert Script((step,)) == read_script(describe(step))


def test_a_written_step_is_short() -> None:
    """Defaults are left out, units are the largest that fit."""
    assert "ok" == describe(OK)
    assert "503+retry-after=2" == describe(Step(status=503, retry_after="2"))
    assert "wait=2m+first-token=1500ms+stall=3" == describe(
        Step(wait=120_000 * MS, first_token=1500 * MS, stall=At("events", 3))
    )
    assert "text=%783" == describe(Step(text="x3"))
