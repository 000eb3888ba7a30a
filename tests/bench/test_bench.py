"""The benchmark runs, and judges what it measured; no test here looks at a clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import _parser, main, plan_of
from tests.bench.measure import BARE, TRACED, Cell, Plan, Sample, System, Traced, measured
from tests.bench.report import rows, table, told, verdicts
from tests.bench.sink import spans_in
from tests.bench.work import Work

pytestmark = pytest.mark.slow

HTTPX = System("httpx")


def test_a_few_requests_run_through_every_system() -> None:
    """Bare handler, exchange in memory with tracing, stock transport: all answer right, and every span arrives."""
    plan = Plan([BARE, TRACED, HTTPX], concurrency=(2,), rounds=1, seconds=0.2, pinned=False, most=6, settle_s=0)
    said: list[str] = []
    samples, traced = measured(plan, said.append)
    cells = [Cell(system, stream, 2) for stream in (False, True) for system in plan.systems]
    assert [sample.cell for sample in samples] == cells
    assert all(sample.requests and sample.cpu_ns > 0 for sample in samples)
    assert [(told.system, told.arrived == told.expected > 0) for told in traced] == [(TRACED, True)]
    assert said == ["round 1 of 1 done"]


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of one system over its command: nothing to judge is no failure."""
    file = tmp_path / "result.json"
    arguments = ["--systems", "bare", "--kinds", "unary", "--concurrency", "1", "--rounds", "1", "--seconds", "0.1"]
    assert main([*arguments, "--json", str(file)]) == 0
    assert "bare                 unary      1" in capsys.readouterr().out
    assert [row["concurrency"] for row in json.loads(file.read_text("utf-8"))["rows"]] == [1]


def test_arguments_choose_what_runs() -> None:
    """By default everything; a part by name; what is unknown is refused."""
    plan = plan_of(_parser().parse_args([]))
    assert plan.systems == [BARE, *(System(name, on) for name in ("memory", "httpx") for on in (True, False))]
    assert (plan.streams, plan.concurrency) == ([False, True], (1, 16, 64, 200))
    some = plan_of(_parser().parse_args(["--systems", "memory", "--tracing", "on", "--kinds", "stream"]))
    assert (some.systems, some.streams) == ([TRACED], [True])
    assert TRACED in plan_of(_parser().parse_args(["--quick"])).systems
    with pytest.raises(SystemExit):
        _parser().parse_args(["--systems", "fast"])


def samples(*cpu: tuple[System, int, int, float]) -> list[Sample]:
    """Samples of unary requests: system, clients, round, microseconds."""
    return [Sample(turn, Cell(system, False, c), 10, int(us * 10_000), 1.0) for system, c, turn, us in cpu]


def test_ratios_are_of_one_round() -> None:
    """Each round is compared with its own bare handler, then the median is taken."""
    found = rows(samples((BARE, 16, 0, 50), (TRACED, 16, 0, 150), (BARE, 16, 1, 100), (TRACED, 16, 1, 200)))
    ratio = found[1].ratio
    assert found[0].ratio is None
    assert ratio is not None
    assert (ratio.median, ratio.least, ratio.most) == (2.5, 2.0, 3.0)


@pytest.mark.parametrize(
    ("few", "many", "arrived", "kept"),
    [(400, 480, 9, [True, True, True]), (401, 400, 9, [False, True, True]), (300, 361, 8, [True, False, False])],
)
def test_bounds_are_judged(few: float, many: float, arrived: int, kept: list[bool]) -> None:
    """4 times the bare handler with 16 clients, 1.2 times that with 200, and no span lost."""
    measured = samples((BARE, 16, 0, 100), (TRACED, 16, 0, few), (TRACED, 200, 0, many))
    judged = verdicts(measured, [Traced(TRACED, 9, arrived)])
    assert [verdict.kept for verdict in judged] == kept
    assert [verdict.text.startswith("OK ") for verdict in judged] == kept
    assert [verdict["kept"] for verdict in told(measured, [Traced(TRACED, 9, arrived)])["verdicts"]] == kept
    assert "c=200 / c=16" in table(measured)


def test_wrong_answers_are_told() -> None:
    """Another status, another length, a stream that misses an event or its end."""
    unary, stream = Work(False, b"", (b"1234",)), Work(True, b"", (b"data: a\n\n", b"data: [DONE]\n\n"))
    ok, end = b"HTTP/1.1 200 OK\r\n\r\n", b"data: [DONE]\n\n\r\n0\r\n\r\n"
    assert unary.right(ok, b"4321")
    assert not unary.right(ok, b"123")
    assert not unary.right(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"1234")
    assert stream.right(ok, b"9\r\ndata: a\n\n\r\n10\r\n: comment\n" + end)
    assert not stream.right(ok, b"10\r\n" + end)
    assert not stream.right(ok, b"9\r\ndata: a\n\n\r\n0\r\n\r\n")


def test_spans_are_counted_over_resources_and_scopes() -> None:
    """Two resources with one scope each: one span of 200 bytes, and two small ones."""
    one = b"\x12\xc8\x01" + bytes(200)
    scopes = [b"\x0a\x01\x00" + one, b"\x12\x00\x12\x00"]
    resources = [b"\x0a\x01\x00\x12" + _size(scope) + scope for scope in scopes]
    assert spans_in(b"".join(b"\x0a" + _size(resource) + resource for resource in resources)) == 3


def _size(data: bytes) -> bytes:
    return bytes((len(data),)) if len(data) < 128 else bytes((len(data) & 0x7F | 0x80, len(data) >> 7))
