"""Label sets of measurements, each made once, and the bounds that keep their number finite.

Labels come from configuration and from closed sets of values. What comes from outside may become a label only through
a limiter: the served model and the asserted region (the provider's text), and the name of a target that a client's
`provider/model` made on the spot. What a limiter refuses is `other`; what is not known is `unknown` (ruling 4).
"""

from __future__ import annotations

from collections.abc import Iterable

from tracegate.facts import Attempt, Fact, Outcome, Target
from tracegate.telemetry import names
from tracegate.telemetry.text import legible

Labels = tuple[tuple[str, str | bool | int], ...]

UNKNOWN = "unknown"
OTHER = "other"
NO_ROUTE = "none"
"""The route label of what was refused before a route was chosen (ruling 25)."""

LONGEST = 200
"""Characters of a name that may become a label without being configured; ours, generous for model ids."""

OPERATION = "chat"
"""`gen_ai.operation.name` of every attempt so far."""


class Names:
    """Which names may become labels: the configured ones, and a bounded number of others that proved themselves.

    Args:
        known: Names from the configuration; always admitted.
        limit: How many others are admitted, the first to come.
    """

    __slots__ = ("_admitted", "_left")

    def __init__(self, known: Iterable[str] = (), limit: int = 100) -> None:
        self._admitted = set(known)
        self._left = limit

    def label(self, name: str, *, proven: bool = False) -> str:
        """The name itself, or `other`; `proven` says that an unknown name stands for something real."""
        if name in self._admitted:
            return name
        if not proven or not self._left or len(name) > LONGEST or legible(name) != name:
            return OTHER
        self._left -= 1
        self._admitted.add(name)
        return name


class TargetLabels:
    """The label sets of one target.

    Args:
        target: Gives provider, address and the names that limit served model and region.
        id: `tracegate.target.id` as a label.
        model: `gen_ai.request.model` as a label.
        served: How many served models besides the requested one become labels.
        regions: How many asserted regions become labels.
    """

    __slots__ = ("_made", "_models", "_regions", "id", "model", "pair", "target")

    def __init__(self, target: Target, id: str, model: str, *, served: int = 32, regions: int = 16) -> None:
        self.target = target
        self.id = id
        self.model = model
        self.pair = labels({names.GEN_AI_PROVIDER_NAME: target.provider_name, names.TRACEGATE_TARGET_ID: id})
        self._models = Names((model,), served)
        self._regions = Names(filter(None, (target.region, target.region_observed)), regions)
        self._made: dict[tuple[str | None, ...], Labels] = {}

    def inference(self, model: str | None, error: str | None = None, modality: str | None = None) -> Labels:
        """Of the convention's metrics; `model` is the served one, as the provider said it."""
        key = ("inference", model, error, modality)
        made = self._made.get(key)
        if made is None:
            target, served = self.target, self._model(model)
            made = labels(
                {
                    names.GEN_AI_OPERATION_NAME: OPERATION,
                    names.GEN_AI_PROVIDER_NAME: target.provider_name,
                    names.GEN_AI_REQUEST_MODEL: self.model,
                    names.GEN_AI_RESPONSE_MODEL: served,
                    names.SERVER_ADDRESS: target.host,
                    names.SERVER_PORT: target.port,
                    names.ERROR_TYPE: error,
                    names.GEN_AI_TOKEN_MODALITY: modality,
                }
            )
            if served != OTHER:  # what the limiter refused is not kept either
                self._made[key] = made
        return made

    def served(self, attempt: Attempt) -> Labels:
        """Of `tracegate.responses.served`."""
        answer = attempt.answer
        key = ("served", answer.model, answer.region, attempt.outcome)
        made = self._made.get(key)
        if made is None:
            served, region = self._model(answer.model), attempt.region
            place = UNKNOWN if region is None else self._regions.label(region.value, proven=True)
            made = self._served(served, place, UNKNOWN if region is None else region.evidence, attempt.outcome)
            if OTHER not in (served, place):
                self._made[key] = made
        return made

    def expected(self, region: Fact | None) -> Labels:
        """Of `tracegate.responses.served` when all is as configured: ok, from the requested model."""
        place, evidence = (UNKNOWN, UNKNOWN) if region is None else (region.value, region.evidence)
        return self._served(self.model, place, evidence, "ok")

    def attempt(self, kind: str, error: str | None = None, error_class: str | None = None) -> Labels:
        """Of `tracegate.attempts`."""
        key = ("attempt", kind, error, error_class)
        made = self._made.get(key)
        if made is None:
            why = {names.ERROR_TYPE: error, names.TRACEGATE_ERROR_CLASS: error_class}
            made = self._made[key] = labels({**dict(self.pair), names.TRACEGATE_ATTEMPT_KIND: kind, **why})
        return made

    def cost(self, currency: str) -> Labels:
        """Of `tracegate.cost.micros`."""
        return self._priced("cost", names.TRACEGATE_COST_CURRENCY, currency)

    def cost_unknown(self, reason: str) -> Labels:
        """Of `tracegate.cost.unknown`."""
        return self._priced("cost_unknown", names.TRACEGATE_COST_UNKNOWN_REASON, reason)

    def _priced(self, what: str, label: str, value: str) -> Labels:
        key = (what, value)
        made = self._made.get(key)
        if made is None:
            of = {names.GEN_AI_PROVIDER_NAME: self.target.provider_name, names.GEN_AI_REQUEST_MODEL: self.model}
            made = self._made[key] = labels({**of, label: value})
        return made

    def _served(self, model: str, region: str, evidence: str, outcome: Outcome | None) -> Labels:
        return labels(
            {
                names.GEN_AI_PROVIDER_NAME: self.target.provider_name,
                names.GEN_AI_RESPONSE_MODEL: model,
                names.TRACEGATE_TARGET_REGION: region,
                names.TRACEGATE_TARGET_REGION_EVIDENCE: evidence,
                names.TRACEGATE_OUTCOME: UNKNOWN if outcome is None else outcome,
            }
        )

    def _model(self, model: str | None) -> str:
        return UNKNOWN if model is None else self._models.label(model, proven=True)


