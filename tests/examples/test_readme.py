"""README.md says nothing that is not so: every command is run, every sample is what came, every table is complete."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import click
import httpx
import msgspec
import pytest

from tests.examples.running import KEYS, Played, environment, run, serving
from tests.house.repository import ROOT, files, text
from tracegate.audit import kinds
from tracegate.audit.events import Leaf
from tracegate.cli import main
from tracegate.cli.demo_picture import HEADING
from tracegate.testing import __doc__ as kit
from tracegate.testing.process import SimulatorProcess

pytestmark = pytest.mark.slow

README = text(Path("README.md"))
COMMANDS = re.findall(
    r"^(<!-- keys: none -->\n)?```sh\n(\.venv/bin/[^\n]*)\n```\n\n```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE
)
VARIES = {
    r"(dur|ttft|wait)=[\d.]+": r"\1=N",
    r'node="[^"]*"': "node=N",
    r"tg-[0-9a-f]{8}-[0-9a-f-]{27}": "tg-N",
    r"Digest [0-9a-f]{8}": "Digest N",
    r"tg-key-[\w-]{43}": "tg-key-N",
    r"sha256:[0-9a-f]{64}": "sha256:N",
    r"serves on http://[\w.]+:\d+": "serves on http://N",
    r"retry after \d+ ms": "retry",
    r"\b\d+(\.\d+)? (ms|s)\b": "N ms",
    r"http://127\.0\.0\.1:\d+/": "http://N/",
    r"traces/[0-9a-f]{32}": "traces/N",
    r"audit key  \S+": "audit key  N",
    r": tracegate-receipt \S+": ": tracegate-receipt N",
}
"""What is another at every run: times, ids, this machine's name."""

STANDARD = {"date", "content-type", "content-length", "cache-control", "transfer-encoding"}
"""Headers of every HTTP server, which need no explanation here."""


def masked(said: str) -> str:
    """A text without what varies."""
    for pattern, instead in VARIES.items():
        said = re.sub(pattern, instead, said)
    # Columns are as wide as the times in them.
    return "".join(re.sub(" +", " ", line) if "N ms" in line else line for line in said.splitlines(keepends=True))


def same(sample: str, said: str) -> None:
    """Assert that a sample is what was said; a line `…` stands for any lines."""
    parts = re.split(r"^…\n", masked(sample), flags=re.MULTILINE)
    assert re.fullmatch(r"(?:.*\n)*".join(map(re.escape, parts)), masked(said)), masked(said)


def table(first: str) -> list[list[str]]:
    """The rows of the table whose heading begins so."""
    found = re.search(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert found is not None, first
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found[1].splitlines()]


def names(first: str) -> list[str]:
    """What stands as code in the first column of that table."""
    return [name for row in table(first) for name in re.findall(r"`([^`]+)`", row[0])]


def demo_picture(svg: str) -> list[list[str]]:
    """The texts of a picture, line by line, without what varies."""
    texts = re.findall(r'<text x="\d+" y="(\d+)"[^>]*>([^<]*)<', svg)
    lines = sorted({int(y) for y, _ in texts})
    return [[masked(said.replace("\N{NO-BREAK SPACE}", " ")) for y, said in texts if int(y) == line] for line in lines]


# --- commands and what they print ---


@pytest.mark.parametrize(
    ("none", "command", "sample"),
    [
        # Beside real stores, which are built first where they are missing.
        pytest.param(*one, id=one[1], marks=[pytest.mark.stores] if "--stack" in one[1] else [])
        for one in COMMANDS
    ],
)
def test_a_command_prints_its_sample(
    none: str, command: str, sample: str, fallback: Played, self_hosted: Played
) -> None:
    """As it stands, in the repository; `serve` on a free port, and the clients ask what the examples' tests serve."""
    clients = {"examples/fallback/client.py": fallback, "examples/self_hosted/client.py": self_hosted}
    program, *options = shlex.split(command)
    if options[0] in clients:
        same(sample, clients[options[0]].clients[0].stdout)
    elif options[0] == "serve":
        keys = KEYS if len(options) > 1 else {"OPENAI_API_KEY": KEYS["OPENAI_API_KEY"]}
        with serving(options[1:], {**os.environ, **keys}) as (_, lines):
            pass
        same(sample, "".join(f"{line}\n" for line in lines))
    else:
        done = run([str(Path(sys.executable).with_name(Path(program).name)), *options], _keys(none))
        same(sample, done.stdout or done.stderr)


