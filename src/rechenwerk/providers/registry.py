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
    """

    tokenize: str | None = None
    usage_of_first_choice: bool = False


KINDS: Mapping[str, ProviderKind] = MappingProxyType(
    {
        "openai": ProviderKind(),
        "llama.cpp": ProviderKind(tokenize="/tokenize", usage_of_first_choice=True),
        "embedded": ProviderKind(tokenize="/tokenize", usage_of_first_choice=True),
    }
)
"""Kind -> row. ``embedded`` is llama.cpp and the static embedder in a child process of this installation."""

ENDPOINTS = ("chat", "completions", "embeddings")
"""What a deployment can serve."""
