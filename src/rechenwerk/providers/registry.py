"""Kinds of providers: a provider is a row until it needs behaviour.

Addresses are those that the providers' own documentation gives: platform.openai.com, docs.anthropic.com,
ai.google.dev, docs.cohere.com, jina.ai, docs.mistral.ai, docs.ollama.com, docs.ionos.com, docs.stackit.cloud,
ovhcloud.com (AI Endpoints), scaleway.com (Generative APIs), openrouter.ai/docs, console.groq.com/docs,
docs.together.ai, api-docs.deepseek.com, learn.microsoft.com (Azure OpenAI v1), docs.aws.amazon.com (Bedrock).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

CapField = Literal["max_tokens", "max_completion_tokens"]
Dialect = Literal["openai", "anthropic", "gemini", "bedrock", "cohere"]
TierField = Literal["service_tier", "serviceTier", "serviceTier.type"]
Auth = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "sigv4"]

ENDPOINTS = ("chat", "completions", "embeddings", "rerank")
"""What a deployment can serve."""

_CHAT = ("chat",)
_PAID = (("standard", "default"), ("flex", "flex"), ("priority", "priority"))
_LLAMA = ("n_predict", "n_cmpl")
_ANTHROPIC = (
    *("fallbacks", "inference_geo", "mcp_servers"),  # go elsewhere
    *("speed", "billing_policy", "fallback_credit_token"),  # cost something else
    *("thread", "container"),  # what the provider keeps, for all who share its key
)


class ProviderKind(msgspec.Struct, frozen=True):
    """What is special about a kind of provider.

    Attributes:
        tokenize: path below the server's root of a llama.cpp-shaped tokenizer, if there is one.
        usage_of_first_choice: reports usage of the first choice only when ``n`` is above 1.
        cap_field: the field that caps the output of a chat (OpenAI renamed it, others did not follow).
        own: a child of this installation, which knows its address.
        aliases: fields by which a call would go past what was held for it or where it may go: other names of
            ``max_tokens`` and ``n``, other models or providers than the deployment's, other prices, what the
            provider keeps for all who share its key. A call that names one is refused.
        dialect: what it speaks.
        auth: how it takes its key: as ``Authorization: Bearer``, as a header of that name, or as a signature.
        headers: header lines that every request needs.
        base_url: its address. With a ``{part}`` it is only the shape of one: the operator writes the address.
        responses: speaks OpenAI's Responses itself.
        rerank: path of its rerank endpoint below the address, if it has one.
        endpoints: what its deployments can serve besides rerank.
        asks_usage: a stream reports usage only when asked to; else it always does, and refuses the question.
        tiers: the service tiers that a chat can ask for, each with the word that a request says.
        tier_field: where it says it: OpenAI's field, or ``serviceTier``, at AWS with the word inside.
    """

    tokenize: str | None = None
    usage_of_first_choice: bool = False
    cap_field: CapField = "max_tokens"
    own: bool = False
    aliases: tuple[str, ...] = ()
    dialect: Dialect = "openai"
    auth: Auth = "bearer"
    headers: tuple[tuple[str, str], ...] = ()
    base_url: str = ""
    responses: bool = False
    rerank: str | None = None
    endpoints: tuple[str, ...] = ("chat", "completions", "embeddings")
    asks_usage: bool = True
    tiers: tuple[tuple[str, str], ...] = ()
    tier_field: TierField = "service_tier"

    def tier_word(self, tier: str) -> str:
        """What a request says for a service tier; empty where it can say nothing."""
        return dict(self.tiers).get(tier, "")

    def tier_member(self, tier: str) -> dict[str, bytes]:
        """The member of a body that asks for a service tier, its name and its JSON; none where it cannot."""
        word = self.tier_word(tier)
        if not word:
            return {}
        if self.tier_field == "serviceTier.type":
            return {"serviceTier": b'{"type":"%s"}' % word.encode()}
        return {self.tier_field: b'"%s"' % word.encode()}

    @property
    def default_url(self) -> str:
        """The address of a provider whose operator wrote none; empty when he must."""
        return "" if "{" in self.base_url else self.base_url

    @property
    def serves(self) -> tuple[str, ...]:
        """What its deployments can serve, in the order of `ENDPOINTS`."""
        return self.endpoints if self.rerank is None else (*self.endpoints, "rerank")


_CLOUDS: Mapping[str, ProviderKind] = MappingProxyType(
    {
        "openai": ProviderKind(
            cap_field="max_completion_tokens",
            base_url="https://api.openai.com/v1",
            responses=True,
            tiers=(*_PAID, ("scale", "scale")),
        ),
        "azure-openai": ProviderKind(
            cap_field="max_completion_tokens",
            auth="api-key",
            base_url="https://{resource}.openai.azure.com/openai/v1",
            responses=True,
            aliases=("data_sources",),
            tiers=_PAID[::2],
        ),
        "anthropic": ProviderKind(
            dialect="anthropic",
            auth="x-api-key",
            headers=(("anthropic-version", "2023-06-01"),),
            base_url="https://api.anthropic.com/v1",
            endpoints=_CHAT,
            aliases=_ANTHROPIC,
            tiers=(("standard", "standard_only"), ("priority", "auto")),
        ),
        "gemini": ProviderKind(
            dialect="gemini",
            auth="x-goog-api-key",
            base_url="https://generativelanguage.googleapis.com/v1beta",
            endpoints=_CHAT,
            tiers=(("standard", "standard"), ("flex", "flex"), ("priority", "priority")),
            tier_field="serviceTier",
        ),
        "bedrock": ProviderKind(
            dialect="bedrock",
            auth="sigv4",
            base_url="https://bedrock-runtime.{region}.amazonaws.com",
            endpoints=_CHAT,
            tiers=(*_PAID, ("reserved", "reserved")),
            tier_field="serviceTier.type",
        ),
        "cohere": ProviderKind(
            dialect="cohere", base_url="https://api.cohere.com", rerank="/v2/rerank", endpoints=()
        ),
        "jina": ProviderKind(base_url="https://api.jina.ai/v1", rerank="/rerank", endpoints=("embeddings",)),
        # It refuses what it does not know: stream_options and max_completion_tokens, with 422.
        "mistral": ProviderKind(
            base_url="https://api.mistral.ai/v1", endpoints=("chat", "embeddings"), asks_usage=False
        ),
        "ionos": ProviderKind(base_url="https://openai.inference.de-txl.ionos.com/v1"),
        "stackit": ProviderKind(base_url="https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1"),
        "ovhcloud": ProviderKind(base_url="https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"),
        "scaleway": ProviderKind(
            base_url="https://api.scaleway.ai/v1", rerank="/rerank", endpoints=("chat", "embeddings")
        ),
        "openrouter": ProviderKind(
            base_url="https://openrouter.ai/api/v1",
            aliases=("models", "route", "provider", "plugins", "preset"),
            tiers=_PAID,
        ),
        "groq": ProviderKind(
            cap_field="max_completion_tokens",
            base_url="https://api.groq.com/openai/v1",
            endpoints=_CHAT,
            tiers=(("standard", "on_demand"), ("flex", "flex"), ("performance", "performance")),
        ),
        "together": ProviderKind(base_url="https://api.together.ai/v1", rerank="/rerank"),
        "deepseek": ProviderKind(base_url="https://api.deepseek.com", endpoints=_CHAT),
    }
)

_OWN_SERVERS: Mapping[str, ProviderKind] = MappingProxyType(
    {
        "openai-compatible": ProviderKind(aliases=_LLAMA, rerank="/rerank"),
        "vllm": ProviderKind(rerank="/rerank", aliases=("chat_template",)),
        "llama.cpp": ProviderKind(
            tokenize="/tokenize", usage_of_first_choice=True, aliases=_LLAMA, rerank="/rerank"
        ),
        "ollama": ProviderKind(base_url="http://localhost:11434/v1"),
        # It hands fields that it does not know to the provider behind it.
        "litellm": ProviderKind(aliases=(*_LLAMA, "fallbacks"), rerank="/rerank"),
        "embedded": ProviderKind(tokenize="/tokenize", usage_of_first_choice=True, own=True, aliases=_LLAMA),
        "embedded-embeddings": ProviderKind(tokenize="/tokenize", own=True, endpoints=("embeddings",)),
        "trained": ProviderKind(own=True, endpoints=_CHAT),
    }
)

KINDS: Mapping[str, ProviderKind] = MappingProxyType({**_CLOUDS, **_OWN_SERVERS})
"""Kind -> row. The embedded ones are llama.cpp and the embedders in a child of this installation; `trained`:
what organisations made from their own examples."""
