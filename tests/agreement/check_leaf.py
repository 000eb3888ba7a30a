"""The leaf of a request, held against what its client saw, its spans and the metrics; and what its client can prove.

It looks at the leaf's JSON, never at the records it was rendered from: four renderers, and none may know more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.agreement.check import Told
from tests.agreement.client import Answer
from tracegate.audit.policy import trusting
from tracegate.audit.verdict import Report
from tracegate.audit.verify import Given, verify
from tracegate.testing.audit import Stored
from tracegate.testing.otlp.signals import Span

Json = Mapping[str, Any]


def leaf_of(leaves: Sequence[Json], server: Span) -> tuple[int, Json]:
    """The only final of a request, and where it stands."""
    ((index, leaf),) = (
        (index, leaf)
        for index, leaf in enumerate(leaves)
        if leaf["type"] == "final" and leaf["trace_id"] == server.trace.hex()
    )
    return index, leaf


def agree_leaf(answer: Answer, spans: Sequence[Span], leaves: Sequence[Json]) -> None:
    """Hold one request's leaf against its spans and against what its client saw."""
    (server,) = [span for span in spans if span.kind == "server"]
    attempts = sorted(
        (span for span in spans if span.kind == "client"),
        key=lambda span: str(span.attributes["tracegate.attempt.index"]),
    )
    index, leaf = leaf_of(leaves, server)
    said = server.attributes
    assert leaf["span_id"] == server.span.hex()
    assert leaf["req_id"] == said["tracegate.request.id"]
    assert leaf["record_id"] == said["tracegate.audit.record.id"]
    if said["tracegate.outcome"] != "cancelled" or leaf["outcome"] != "ok":  # who left while it was sent (ruling 10)
        outcome = said["tracegate.outcome"], said.get("tracegate.outcome_reason")
        assert (leaf["outcome"], leaf.get("outcome_reason")) == outcome
    assert leaf["t_start"] == server.start // 1000
    assert leaf["t_end"] <= server.end // 1000
    assert leaf["requested"].get("model") == said.get("tracegate.route.alias", leaf["requested"].get("model"))
    assert leaf.get("cost", {}).get("micros") == said.get("tracegate.total.cost_micros")
    _intent(index, leaf, leaves, attempts)
    _attempts(leaf, server, attempts)
    _served(leaf, said, attempts)
    res = leaf["res"]
    assert res.get("status") == said.get("http.response.status_code")
    if answer.status is not None and answer.noticed:
        assert res["status"] == answer.status
        assert res["media"] == answer.header("content-type")
        assert leaf["record_id"] == answer.header("tracegate-record")
    if answer.final:
        assert said["tracegate.audit.record.seq"] == index
        assert leaf.get("cost", {}).get("micros") == answer.cost
        assert res["ended"] == ("truncated_by_upstream" if answer.streamed and answer.error else "complete")
        assert [one["provider"] for one in leaf["attempts"]] == [member.value for member in answer.attempts]
        assert [one["provider"] for one in leaf["served"]] == [member.value for member in answer.served_by[:-1]]
    if leaf["outcome"] == "cancelled":
        assert res["ended"] == "truncated_by_client"
        assert "tracegate.audit.record.seq" not in said


def _intent(index: int, leaf: Json, leaves: Sequence[Json], attempts: Sequence[Span]) -> None:
    intents = [i for i, one in enumerate(leaves) if one["type"] == "intent" and one["record_id"] == leaf["record_id"]]
    assert len(intents) <= 1
    if attempts or (leaf["stream"] and leaf["res"].get("chunks") is not None):
        assert intents, "a provider was called without an intent"
    assert leaf.get("prev_intent", {}).get("index") == (intents[0] if intents else None)
    assert not intents or intents[0] < index


