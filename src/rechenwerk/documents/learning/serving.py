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
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import msgspec
import numpy as np

from rechenwerk.base.errors import RechenwerkError, bad_request, error_document
from rechenwerk.documents.learning.loading import OwnExtractor, OwnModels
from rechenwerk.documents.learning.service import CUT
from rechenwerk.documents.learning.spans import Extractor
from rechenwerk.documents.learning_ports import PREFIX, Artefact, Learning
from rechenwerk.documents.vault import Vault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Embed = Callable[[str, str], Awaitable[Sequence[float]]]
"""Model and text -> a vector."""

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
            await _refuse(send, 404, "no such route")
        elif route == "GET v1/models":
            names = [one.name for one in await self._store.models(organisation) if one.active]
            rows = [{"id": PREFIX + name, "object": "model", "owned_by": "trained"} for name in names]
            await _answer(send, 200, {"object": "list", "data": rows})
        else:
            await self._chat(organisation, await _body(receive), send)

    async def _chat(self, organisation: int, body: bytes, send: Send) -> None:
        try:
            asked = msgspec.json.decode(body, type=_Ask)
            text = _text(asked.messages)
        except (msgspec.DecodeError, ValueError) as error:
            await _refuse(send, 400, f"the request cannot be read: {error}")
            return
        artefact = await self._store.active(organisation, asked.model.removeprefix(PREFIX))
        if artefact is None:
            await _refuse(send, 404, f"there is no trained model {asked.model!r}")
            return
        try:
            said = await self._say(organisation, artefact, text)
        except RechenwerkError as error:
            await _refuse(send, 503, str(error))
            return
        reply = _completion(asked, said, len(text.split()), artefact.version)
        if asked.stream:
            await _stream(send, reply, usage=bool((asked.stream_options or {}).get("include_usage")))
        else:
            await _answer(send, 200, reply)

    async def _say(self, organisation: int, artefact: Artefact, text: str) -> dict[str, Any]:
        model = await self._models.load(organisation, artefact)
        if isinstance(model, Extractor):
            found = await asyncio.to_thread(OwnExtractor(model).find, text)
            return {
                "values": [
                    {
                        "field": one.field,
                        "value": text[one.start : one.end],
                        "start": one.start,
                        "end": one.end,
                    }
                    | {"confidence": round(one.confidence, 4)}
                    for one in found
                ]
            }
        vector = None
        if model.header.embedder:
            row = await self._embed(model.header.embedder, text[:CUT])
            vector = np.asarray(row, dtype=np.float32)
        first, *rest = await asyncio.to_thread(model.guesses, text, vector)
        others = [{"label": one.label, "confidence": round(one.confidence, 4)} for one in rest[:ALTERNATIVES]]
        return {"label": first.label, "confidence": round(first.confidence, 4), "alternatives": others}


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


def _completion(asked: _Ask, said: dict[str, Any], words: int, version: int) -> dict[str, Any]:
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
        "usage": {"prompt_tokens": words, "completion_tokens": made, "total_tokens": words + made},
    }


async def _body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _refuse(send: Send, status: int, message: str) -> None:
    await _answer(send, status, error_document(bad_request(message, status=status)))


async def _answer(send: Send, status: int, document: dict[str, Any]) -> None:
    await _whole(send, status, msgspec.json.encode(document), b"application/json")


async def _whole(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, reply: dict[str, Any], *, usage: bool) -> None:
    """The whole answer as two events, and the usage where it was asked for."""
    head = {key: reply[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    message = reply["choices"][0]["message"]
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    if usage:
        events.append({**head, "choices": [], "usage": reply["usage"]})
    body = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
    await _whole(send, 200, body + b"data: [DONE]\n\n", b"text/event-stream")
