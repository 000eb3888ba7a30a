"""The built-in table, and that it says what the data set it was made from says."""

from __future__ import annotations

import hashlib
import random
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from importlib.resources import files

import msgspec
import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider

from tracegate.facts import Usage
from tracegate.prices.table import Contents, Listing, Model, Table, load_table

RAW = files("tracegate.prices").joinpath("table.json").read_bytes()
LISTINGS = {
    name: msgspec.json.decode(raw, type=Listing)
    for name, raw in msgspec.json.decode(RAW, type=Contents).providers.items()
}
TABLE = load_table()
MOMENTS = [
    datetime(2024, 3, 1, 12, 0, tzinfo=UTC),
    datetime(2025, 11, 15, 2, 0, tzinfo=UTC),
    datetime(2026, 7, 1, 17, 0, tzinfo=UTC),
    datetime(2026, 11, 24, 7, 30, tzinfo=UTC),
]


def _texts(model: Model) -> Iterator[str]:
    """Texts that may mean a model: its names, and what its patterns suggest."""
    yield model.id
    yield from model.names
    for like in model.like:
        text = (like if isinstance(like, str) else like[0])[1:].removeprefix("^")
        yield from (text, f"{text}-20260101", f"{text}-2026-01-01", f"prefix-{text}")
        yield text.replace("\\d{8}$", "20260101").replace("\\d{4}-\\d{2}-\\d{2}$", "2026-01-01").replace("\\", "")


@pytest.mark.parametrize("provider", providers, ids=[provider.id for provider in providers])
def test_a_text_means_the_same_model_as_in_the_data_set(provider: Provider) -> None:
    """Every name, every pattern, dates in both forms, and texts that mean nothing."""
    texts = {text for model in LISTINGS[provider.id].models for text in _texts(model)}
    for other in provider.fallback_model_providers or ():
        texts |= {text for model in LISTINGS[other].models for text in model.names}
    for text in [*sorted(texts), "no-such-model", "", "GPT-5.5"]:
        theirs = provider.find_model(text, all_providers=providers)
        ours = TABLE.find(provider.id, text)
        assert (theirs and theirs.id) == (ours and ours.id), text
        assert (theirs and theirs.context_window) == (ours and ours.context), text


def _usage(dice: random.Random) -> tuple[Usage, TheirUsage]:
    tokens, said = dice.choice([0, 900, 150_000, 199_999, 200_000, 200_001, 272_001, 600_000]), dice.randrange(9000)
    cached = dice.randrange(tokens + 1) if dice.random() < 0.7 else 0
    stored = dice.randrange(tokens - cached + 1) if dice.random() < 0.3 else 0
    thought = dice.randrange(said + 1)
    ours = Usage(tokens, said, cached, stored, thought)
    theirs = TheirUsage(
        input_tokens=tokens,
        output_tokens=said,
        cache_read_tokens=cached,
        cache_write_tokens=stored,
        output_reasoning_tokens=thought,
    )
    return ours, theirs


@pytest.mark.untraced
@pytest.mark.parametrize("provider", providers, ids=[provider.id for provider in providers])
def test_every_price_charges_what_the_data_set_charges(provider: Provider) -> None:
    """Each model at four moments and in every service tier; exact, then rounded once."""
    dice = random.Random(provider.id)
    for model, ours in zip(provider.models, LISTINGS[provider.id].models, strict=True):
        assert model.id == ours.id
        for moment in MOMENTS:
            for tier in (None, *ours.tiers):
                _same_charge(model, provider, ours, moment, tier, dice)


def _same_charge(
    model: ModelInfo, provider: Provider, ours: Model, moment: datetime, tier: str | None, dice: random.Random
) -> None:
    context = {} if tier is None else {"service_tier": tier}
    prices = model.get_prices(moment, context)
    listed = {key for key, value in prices.__dict__.items() if value is not None}
    history = ours.history if tier is None else ours.tier(tier)
    if not listed & {"input_mtok", "output_mtok"}:
        assert history is None
        return
    assert history is not None
    rate = history.at(int(moment.timestamp()) * 1_000_000_000)
    if rate is None:
        assert tier is not None, "only a tier may have no price yet"
        return
    usage, their_usage = _usage(dice)
    theirs = model.calc_price(their_usage, provider, genai_request_timestamp=moment, price_context=context)
    charge = rate.charge(usage)
    if charge == "no_price":
        assert not {"input_mtok", "output_mtok"} <= listed
        return
    assert charge[0] == round(Fraction(theirs.total_price) * 1_000_000), (model.id, tier, moment, usage)