def _attempts(leaf: Json, server: Span, attempts: Sequence[Span]) -> None:
    assert len(leaf["attempts"]) == len(attempts)
    for tried, span in zip(leaf["attempts"], attempts, strict=True):
        said = span.attributes
        status, error = said.get("http.response.status_code"), said.get("error.type")
        assert tried == {
            **tried,
            "n": said["tracegate.attempt.index"],
            "kind": said["tracegate.attempt.kind"],
            "provider": said["gen_ai.provider.name"],
            "target": said["tracegate.target.id"],
            "outcome": said["tracegate.outcome"],
            "model_requested": said["gen_ai.request.model"],
            "t_us": (span.start - server.start) // 1000,
            "dur_us": (span.end - span.start) // 1000,
        }
        pairs = {
            "reason": "tracegate.attempt.reason",
            "status": "http.response.status_code",
            "class": "tracegate.error.class",
            "error_code": "tracegate.upstream.error_code",
            "region": "tracegate.target.region",
            "model_returned": "gen_ai.response.model",
            "fingerprint": "tracegate.target.fingerprint",
            "response_id": "gen_ai.response.id",
            "cost_micros": "tracegate.cost.micros",
            "host": "server.address",
            "upstream_request_id": "tracegate.upstream.request_id",
        }
        assert {name: tried.get(name) for name in pairs} == {name: said.get(key) for name, key in pairs.items()}
        assert tried.get("error") == (None if error is None or error == str(status) else error)
        # The span has `error` for a choice that never ended (ruling 14); a leaf has what the provider said.
        reasons = [
            r for r in _texts(said, "gen_ai.response.finish_reasons") if status is None or error is None or r != "error"
        ]
        assert tried.get("finish_reasons", []) == reasons
        usage = tried.get("usage", {})
        assert usage.get("input") == said.get("gen_ai.usage.input_tokens")
        assert usage.get("output") == said.get("gen_ai.usage.output_tokens")
        assert tried.get("evidence", {}).get("region") == said.get("tracegate.target.region_evidence")


def _texts(said: Mapping[str, object], key: str) -> list[str]:
    found = said.get(key, ())
    assert isinstance(found, tuple | list)
    return [str(text) for text in found]


def _served(leaf: Json, said: Mapping[str, object], attempts: Sequence[Span]) -> None:
    by = said.get("tracegate.served_by.attempt")
    if leaf["outcome"] == "ok":
        (served,) = leaf["served"]
        assert served["attempt"] == by
        assert served["provider"] == said["tracegate.served_by.provider"]
        (tried,) = [one for one in leaf["attempts"] if one["n"] == by]
        assert leaf.get("usage") == tried.get("usage")
        assert leaf["res"].get("finish_reasons") == tried.get("finish_reasons")


def agree_leaves_in_sum(told: Told, leaves: Sequence[Json]) -> None:
    """Hold the leaves of everything that was asked against the metrics."""
    finals = [leaf for leaf in leaves if leaf["type"] == "final"]
    tried = [one for leaf in finals for one in leaf["attempts"]]
    assert (told.total("tracegate.request.duration") or 0) == len(finals)
    assert (told.total("tracegate.attempts") or 0) == len(tried)
    assert (told.total("tracegate.cost.micros") or 0) == sum(one.get("cost_micros", 0) for one in tried)
    for name, metric in (("input", "input_tokens"), ("output", "output_tokens")):
        tokens = sum(one.get("usage", {}).get(name, 0) for one in tried)
        assert (told.total(f"gen_ai.client.inference.usage.{metric}") or 0) == tokens


def saved(answer: Answer) -> bytes:
    """An answer as `curl -i` writes it."""
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    return f"HTTP/1.1 {answer.status} \r\n{head}\r\n".encode("latin-1") + answer.body


def proved(answer: Answer, log: Stored, *, bundle: bool = True, request: bytes | None = None) -> Report:
    """What a client can prove of an answer, with the key of the log and nothing else."""
    record = answer.header("tracegate-record")
    assert record is not None
    found = log.bundle(record) if bundle else None
    now = max(leaf.get("t", leaf.get("t_end", 0)) for leaf in log.leaves()) // 1_000_000
    return verify(Given(trusting(log.keys), now, saved(answer), found, request=request))
