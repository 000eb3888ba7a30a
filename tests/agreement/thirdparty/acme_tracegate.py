"""A package that is not Tracegate's: one policy and one dialect, found by their entry points."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tracegate.dialects.dialect import Outgoing
from tracegate.dialects.openai import OpenAI
from tracegate.errors import Failed, NothingTried
from tracegate.facts import Target
from tracegate.hop import Call, Hop, Reply
from tracegate.policies.policy import Candidate
from tracegate.wire.body import Body
from tracegate.wire.headers import Headers


class Backwards:
    """Asks the last child first; knows nothing of limits, records or reasons."""

    def __init__(self, children: Sequence[Candidate]) -> None:
        self._children = children

    async def __call__(self, call: Call) -> Reply:
        """Ask each child in turn."""
        failure: Exception = NothingTried([])
        for child in reversed(self._children):
            call.note("asked", child=child.name)
            try:
                return await child.hop(call)
            except (Failed, NothingTried) as exc:
                failure = exc
        raise failure


class LastFirst:
    """The policy `last_first`."""

    key = "last_first"

    class Settings(BaseModel):
        """It has none."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    def build(self, settings: BaseModel, children: Sequence[Candidate]) -> Hop:
        """See `Policy.build`."""
        return Backwards(children)


class Acme(OpenAI):
    """The dialect `acme`: OpenAI's, with a header of its own."""

    name = "acme"

    def request(self, body: Body, target: Target, passed: Headers = ()) -> Outgoing:
        """See `Dialect.request`."""
        outgoing = super().request(body, target, passed)
        outgoing.headers.append(("x-acme", "1"))
        return outgoing
