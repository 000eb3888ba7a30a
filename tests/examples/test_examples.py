"""Each example is run whole: its file is checked and served, and its client prints what it should.

What the client prints is held against what the providers saw and against the trace that arrived.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples.running import ANSWER, KEYS, PLACES, Played
from tests.house.repository import files, text
from tracegate.testing.tree import span_tree

pytestmark = pytest.mark.slow


@pytest.fixture(params=["one_provider", "fallback", "self_hosted"])
def played(request: pytest.FixtureRequest) -> Played:
    """Each of them."""
    found: Played = request.getfixturevalue(request.param)
    return found


def test_every_example_is_run() -> None:
    """Each has a configuration and a client, and is one of those below; an answer that was saved is none."""
    found = [path for path in files("examples/*/*") if path.parent.name != "receipt"]
    folders = {path.parent.name for path in found}
    assert {"one_provider", "fallback", "self_hosted"} == folders
    assert {name for folder in folders for name in (f"{folder}/tracegate.yaml", f"{folder}/client.py")} == {
        f"{path.parent.name}/{path.name}" for path in found
    }


def test_an_example_is_valid(played: Played) -> None:
    """`tracegate check` says so, and warns of nothing."""
    assert played.checked.returncode == 0, played.checked.stderr
    assert " is valid: " in played.checked.stdout
    assert "warning" not in played.checked.stdout


def test_an_example_leaves_a_flawless_trace(played: Played) -> None:
    """What left as OTLP is well-formed, and has an attempt for each call that the providers saw."""
    played.receiver.check()
    attempts = [span for span in played.receiver.spans if span.attributes.get("tracegate.hop.kind") == "attempt"]
    assert len(attempts) == len(played.log) > 0


def test_an_example_keeps_its_keys_apart(played: Played) -> None:
    """A provider gets its own key and no other; nothing exported has any."""
    assert played.receiver.found(*KEYS.values()) == []
    for entry in played.log:
        sent = str(entry.headers)
        own = {"azure": "AZURE_OPENAI_API_KEY", "openai": "OPENAI_API_KEY", "mistral": "MISTRAL_API_KEY"}
        assert [name for name, key in KEYS.items() if key in sent] == [
            name for provider, name in own.items() if provider == entry.provider
        ]


def test_one_provider_streams_to_an_unchanged_program(one_provider: Played) -> None:
    """The program prints the answer, and the trace has who gave it."""
    client = one_provider.clients[0]
    assert (client.returncode, client.stdout, client.stderr) == (0, f"{ANSWER}\n", "")
    assert (
        span_tree(one_provider.receiver.spans, show=["gen_ai.request.model", "gen_ai.response.model"])
        == """
POST /v1/chat/completions ok 200
  route chat
    chat gpt-5.5 attempt=0 initial ok model=gpt-5.5 model=gpt-5.5-2026-04-23
"""
    )


def test_fallback_shows_who_failed_and_who_answered(fallback: Played) -> None:
    """From the headers beside the answer."""
    client = fallback.clients[0]
    lines = client.stdout.splitlines()
    assert (client.returncode, client.stderr, lines[0]) == (0, "", ANSWER)
    told = dict(line.split(": ", 1) for line in lines[1:])
    assert list(told) == ["X-Served-By", "Tracegate-Attempts", "Tracegate-Record", "Tracegate-Cost"]
    assert told["X-Served-By"].startswith(
        'openai;model="gpt-5.5-2026-04-23";src=asserted;target="gpt-openai";attempt=3'
    )
    assert re.findall(r"([\w.]+);status=(\d+).*?;kind=(\w+)", told["Tracegate-Attempts"]) == [
        ("azure.ai.openai", "503", "initial"),
        ("azure.ai.openai", "503", "retry"),
        ("azure.ai.openai", "503", "retry"),
        ("openai", "200", "fallback"),
    ]
    assert re.fullmatch(r"\d+;unit=micros;currency=USD;basis=local", told["Tracegate-Cost"])


def test_fallback_shows_who_was_asked_when_nobody_could_answer(fallback: Played) -> None:
    """The last failure is the answer, and the headers have every attempt."""
    client = fallback.clients[1]
    lines = client.stdout.splitlines()
    assert (client.returncode, client.stderr) == (1, "")
    assert lines[0].startswith("Error code: 413 - ")
    told = dict(line.split(": ", 1) for line in lines[1:])
    assert told["X-Served-By"].startswith('mistral_ai;target="large";status=413;attempt=6, tracegate;')
    assert len(told["Tracegate-Attempts"].split(", ")) == 7


def test_fallback_tells_records_as_the_traces_do(fallback: Played) -> None:
    """The id that a client has in hand finds the trace; its tenant is there too."""
    records = re.findall(r"^Tracegate-Record: (\S+)$", "".join(c.stdout for c in fallback.clients), re.MULTILINE)
    servers = [span for span in fallback.receiver.spans if span.kind == "server"]
    assert sorted(records) == sorted(str(span.attributes["tracegate.audit.record.id"]) for span in servers)
    assert {span.attributes["tracegate.tenant.id"] for span in servers} == {"shop"}


def test_self_hosted_gives_one_whole_answer_and_its_books(self_hosted: Played) -> None:
    """Nothing of the answer that broke off reaches the client; the comments at the end name all three attempts."""
    client = self_hosted.clients[0]
    lines = client.stdout.splitlines()
    assert (client.returncode, client.stderr, lines[0]) == (0, "", ANSWER)
    told = dict(line.removeprefix(": tracegate-").split(" ", 1) for line in lines[1:])
    assert list(told) == ["served-by", "attempts", "usage", "cost", "outcome", "receipt"]
    assert told["served-by"].startswith('openai;model="gpt-5.4-mini-2026-03-17";src=asserted;target="cloud";attempt=2')
    assert re.findall(r"([\w.]+);status=200(;error=\w+)?", told["attempts"]) == [
        ("vllm", ";error=http_response_incomplete"),
        ("vllm", ";error=http_response_incomplete"),
        ("openai", ""),
    ]
    assert told["outcome"].startswith("ok;finish=stop;")


def test_only_the_own_machine_gets_the_trace(self_hosted: Played) -> None:
    """`propagate` stands at one provider, and no other sees a `traceparent`."""
    assert [(entry.provider, entry.header("traceparent") is not None) for entry in self_hosted.log] == [
        ("vllm", True),
        ("vllm", True),
        ("openai", False),
    ]


def test_a_client_differs_in_its_base_url_only() -> None:
    """It is the official client, of which nothing but address, key and retries is set."""
    for path in files("examples/*/client.py"):
        found = re.search(r"OpenAI\((.*?)\n?\)(?:\n|$)", text(path), re.DOTALL)
        assert found is not None, path
        assert set(re.findall(r"(\w+)=", found[1])) <= {"base_url", "api_key", "max_retries"}, path


def test_an_example_needs_no_variable_that_is_not_told() -> None:
    """Each key stands in the command at the top of its file; the places of providers have defaults."""
    for path in files("examples/*/tracegate.yaml"):
        head = text(path).split("\n\n")[0]
        asked = set(re.findall(r"\$\{(\w+)\}", text(Path(path))))
        assert asked == {name for name in KEYS if re.search(rf"\b{name}=", head)}, path
        assert set(re.findall(r"\$\{(\w+):-", text(path))) <= set(PLACES), path
