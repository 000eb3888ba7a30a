"""The final comment block of a stream."""

from __future__ import annotations

import asyncio

import pytest
from http_sfv.dictionary import Dictionary

from tests.server.case import ANTHROPIC, AZURE, BROKEN, OPENAI, Case, costs, parsed
from tracegate.errors import Broken, Refused, Unavailable
from tracegate.facts import Usage
from tracegate.server.headers import GatewayFacts, HeaderWriter

WRITER = HeaderWriter(GatewayFacts("tracegate-5c1f09ab", node="tg-7f9c"))
PUBLIC = HeaderWriter(GatewayFacts("tracegate-5c1f09ab", node="tg-7f9c", detail="public"))


def _lines(block: bytes) -> dict[str, str]:
    """The facts of a block by name; it is one event that dispatches nothing."""
    text = block.decode("ascii")
    assert text.endswith("\n\n")
    assert "\r" not in text
    lines = text.removesuffix("\n\n").split("\n")
    assert all(line.startswith(": tracegate-") for line in lines)
    facts = dict(line.removeprefix(": tracegate-").split(" ", 1) for line in lines)
    assert len(facts) == len(lines)
    for name in facts.keys() & {"served-by", "attempts", "cost", "outcome"}:
        parsed(facts[name])
    if "usage" in facts:
        usage = Dictionary()
        usage.parse(facts["usage"].encode())
        assert str(usage) == facts["usage"]
    return facts


def test_a_stream_that_is_complete() -> None:
    """What the head could not know: duration, usage, cost, how it ended."""
    case = Case(stream=True)
    record = case.begin(cost=costs(4213))
    case.commit(record, after=213.9, usage=Usage(812, 96, 512), finish=("stop",))
    case.end(record, after=3996.8)
    case.inbound.chunks = 97
    assert WRITER.comment(case.recorder, None).decode() == (
        ': tracegate-served-by openai;model="gpt-5.5-2026-08-07";src=asserted;target="openai-eu";attempt=0, '
        'tracegate;node="tg-7f9c"\n'
        ': tracegate-attempts openai;status=200;dur=4210.7;ttft=213.9;kind=initial;target="openai-eu"\n'
        ": tracegate-usage input=812, output=96, cache-read=512\n"
        ": tracegate-cost 4213;unit=micros;currency=USD;basis=local\n"
        ": tracegate-outcome ok;finish=stop;chunks=97\n"
        "\n"
    )
    _lines(WRITER.comment(case.recorder, None))


def test_the_receipt_is_the_last_line() -> None:
    """Where there is one; the rest is as without it."""
    case = Case(stream=True)
    case.answered()
    block = WRITER.comment(case.recorder, None)
    assert WRITER.comment(case.recorder, None, "e30") == block[:-1] + b": tracegate-receipt e30\n\n"


def test_a_stream_that_was_cut() -> None:
    """It names who served and what broke; running usage is no report, cost is unknown."""
    case = Case(stream=True)
    case.end(case.begin(AZURE), Refused("rate_limit", None, "no", status=429), after=5, status=429)
    record = case.begin(ANTHROPIC, kind="fallback", cost=BROKEN)
    case.commit(record, after=10, model="claude-opus-5-20260801", usage=Usage(5, 5), finish=("stop",))
    error = Broken("http_response_incomplete", "cut", status=200)
    case.end(record, error, after=90)
    case.inbound.chunks = 41
    assert _lines(PUBLIC.comment(case.recorder, error)) == {
        "served-by": 'anthropic;model="claude-opus-5-20260801";src=asserted;attempt=1;error=http_response_incomplete, '
        "tracegate",
        "attempts": "azure.ai.openai;status=429;dur=5.0;kind=initial, "
        "anthropic;status=200;error=http_response_incomplete;dur=100.0;ttft=10.0;kind=fallback",
        "outcome": "error;error=http_response_incomplete;chunks=41",
    }


def test_usage_tells_what_is_known() -> None:
    """Every part has its key; without any there is no line."""
    usages = {
        Usage(1, 2, 3, 4, 5): "input=1, output=2, cache-read=3, cache-write=4, reasoning=5",
        Usage(output=0): "output=0",
        Usage(): None,
        None: None,
    }
    for usage, expected in usages.items():
        case = Case(stream=True)
        record = case.begin()
        case.commit(record, usage=usage)
        case.end(record)
        assert _lines(WRITER.comment(case.recorder, None)).get("usage") == expected


@pytest.mark.parametrize(
    ("finish", "said"),
    [
        ((), "ok"),
        (("length",), "ok;finish=length"),
        (("stop", "stop"), "ok;finish=stop"),
        (("stop", "tool_calls"), 'ok;finish="stop,tool_calls"'),
        (("st\nop: x",), "ok"),
        (('"a\\',), 'ok;finish="\\"a\\\\"'),
    ],
)
def test_finish_reasons_are_those_that_arrived(finish: tuple[str, ...], said: str) -> None:
    """One token; a string where choices differ; nothing that could break the block."""
    case = Case(stream=True)
    record = case.begin()
    case.commit(record, finish=finish)
    case.end(record)
    assert _lines(WRITER.comment(case.recorder, None))["outcome"] == f"{said};chunks=0"


def test_a_stream_stopped_by_a_shutdown_is_cancelled() -> None:
    """Neither ok nor an error."""
    case = Case(stream=True)
    record = case.begin(cost=BROKEN)
    case.commit(record)
    stop = asyncio.CancelledError("shutdown")
    case.end(record, stop)
    facts = _lines(WRITER.comment(case.recorder, stop))
    assert facts["outcome"] == "cancelled;chunks=0"
    assert facts["served-by"].startswith(
        'openai;model="gpt-5.5-2026-08-07";src=asserted;target="openai-eu";attempt=0, '
    )


def test_a_stream_that_we_broke_ourselves_blames_no_provider() -> None:
    """The attempt was fine; the reason is ours."""
    case = Case(stream=True)
    record = case.begin(cost=costs(5))
    case.commit(record)
    case.end(record)
    facts = _lines(PUBLIC.comment(case.recorder, Unavailable("no disk", reason="audit_unavailable")))
    assert facts["served-by"] == 'openai;model="gpt-5.5-2026-08-07";src=asserted;attempt=0, tracegate'
    assert facts["outcome"] == "error;error=audit_unavailable;chunks=0"


def test_nobody_served() -> None:
    """A head that went out without any attempt (an answer that was kept, later)."""
    case = Case(stream=True)
    assert _lines(WRITER.comment(case.recorder, None)) == {
        "served-by": 'tracegate;node="tg-7f9c"',
        "outcome": "ok;chunks=0",
    }


@pytest.mark.parametrize("model", ['gpt"\ndata: {}', "gpt\r\ndata: {}", "gpt\rdata: {}", "模型", "\ud83d"])
def test_a_hostile_model_can_not_send_events(model: str) -> None:
    """It is dropped with its class."""
    case = Case(stream=True)
    record = case.begin(OPENAI)
    case.commit(record, model=model)
    case.end(record)
    assert _lines(PUBLIC.comment(case.recorder, None))["served-by"] == "openai;attempt=0, tracegate"
