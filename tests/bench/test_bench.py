"""The benchmark runs, and says what it measured; no test here looks at a clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import main, parser, plan_of
from tests.bench.figures import Window, at, grown
from tests.bench.measure import Cell, Measured, Plan, Sample, measured
from tests.bench.nginx import Missing
from tests.bench.picture import svg
from tests.bench.report import Results, table, told
from tests.bench.sink import spans_in
from tests.bench.systems import AUDIT, BARE, CHOICE, DIRECT, DOWN, HTTPX, NGINX, OFF, SDK, SLOW, TRACEGATE, System
from tests.bench.work import KINDS, PATH, asking
from tests.bench.works import QUICK, WORKS

pytestmark = pytest.mark.slow

BRIEF = Window(seconds=0.2, most=6, settle_s=0, warm_s=0)


def test_a_few_requests_run_through_every_kind_of_work() -> None:
    """Plain, over TLS, refused at first, streams, audited; every answer is right and every span arrives."""
    names = ("unary", "tls", "limited", "full", "start", "audit", "pace")
    works = [WORKS[name] for name in names]
    some = {"unary": [BARE, TRACEGATE, HTTPX], "audit": [TRACEGATE, AUDIT], "pace": [AUDIT]}
    systems = {name: some.get(name, [TRACEGATE]) for name in names}
    plan = Plan(works, systems, dict.fromkeys(names, (2,)), 1, BRIEF, pinned=False, repeats=0)
    said: list[str] = []
    found = measured(plan, said.append)
    assert said == [f"round 1 of 1: {name}" for name in names]
    assert [sample.cell for sample in found.samples] == [Cell(n, one, 2) for n in names for one in systems[n]]
    for sample in found.samples:
        figure = {"full": "chunk_us", "start": "start_s", "pace": "p99_ms"}.get(sample.cell.work, "cpu_us")
        assert sample.figures[figure] > 0
    assert [(system, made == arrived > 0) for system, (made, arrived) in found.spans.items()] == [
        (TRACEGATE, True),
        (HTTPX, True),
        (AUDIT, True),
    ]


def test_the_command_prints_a_table_and_writes_json_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of one system over its command: nothing to judge is no failure."""
    numbers, picture = tmp_path / "result.json", tmp_path / "result.svg"
    what = ["--systems", "bare", "--work", "unary", "--clients", "1", "--rounds", "1", "--seconds", "0.1"]
    assert main([*what, "--json", str(numbers), "--svg", str(picture)]) == 0
    assert "bare                  1  CPU us/request" in capsys.readouterr().out
    assert [row["clients"] for row in json.loads(numbers.read_text("utf-8"))["rows"]] == [1]
    assert "bare, 1 at once" in picture.read_text("utf-8")


def plan(*arguments: str) -> Plan:
    """What the command makes of arguments."""
    return plan_of(parser().parse_args(arguments))


def test_arguments_choose_what_runs() -> None:
    """By default what says most; a part by name; everything; what is unknown is refused."""
    usual = plan("--systems", "bare,tracegate,off,httpx,sdk")
    assert [*usual.systems] == [name for name, work in WORKS.items() if work.default]
    assert usual.systems["unary"] == [BARE, TRACEGATE, OFF, HTTPX, SDK]
    assert usual.systems["collector"] == [TRACEGATE, DOWN, SLOW]
    assert usual.clients["paced"] == (64,)
    assert "soak" in plan("--all", "--systems", "bare").systems
    assert plan("--all", "--systems", "tracegate").clients["paced"] == (64, 500)
    assert [*plan("--quick", "--systems", "bare").systems] == [*QUICK]
    some = plan("--systems", "tracegate", "--work", "unary", "--clients", "3,4")
    assert (some.systems, some.clients) == ({"unary": [TRACEGATE]}, {"unary": [3, 4]})
    with pytest.raises(SystemExit):
        plan("--systems", "fast")


def test_what_is_asked_for_and_missing_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """nginx by name: status 2, and how to get it; by default it is left out, and said."""

    def missing() -> str:
        raise Missing("nginx is not installed: here is how")

    monkeypatch.setattr("tests.bench.nginx.program", missing)
    assert main(["--systems", "nginx"]) == 2
    assert "here is how" in capsys.readouterr().err
    assert NGINX not in plan().systems["unary"]
    assert "it is left out" in capsys.readouterr().err


def test_variants_are_spared_where_they_say_little() -> None:
    """Unless they are asked for, or everything is."""
    chosen = [*CHOICE.values()]
    assert HTTPX in WORKS["unary"].systems(chosen, every=False)
    assert HTTPX not in WORKS["tls"].systems(chosen, every=False)
    assert HTTPX in WORKS["tls"].systems(chosen, every=True)
    assert WORKS["many"].systems([BARE], every=True) == []
    assert WORKS["latency"].systems([BARE, TRACEGATE], every=False) == [DIRECT, TRACEGATE]