def test_audio_tokens_are_charged_as_in_the_data_set() -> None:
    """Every model that has both audio rates."""
    checked = 0
    for provider in providers:
        for model, ours in zip(provider.models, LISTINGS[provider.id].models, strict=True):
            prices = model.get_prices(MOMENTS[-1])
            if prices.input_audio_mtok is None or prices.output_audio_mtok is None or ours.history is None:
                continue
            theirs = model.calc_price(
                TheirUsage(input_tokens=1000, output_tokens=300, input_audio_tokens=600, output_audio_tokens=200),
                provider,
                genai_request_timestamp=MOMENTS[-1],
            )
            rate = ours.history.at(int(MOMENTS[-1].timestamp()) * 1_000_000_000)
            assert rate is not None
            modalities = (("audio.input_tokens", 600), ("audio.output_tokens", 200))
            charge = rate.charge(Usage(1000, 300, modalities=modalities))
            assert charge[0] == round(Fraction(theirs.total_price) * 1_000_000), model.id
            checked += 1
    assert checked > 5


@pytest.mark.parametrize(
    ("name", "model", "listed"),
    [
        ("openai", "gpt-4.1", "openai"),
        ("azure.ai.openai", "gpt-4.1", "azure"),
        ("x_ai", "grok-4.3", "x-ai"),
        ("mistral_ai", "mistral-large-latest", "mistral"),
        ("aws.bedrock", "amazon.nova-lite-v1:0", "aws"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "google"),
        ("gcp.gemini", "gemini-2.5-pro", "google"),
        ("moonshot_ai", "kimi-k2.5", "moonshotai"),
    ],
)
def test_providers_are_known_by_their_names_in_the_conventions(name: str, model: str, listed: str) -> None:
    """The data set calls some of them otherwise."""
    found = TABLE.find(name, model)
    assert found is not None
    assert found == TABLE.find(listed, model)


def test_a_provider_that_is_not_listed_has_nothing() -> None:
    """A name of one's own."""
    assert TABLE.find("my-gpu", "llama") is None


def test_a_provider_sells_models_of_others() -> None:
    """Azure's names are its own deployments and OpenAI's models, asked in this order, one step deep."""
    table = Table(
        b'{"source":"test 1","providers":{'
        b'"a":{"models":[{"id":"own","names":["own"]}],"others":["gone","b"]},'
        b'"b":{"models":[{"id":"lent","names":["lent"]}],"others":["c"]},'
        b'"c":{"models":[{"id":"far","names":["far"]}]}}}'
    )
    assert [m and m.id for m in (table.find("a", t) for t in ("own", "LENT", "far"))] == ["own", "lent", None]
    assert table.source == "test 1"


def test_the_first_model_that_matches_is_meant() -> None:
    """A pattern of an earlier model wins over the name of a later one, and the other way round."""
    table = Table(
        b'{"source":"test 1","providers":{"a":{"models":['
        b'{"id":"one","names":["x-1"]},'
        b'{"id":"two","like":["^x-","$-end","*mid",["^y","/z$"]]},'
        b'{"id":"three","names":["x-3","w"]},'
        b'{"id":"four","like":["^w"]}]}}}'
    )
    expected = {
        "x-1": "one",
        "x-3": "two",
        "b-end": "two",
        "a-mid-b": "two",
        "y-z": "two",
        "y-a": None,
        "w": "three",
        "w-2": "four",
    }
    assert {text: m and m.id for text in expected for m in (table.find("a", text),)} == expected


def test_the_digest_names_the_bytes_of_the_file() -> None:
    """So that anyone can check which table a record used."""
    assert TABLE.digest == hashlib.sha256(RAW).hexdigest()
    assert TABLE.source.startswith("genai-prices ")


def test_reading_the_table_is_quick_and_small() -> None:
    """At most 10 ms and 5 MB for the file and its two largest providers; best of five, for a busy machine."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        table = load_table()
        table.find("openai", "gpt-4.1")
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.010
    tracemalloc.start()
    table = load_table()
    table.find("openai", "gpt-4.1")
    table.find("openrouter", "openai/gpt-4.1")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 5_000_000
