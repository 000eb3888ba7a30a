"""Which region a host name proves, and the short form of a region that a provider names.

A rule stands here only where the provider's documents say that the host decides where inference runs (ruling 1).
An edge's location, a resource's name and a data-storage region prove nothing: DashScope's regional hosts, for one, say
where data is stored, and `api.openai.com` says nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_RULES: Mapping[str, tuple[str, ...]] = {
    # https://developers.openai.com/api/docs/guides/data-residency: the prefixes with regional processing
    "openai": (r"(us|eu|au|in|jp|ae)\.api\.openai\.com",),
    # https://learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains (regional endpoints) and
    # https://learn.microsoft.com/azure/ai-foundry/how-to/deploy-models-serverless (serverless deployments)
    "azure.ai.openai": (r"([a-z0-9]+)\.api\.cognitive\.(?:microsoft\.com|microsoft\.us|azure\.cn)",),
    "azure.ai.inference": (
        r"([a-z0-9]+)\.api\.cognitive\.(?:microsoft\.com|microsoft\.us|azure\.cn)",
        r"[a-z0-9-]+\.([a-z0-9]+)\.(?:models\.ai\.azure|inference\.ml\.azure)\.com",
    ),
    # https://docs.aws.amazon.com/general/latest/gr/bedrock.html and
    # https://docs.aws.amazon.com/bedrock/latest/userguide/endpoints.html
    "aws.bedrock": (
        r"bedrock-runtime(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.amazonaws\.com(?:\.cn)?",
        r"bedrock-(?:runtime|mantle)\.([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.api\.aws",
        r"vpce-[a-z0-9-]+\.bedrock-runtime(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.vpce\.amazonaws\.com",
    ),
    # https://cloud.google.com/vertex-ai/generative-ai/docs/learn/data-residency
    "gcp.vertex_ai": (
        r"([a-z]+-[a-z]+[0-9]+)-aiplatform\.googleapis\.com",
        r"aiplatform\.([a-z]+-[a-z]+[0-9]+|eu|us)\.rep\.googleapis\.com",
    ),
    # https://docs.mistral.ai/studio/regional-inference
    "mistral_ai": (r"api\.(eu|us)\.mistral\.ai",),
    # https://docs.x.ai/docs/key-information/regions: a request that can't be served there fails
    "x_ai": (r"([a-z]{2}-[a-z]+-[0-9]+)\.api\.x\.ai",),
    # https://openrouter.ai/docs/guides/features/in-region-routing
    "openrouter": (r"(eu|us)\.openrouter\.ai",),
}
_COMPILED = {name: tuple(re.compile(rule) for rule in rules) for name, rules in _RULES.items()}
_EVERY = tuple(rule for rules in _COMPILED.values() for rule in rules)


def region_of_host(provider_name: str, host: str) -> str | None:
    """The region that a verified host name proves, in the provider's short form, or `None`.

    Args:
        provider_name: `gen_ai.provider.name`. A name without rules of its own is held against all of them: a provider
            entry without a row may well point at such a host.
        host: Host name of the connection, without port.

    >>> region_of_host("azure.ai.openai", "eastus2.api.cognitive.microsoft.com")
    'eastus2'
    >>> region_of_host("openai", "api.openai.com") is None
    True
    """
    host = host.lower().removesuffix(".")
    for rule in _COMPILED.get(provider_name, _EVERY):
        match = rule.fullmatch(host)
        if match is not None:
            return match[1]
    return None


def region_id(name: str) -> str | None:
    """The short form of a region that a provider names in prose, or `None` for an empty text (ruling 3).

    Azure's `x-ms-region` has display names; its ids are those in lower case without blanks.

    >>> region_id("East US 2")
    'eastus2'
    """
    return "".join(name.split()).lower() or None
