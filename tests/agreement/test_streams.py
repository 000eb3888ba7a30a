"""Streams make spans by request, not by chunk, and a hundred at once mix up nothing."""

from __future__ import annotations

import asyncio
import json

from tests.agreement.check import Times, agree
from tests.agreement.client import Answer
from tests.agreement.house import House
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import EPOCH, START
from tracegate.testing.loop import run
from tracegate.testing.tree import record_tree

CONFIG = """
providers: {p: {dialect: openai, base_url: "http://127.0.0.1:9/p/v1", key: none, propagate: traceparent}}
targets:
  short: {provider: p, model: "sim-ok+words=1"}
  long:  {provider: p, model: "sim-ok+words=2000+pace=1ms"}
  whole: {provider: p, model: "whole", price: {input: 1, output: 1}}
  cut:   {provider: p, model: "cut"}
"""


def test_a_stream_of_2000_chunks_makes_as_many_spans_as_one_of_one_chunk() -> None:
    """Three: SERVER, route, attempt; the chunks are a number on them."""

    async def main() -> list[int]:
        house = House(CONFIG)
        counts = []
        for model in ("short", "long"):
            answer = await house.ask(model, stream=True, max_tokens=100_000)
            assert answer.status == 200
            counts.append(len(spans(house.view.requests[-1])))
        await house.close()
        chunks = [recorder.inbound.chunks for recorder in house.view.requests]
        assert chunks[0] < 10
        assert chunks[1] >= 2000
        assert house.view.requests[1].attempts[0].chunks == chunks[1]
        return counts

    assert run(main) == [3, 3]


def test_a_hundred_streams_of_which_every_third_is_cut_mix_up_nothing() -> None:
    """Each client gets its own words in order, each trace its own attempt, each cut one its own error."""
    scripts = {"whole": "ok+say=prompt+pace=3ms", "cut": "ok+say=prompt+pace=2ms+cut=half"}

    async def main() -> None:
        house = House(CONFIG, scripts)
        prompts = [" ".join(f"w{number}-{word}" for word in range(30)) for number in range(100)]

        async def one(number: int) -> Answer:
            await house.clock.sleep_until(house.clock.now() + number % 7 * 1_000_000)
            model = "cut" if number % 3 == 0 else "whole"
            messages = [{"role": "user", "content": prompts[number]}]
            return await house.ask(model, stream=True, messages=messages, headers={"x-request-id": f"client-{number}"})

        answers = await asyncio.gather(*(one(number) for number in range(100)))
        await house.close()
        by_client = {r.inbound.client_request_id: r for r in house.view.requests}
        entries = {entry.header("traceparent"): entry for entry in house.exchange.log}
        for number, answer in enumerate(answers):
            recorder = by_client[f"client-{number}"]
            views = spans(recorder)
            record = next(r for r in recorder.records if r.attempt is not None)
            entry = entries[f"00-{recorder.trace.hex()}-{record.span.hex()}-01"]
            agree(answer, views, [entry], Times(EPOCH - START))  # type: ignore[arg-type]  # views have what spans have
            said = "".join(
                choice["delta"].get("content") or ""
                for event in answer.events
                if event != "[DONE]"
                for choice in json.loads(event).get("choices", [])
            )
            assert prompts[number].startswith(said)
            assert said.startswith(f"w{number}-0")
            if number % 3 == 0:
                assert recorder.attempts[0].outcome == "error"
                assert answer.error is not None
                assert answer.events[-1] != "[DONE]"
                assert answer.comments["outcome"].startswith("error")
            else:
                assert said == prompts[number]
                assert answer.events[-1] == "[DONE]"
                assert record_tree(recorder).count("\n") == 4

    run(main)
