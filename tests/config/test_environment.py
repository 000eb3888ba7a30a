"""Without a file: what the environment alone says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.config.reading import KNOWN
from tracegate.config.environment import document, found
from tracegate.config.load import load
from tracegate.dialects.rows import ROWS
from tracegate.errors import ConfigError

ENV = {"OPENAI_API_KEY": "sk-1", "VLLM_BASE_URL": "http://10.0.0.9:8000/v1", "MISTRAL_API_KEY": ""}


def test_every_row_whose_variable_is_set_is_served() -> None:
    """Rows of servers of one's own by their address; none that has no address of its own."""
    rows = document({**ENV, "AZURE_OPENAI_API_KEY": "x"}, KNOWN).map["providers"].map
    assert list(rows) == ["openai", "vllm"]


def test_what_was_found_is_said_with_what_to_write() -> None:
    """A person can go on from there."""
    assert found(load(None, ENV, KNOWN), KNOWN) == (
        "no tracegate.yaml here: serving the providers whose variable is set, as provider/model\n"
        "    openai      OPENAI_API_KEY      https://api.openai.com/v1\n"
        "    vllm        VLLM_BASE_URL       http://10.0.0.9:8000/v1\n"
        "to change it, write tracegate.yaml:\n"
        "    providers:\n"
        "      openai: {}\n"
        "      vllm: {}"
    )


def test_without_any_variable_the_list_is_printed() -> None:
    """Nothing is started."""
    few = replace(KNOWN, rows={id: ROWS[id] for id in ("openai", "azure", "vllm")})
    with pytest.raises(ConfigError) as caught:
        document({"PATH": "x"}, few)
    assert str(caught.value) == (
        "there is no tracegate.yaml here, and no variable of a provider is set. Nothing was started.\n"
        "    write a file (`--config FILE`), or set one of:\n"
        "    openai      OPENAI_API_KEY\n"
        "    vllm        VLLM_BASE_URL"
    )
