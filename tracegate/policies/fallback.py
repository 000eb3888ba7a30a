"""Fallback: asks candidates in an order until one commits. The one loop over candidates in the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracegate.errors import Failed, NothingTried, Skip
from tracegate.facts import ErrorClass, Why
from tracegate.hop import Call, Hop, Reply
from tracegate.policies.orders import listed
from tracegate.policies.policy import Candidate, Order
from tracegate.policies.settings import Asking

if TYPE_CHECKING:
    from tracegate.policies.written import Settings as Written


class Fallback:
    """Asks the next candidate after a failure of one of the classes in `when`.

    Raises the last failure when every candidate failed, and `NothingTried` when every one was skipped.

    Args:
        candidates: At least one.
        when: Error classes after which the next candidate is asked.
        order: Ranks the candidates of each call.
    """

    __slots__ = ("_candidates", "_order", "_whys")

    def __init__(self, candidates: Sequence[Candidate], when: frozenset[ErrorClass], order: Order = listed) -> None:
        self._candidates = tuple(candidates)
        self._whys = {class_: Why("fallback", class_) for class_ in when}
        self._order = order

    async def __call__(self, call: Call) -> Reply:
        """Commit to the first candidate that does."""
        skips: list[Skip] = []
        failure: Failed | None = None
        for candidate in self._order(call, self._candidates):
            try:
                return await candidate.hop(call)
            except NothingTried as exc:
                skips += exc.skips
                continue
            except Failed as exc:
                failure = exc
            failure.__traceback__ = None  # its frames hold us, and we hold it: only the collector would free that
            why = self._whys.get(failure.class_)
            if why is None or call.recorder.full or call.clock.now() >= call.deadline:
                raise failure
            call = call.but(why=why)
        if failure is not None:
            raise failure
        raise NothingTried(skips)


class FallbackPolicy:
    """The policy `fallback`: over candidates in the order listed."""

    key = "fallback"

    @property
    def Settings(self) -> type[Written]:  # noqa: N802  # see `Policy.Settings`
        """See `Policy.Settings`."""
        from tracegate.policies.written import Settings

        return Settings

    def build(self, settings: Asking | Written, children: Sequence[Candidate]) -> Hop:
        """See `Policy.build`."""
        return Fallback(children, settings.when)
