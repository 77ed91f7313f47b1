"""Counting tokens that nobody reported."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from rechenwerk.base.errors import ProviderError
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.upstreams import Upstream
from rechenwerk.ledger.ports import UsageSource
from rechenwerk.providers.transport import Collect

_BYTES_PER_TOKEN = 4
"""A common rule of thumb for English; German takes more tokens, so estimates are marked as such."""


_MOST_TEXTS = 64
"""Texts of a prompt that are counted one by one; more are counted as one."""


class _Tokens(msgspec.Struct):
    tokens: list[Any]


class _Named(msgspec.Struct):
    model: str = ""


_tokens = msgspec.json.Decoder(_Tokens)
_named = msgspec.json.Decoder(_Named)


def prompt_texts(body: bytes) -> list[str]:
    """All texts that a request puts before the model."""
    try:
        request: dict[str, Any] = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # in a field that nobody read before
        return [body.decode("utf-8", "replace")]
    asked = request.get("messages", request.get("prompt", request.get("input")))
    documents = request.get("documents")
    if asked is None and isinstance(documents, list):  # a rerank: the query is read with every document
        asked = [[request.get("query"), document] for document in documents]
    tools = request.get("tools")
    named = msgspec.json.encode(tools).decode() if tools else None
    return _strings([request.get("system"), request.get("instructions"), asked, named])


def _strings(value: Any) -> list[str]:
    found: list[str] = []
    left = [value]
    while left:  # no recursion: how deep it goes is the client's choice
        part = left.pop()
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, list):
            left.extend(reversed(part))
        elif isinstance(part, dict):
            left.extend((part.get("text"), part.get("content")))
    return found


def estimate(prompt: str, texts: list[str], events: int) -> Usage:
    """Usage by rule of thumb: a quarter of the bytes, and never less than one token per event."""
    produced = sum(len(text.encode()) for text in texts)
    return Usage(
        input=-(-len(prompt.encode()) // _BYTES_PER_TOKEN),
        output=max(events, -(-produced // _BYTES_PER_TOKEN)),
    )


async def count(upstream: Upstream, body: bytes, texts: list[str], events: int) -> tuple[Usage, UsageSource]:
    """Count a call's tokens with the provider's own tokenizer, or estimate where there is none.

    Args:
        upstream: who served the call.
        body: of the request.
        texts: what each choice of the answer said.
        events: events of a stream that carried text; 0 for a whole answer.
    """
    prompts = prompt_texts(body)
    if len(prompts) > _MOST_TEXTS:
        prompts = ["\n".join(prompts)]
    if upstream.kind.tokenize is None:
        return estimate("\n".join(prompts), texts, events), "estimated"
    try:
        model = _model(body)
        numbers = [await _count(upstream, model, text) for text in (*prompts, *texts)]
    except (ProviderError, ValueError, RecursionError):  # the tokenizer may say anything
        return estimate("\n".join(prompts), texts, events), "estimated"
    return Usage(input=sum(numbers[: len(prompts)]), output=sum(numbers[len(prompts) :])), "counted"


def _model(body: bytes) -> str:
    """What was asked for: a server of several models has as many tokenizers."""
    try:
        return _named.decode(body).model
    except (msgspec.DecodeError, RecursionError):
        return ""


async def _count(upstream: Upstream, model: str, text: str) -> int:
    if not text:
        return 0
    sink = Collect(asyncio.get_running_loop())
    question = msgspec.json.encode({"content": text, "model": model})
    await upstream.pool.send(upstream.tokenize_request(question), sink)
    answer = await sink.done
    return len(_tokens.decode(answer.body).tokens)
