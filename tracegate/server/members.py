"""The members of `X-Served-By` and `Tracegate-Attempts`, and the cost: what head and final comment both say.

Each is rendered from an attempt and the static words of its target; parameters that are unknown or do not fit are
absent (headers and comments never say `unknown`, 0 or an empty text for what nobody knows).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tracegate.facts import Attempt, Target
from tracegate.record import Recorder
from tracegate.server.structured import milliseconds, string, token, token_or_string
from tracegate.summary import Total, error_of

KEPT = 4096  # targets whose words are kept; `direct` may make more than a configuration lists
SERVED = 64  # served models kept of each; a provider that invents names can't fill the memory


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """What every response says of this gateway.

    Args:
        pseudonym: Our name in `Via` (ruling 31), a token.
        version: Of Tracegate.
        node: This process's host; `None` where nothing is known or said.
        region: Where this gateway runs.
        detail: `public` drops node, next hop and target ids.
        traceresponse: Whether trace ids are told.
    """

    pseudonym: str
    version: str | None = None
    node: str | None = None
    region: str | None = None
    detail: Literal["full", "public"] = "full"
    traceresponse: bool = True


@dataclass(frozen=True, slots=True)
class Plain:
    """What all plain answers say that are of one target, model, region, protocol and status.

    `ended` and `asked` stand around the duration in `Tracegate-Attempts`.
    """

    served_by: bytes
    ended: str
    asked: str
    proxy_status: bytes | None


@dataclass(frozen=True, slots=True)
class Words:
    """What is always said of one target.

    `target` and `hop` are whole parameters with their `;`, empty where nothing is to be said. `said` keeps who served,
    by the model and the region that the provider named; `plain` what heads of plain answers have in common; `heads`
    what all answers of one attempt have; `ends` what stands around the duration of an attempt that ended.
    """

    of: Target
    name: str
    target: str
    hop: str
    desc: str
    said: dict[tuple[str | None, str | None], str] = field(default_factory=dict)
    plain: dict[tuple[str | None, str | None, str | None, int | None], Plain] = field(default_factory=dict)
    heads: dict[tuple[object, ...], tuple[bytes, bytes | None]] = field(default_factory=dict)
    ends: dict[tuple[object, ...], tuple[str, str]] = field(default_factory=dict)


class Members:
    """Renders members for one gateway."""

    __slots__ = ("_public", "_words", "gateway")

    def __init__(self, facts: GatewayFacts) -> None:
        self._public = facts.detail == "public"
        self._words: dict[str, Words] = {}
        node = None if self._public else facts.node
        self.gateway = (
            "tracegate" + _string("node", node) + _string("region", facts.region) + _string("v", facts.version)
        )

    def words(self, target: Target) -> Words:
        """The words of a target, made once."""
        known = self._words.get(target.id)
        if known is not None and known.of is target:
            return known
        if len(self._words) >= KEPT:
            self._words.clear()
        # The configuration's id always fits: its characters are limited.
        name = token_or_string(target.provider_name) or token_or_string(target.provider) or "provider"
        known = self._words[target.id] = Words(
            of=target,
            name=name,
            target="" if self._public else _string("target", target.id),
            hop="" if self._public else _string("next-hop", target.host),
            desc=name if name.startswith('"') else f'"{name}"',
        )
        return known

    def origin(self, attempt: Attempt, *, slim: bool = False, unnamed: bool = False) -> str:
        """Who served an answer. `slim` leaves the target out, `unnamed` model and region."""
        words, answer = self.words(attempt.target), attempt.answer
        key = (answer.model, answer.region)
        text = words.name if unnamed else words.said.get(key)
        if text is None:
            text = words.name + _model_and_region(attempt)
            if len(words.said) < SERVED:
                words.said[key] = text
        return f"{text}{'' if slim else words.target};attempt={attempt.index}"

    def blamed(self, recorder: Recorder, attempt: Attempt, *, slim: bool = False) -> str:
        """Whose error the client gets: a token where it has one, else the status."""
        words = self.words(attempt.target)
        error = broke(recorder, attempt)
        status = "" if attempt.status is None else f";status={attempt.status}"
        said = status if error is None else f";error={error}"
        return f"{words.name}{'' if slim else words.target}{said};attempt={attempt.index}"

    def tried(self, recorder: Recorder, attempt: Attempt, *, slim: bool = False) -> str:
        """What became of one attempt."""
        if not slim and not attempt.streaming and not attempt.why.backoff_ns and attempt.end is not None:
            before, behind = self.around(recorder, attempt)
            return f"{before};dur={milliseconds(attempt.end - attempt.start)}{behind}"
        text = self.ended(recorder, attempt)
        if attempt.end is not None:
            text += f";dur={milliseconds(attempt.end - attempt.start)}"
        if attempt.streaming and attempt.first_event is not None:
            text += f";ttft={milliseconds(attempt.first_event - attempt.start)}"
        return text + self.asked(attempt, slim=slim)

    def around(self, recorder: Recorder, attempt: Attempt) -> tuple[str, str]:
        """What stands around the duration of an attempt that ended, made once for all that ended so."""
        kept, outcome = self.words(attempt.target).ends, attempt.outcome
        error = error_of(recorder, attempt) if outcome == "error" else None
        key = (attempt.status, error, outcome, attempt.why.kind)
        around = kept.get(key)
        if around is None:
            around = self.ended(recorder, attempt), self.asked(attempt)
            if len(kept) < SERVED:
                kept[key] = around
        return around

    def ended(self, recorder: Recorder, attempt: Attempt) -> str:
        """The first part of that: who was asked, and how it ended."""
        text = self.words(attempt.target).name
        if attempt.status is not None:
            text += f";status={attempt.status}"
        if (error := broke(recorder, attempt)) is not None:
            text += f";error={error}"
        elif attempt.outcome == "cancelled":
            text += ";cancelled"
        return text

    def asked(self, attempt: Attempt, *, slim: bool = False) -> str:
        """The last part of that, behind the times: why it was asked."""
        why = attempt.why
        text = f";kind={why.kind}"
        if why.backoff_ns:
            text += f";wait={milliseconds(why.backoff_ns)}"
        return text if slim else text + self.words(attempt.target).target


def broke(recorder: Recorder, attempt: Attempt) -> str | None:
    """The error of a failed attempt as `error_of` says it, where that is a token."""
    error = error_of(recorder, attempt)
    return None if error is None else token(error)


def _model_and_region(attempt: Attempt) -> str:
    """Both with the reason why they are believed, or neither: a reason alone says nothing (ruling 28)."""
    model, region = attempt.model, attempt.region
    name = string(model.value)
    text = "" if name is None else f";model={name};src={model.evidence}"
    place = None if region is None else string(region.value)
    return text if region is None or place is None else f"{text};region={place};region-src={region.evidence}"


def record_id(recorder: Recorder) -> str | None:
    """The id of the audit record, for requests that leave one (ruling 24); none is promised that could not be kept."""
    return f"tg-{recorder.request_id}" if recorder.inbound.recorded else None


def cost_of(sums: Total) -> str | None:
    """Money of all attempts, only when all of it is known (ruling 21)."""
    if sums.cost_micros is None:
        return None
    return f"{sums.cost_micros};unit=micros;currency={sums.currency};basis={sums.basis}"


def _string(key: str, text: str | None) -> str:
    value = None if text is None else string(text)
    return "" if value is None else f";{key}={value}"
