"""The server's own sections: `limits`, `headers`, `direct`; and where each of their values came from."""

from __future__ import annotations

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.model import Limits, Origin, ResponseHeaders
from tracegate.config.problems import Wrong
from tracegate.config.validate import section
from tracegate.config.values import boolean


def limits(draft: Draft) -> Limits:
    """The section `limits`."""
    written = section(draft, "limits", schema.Limits)
    return Limits(
        body=written.body,
        header=written.header,
        header_time_ns=written.header_time,
        keep_alive_ns=written.keep_alive,
        requests=written.requests,
        attempts=written.attempts,
        answer=written.answer,
    )


def response_headers(draft: Draft) -> ResponseHeaders:
    """The section `headers`."""
    written = section(draft, "headers", schema.ResponseHeaders)
    return ResponseHeaders(written.detail, written.traceresponse, written.comments, written.cors)


def direct(draft: Draft) -> bool:
    """May clients send `provider/model`? By default while the file has neither routes nor targets."""
    node = draft.root.get(("direct",))
    if node is None:
        return not draft.root.map.keys() & {"routes", "targets"}
    try:
        return boolean(node.plain())
    except Wrong as exc:
        draft.refuse(("direct",), exc)
        return False


def origins(draft: Draft) -> dict[str, Origin]:
    """Where the values of the server's sections came from, by path."""
    found = {"direct": draft.written_or_default(("direct",))}
    for name, model in (
        ("limits", schema.Limits),
        ("headers", schema.ResponseHeaders),
        ("gateway", schema.Gateway),
        ("listen", schema.Listen),
    ):
        for key in model.fields():
            found[f"{name}.{key}"] = draft.written_or_default((name, key))
    for path in (("timeouts", "deadline"), ("prices", "currency"), ("prices", "overrides")):
        found[".".join(path)] = draft.written_or_default(path)
    listen = draft.root.get(("listen",))
    if listen is not None and not isinstance(listen.value, dict):  # `listen: HOST:PORT`
        found["listen.address"] = draft.origin(("listen",))
    detail = draft.root.get(("headers", "detail"))
    if detail is not None and detail.value == "public":  # which takes the node away
        found["gateway.node"] = found["headers.detail"]
    return found