def test_every_command_is_run() -> None:
    """A block of the shell is one of the two that set everything up, or stands with what it prints."""
    blocks = re.findall(r"^```sh\n(.*?)\n```$", README, re.DOTALL | re.MULTILINE)
    setups = [block for block in blocks if block.startswith(".ci/install")]
    assert [block for block in blocks if block not in setups] == [command for _, command, _ in COMMANDS]
    assert len(setups) == 2


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What the command of the demo prints, and its picture."""
    found = re.search(r"^\.ci/install && \.venv/bin/(tracegate demo)$", README, re.MULTILINE)
    assert found is not None
    svg = tmp_path_factory.mktemp("demo") / "trace.svg"
    program, *options = shlex.split(found[1])
    done = run([str(Path(sys.executable).with_name(program)), *options, "--svg", str(svg)], os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, svg.read_text("utf-8")


def test_the_demo_agrees_with_the_providers(drawn: tuple[str, str]) -> None:
    """The first command, run."""
    assert "they agree" in drawn[0]


def test_the_picture_is_one_of_the_demo(drawn: tuple[str, str]) -> None:
    """What is committed is what the demo draws today, times aside."""
    assert demo_picture(text(Path("examples/trace.svg"))) == demo_picture(drawn[1])


def test_the_documentation_of_the_test_kit_is_where_it_is_said_to_be() -> None:
    """`pydoc` shows it."""
    found = re.search(r"`\.venv/bin/python (-m pydoc tracegate\.testing)`", README)
    assert found is not None
    done = run([sys.executable, *shlex.split(found[1])], {**os.environ, "PAGER": "cat"})
    assert kit is not None
    assert kit.splitlines()[0] in done.stdout


# --- tables ---


@pytest.fixture(scope="module")
def answers() -> Iterator[list[httpx.Response]]:
    """A whole answer, a stream, two errors, a path that is none, and the probes, of the gateway of an example."""
    refused = {"openai/gpt-5.5": "401", "mistral/*": "401:429+retry-after=30"}
    with SimulatorProcess({"azure/gpt-5.5": "ok:ok:401", **refused}) as sim:
        env = environment(sim, OTEL_SDK_DISABLED="true")
        with serving(["--config", "examples/fallback/tracegate.yaml"], env) as (url, _):
            yield list(_ask(url))


def test_every_header_is_explained(answers: Sequence[httpx.Response]) -> None:
    """What the gateway adds stands in the table, and what stands there is sent."""
    assert [answer.status_code for answer in answers] == [200, 200, 502, 429, 404, 200, 200, 200]
    sent = {name.lower() for answer in answers for name in answer.headers}
    assert sent - STANDARD == {name.lower() for name in names("header")}


def test_every_comment_is_explained(self_hosted: Played) -> None:
    """And no other."""
    assert re.findall(r"^: (\S+)", self_hosted.clients[0].stdout, re.MULTILINE) == names("comment")


def test_every_column_and_kind_of_line_is_explained() -> None:
    """Those of the picture."""
    heading = [
        HEADING.kind,
        HEADING.provider,
        HEADING.model,
        HEADING.region,
        HEADING.latency,
        HEADING.cost,
        HEADING.error,
    ]
    assert [row[0] for row in table("column")] == heading
    shown = [line[0] for line in demo_picture(text(Path("examples/trace.svg")))[2:]]
    assert [name for name in names("line") if not any(line.endswith(name) for line in shown)] == []


def test_kinds_of_spans_are_those_of_the_trace(fallback: Played) -> None:
    """SERVER, INTERNAL and CLIENT, each where the table says."""
    kinds = {span.name.split()[0]: span.kind.upper() for span in fallback.receiver.spans}
    assert {names("line")[number].split()[0]: row[1] for number, row in enumerate(table("line"))} == kinds


# --- the rest ---


def test_configuration_is_taken_from_an_example() -> None:
    """Every block of YAML stands in a file that is run."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert blocks
    assert [block for block in blocks if not any(block in text(path) for path in files("examples/*.yaml"))] == []


@pytest.mark.parametrize("setting", re.findall(r"`(\w+: \{[^`…]*\})`", README))
def test_a_setting_is_taken(tmp_path: Path, setting: str) -> None:
    """What stands as a setting in a sentence is one."""
    file = tmp_path / "tracegate.yaml"
    file.write_text(f"{setting}\nproviders: {{openai: {{}}}}\n", encoding="utf-8")
    assert run(_tracegate("check", str(file)), _keys("")).returncode == 0


