"""What Jaeger 1.62 does not keep of a span: flags, schema URLs, attributes of a scope, all of a link but its ids.

`as_kept` takes the same away from a span that was sent, so that the rest can be compared whole with what
`tracegate.testing.otlp.jaeger` reads.
"""

from __future__ import annotations

from dataclasses import replace

from tracegate.telemetry.model import Link
from tracegate.testing.otlp.signals import Span


def as_kept(span: Span) -> Span:
    """A span that was sent, without what Jaeger does not keep."""
    return replace(
        span,
        flags=0,
        parent_remote=None,
        links=tuple(Link(link.trace, link.span) for link in span.links),
        origin=replace(span.origin, schema_url=""),
    )
