"""The ways in: a configuration from a file, or from the environment alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.config.reading import ENV, KNOWN, configured
from tracegate.config.load import load
from tracegate.config.model import Config, Listen
from tracegate.config.problems import InvalidConfig

EXAMPLE = """\
listen: {address: 0.0.0.0:4000}
gateway: {region: eu-central-1}

providers:
  azure-eu:  {row: azure, base_url: "https://shop-sweden.openai.azure.com/openai/v1", key: "${AZURE_KEY}", region: swedencentral}
  openai-eu: {row: openai, base_url: "https://eu.api.openai.com/v1", key: {file: openai}}
  mistral:   {}

targets:
  gpt-azure:  {provider: azure-eu, model: gpt-5.5, price: {input: 2.20, output: 9, source: "agreement 2026-07"}}
  gpt-openai: openai-eu/gpt-5.5
  large:      {provider: mistral, model: mistral-large-latest, timeouts: {first_token: 20s}}

routes:
  chat:
    fallback: [gpt-azure, gpt-opnai, large]
    retry: {times: 2, max_wait: 3s}
    timeouts: {attempt: 30, first_token: 10s, idle: 30s}
    deadline: 90s
  fast: {weighted: {large: 80, gpt-openai: 20}, retry: 0}
  "*": chat
"""  # noqa: E501  # the reference's own example; the columns of the errors below count from it


def test_all_errors_of_a_file_are_shown_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference's own example, word for word."""
    monkeypatch.chdir(tmp_path)
    Path("tracegate.yaml").write_text(EXAMPLE)
    Path("openai").write_text("sk-openai\n")
    with pytest.raises(InvalidConfig) as caught:
        load("tracegate.yaml", {"MISTRAL_API_KEY": "x", "AZURE_API_KEY": "y", "WEB_KEY": "z"}, KNOWN)
    assert str(caught.value) == (
        "tracegate.yaml:1:19  listen.address: 0.0.0.0:4000 is open to the network and there are no `keys`\n"
        "    add `keys`, listen on 127.0.0.1, or write `without_keys: true` if something in front checks callers.\n"
        "\n"
        "tracegate.yaml:5:92  providers.azure-eu.key: the variable AZURE_KEY is not set\n"
        "    set it, write `${AZURE_KEY:-…}` with a default, or `{file: PATH}`. Set and similar: AZURE_API_KEY.\n"
        "\n"
        "tracegate.yaml:16:27  routes.chat.fallback[1]: unknown name `gpt-opnai`\n"
        "    did you mean `gpt-openai`? Targets: gpt-azure, gpt-openai, large. Routes: fast. "
        "Or provider/model with one of: azure-eu, mistral, openai-eu.\n"
        "\n"
        "tracegate.yaml:18:25  routes.chat.timeouts.attempt: `30` has no unit\n"
        "    write `30s` (or ms, m, h).\n"
        "\n"
        "4 errors in tracegate.yaml. Nothing was started."
    )


def test_problems_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """The first file first, then those it includes, variables last."""
    (tmp_path / "tracegate.yaml").write_text("include: [a.yaml]\nprviders: {}\nproviders: {openai: {}}\nlimts: {}")
    (tmp_path / "a.yaml").write_text("kyes: {}")
    with pytest.raises(InvalidConfig) as caught:
        load(str(tmp_path / "tracegate.yaml"), {**ENV, "OTEL_RESOURCE_ATTRIBUTES": "x"}, KNOWN)
    assert [problem.path for problem in caught.value.problems] == [
        "prviders",
        "limts",
        "kyes",
        "OTEL_RESOURCE_ATTRIBUTES",
    ]


def test_what_is_no_yaml_ends_the_reading(tmp_path: Path) -> None:
    """Nothing that would be said of the rest would be true."""
    (tmp_path / "tracegate.yaml").write_text("providers: {opnai: {}}\na: b: c")
    with pytest.raises(InvalidConfig) as caught:
        load(str(tmp_path / "tracegate.yaml"), ENV, KNOWN)
    assert len(caught.value.problems) == 1


def test_a_file_that_can_not_be_read_is_an_os_error(tmp_path: Path) -> None:
    """The exit status is another then."""
    with pytest.raises(FileNotFoundError):
        load(str(tmp_path / "none.yaml"), ENV, KNOWN)


def test_without_a_file_the_environment_is_served() -> None:
    """As `provider/model`, on loopback, without keys."""
    config = load(None, ENV, KNOWN)
    assert (config.file, list(config.providers), config.direct) == (None, ["openai", "mistral"], True)
    assert (config.listen, config.keys, config.routes, config.targets) == (Listen(), {}, {}, {})
    assert config.notes == ()
    with pytest.raises(InvalidConfig, match="1 error in the environment"):
        load(None, {"VLLM_BASE_URL": "gpu"}, KNOWN)


def test_what_is_installed_is_known_by_default(tmp_path: Path) -> None:
    """Nobody has to say it."""
    (tmp_path / "tracegate.yaml").write_text("providers: {openai: {}}\nroutes: {a: [openai/gpt-4o]}")
    config = load(str(tmp_path / "tracegate.yaml"), ENV)
    assert config.targets["openai/gpt-4o"].target.context == 128_000


@pytest.mark.untraced
def test_ten_thousand_keys_load_quickly() -> None:
    """About a second of the processor, untraced; the bound leaves room for a busy machine."""
    keys = "".join(
        f'  key-{i}: {{tenant: t{i % 50}, hash: "sha256:{i:064x}", routes: [chat], expires: 2027-01-01}}\n'
        for i in range(10_000)
    )
    begin = time.process_time()
    config: Config = configured(f"providers: {{openai: {{}}}}\nroutes: {{chat: openai/a}}\nkeys:\n{keys}")
    assert len(config.keys) == 10_000
    assert time.process_time() - begin < 5
