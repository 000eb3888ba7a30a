"""The demo, played whole: what it shows is what happened, to the call, and it ends as it says."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from tracegate.cli.demo import agree, play, run, stage
from tracegate.cli.demo_scenes import SCENES
from tracegate.record import Recorder
from tracegate.telemetry.spans import spans
from tracegate.testing.simulator_log import Entry
from tracegate.testing.tree import span_tree

pytestmark = pytest.mark.slow

TREES = (
    """
POST /v1/chat/completions ok 200
  route chat
    chat gpt-5.5 attempt=0 initial ok
""",
    """
POST /v1/chat/completions ok 200
  route chat
    chat gpt-5.5 attempt=0 initial ok
""",
    """
POST /v1/chat/completions ok 200
  route busy-day
    chat gpt-5.5-busy  attempt=0 initial error 503
    chat gpt-5.5-busy  attempt=1 retry error 503
    chat gpt-5.5-busy  attempt=2 retry error 503
    chat mistral-large attempt=3 fallback ok
""",
    """
POST /v1/chat/completions ok 200
  route rationed
    chat gpt-5.5-limited attempt=0 initial error 429
    chat gpt-5.5-limited attempt=1 retry ok
""",
    """
POST /v1/chat/completions ok 200
  route patience
    chat gpt-5.5-silent attempt=0 initial error connection_read_timeout
    chat llama-4-70b    attempt=1 fallback ok
""",
    """
POST /v1/chat/completions ok 200
  route excuse
    chat gpt-5.5-apology attempt=0 initial error http_protocol_error
    chat mistral-large   attempt=1 fallback ok
""",
    """
POST /v1/chat/completions ok 200
  route portal
    chat gpt-5.5-web-page attempt=0 initial error http_protocol_error
    chat mistral-large    attempt=1 fallback ok
""",
    """
POST /v1/chat/completions ok 200
  route stutter
    chat llama-4-hiccup attempt=0 initial error http_response_incomplete
    chat mistral-large  attempt=1 fallback ok
""",
    """
POST /v1/chat/completions ok 200
  route context
    chat gpt-5.5-mini attempt=0 initial error 400
    chat llama-4-70b  attempt=1 fallback ok
""",
    """
POST /v1/chat/completions ok 200
  route keys
    chat gpt-5.5-stale-key attempt=0 initial error 401
    chat mistral-large     attempt=1 fallback ok
""",
    """
POST /v1/chat/completions error 200
  route broken error broken_answer
    chat gpt-5.5-cut attempt=0 initial error http_response_incomplete
""",
    """
POST /v1/chat/completions ok 200
  route whole
    chat gpt-5.5-cut   attempt=0 initial error http_response_incomplete
    chat mistral-large attempt=1 fallback ok
""",
    """
POST /v1/chat/completions ok 200
  route nested
    chat gpt-5.5-down attempt=0 initial error 500
    route chat
      chat gpt-5.5 attempt=1 fallback ok
""",
    """
POST /v1/chat/completions cancelled 200 client_disconnect
  route novel cancelled client_disconnect
    chat gpt-5.5-long attempt=0 initial cancelled client_disconnect
""",
    """
POST /v1/chat/completions error 429
  route nobody error rate_limit
    chat gpt-5.5-down    attempt=0 initial error 500
    chat mistral-limited attempt=1 fallback error 429
