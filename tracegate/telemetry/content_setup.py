"""From settings to the pipeline of prompts and answers: its own end, its own queue, its own connection."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from msgspec.structs import replace

from tracegate.clock import Clock, Ids
from tracegate.errors import ConfigError
from tracegate.telemetry.content import Content
from tracegate.telemetry.content_kept import Kept
from tracegate.telemetry.export import Channel
from tracegate.telemetry.metrics_tally import Losses, Repeats
from tracegate.telemetry.post import Post
from tracegate.telemetry.setup import Otlp, TelemetrySettings, endpoint_of, envelope_of, poster_of

KEY = "telemetry.content_otlp"
"""The key of the configuration, for messages."""

logger = logging.getLogger(__name__)


def content_view(
    to: Otlp,
    settings: TelemetrySettings,
    clock: Clock,
    ids: Ids,
    kept: Kept,
    losses: Losses,
    resource: Mapping[str, str],
    post: Post | None = None,
    repeats: Repeats | None = None,
) -> Content:
    """The view of prompts and answers.

    Args:
        to: Where they go.
        settings: Of the other signals: bound of the queue, longest text.
        clock: Times everything.
        ids: For jitter.
        kept: Has the answers.
        losses: Where losses are counted.
        resource: Of this process, the same as for the other signals.
        post: Sends requests, instead of a connection of its own.
        repeats: Counts what was sent again though it may have arrived.

    Raises:
        ConfigError: A certificate can't be read, a header can't be sent.
    """
    logger.warning("Prompts and answers are exported, by `telemetry.content: events`.")
    # What gRPC compresses must not be compressed before.
    endpoint = endpoint_of(to if to.protocol != "grpc" else replace(to, compression="none"), KEY)
    way, close = _way(to) if post is None else (post, _nothing)
    envelope = envelope_of(resource)
    channel = Channel("content", endpoint, envelope, way, clock, ids.random, losses, settings.queue, repeats)
    return Content(clock, channel, kept, losses, limit=settings.queue, value_limit=settings.value_limit, close=close)


def _way(to: Otlp) -> tuple[Post, Callable[[], Awaitable[object]]]:
    """What posts there, and what ends it."""
    if to.protocol != "grpc":
        poster = poster_of(to, KEY)
        return poster, poster.close
    from tracegate.telemetry.content_grpc import GrpcPoster

    try:
        caller = GrpcPoster(to)
    except OSError as exc:
        raise ConfigError(f"{KEY}: can't use the certificates: {exc}") from exc
    return caller, caller.close


async def _nothing() -> None:
    """The poster is somebody else's."""