class TargetLabelSets:
    """The label sets of all targets, found by attempt.

    Args:
        ids: Which ids of targets may become labels.
        served: How many served models of one target may, besides the requested one.
    """

    __slots__ = ("_ids", "_of", "_served")

    def __init__(self, ids: Names, served: int = 32) -> None:
        self._ids = ids
        self._served = served
        self._of: dict[str, TargetLabels] = {}

    def of(self, attempt: Attempt) -> TargetLabels:
        """The label sets of the attempt's target; those of `other` while nothing answered for an unknown name."""
        target = attempt.target
        known = self._of.get(target.id)
        if known is not None and (known.target is target or known.target == target):
            return known
        id = self._ids.label(target.id, proven=attempt.committed is not None)
        if id == OTHER:
            key, model = f"{OTHER} of {target.provider}", OTHER
        else:
            key, model = id, target.model
        known = self._of.get(key)
        if known is None or id != OTHER:
            known = self._of[key] = TargetLabels(target, id, model, served=0 if id == OTHER else self._served)
        return known


class RouteLabels:
    """The label sets of one route.

    Args:
        route: Its name as a label.
    """

    __slots__ = ("_made", "route")

    def __init__(self, route: str) -> None:
        self.route = labels({names.TRACEGATE_ROUTE_NAME: route})
        self._made: dict[tuple[Outcome | None, bool], Labels] = {}

    def request(self, outcome: Outcome | None, streaming: bool) -> Labels:
        """Of `tracegate.request.duration`."""
        made = self._made.get((outcome, streaming))
        if made is None:
            made = self._made[outcome, streaming] = labels(
                {
                    **dict(self.route),
                    names.TRACEGATE_OUTCOME: UNKNOWN if outcome is None else outcome,
                    names.GEN_AI_REQUEST_STREAM: True if streaming else None,
                }
            )
        return made


def labels(values: dict[str, str | int | None]) -> Labels:
    """A label set in its one order, without what does not apply.

    >>> labels({"b": 1, "a": "x", "c": None})
    (('a', 'x'), ('b', 1))
    """
    return tuple(sorted((key, value) for key, value in values.items() if value is not None))