@pytest.mark.parametrize(
    "setting",
    [
        "routes: {a: {cache: {ttl: 1h}, target: b}}",
        "routes: {a: {hedge: {after: 1s, over: [b]}}}",
        "routes: {a: {target: b, require: {regions: [eu]}}}",
        "keys: {k: {key: a-key-that-is-long-enough, budget: {day: 1}}}",
    ],
)
def test_what_is_not_in_this_version_is_refused(tmp_path: Path, setting: str) -> None:
    """Never ignored."""
    file = tmp_path / "tracegate.yaml"
    file.write_text(f"providers: {{openai: {{}}}}\ntargets: {{b: openai/gpt}}\n{setting}\n", encoding="utf-8")
    done = run(_tracegate("check", str(file)), _keys(""))
    assert done.returncode == 1
    assert "not in this version" in done.stderr


def test_a_receipt_is_given_to_whoever_asked(answers: Sequence[httpx.Response]) -> None:
    """By the record that the answer names; of none that no log has."""
    given = [answer for answer in answers if "/receipts/" in str(answer.url)]
    assert [answer.status_code for answer in given] == [404, 200]
    assert given[1].json()["record_id"] == answers[0].headers["Tracegate-Record"]


def test_each_clause_names_fields_that_leaves_have() -> None:
    """Or types of leaves."""
    parts = [part for part in vars(kinds).values() if isinstance(part, type) and issubclass(part, msgspec.Struct)]
    known = {field.encode_name for part in (*parts, *get_args(Leaf)) for field in msgspec.structs.fields(part)}
    known |= {leaf.__struct_config__.tag for leaf in get_args(Leaf)} | {"type"}
    named = {name for row in table("clause") for name in re.findall(r"`([^`]+)`", row[2])}
    assert named - known == set()
    assert len(named) > 20


def test_each_clause_and_claim_is_held_by_a_test() -> None:
    """That stands where it is said to."""
    held = [row[-1].strip("`") for first in ("clause", "claim") for row in table(first)]
    for place in held:
        path, _, name = place.partition("::")
        assert f"\ndef {name}(" in text(Path(path)), place
    assert len(set(held)) > 12


def test_no_word_of_the_page_claims_what_only_its_reader_can() -> None:
    """Nor a date of law, which changes."""
    page = README.partition("### What this proves")[2].partition("\n## ")[0]
    assert page
    assert re.findall(r"(?i)complian|certif|guarantee|\b\d{1,2} \w+ 20\d\d|\b20\d\d-\d\d", page) == []


def test_every_command_of_the_audit_log_is_explained() -> None:
    """And no other."""
    audit = main.commands["audit"]
    assert isinstance(audit, click.Group)
    known = {"verify", *(f"audit {name}" for name in audit.commands)}
    assert set(names("command")) == known


def test_every_link_leads_somewhere() -> None:
    """To a file of this repository."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_prose_has_one_sentence_per_line() -> None:
    """So that a change of one sentence is a change of one line."""
    prose = re.sub(r"^(```.*?^```$|[|#<!\-].*)$", "", README, flags=re.DOTALL | re.MULTILINE)
    assert [line for line in prose.splitlines() if re.search(r"[.?!] [A-Z`]", line)] == []


def _tracegate(*options: str) -> list[str]:
    return [str(Path(sys.executable).with_name("tracegate")), *options]


def _keys(none: str) -> dict[str, str]:
    return dict(os.environ) if none else {**os.environ, **KEYS}


def _ask(url: str) -> Iterator[httpx.Response]:
    headers = {"Authorization": f"Bearer {KEYS['WEB_KEY']}"}
    with httpx.Client(base_url=url, headers=headers, timeout=20) as client:
        body = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
        yield (first := client.post("/chat/completions", json=body))
        for stream in (True, False, False):
            yield client.post("/chat/completions", json={**body, "stream": stream})
        yield client.get("/receipts/tg-01a20c63-6fe1-74ae-a4cc-be5ce27924ac")
        yield client.get(f"/receipts/{first.headers['Tracegate-Record']}")
        for path in re.findall(r"`GET (/\w+z)`", README):
            yield client.get(url.removesuffix("/v1") + path)
