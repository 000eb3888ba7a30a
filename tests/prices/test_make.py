"""The committed table is what the pinned data set makes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TimeOfDateConstraint,
)

from tracegate.prices import make
from tracegate.prices.table import AmountsText, Contents, Listing, Model, RowText


def _made(model: ModelInfo) -> Model:
    provider = Provider(id="a", name="A", api_pattern="", models=[model])
    contents = msgspec.json.decode(make.render([provider]), type=Contents)
    return msgspec.json.decode(contents.providers["a"], type=Listing).models[0]


def test_the_committed_file_is_fresh() -> None:
    """Run `python -m tracegate.prices.make` after moving the pin."""
    assert make.FILE.read_bytes() == make.render()


def test_the_command_writes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else."""
    monkeypatch.setattr(make, "FILE", tmp_path / "table.json")
    make.main()
    assert (tmp_path / "table.json").read_bytes() == make.render()
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def test_one_line_is_one_model() -> None:
    """Two providers, so that a difference between two tables can be read line by line."""
    model = ModelInfo(id="m", match=ClauseEquals("M"), context_window=8, prices=ModelPrice(input_mtok=Decimal("2.50")))
    known = [Provider(id=name, name=name, api_pattern="", models=[model, model]) for name in ("a", "b")]
    line = '{"id":"m","names":["m"],"context":8,"rates":[{"input":"2.5"}]}'
    text = make.render(known).decode()
    assert text.splitlines()[1:] == [
        '"a":{"others":[],"models":[', line + ",", line, "]},",
        '"b":{"others":[],"models":[', line + ",", line, "]}",
        "}}",
    ]  # fmt: skip


def test_a_price_that_is_not_by_token_is_left_out() -> None:
    """Audio by the hour; the context window is kept."""
    made = _made(
        ModelInfo(id="m", match=ClauseEquals("m"), context_window=8, prices=ModelPrice(audio_hours=Decimal(1)))
    )
    assert made.rates == []
    assert made.context == 8


def test_a_price_by_the_hour_of_day_is_kept_in_utc() -> None:
    """02:30 to 04:00 at +01:00."""
    zone = timezone(timedelta(hours=1))
    prices = [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1))),
        ConditionalPrice(
            TimeOfDateConstraint(time(2, 30, tzinfo=zone), time(3)), prices=ModelPrice(input_mtok=Decimal(2))
        ),
    ]
    assert [row.hours for row in _made(ModelInfo(id="m", match=ClauseEquals("m"), prices=prices)).rates] == [
        None,
        (90, 180),
    ]


def test_a_tier_has_whole_rates_at_every_change() -> None:
    """The standard price changes in May, the tier begins in March and halves only the input."""
    model = ModelInfo(
        id="m",
        match=ClauseEquals("m"),
        prices=[
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(4), output_mtok=Decimal(8))),
            ConditionalPrice(
                StartDateConstraint(date(2026, 5, 1)), prices=ModelPrice(input_mtok=Decimal(3), output_mtok=Decimal(6))
            ),
        ],
        price_variants=[
            PriceVariant({"service_tier": "default"}, ModelPrice()),
            PriceVariant(
                {"service_tier": "flex"}, ModelPrice(input_mtok=Decimal(2)), StartDateConstraint(date(2026, 3, 1))
            ),
            PriceVariant({"processing": "batch"}, ModelPrice(input_mtok=Decimal(1))),
        ],
    )
    assert _made(model).tiers == {
        "flex": [
            RowText(input="2", output="8", since="2026-03-01"),
            RowText(input="2", output="6", since="2026-05-01"),
        ]
    }
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    assert model.get_prices(moment, {"service_tier": "flex"}).output_mtok == 8


def test_a_tier_without_a_price_by_token_has_no_rates() -> None:
    """Its price is unknown then, not the standard one."""
    model = ModelInfo(
        id="m",
        match=ClauseEquals("m"),
        prices=ModelPrice(audio_hours=Decimal(1)),
        price_variants=[PriceVariant({"service_tier": "flex"}, ModelPrice(audio_hours=Decimal(2)))],
    )
    assert _made(model).tiers == {"flex": []}


def test_fees_and_modalities_are_kept() -> None:
    """A fee for a thousand requests becomes one for a million, as all amounts are."""
    prices = ModelPrice(input_mtok=Decimal(1), requests_kcount=Decimal(12), input_audio_mtok=Decimal("32.0"))
    made = _made(ModelInfo(id="m", match=ClauseEquals("m"), prices=prices)).rates[0]
    assert made == RowText(input="1", request="12000", modalities={"audio.input_tokens": "32"})
    assert isinstance(made, AmountsText)


def test_an_unknown_kind_of_pattern_is_refused() -> None:
    """A new data set may bring one; it must not be dropped silently."""
    clause = ClauseAnd([ClauseContains("a"), ClauseOr([ClauseContains("b")])])
    with pytest.raises(ValueError, match="no pattern"):
        _made(ModelInfo(id="m", match=clause, prices=ModelPrice(input_mtok=Decimal(1))))
