"""What the spans that Jaeger gives back say of a request, and how they differ from those that the gateway recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from tracegate.cli.demo_account import Account, Served, Try
from tracegate.telemetry import names
from tracegate.telemetry.model import SpanView
from tracegate.testing.otlp.signals import Span


def differences(found: Sequence[Span], sent: Sequence[SpanView]) -> Iterator[str]:
    """What is not as the gateway recorded it: spans, their places, times, statuses, attributes."""
    ours = {span.span: span for span in sent}
    kept = {span.span: span for span in found}
    if len(kept) < len(found):
        yield "a span is there twice"
    yield from (f"`{ours[id].name}` is missing" for id in ours.keys() - kept.keys())
    yield from (f"`{kept[id].name}` was never sent" for id in kept.keys() - ours.keys())
    for id in ours.keys() & kept.keys():
        for what, said, sent_ in _pairs(kept[id], ours[id]):
            if said != sent_:
                yield f"`{ours[id].name}`: {what} is {said!r}, was {sent_!r}"


def account(found: Sequence[Span]) -> Account:
    """What a trace that has a SERVER span says of its request."""
    server = next(span.attributes for span in found if span.kind == "server")
    return Account(
        tuple(_try(said) for said in attempts(found)),
        _served(server) if names.TRACEGATE_SERVED_BY_PROVIDER in server else None,
        cast("int | None", server.get(names.TRACEGATE_TOTAL_COST_MICROS)),
    )


def attempts(found: Sequence[Span]) -> list[Mapping[str, object]]:
    """The attributes of the attempts, in their order."""
    said = (span.attributes for span in found if span.kind == "client")
    return sorted(said, key=lambda said: cast(int, said[names.TRACEGATE_ATTEMPT_INDEX]))


def _try(said: Mapping[str, object]) -> Try:
    status, error = said.get(names.HTTP_RESPONSE_STATUS_CODE), said.get(names.ERROR_TYPE)
    return Try(
        str(said[names.GEN_AI_PROVIDER_NAME]),
        str(said[names.TRACEGATE_TARGET_ID]),
        str(said[names.TRACEGATE_ATTEMPT_KIND]),
        cast("int | None", status),
        None if error is None or error == str(status) else str(error),
    )


def _served(said: Mapping[str, object]) -> Served:
    return Served(
        str(said[names.TRACEGATE_SERVED_BY_PROVIDER]),
        str(said[names.TRACEGATE_SERVED_BY_MODEL]),
        cast("str | None", said.get(names.TRACEGATE_SERVED_BY_REGION)),
        str(said[names.TRACEGATE_SERVED_BY_TARGET]),
        cast(int, said[names.TRACEGATE_SERVED_BY_ATTEMPT]),
    )


def _pairs(kept: Span, ours: SpanView) -> Iterator[tuple[str, object, object]]:
    for what in ("name", "kind", "trace", "parent", "start", "end", "status"):
        yield what, getattr(kept, what), getattr(ours, what)
    for name in sorted(kept.attributes.keys() | ours.attributes.keys()):
        sent = ours.attributes.get(name)
        yield name, kept.attributes.get(name), tuple(sent) if isinstance(sent, list) else sent