def test_each_round_begins_with_another_system() -> None:
    """So that none is always measured behind the same one; a work ends after its own rounds."""
    made = Plan(
        [WORKS["unary"], WORKS["memory"]], {"unary": [BARE, OFF], "memory": [OFF]}, {"unary": [1], "memory": [2]}
    )
    order = [[cell.system for _, cell in made.cells(turn)] for turn in (0, 1)]
    assert order == [[BARE, OFF, OFF], [OFF, BARE]]
    assert made.standing() == [BARE, OFF]


def sample(turn: int, work: str, system: System, clients: int = 16, others: float = 0.0, **figures: float) -> Sample:
    """One window."""
    return Sample(turn, Cell(work, system, clients), figures, others)


def test_ratios_are_of_one_round() -> None:
    """Each round is compared with its own bare handler, then the median is taken."""
    rounds = [(50, 150), (100, 200)]
    results = Results(
        [
            sample(n, "unary", one, cpu_us=us)
            for n, both in enumerate(rounds)
            for one, us in zip((BARE, OFF), both, strict=True)
        ]
    )
    bare, off = results.rows()
    assert bare.ratio is None
    assert off.ratio is not None
    assert (off.ratio.median, off.ratio.least, off.ratio.most) == (2.5, 2.0, 3.0)


def test_times_are_those_added_to_the_providers_own() -> None:
    """Round by round; work that is not compared with the provider has no row for them."""
    late = [sample(0, "latency", DIRECT, p50_ms=50.5), sample(0, "latency", OFF, p50_ms=51.5, cpu_us=1)]
    rows = Results([*late, sample(0, "unary", OFF, p50_ms=3.0, cpu_us=1)]).rows()
    found = {(row.cell.work, row.figure): row.found.median for row in rows}
    assert found == {("unary", "cpu_us"): 1, ("latency", "cpu_us"): 1, ("latency", "p50_ms"): 1.0}


def test_disturbed_and_failed_windows_are_said() -> None:
    """In the table, and in the JSON."""
    failed = Sample(1, Cell("unary", OFF, 16), {}, 0.0, "WrongAnswer: 502")
    found = Measured([sample(0, "unary", OFF, others=0.5, cpu_us=100, per_second=7), failed], {OFF: (3, 3)}, 4)
    assert "disturbed 1/2" in table(found)
    assert "2 windows, 4 repeated, 1 disturbed all the same" in table(found)
    written = json.loads(json.dumps(told(found, [], {"cores": 2})))
    assert [one["failed"] for one in written["samples"]] == ["", "WrongAnswer: 502"]
    assert written["spans"] == [{"system": "off", "made": 3, "arrived": 3}]


def test_a_picture_has_a_bar_for_each_row() -> None:
    """With its range; what differs by more than thirty times is drawn on a logarithmic scale, and says so."""
    far = [sample(0, "unary", one, cpu_us=us) for one, us in ((BARE, 50), (TRACEGATE, 100), (OFF, 5_000))]
    near = [sample(n, "full", TRACEGATE, 64, chunk_us=us) for n, us in enumerate((2.0, 4.0))]
    drawn = svg(Results([*far, *near]).rows(), "a < b")
    assert drawn.count("<rect") == 1 + 4
    assert drawn.count("logarithmic") == 1
    assert "3.00 (2.00-4.00)" in drawn
    assert "a &lt; b" in drawn


def test_wrong_answers_are_told() -> None:
    """Another status, or an answer without its end."""
    ask = asking("unary", 80, PATH, {"x-more": "1"})
    assert b"\r\nx-more: 1\r\n" in ask.request
    assert ask.right(b"HTTP/1.1 200 OK\r\n\r\n", b'"content": "' + ask.needle + b'"')
    assert not ask.right(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", ask.needle)
    assert not ask.right(b"HTTP/1.1 200 OK\r\n\r\n", ask.needle[:-1])
    assert len(asking("large", 80, PATH, {}).request) > 30_000 > 2_000 > len(ask.request)
    assert KINDS["paced"].every_ms == 20


def test_shares_and_growth() -> None:
    """A percentile is a value that was seen; growth is of the second fifth."""
    assert [at([1, 2, 3, 4], share) for share in (0, 0.5, 0.99, 1)] == [1, 3, 4, 4]
    assert grown([500, 100, 100, 100, 110]) == 1.1


def test_spans_are_counted_over_resources_and_scopes() -> None:
    """Two resources with one scope each: one span of 200 bytes, and two small ones."""
    one = b"\x12\xc8\x01" + bytes(200)
    scopes = [b"\x0a\x01\x00" + one, b"\x12\x00\x12\x00"]
    resources = [b"\x0a\x01\x00\x12" + _size(scope) + scope for scope in scopes]
    assert spans_in(b"".join(b"\x0a" + _size(resource) + resource for resource in resources)) == 3


def _size(data: bytes) -> bytes:
    return bytes((len(data),)) if len(data) < 128 else bytes((len(data) & 0x7F | 0x80, len(data) >> 7))
