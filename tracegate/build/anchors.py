"""From configuration to who is told of the heads of the audit log, of our kinds and those of other packages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tracegate.audit.anchoring import Anchoring, Head, Held, Timed, cosigned, newest
from tracegate.audit.disk import Disk
from tracegate.audit.process import Audit
from tracegate.audit.reading import name_of
from tracegate.audit.witnessed import keep
from tracegate.build.plugins import anchors
from tracegate.clock import Clock
from tracegate.config.model import Config
from tracegate.config.model_audit import Anchor
from tracegate.config.secret import Secret
from tracegate.errors import ConfigError
from tracegate.telemetry.post import Poster


class HeadAnchoring:
    """Tells of heads from the start of a process to its end.

    Args:
        anchoring: Does the work.
        posters: The connections of the anchors.
    """

    __slots__ = ("_posters", "_task", "anchoring")

    def __init__(self, anchoring: Anchoring, posters: Sequence[Poster]) -> None:
        self.anchoring = anchoring
        self._posters = posters
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called when the log is open."""
        self._task = asyncio.create_task(self.anchoring.run(), name="tracegate-audit-anchoring")

    async def close(self) -> None:
        """End, at once: the next start tells the next head; to be called while the log is open."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):  # which is how it ends
                await task
        for poster in self._posters:
            await poster.close()


def anchoring_of(config: Config, audit: Audit, clock: Clock) -> HeadAnchoring:
    """What a configuration asks for.

    Args:
        config: The configuration, which names who is told.
        audit: The log of this process, which gets a leaf for each head that is held; it is told who counts the others.
        clock: Of the running loop.

    Raises:
        ConfigError: There is no such kind of anchor, or it can't be made of what is written.
    """
    kinds, made, posters = anchors(), list[Timed](), list[Poster]()
    for one in config.audit.anchors:
        if one.kind not in kinds:
            raise ConfigError(f"audit.anchors.{one.name}: no kind `{one.kind}`; known: {', '.join(sorted(kinds))}")
        posters.append(poster := Poster())
        try:
            made.append(Timed(kinds[one.kind](_settings(one), poster, clock), one.every_ns))
        except ConfigError as exc:
            raise ConfigError(f"audit.anchors.{one.name}: {exc}") from exc

    def folder(origin: str) -> Path:
        return audit.home.root / name_of(origin)

    async def head() -> Head | None:
        return await newest(folder(audit.epoch.origin), audit.lane)

    async def held(of: Head, by: Sequence[Held]) -> None:
        log = audit.epoch.log
        if of.checkpoint.origin == log.own.origin:  # else it ended meanwhile: no leaf of the next is about its heads
            for one in by:
                log.keep(log.own.anchored(of.checkpoint, one))
        note = cosigned(of, by)
        if note is not None:
            await audit.lane.run(partial(keep, Disk(), folder(of.checkpoint.origin), note))

    anchoring = Anchoring(made, head, held, clock)
    audit.unanchored = anchoring.failed
    return HeadAnchoring(anchoring, posters)


def _settings(anchor: Anchor) -> dict[str, str]:
    return {name: value.value if isinstance(value, Secret) else value for name, value in anchor.settings}
