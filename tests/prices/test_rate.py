"""Rates in integers: exact money, rounded once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.facts import Usage
from tracegate.prices.rate import Amounts, Rate, half_even

AMOUNTS = st.fractions(min_value=0, max_value=1000, max_denominator=10**9)
TOKENS = st.integers(min_value=0, max_value=10**7)


def test_a_price_per_million_tokens_is_micro_units_per_token() -> None:
    """2.50 a million for input and 10 for output."""
    rate = Rate(Amounts(Fraction("2.50"), Fraction(10)))
    assert rate.charge(Usage(1000, 100)) == (3500, 2500, 1000, None, None)


def test_cached_tokens_are_a_part_of_the_input_with_their_own_rates() -> None:
    """1000 tokens of input, of which 600 were read from the cache and 100 written to it."""
    rate = Rate(Amounts(Fraction(2), Fraction(8), Fraction("0.5"), Fraction("2.5")))
    assert rate.charge(Usage(1000, 10, cache_read=600, cache_write=100)) == (1230, 600, 80, 300, 250)


def test_cached_tokens_without_a_rate_are_billed_as_input() -> None:
    """The parts still say how much of the money was for cached tokens."""
    rate = Rate(Amounts(Fraction(2), Fraction(8)))
    assert rate.charge(Usage(1000, 0, cache_read=600, cache_write=100)) == (2000, 600, 0, 1200, 200)


def test_reasoning_is_output_unless_it_has_a_rate() -> None:
    """100 tokens of output, of which 40 were reasoning."""
    usage = Usage(0, 100, reasoning=40)
    assert Rate(Amounts(Fraction(1), Fraction(2))).charge(usage) == (200, 0, 200, None, None)
    own = Rate(Amounts(Fraction(1), Fraction(2), reasoning=Fraction(3)))
    assert own.charge(usage) == (240, 0, 240, None, None)
    assert own.charge(Usage(0, 100)) == (200, 0, 200, None, None)


def test_a_rate_of_a_modality_replaces_the_ordinary_one() -> None:
    """100 input tokens, 60 of them audio and 10 of those cached; 20 output tokens, 5 of them audio."""
    modalities = {
        "audio.input_tokens": Fraction(32),
        "audio.output_tokens": Fraction(64),
        "audio.cache_read.input_tokens": Fraction(3),
    }
    rate = Rate(Amounts(Fraction(4), Fraction(16), Fraction(1), modalities=modalities))
    usage = Usage(
        100,
        20,
        cache_read=15,
        modalities=(
            ("audio.input_tokens", 60),
            ("audio.cache_read.input_tokens", 10),
            ("audio.output_tokens", 5),
            ("text.output_tokens", 15),
        ),
    )
    plain_text, plain_audio, cached_text, cached_audio = 100 - 60 - 5, 60 - 10, 5, 10
    assert rate.charge(usage) is not None
    total = plain_text * 4 + plain_audio * 32 + cached_text * 1 + cached_audio * 3 + 15 * 16 + 5 * 64
    assert rate.charge(usage)[0] == total


def test_cached_tokens_of_a_modality_without_a_cached_rate_cost_as_any_cached_token() -> None:
    """10 of 60 audio tokens were cached."""
    rate = Rate(Amounts(Fraction(4), Fraction(16), Fraction(1), modalities={"audio.input_tokens": Fraction(32)}))
    usage = Usage(60, 0, cache_read=10, modalities=(("audio.input_tokens", 60), ("audio.cache_read.input_tokens", 10)))
    assert rate.charge(usage)[0] == 50 * 32 + 10 * 1


def test_a_cached_rate_of_a_modality_alone_counts_for_its_cached_tokens() -> None:
    """Images are billed as text until they are cached."""
    rate = Rate(
        Amounts(Fraction(4), Fraction(0), Fraction(1), modalities={"image.cache_read.input_tokens": Fraction(2)})
    )
    usage = Usage(50, 0, cache_read=20, modalities=(("image.input_tokens", 50), ("image.cache_read.input_tokens", 20)))
    assert rate.charge(usage)[0] == 30 * 4 + 20 * 2


def test_beyond_a_threshold_every_token_has_the_other_rate() -> None:
    """A cliff at 200,000 and one at 400,000 tokens of input."""
    rate = Rate(
        Amounts(Fraction(1), Fraction(10)),
        [(200_000, Amounts(Fraction(2), Fraction(20))), (400_000, Amounts(Fraction(3), Fraction(30)))],
    )
    assert rate.charge(Usage(200_000, 1))[0] == 200_010
    assert rate.charge(Usage(200_001, 1))[0] == 400_022
    assert rate.charge(Usage(400_001, 1))[0] == 1_200_033


def test_a_request_can_have_a_fee() -> None:
    """12 for a thousand requests are 12,000 micro-units each."""
    assert Rate(Amounts(Fraction(1), Fraction(1), request=Fraction(12_000))).charge(Usage(5, 7))[0] == 12_012


@pytest.mark.parametrize(
    "usage",
    [
        Usage(None, 5),
        Usage(5, None),
        Usage(5, 5, cache_read=6),
        Usage(5, 5, cache_read=3, cache_write=3),
        Usage(5, 5, reasoning=6),
    ],
)
def test_a_report_that_is_partial_or_contradicts_itself_is_none(usage: Usage) -> None:
    """No number is made up, and none is negative."""
    assert Rate(Amounts(Fraction(1), Fraction(1), reasoning=Fraction(2))).charge(usage) == "no_usage"


def test_tokens_without_a_rate_have_no_price() -> None:
    """Only the side that has tokens needs a rate."""
    only_input = Rate(Amounts(Fraction(1)))
    only_output = Rate(Amounts(output=Fraction(1)))
    assert only_input.charge(Usage(5, 1)) == "no_price"
    assert only_output.charge(Usage(1, 5)) == "no_price"
    assert only_input.charge(Usage(5, 0)) == (5, 5, 0, None, None)
    assert only_output.charge(Usage(0, 5)) == (5, 0, 5, None, None)


def test_free_is_every_rate_zero_and_known() -> None:
    """A missing rate is not free, a fee is not free."""
    zero = Fraction(0)
    assert Rate(Amounts(zero, zero)).free
    assert not Rate(Amounts(zero, zero, request=Fraction(1))).free
    assert not Rate(Amounts(zero, zero, cache_read=Fraction(1))).free
    assert not Rate(Amounts(zero)).free
    assert not Rate(Amounts(output=zero)).free


def test_halves_go_to_the_even_neighbour() -> None:
    """Half a micro-unit rounds to 0, one and a half to 2, two and a half to 2."""
    rate = Rate(Amounts(Fraction("0.5"), Fraction(0)))
    assert [rate.charge(Usage(tokens, 0))[0] for tokens in range(6)] == [0, 0, 1, 2, 2, 2]


@given(st.integers(min_value=0, max_value=10**15), st.integers(min_value=1, max_value=10**9))
def test_rounding_agrees_with_exact_fractions(amount: int, scale: int) -> None:
    """Python rounds fractions half to even."""
    assert half_even(amount, scale) == round(Fraction(amount, scale))


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, TOKENS, TOKENS, TOKENS, TOKENS)
def test_money_is_exact_and_rounded_once(
    into: Fraction, out: Fraction, read: Fraction, write: Fraction, plain: int, cached: int, stored: int, said: int
) -> None:
    """The whole equals the rounded sum of exact fractions, whatever the rates."""
    charge = Rate(Amounts(into, out, read, write)).charge(Usage(plain + cached + stored, said, cached, stored))
    parts = (plain * into, said * out, cached * read, stored * write)
    assert charge == (round(sum(parts)), *(round(part) for part in parts))
