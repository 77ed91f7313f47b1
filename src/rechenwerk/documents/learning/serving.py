"""Trained models behind OpenAI's chat endpoint: the last message is the text, the answer is JSON.

    classifier    {"label": "invoice", "confidence": 0.97, "alternatives": [{"label", "confidence"}, ...]}
    extractor     {"values": [{"field", "value", "start", "end", "confidence"}, ...]}

Every organisation has an address of its own, with a path that cannot be guessed; behind it there is nothing
of any other organisation.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from rechenwerk.base.asgi import Message, Receive, Send, answer, read_body, refuse
from rechenwerk.base.errors import RechenwerkError
from rechenwerk.documents.learning.loading import OwnExtractor, OwnModels
from rechenwerk.documents.learning.service import CUT
from rechenwerk.documents.learning.spans import Extractor
from rechenwerk.documents.learning_ports import PREFIX, Artefact, Learning
from rechenwerk.documents.vault import Vault
from rechenwerk.wire.openai_whole import as_stream

Embed = Callable[[str, str], Awaitable[tuple[Sequence[float], int]]]
"""Model and text -> a vector, and how many tokens the model read for it."""

ALTERNATIVES = 4


class _Ask(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    stream_options: dict[str, Any] | None = None


class Served:
    """The ASGI application.

    Args:
        store: of trained models.
        vault: opens them.
        embed: makes the vectors that classifiers were trained on.
        organisation: path of an address -> the organisation; None for no such path.
    """

    def __init__(
        self, store: Learning, vault: Vault, embed: Embed, organisation: Callable[[str], int | None]
    ) -> None:
        self._store = store
        self._embed = embed
        self._organisation = organisation
        self._models = OwnModels(store, vault)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        parts = scope["path"].strip("/").split("/", 1)
        organisation = self._organisation(parts[0])
        route = f"{scope['method']} {parts[1] if len(parts) > 1 else ''}"
        if organisation is None or route not in {"POST v1/chat/completions", "GET v1/models"}:
            await refuse(send, 404, "no such route")
        elif route == "GET v1/models":
            names = [one.name for one in await self._store.models(organisation) if one.active]
            rows = [{"id": PREFIX + name, "object": "model", "owned_by": "trained"} for name in names]
            await answer(send, 200, msgspec.json.encode({"object": "list", "data": rows}))
        else:
            await self._chat(organisation, await read_body(receive), send)

    async def _chat(self, organisation: int, body: bytes, send: Send) -> None:
        try:
            asked = msgspec.json.decode(body, type=_Ask)
            text = _text(asked.messages)
        except (msgspec.DecodeError, ValueError) as error:
            await refuse(send, 400, f"the request cannot be read: {error}")
            return
        artefact = await self._store.active(organisation, asked.model.removeprefix(PREFIX))
        if artefact is None:
            await refuse(send, 404, f"there is no trained model {asked.model!r}")
            return
        try:
            said, embedded = await self._say(organisation, artefact, text)
        except RechenwerkError as error:
            await refuse(send, 503, str(error))
            return
        reply = _completion(asked, said, len(text.split()) + embedded, artefact.version)
        if asked.stream:
            usage = bool((asked.stream_options or {}).get("include_usage"))
            await answer(send, 200, as_stream(reply, usage=usage), b"text/event-stream")
        else:
            await answer(send, 200, msgspec.json.encode(reply))

    async def _say(self, organisation: int, artefact: Artefact, text: str) -> tuple[dict[str, Any], int]:
        """What the model says, and the tokens that were embedded for it: they are part of this call."""
        model = await self._models.load(organisation, artefact)
        if isinstance(model, Extractor):
            found = await asyncio.to_thread(OwnExtractor(model).find, text)
            values = [
                {
                    "field": one.field,
                    "value": text[one.start : one.end],
                    "start": one.start,
                    "end": one.end,
                    "confidence": round(one.confidence, 4),
                }
                for one in found
            ]
            return {"values": values}, 0
        vector, embedded = None, 0
        if model.header.embedder:
            row, embedded = await self._embed(model.header.embedder, text[:CUT])
            vector = np.asarray(row, dtype=np.float32)
        first, *rest = await asyncio.to_thread(model.guesses, text, vector)
        others = [{"label": one.label, "confidence": round(one.confidence, 4)} for one in rest[:ALTERNATIVES]]
        said = {"label": first.label, "confidence": round(first.confidence, 4), "alternatives": others}
        return said, embedded


def _text(messages: list[dict[str, Any]]) -> str:
    """What the last message of the user says."""
    for one in reversed(messages):
        if one.get("role") == "user":
            content = one.get("content")
            if isinstance(content, list):
                parts = [part.get("text") for part in content if isinstance(part, dict)]
                content = "\n".join(part for part in parts if isinstance(part, str))
            if isinstance(content, str) and content.strip():
                return content
    raise ValueError("it has no message of a user with a text")


def _completion(asked: _Ask, said: dict[str, Any], read: int, version: int) -> dict[str, Any]:
    content = msgspec.json.encode(said).decode()
    made = len(content.split())
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "system_fingerprint": f"version-{version}",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made},
    }
