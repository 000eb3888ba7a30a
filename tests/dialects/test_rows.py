"""The built-in providers are data; what can be checked of data is checked here."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tracegate.dialects.regions import region_of_host
from tracegate.dialects.rows import ROWS, Row

OWN_NAMES = {"together", "fireworks", "openrouter", "dashscope", "ollama", "vllm", "llamacpp"}
"""Providers that the pinned conventions do not list."""


def test_the_rows_are_those_promised() -> None:
    """Thirteen providers, each under its own id."""
    assert list(ROWS) == [
        "openai",
        "azure",
        "mistral",
        "deepseek",
        "groq",
        "xai",
        "together",
        "fireworks",
        "openrouter",
        "dashscope",
        "ollama",
        "vllm",
        "llamacpp",
    ]
    assert list(ROWS) == [row.id for row in ROWS.values()]


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_a_row_is_well_formed(row: Row) -> None:
    """A base URL without a trailing slash, query or user; `http` only to this machine; a variable that can be set."""
    if row.base_url is not None:
        url = urlsplit(row.base_url)
        assert url.scheme == "https" or (url.scheme == "http" and url.hostname == "127.0.0.1")
        assert url.path.endswith("/v1")
        assert (url.query, url.fragment, url.username) == ("", "", None)
        assert region_of_host(row.name, url.hostname or "") is None  # the defaults are global or local
    for variable in (row.key, row.base_url_variable):
        assert variable is None or variable == variable.upper()
    assert row.auth == "bearer" or row.auth.startswith("header:")


def test_local_servers_need_no_key_and_are_found_by_variable() -> None:
    """What runs on one's own machines has a variable for its address instead of a key."""
    local = {row.id for row in ROWS.values() if row.base_url_variable is not None}

    assert {"ollama", "vllm", "llamacpp"} == local
    assert local == {row.id for row in ROWS.values() if row.key is None}


def test_provider_names_are_those_of_the_conventions() -> None:
    """Where the pinned conventions list a provider, their name is used."""
    assert {"openai", "azure.ai.openai", "mistral_ai", "deepseek", "groq", "x_ai"} == {
        row.name for row in ROWS.values()
    } - OWN_NAMES
