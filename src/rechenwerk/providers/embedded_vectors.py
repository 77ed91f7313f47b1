"""The OpenAI-shaped embeddings server of the embedded provider, as an ASGI application."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from rechenwerk.base.asgi import BadRequestError, answer, decode, read_body, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rechenwerk.base.asgi import Message, Receive, Send

MODEL = "potion-multilingual-128m"
MOST_TEXTS = 2048  # as at OpenAI


class Vectors(Protocol):
    """What turns texts into vectors."""

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text."""

    def encode(
        self, texts: Sequence[str], dimensions: int | None = None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """A unit vector for each text, and counts of tokens whose sum is the usage."""


class VectorServer:
    """``POST /v1/embeddings``, ``POST /tokenize``, ``GET /v1/models``, ``GET /health``."""

    def __init__(self, embedder: Vectors, others: Mapping[str, Vectors] | None = None) -> None:
        self._embedder = embedder
        self._others = others or {}

    def _of(self, body: dict[str, Any]) -> tuple[str, Vectors]:
        """The model that a request names; the usual one for every other name."""
        name = body.get("model")
        if isinstance(name, str) and name in self._others:
            return name, self._others[name]
        return MODEL, self._embedder

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            reply = await self._route(scope["method"], scope["path"], receive)
        except BadRequestError as error:
            await refuse(send, 400, str(error), error.param)
            return
        if reply is None:
            await refuse(send, 404, f"no route {scope['method']} {scope['path']}; try POST /v1/embeddings")
        else:
            await answer(send, 200, msgspec.json.encode(reply))

    async def _route(self, method: str, path: str, receive: Receive) -> dict[str, Any] | None:
        if (method, path) == ("POST", "/v1/embeddings"):
            # In a thread: a large batch must not hold up the chat streams of the same loop.
            return await asyncio.to_thread(self._embeddings, decode(await read_body(receive)))
        if (method, path) == ("POST", "/tokenize"):
            body = decode(await read_body(receive))
            content = body.get("content")
            if not isinstance(content, str):
                raise BadRequestError("content must be a string", "content")
            return {"tokens": await asyncio.to_thread(self._of(body)[1].tokens, content)}
        if (method, path) == ("GET", "/v1/models"):
            names = (MODEL, *self._others)
            models = [{"id": name, "object": "model", "owned_by": "embedded"} for name in names]
            return {"object": "list", "data": models}
        return {"status": "ok"} if (method, path) == ("GET", "/health") else None

    def _embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        texts = _texts(body.get("input"))
        encoding = body.get("encoding_format") or "float"
        if encoding not in {"float", "base64"}:
            raise BadRequestError("encoding_format must be 'float' or 'base64'", "encoding_format")
        dimensions = body.get("dimensions")
        if dimensions is not None and type(dimensions) is not int:
            raise BadRequestError("dimensions must be an integer", "dimensions")
        try:
            name, embedder = self._of(body)
            vectors, counts = embedder.encode(texts, dimensions)
        except ValueError as error:
            raise BadRequestError(str(error), "dimensions") from error
        # Base64 is the little-endian float32 bytes; it is what OpenAI's SDK asks for by default.
        data = [
            base64.b64encode(row.astype("<f4").tobytes()).decode() if encoding == "base64" else row.tolist()
            for row in vectors
        ]
        return {
            "object": "list",
            "data": [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(data)],
            "model": name,
            "usage": {"prompt_tokens": sum(counts), "total_tokens": sum(counts)},
        }


def _texts(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise BadRequestError("input must be a string or a list of strings", "input")
    if any(isinstance(text, int | list) for text in texts):
        raise BadRequestError(
            "input as token ids is not supported, they belong to another tokenizer: send strings", "input"
        )
    if not all(isinstance(text, str) and text for text in texts):
        raise BadRequestError("every input must be a string that is not empty", "input")
    if len(texts) > MOST_TEXTS:
        raise BadRequestError(f"at most {MOST_TEXTS} inputs in a request, not {len(texts)}", "input")
    return texts
