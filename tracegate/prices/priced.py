"""What one attempt cost: the price function of a target.

It decides which attempts cost nothing, which are unknown and why, and multiplies for the rest (rulings 19, 20, 22,
43, 47 and 52). It looks nothing up itself: `book` gives it a way to find the price of a served model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracegate.facts import Attempt, Cost
from tracegate.prices.history import History

REFUSALS = frozenset({401, 402, 403, 404, 405, 413, 429, 503, 529})
"""Statuses with which nothing can have been generated (ruling 19); only those that came on the wire (ruling 47)."""

UNREACHED = frozenset(
    {
        "connection_limit_reached",  # our own pool: nothing was sent
        "connection_refused",
        "connection_timeout",
        "destination_ip_prohibited",
        "destination_ip_unroutable",
        "dns_error",
        "dns_timeout",
        "tls_alert_received",
        "tls_certificate_error",
        "tls_protocol_error",
    }
)
"""RFC 9209 tokens of attempts whose request never reached the provider (ruling 19)."""

PROVIDER_CURRENCY = "USD"  # of the figures that providers send with an answer

KEPT = 64  # served models whose price a target keeps: a provider that invents names can't fill the memory

NO_PRICE = Cost(None, unknown="no_price")
NO_USAGE = Cost(None, unknown="no_usage")
BROKEN = Cost(None, unknown="broken")
CANCELLED = Cost(None, unknown="cancelled")

_new = tuple.__new__  # half the cost of calling the class


@dataclass(frozen=True, slots=True)
class Known:
    """A price that was found: the model it was listed for, its rates, their currency and where they come from."""

    model: str
    history: History
    currency: str
    digest: str


Find = Callable[[str | None, str | None], Known | None]
"""From the served model and its service tier, where the provider named them, to the price."""


class Priced:
    """From a closed attempt to its cost.

    Args:
        find: Where prices are looked up; asked once for each served model and tier.
        currency: Of a cost that is 0 because nothing was generated.
        offset: UTC less monotonic time, in nanoseconds.
        refusals: Statuses that the provider does not bill.
    """

    __slots__ = ("_find", "_kept", "_nothing", "_offset", "_refusals")

    def __init__(self, find: Find, currency: str, offset: int, refusals: frozenset[int] = REFUSALS) -> None:
        self._find = find
        self._kept: dict[tuple[str | None, str | None], Known | None] = {}
        self._nothing = Cost(0, currency, "inferred")
        self._offset = offset
        self._refusals = refusals

    def __call__(self, attempt: Attempt) -> Cost:
        """The cost of an attempt whose outcome is known; exact, rounded once to a micro-unit, half to even."""
        answer = attempt.answer
        if attempt.outcome != "ok":
            return self._without_answer(attempt)
        usage = answer.usage
        if usage is not None and usage.cost_micros is not None:
            return Cost(usage.cost_micros, PROVIDER_CURRENCY, "provider")
        known = self._price(answer.model, answer.service_tier)
        rate = None if known is None else known.history.at(attempt.start + self._offset)
        if known is None or rate is None:
            return NO_PRICE
        if usage is None:
            return _free(known) if rate.free else NO_USAGE
        charge = rate.charge(usage)
        if isinstance(charge, str):
            return NO_PRICE if charge == "no_price" else NO_USAGE
        return _new(Cost, (charge[0], known.currency, "local", None, *charge[1:], known.model, known.digest))

    def _without_answer(self, attempt: Attempt) -> Cost:
        error = attempt.error
        if attempt.status in self._refusals:
            return self._nothing
        if error is not None and attempt.status is None and error.token in UNREACHED:
            return self._nothing
        known = self._price(attempt.answer.model, attempt.answer.service_tier)
        rate = None if known is None else known.history.at(attempt.start + self._offset)
        if known is not None and rate is not None and rate.free:
            return _free(known)
        return CANCELLED if attempt.outcome == "cancelled" else BROKEN

    def _price(self, served: str | None, tier: str | None) -> Known | None:
        key = (served, tier)
        try:
            return self._kept[key]
        except KeyError:
            known = self._find(served, tier)
            if len(self._kept) < KEPT:
                self._kept[key] = known
            return known


def _free(known: Known) -> Cost:
    """0 that is known whatever happened: nothing of this model costs anything."""
    return Cost(0, known.currency, "local", model=known.model, digest=known.digest)
