"""Retry: asks one target again, after a wait, for the failures where that can help.

It stands around one target, always, also with 0 retries: here it is decided whether a target is asked at all.
It makes no record: a skip is noted on the route, a back-off goes to the next attempt as its `why`.
"""

from __future__ import annotations

from tracegate.errors import Failed, NothingTried, Skip
from tracegate.facts import Target, Why
from tracegate.hop import Call, Hop, Reply
from tracegate.policies.cooldown import Cooldowns
from tracegate.policies.settings import Retry as Settings


class Retry:
    """One target, asked up to `1 + times` times.

    Args:
        hop: The recorded upstream hop of the target.
        target: Its facts.
        settings: How often, for what, and how long to wait.
        cooldowns: Shared by every route of this worker.
    """

    __slots__ = ("_cooldowns", "_hop", "_settings", "_target")

    def __init__(self, hop: Hop, target: Target, settings: Settings, cooldowns: Cooldowns) -> None:
        self._hop = hop
        self._target = target
        self._settings = settings
        self._cooldowns = cooldowns

    async def __call__(self, call: Call) -> Reply:
        """Ask the target; raise its last failure, or `NothingTried` if it must not be asked now."""
        target, cooldowns = self._target, self._cooldowns
        # Most calls need not be looked at: nobody asked for silence, and nothing has failed yet.
        skip = self._skip(call) if cooldowns.until or target.disabled else None
        if skip is None and call.recorder.attempts and self._too_small(call):
            skip = Skip(target.id, "capability", cause="context_length")
        if skip is not None:
            call.note("skipped", target=skip.target, reason=skip.reason)
            raise NothingTried([skip])
        tries = 0
        while True:
            try:
                return await self._hop(call)
            except Failed as exc:
                failure = exc
            failure.__traceback__ = None  # its frames hold us, and we hold it: only the collector would free that
            now = call.clock.now()
            if failure.retry_after_ns is not None:
                cooldowns.start(target.id, now, now + failure.retry_after_ns, failure.class_)
            wait = self._wait(call, failure, tries)
            if wait is None or call.recorder.full or now + wait >= call.deadline:
                raise failure
            await call.clock.sleep_until(now + wait)
            if cooldowns.of(target.id, call.clock.now()) is not None:
                raise failure  # another request was told to stay away for longer meanwhile
            tries += 1
            call = call.but(why=Why("retry", failure.class_, wait))

    def _wait(self, call: Call, failure: Failed, tries: int) -> int | None:
        """Nanoseconds to wait before the next try, `None` for no further one.

        Source of the back-off: "full jitter", AWS Architecture Blog, "Exponential Backoff And Jitter", 2015.
        """
        settings = self._settings
        if tries >= settings.times or failure.class_ not in settings.when:
            return None
        if failure.retry_after_ns is not None:  # never shortened by jitter (ruling 41)
            return failure.retry_after_ns if failure.retry_after_ns <= settings.max_wait_ns else None
        return int(call.ids.random() * min(settings.cap_ns, settings.base_ns << tries))

    def _skip(self, call: Call) -> Skip | None:
        target = self._target
        if target.disabled:
            return Skip(target.id, "disabled")
        cooldown = self._cooldowns.of(target.id, call.clock.now())
        return None if cooldown is None else Skip(target.id, "cooldown", *cooldown)

    def _too_small(self, call: Call) -> bool:
        """Whether the request outgrew a window that is known to be as large as this one (ruling 38)."""
        mine = self._target.context
        if mine is None:
            return False
        for attempt in call.recorder.attempts:
            error = attempt.error
            if error is not None and error.class_ == "context_length":
                window = attempt.target.context
                if window is not None and window >= mine:
                    return True
        return False
