"""Kinds of providers: a provider is a row until it needs behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class ProviderKind(msgspec.Struct, frozen=True):
    """What is special about a kind of provider.

    Attributes:
        tokenize: path below the server's root of a llama.cpp-shaped tokenizer, if there is one.
        usage_of_first_choice: reports usage of the first choice only when ``n`` is above 1.
        cap_field: the field that caps the output of a chat (OpenAI renamed it, others did not follow).
        own: a child of this installation, which knows its address.
        aliases: fields that win over ``max_tokens`` and ``n``; a call that names one is refused.
    """

    tokenize: str | None = None
    usage_of_first_choice: bool = False
    cap_field: str = "max_tokens"
    own: bool = False
    aliases: tuple[str, ...] = ()


_LLAMA = ("n_predict", "n_cmpl")

KINDS: Mapping[str, ProviderKind] = MappingProxyType(
    {
        "openai": ProviderKind(cap_field="max_completion_tokens"),
        "openai-compatible": ProviderKind(aliases=_LLAMA),
        "llama.cpp": ProviderKind(tokenize="/tokenize", usage_of_first_choice=True, aliases=_LLAMA),
        "embedded": ProviderKind(tokenize="/tokenize", usage_of_first_choice=True, own=True, aliases=_LLAMA),
        "embedded-embeddings": ProviderKind(tokenize="/tokenize", own=True),
    }
)
"""Kind -> row. The embedded ones are llama.cpp and the static embedder in a child of this installation."""

ENDPOINTS = ("chat", "completions", "embeddings")
"""What a deployment can serve."""