""",
)


@dataclass(frozen=True)
class Played:
    """The whole demo, once."""

    requests: list[Recorder]
    log: list[Entry]
    shown: list[str]  # of each scene


@pytest.fixture(scope="module")
def played() -> Played:
    """The scenes, as `run` plays them, in a terminal of 140 columns."""
    out = io.StringIO()
    console = Console(file=out, width=140, force_terminal=True, color_system=None)

    async def main() -> Played:
        shown = []
        async with stage() as on:
            for number, scene in enumerate(SCENES, 1):
                out.truncate(out.seek(0))
                recorder, _ = await play(console, on, scene, number)
                assert recorder is on.view.requests[number - 1]
                shown.append(out.getvalue())
            return Played(on.view.requests, list(on.simulator.log), shown)

    return asyncio.run(main())


@pytest.mark.parametrize("number", range(len(SCENES)))
def test_a_scene_leaves_its_trace(played: Played, number: int) -> None:
    """The whole trace, hop by hop; as many are expected as are played."""
    assert len(TREES) == len(SCENES)
    assert TREES[number] == span_tree(spans(played.requests[number]))


@pytest.mark.parametrize("number", range(len(SCENES)))
def test_a_scene_shows_what_came_back_and_every_hop(played: Played, number: int) -> None:
    """Title, answer and who served it; then one line per span; all of it fits the terminal."""
    lines = played.shown[number].splitlines()
    scene, hops = SCENES[number], len(played.requests[number].records)
    assert lines[0] == f"{number + 1:>2}  {scene.title}"
    assert lines[1].startswith(f"    model={scene.route} {'stream=true ' if scene.stream else ''}→ ")
    assert lines[2].startswith("    X-Served-By: ")
    assert lines[-hops].startswith("    POST /v1/chat/completions")
    assert all(re.match(r" {4}[ │]*[├└]─ (route|chat) ", line) for line in lines[len(lines) - hops + 1 :])
    assert max(map(len, lines)) <= 140


def test_traces_and_providers_tell_the_same_calls(played: Played) -> None:
    """Attempt by attempt, with its status; a call that has no attempt, or another status, is noticed."""
    assert agree(played.requests, played.log)
    assert not agree(played.requests, played.log[1:])
    other = Entry(0, model="gpt-5.5")
    other.status = 418
    assert not agree(played.requests, [other, *played.log[1:]])


def test_a_stream_shows_its_final_comment(played: Played) -> None:
    """What its head could not know: usage and cost among it."""
    assert re.findall(r"^ {4}: tracegate-([a-z-]+) ", played.shown[1], re.MULTILINE) == [
        "served-by",
        "attempts",
        "usage",
        "cost",
        "outcome",
        "receipt",
    ]


def test_the_demo_proves_an_answer_and_refuses_a_changed_one() -> None:
    """By the log that it kept, of which it leaves nothing."""
    console = Console(file=(out := io.StringIO()), width=140)
    assert run(keep=False, console=console, scenes=SCENES[1:3]) == 0
    told = out.getvalue().splitlines()
    (start,) = [number for number, line in enumerate(told) if line.startswith("The audit log localhost/tracegate/")]
    before, after, what, verified, changed, refused = told[start + 1 : start + 7]
    assert (before.split()[:2], after.split()[:2]) == (["before", "2"], ["after", "6"])
    assert (what.split(",")[0], verified.split()[0]) == ("Answer 2", "verified")
    assert (changed.split(",")[0], refused.split()) == ("The same with one byte changed", ["refused"])


def test_the_demo_ends_with_what_to_do_next(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It prints to where the process prints, draws the picture, and is content with itself."""
    svg = tmp_path / "trace.svg"
    assert run(keep=False, svg=str(svg), scenes=SCENES[2:3]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-2] == "4 attempts in the traces, 4 calls in the providers' own log: they agree."
    assert "`tracegate demo --keep`" in told[-1]
    assert SCENES[2].title in svg.read_text("utf-8")


def test_a_picture_that_cant_be_written_is_an_error(tmp_path: Path) -> None:
    """Which is told, and shows in the status; the demo goes on."""
    console = Console(file=(out := io.StringIO()))
    svg = tmp_path / "missing" / "trace.svg"
    assert run(keep=False, svg=str(svg), console=console, scenes=SCENES[2:3]) == 1
    assert f"{svg}: can't be written: No such file or directory" in out.getvalue()
    assert "they agree" in out.getvalue()


def test_nothing_of_the_environment_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between gateway and providers, and no variable is read that would be an error."""
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://192.0.2.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke signals")
    assert run(keep=False, console=Console(file=io.StringIO()), scenes=SCENES[:1]) == 0


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """`tracegate demo` as a process, and what it prints, line by line."""
    command = [str(Path(sys.executable).with_name("tracegate")), "demo", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def until(printed: IO[str], end: str) -> list[str]:
    """The lines up to the one that has this text."""
    lines = []
    for line in printed:
        lines.append(line.rstrip("\n"))
        if end in line:
            return lines
    raise AssertionError(f"`{end}` never came, but: {lines}")


def test_it_keeps_serving_what_it_says_until_interrupted() -> None:
    """The command that it prints, taken as a shell takes it, is answered, and its trace shown; Ctrl-C is no error."""
    with started("--keep") as (process, printed):
        lines = until(printed, "your_program.py")
        first = next(number for number, line in enumerate(lines) if "curl -i" in line)
        curl, _, url, _, body = shlex.split(lines[first].rstrip("\\") + lines[first + 1])
        assert (curl, f"OPENAI_BASE_URL={url.removesuffix('/chat/completions')}") == ("curl", lines[-1].split()[0])
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.netloc, timeout=20)
        connection.request("POST", place.path, body)
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["X-Served-By"].startswith("mistral_ai;")
        assert json.load(response)["model"] == "mistral-large-2512"
        told = until(printed, "chat mistral-large")
        assert told[1] == "    model=busy-day → 200"
        assert len(told) == 2 + 6  # server, route, four attempts
        connection.request("GET", "/v1/models")
        assert connection.getresponse().read()
        connection.close()
        assert until(printed, "/v1/models")[1] == "    → 200"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
        assert (rest.strip(), errors, process.returncode) == ("", "", 0)


def test_it_can_be_stopped_at_any_time() -> None:
    """Ctrl-C before the end is told by the status, and by nothing else."""
    with started() as (process, printed):
        until(printed, SCENES[0].title)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert (errors, process.returncode) == ("", 130)
