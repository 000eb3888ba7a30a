"""Rates ready to be multiplied: integers of one scale, so that money is exact until it is rounded once.

A price of P per million tokens is P micro-units per token. A rate holds such numbers times their common denominator;
`charge` multiplies, adds, and rounds half to even (ruling 43). It is no history: which rate holds at a moment is
`history`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Literal

from tracegate.facts import Usage

Charge = tuple[int, int, int, int | None, int | None]
"""Micro-units: all, input, output, cache read, cache write; the last two `None` where the provider reported none.

Each is rounded by itself, so the parts may differ from the whole by a micro-unit each.
"""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Money per million tokens, exact.

    Args:
        input, output: `None`: not known.
        cache_read, cache_write: `None`: billed as input.
        reasoning: `None`: billed as output.
        request: Fee of each request, per million requests.
        modalities: Own rates by modality, keyed as in `Usage.modalities`; absent: billed as any other token.
    """

    input: Fraction | None = None
    output: Fraction | None = None
    cache_read: Fraction | None = None
    cache_write: Fraction | None = None
    reasoning: Fraction | None = None
    request: Fraction = Fraction(0)
    modalities: Mapping[str, Fraction] | None = None


class Rate:
    """What tokens cost, in integers.

    Args:
        amounts: Rates per million tokens.
        above: Other rates for all tokens of a request, by the number of input tokens beyond which they hold; ascending.
    """

    __slots__ = (
        "_above",
        "_cache_read",
        "_cache_write",
        "_deltas",
        "_input",
        "_no_input",
        "_no_output",
        "_output",
        "_reasoning",
        "_request",
        "_scale",
        "free",
    )

    def __init__(self, amounts: Amounts, above: Sequence[tuple[int, Amounts]] = ()) -> None:
        a = amounts
        into = a.input if a.input is not None else Fraction(0)
        out = a.output if a.output is not None else Fraction(0)
        read = into if a.cache_read is None else a.cache_read
        write = into if a.cache_write is None else a.cache_write
        reasoning = out if a.reasoning is None else a.reasoning
        deltas = _deltas(into, out, read, a.modalities or {})
        amounts_used = (into, out, read, write, reasoning, a.request, *deltas.values())
        self._scale = scale = lcm(*(amount.denominator for amount in amounts_used))
        self._input = _scaled(into, scale)
        self._output = _scaled(out, scale)
        self._cache_read = _scaled(read, scale)
        self._cache_write = _scaled(write, scale)
        self._reasoning = None if a.reasoning is None else _scaled(reasoning, scale)
        self._request = _scaled(a.request, scale)
        self._deltas = {suffix: _scaled(delta, scale) for suffix, delta in deltas.items()}
        self._no_input = a.input is None
        self._no_output = a.output is None
        self._above = tuple((start, Rate(other)) for start, other in reversed(above))
        self.free = a.input is not None and a.output is not None and not any(amounts_used)

    def charge(self, usage: Usage) -> Charge | Literal["no_price", "no_usage"]:
        """Money of one answer, or why it is unknown.

        Details that a provider leaves out (cached, reasoning) count as none of that kind: providers name them where
        they apply. A report that contradicts itself is no report.
        """
        tokens, written = usage.input, usage.output
        if tokens is None or written is None:
            return "no_usage"
        for start, other in self._above:
            if tokens > start:
                return other.charge(usage)
        cached, stored = usage.cache_read, usage.cache_write
        read_cost = 0 if cached is None else cached * self._cache_read
        write_cost = 0 if stored is None else stored * self._cache_write
        plain = tokens - (cached or 0) - (stored or 0)
        output_cost = written * self._output
        if self._reasoning is not None and usage.reasoning:
            if usage.reasoning > written:
                return "no_usage"
            output_cost += usage.reasoning * (self._reasoning - self._output)
        if plain < 0:
            return "no_usage"
        if (tokens and self._no_input) or (written and self._no_output):
            return "no_price"
        input_cost = plain * self._input + self._request
        if usage.modalities and self._deltas:
            for suffix, count in usage.modalities:
                delta = count * self._deltas.get(suffix, 0)
                if suffix.endswith(".output_tokens"):
                    output_cost += delta
                else:
                    input_cost += delta
        scale = self._scale
        return (
            half_even(input_cost + output_cost + read_cost + write_cost, scale),
            half_even(input_cost, scale),
            half_even(output_cost, scale),
            None if cached is None else read_cost and half_even(read_cost, scale),
            None if stored is None else write_cost and half_even(write_cost, scale),
        )


def half_even(amount: int, scale: int) -> int:
    """Divide and round half to even.

    >>> half_even(25, 10), half_even(35, 10), half_even(26, 10)
    (2, 4, 3)
    """
    whole, rest = divmod(amount, scale)
    rest *= 2
    return whole + 1 if rest > scale or (rest == scale and whole & 1) else whole


def _deltas(into: Fraction, out: Fraction, read: Fraction, modalities: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """What a token of a modality costs more than the same token without one.

    Cached tokens of a modality are counted among its input tokens too, so theirs takes that difference back.
    """
    deltas: dict[str, Fraction] = {}
    for suffix, amount in modalities.items():
        kind, _, direction = suffix.partition(".")
        if direction == "output_tokens":
            deltas[suffix] = amount - out
        elif direction == "input_tokens":
            deltas[suffix] = amount - into
            cached = f"{kind}.cache_read.input_tokens"
            deltas[cached] = modalities.get(cached, read) - read - deltas[suffix]
    for suffix, amount in modalities.items():
        if suffix not in deltas:  # a cached rate of a modality whose other tokens cost as any
            deltas[suffix] = amount - read
    return deltas


def _scaled(amount: Fraction, scale: int) -> int:
    return int(amount * scale)
