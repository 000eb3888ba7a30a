"""Regions that a host proves, and those it does not."""

from __future__ import annotations

import pytest

from tracegate.dialects.regions import region_id, region_of_host


@pytest.mark.parametrize(
    ("provider", "host", "expected"),
    [
        ("openai", "eu.api.openai.com", "eu"),
        ("openai", "us.api.openai.com", "us"),
        ("azure.ai.openai", "eastus2.api.cognitive.microsoft.com", "eastus2"),
        ("azure.ai.openai", "EastUS2.API.cognitive.microsoft.com.", "eastus2"),
        ("azure.ai.openai", "usgovvirginia.api.cognitive.microsoft.us", "usgovvirginia"),
        ("azure.ai.openai", "chinaeast2.api.cognitive.azure.cn", "chinaeast2"),
        ("azure.ai.inference", "swedencentral.api.cognitive.microsoft.com", "swedencentral"),
        ("azure.ai.inference", "llama-abc.eastus2.models.ai.azure.com", "eastus2"),
        ("azure.ai.inference", "endpoint.westeurope.inference.ml.azure.com", "westeurope"),
        ("aws.bedrock", "bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
        ("aws.bedrock", "bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("aws.bedrock", "bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("aws.bedrock", "bedrock-mantle.us-east-2.api.aws", "us-east-2"),
        ("aws.bedrock", "vpce-0a1-b2.bedrock-runtime.us-east-1.vpce.amazonaws.com", "us-east-1"),
        ("gcp.vertex_ai", "europe-west4-aiplatform.googleapis.com", "europe-west4"),
        ("gcp.vertex_ai", "aiplatform.eu.rep.googleapis.com", "eu"),
        ("gcp.vertex_ai", "aiplatform.us-central1.rep.googleapis.com", "us-central1"),
        ("mistral_ai", "api.eu.mistral.ai", "eu"),
        ("x_ai", "eu-west-1.api.x.ai", "eu-west-1"),
        ("openrouter", "eu.openrouter.ai", "eu"),
        ("my-own-name", "bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
    ],
)
def test_a_host_that_the_provider_binds_to_a_region_proves_it(provider: str, host: str, expected: str) -> None:
    """In any case of letters, and with the dot of a fully qualified name."""
    assert expected == region_of_host(provider, host)


@pytest.mark.parametrize(
    ("provider", "host"),
    [
        ("openai", "api.openai.com"),
        ("openai", "xx.api.openai.com"),
        ("openai", "eu.api.openai.com.evil.example"),
        ("openai", "evil-eu.api.openai.com"),
        ("openai", "bedrock-runtime.eu-west-1.amazonaws.com"),
        ("azure.ai.openai", "swedencentral.openai.azure.com"),
        ("azure.ai.openai", "api.cognitive.microsoft.com"),
        ("aws.bedrock", "bedrock.eu-west-1.amazonaws.com"),
        ("gcp.vertex_ai", "aiplatform.googleapis.com"),
        ("mistral_ai", "api.mistral.ai"),
        ("dashscope", "cn-hongkong.dashscope.aliyuncs.com"),
        ("my-own-name", "10.0.0.5"),
        ("my-own-name", ""),
    ],
)
def test_every_other_host_proves_nothing(provider: str, host: str) -> None:
    """A resource's name, a storage region, a look-alike domain, another provider's host."""
    assert region_of_host(provider, host) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("East US 2", "eastus2"), ("Sweden Central", "swedencentral"), ("eu-west-1", "eu-west-1"), (" ", None)],
)
def test_a_region_in_prose_becomes_its_id(name: str, expected: str | None) -> None:
    """Lower case without blanks; nothing stays nothing."""
    assert expected == region_id(name)
