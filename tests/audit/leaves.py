"""A leaf of every type with every member it can have."""

from __future__ import annotations

from typing import Any

from tracegate.audit.events import (
    Aborted,
    Amend,
    Anchored,
    Closed,
    Configured,
    Erased,
    Heartbeat,
    KeyChanged,
    KnownRes,
    Leaf,
    Opened,
    Paused,
    Pruned,
    Read,
)
from tracegate.audit.kinds import (
    Actor,
    At,
    Cached,
    ClockState,
    Final,
    Gateway,
    Head,
    Intent,
    LeafCost,
    LeafUsage,
    Omitted,
    Policy,
    Req,
    Requested,
    Res,
    RouteTaken,
    Served,
    Tls,
    Tried,
)

HEX = "0123456789abcdef" * 4
LOG = "gw.example/tracegate/prod/r1-w0/2026-11"
RECORD = "tg-0199c0de-7d3a-7c11-8f2e-5b0f6a9d2c41"
AT = At(index=1, hash=HEX, log=LOG)
GATEWAY = Gateway(node="n", run="r", version="1", config_digest=HEX, build_digest=HEX, region="eu")
CLOCK = ClockState(source="chrony", offset_us=-5, stratum=2)
ACTOR = Actor(tenant="acme", key_id="k", subject="s", ip_prefix="192.0.2.0/24")
REQUESTED = Requested(model="fast", region_constraint=["eu"])
ROUTE = RouteTaken(name="fast", digest=HEX)
REQ = Req(method="POST", path="/v1/chat/completions", bytes=7, media="application/json", commit=HEX)
USAGE = LeafUsage(input=1, output=2, cache_read=3, cache_write=4, reasoning=5)
COST = LeafCost(micros=7, currency="USD", basis="local")
TRIED = Tried(
    n=0,
    kind="hedge",
    reason="slow",
    provider="openai",
    target="openai-eu",
    host="eu.api.openai.example",
    region="eu",
    model_requested="gpt-5.5",
    model_returned="gpt-5.5-2026-08-07",
    fingerprint="fp_1",
    status=200,
    error="http_protocol_error",
    class_="broken_answer",
    error_code="server_error",
    outcome="error",
    t_us=1,
    dur_us=2,
    ttft_us=1,
    wait_us=3,
    retry_after_us=4,
    upstream_request_id="req_7",
    response_id="chatcmpl-9",
    usage=USAGE,
    cost_micros=7,
    cost_src="local",
    price_digest=HEX,
    bytes=9,
    tls=Tls(version="1.3", sni="eu.api.openai.example", peer_spki_sha256=HEX),
    finish_reasons=["stop"],
    region_conflict=True,
    region_configured="us",
    evidence={"region": "observed", "model_returned": "asserted", "fingerprint": "asserted"},
)
SERVED = Served(
    provider="openai",
    model="gpt-5.5-2026-08-07",
    model_src="asserted",
    region="eu",
    region_src="observed",
    target="openai-eu",
    attempt=0,
    status=200,
    error="http_protocol_error",
    record=RECORD,
    age_s=60,
    first_chunk=0,
    last_chunk=4,
)
RES = Res(
    status=200,
    media="application/json",
    bytes=9,
    ended="complete",
    commit_wire=HEX,
    commit_canonical=HEX,
    commit_text=HEX,
    commit_texts=[HEX],
    finish_reasons=["stop"],
    chunks=2,
)
ENVELOPE: dict[str, Any] = {"v": 1, "log": LOG, "gateway": GATEWAY, "clock": CLOCK}
ASKED: dict[str, Any] = {
    "record_id": RECORD,
    "req_id": RECORD[3:],
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "t_start": 1_795_359_164_000_000,
    "t_mono": 5,
    "actor": ACTOR,
    "requested": REQUESTED,
    "route": ROUTE,
    "stream": False,
    "req": REQ,
    "r_hash": HEX,
}
ANSWERED: dict[str, Any] = {
    "t_end": 1_795_359_165_000_000,
    "prev_intent": AT,
    "attempts": [TRIED],
    "served": [SERVED],
    "cache": Cached(hit=True, record=RECORD, age_s=60, detail="exact"),
    "usage": USAGE,
    "cost": COST,
    "retention_class": "default",
}
POLICY = Policy(decision="allow", id="p", version="1", digest=HEX, reasons=["ok"])
INTENT = Intent(**ENVELOPE, **ASKED, policy=POLICY)
FINAL = Final(
    **ENVELOPE,
    **ASKED,
    **ANSWERED,
    policy=POLICY,
    outcome="error",
    outcome_reason="broken_answer",
    attempts_omitted=Omitted(count=3, digest=HEX),
    res=RES,
    late=True,
)
ABORTED = Aborted(
    **ENVELOPE,
    **ASKED,
    **ANSWERED,
    t=9,
    cause="crash",
    res=KnownRes(
        status=200, media="text/event-stream", bytes=4, ended="truncated_by_client", commit_wire=HEX, chunks=1
    ),
)

SAMPLES: list[Leaf] = [
    INTENT,
    FINAL,
    ABORTED,
    Amend(**ENVELOPE, t=9, record_id=RECORD, of=AT, attempts=[TRIED]),
    Opened(**ENVELOPE, t=9, reason="rotate", prev=Head(log=LOG, size=6, root=HEX), cut_bytes=17),
    Closed(**ENVELOPE, t=9, reason="rotate", open_intents=0),
    Paused(**ENVELOPE, t=9, from_=1, to=2, reason="ENOSPC", requests={"ok": 3, "error": 1}),
    Heartbeat(**ENVELOPE, t=9, open_intents=2, dropped_spans=0),
    Configured(**ENVELOPE, t=9, digest=HEX, previous=HEX, by="reload"),
    KeyChanged(**ENVELOPE, t=9, old="a", new="b", sig_old="c", sig_new="d"),
    Read(**ENVELOPE, t=9, by="auditor", what="find", record_ids=[RECORD], count=1),
    Erased(**ENVELOPE, t=9, record_ids=[RECORD], count=1, by="auditor", reason="asked"),
    Anchored(**ENVELOPE, t=9, kind="witness", size=6, root=HEX, where="w.example", proof="bm90ZQ"),
    Pruned(**ENVELOPE, t=9, min_index=256, by="operator", policy="ai-act"),
]
"""One of each."""
