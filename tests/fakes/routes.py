"""Which dialect an address speaks."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.fakes import anthropic_shapes, bedrock_shapes, gemini_shapes, rerank_shapes, responses_shapes
from tests.fakes.dialects import Chat, Completions, Dialect, Embeddings, SideDoors

if TYPE_CHECKING:
    from tests.fakes.knobs import Knobs

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
TOKENIZE = "/tokenize"
SIDE = SideDoors()
COHERE = rerank_shapes.CohereRerank()
EXACT: MappingProxyType[str, Dialect] = MappingProxyType(
    {
        CHAT: Chat(),
        "/v1/completions": Completions(),
        "/v1/embeddings": Embeddings(),
        "/v1/responses": responses_shapes.Responses(),
        "/v1/messages": anthropic_shapes.Messages(),
        "/v1/messages/count_tokens": anthropic_shapes.CountTokens(),
        "/v1/rerank": rerank_shapes.Rerank(),
        "/v2/rerank": COHERE,
    }
)
BY_MODEL: tuple[tuple[re.Pattern[str], Dialect], ...] = (
    (re.compile(r"/v1(?:beta)?/models/([^/:]+):generateContent"), gemini_shapes.Generate(stream=False)),
    (re.compile(r"/v1(?:beta)?/models/([^/:]+):streamGenerateContent"), gemini_shapes.Generate(stream=True)),
    (re.compile(r"/v1(?:beta)?/models/([^/:]+):countTokens"), gemini_shapes.CountTokens()),
    (re.compile(r"/model/([^/]+)/converse"), bedrock_shapes.Converse(stream=False)),
    (re.compile(r"/model/([^/]+)/converse-stream"), bedrock_shapes.Converse(stream=True)),
)


def find(method: str, route: str, knobs: Knobs) -> tuple[Dialect, str]:
    """The dialect, and the model if the path names it; the side doors where nothing is made."""
    if method != "POST":
        return SIDE, ""
    dialect = EXACT.get(route)
    if dialect is not None:
        return (COHERE if route == "/v1/rerank" and knobs.rerank_as == "cohere" else dialect), ""
    for pattern, one in BY_MODEL:
        named = pattern.fullmatch(route)
        if named is not None:
            return one, unquote(named[1])
    return SIDE, ""
