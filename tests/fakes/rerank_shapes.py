"""Rerank: https://docs.cohere.com/reference/rerank and https://api.jina.ai/redoc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.answers import Answer, ApiError, Ask, Message, count
from tests.fakes.dialects import Dialect, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.book import Seen
    from tests.fakes.shapes import Event

DOCUMENTS_PER_UNIT = 100


class RerankAsk(msgspec.Struct):
    model: str | None = None
    query: str | None = None
    documents: list[str | dict[str, Any]] | None = None
    top_n: int | None = None
    return_documents: bool | None = None
    x_fake: dict[str, Any] | None = None


class Rerank(Dialect):
    """POST /v1/rerank as Jina, and what copies it, serve it: documents come back unless refused."""

    prefix = "rerank-"
    talks = False

    def read(self, seen: Seen, named: str) -> Ask:
        asked = decode(seen.raw, RerankAsk)
        if asked.query is None or not asked.documents:
            raise ApiError(400, "query and at least one document are required")
        if asked.top_n is not None and asked.top_n < 1:
            raise ApiError(400, "top_n must be at least 1")
        texts = [one if isinstance(one, str) else str(one.get("text", "")) for one in asked.documents]
        return Ask(
            model=asked.model,
            messages=[Message("query", asked.query), *(Message("document", text) for text in texts)],
            top_n=asked.top_n,
            return_documents=asked.return_documents,
            x_fake=asked.x_fake,
        )

    def prompt_tokens(self, ask: Ask) -> int:
        """The query is read again with every document."""
        query, *documents = [count(str(message.content)) for message in ask.messages or ()]
        return sum(query + document for document in documents)

    def search_units(self, ask: Ask) -> int:
        return -(-(len(ask.messages or ()) - 1) // DOCUMENTS_PER_UNIT)

    def whole(self, answer: Answer) -> bytes:
        body = self.body(answer)
        if answer.knobs.huge_frame:
            body["obfuscation"] = "x" * answer.knobs.huge_frame
        return msgspec.json.encode(body)

    def events(self, answer: Answer) -> Iterator[Event]:
        raise NotImplementedError

    def error(self, error: ApiError) -> dict[str, Any]:
        return {"detail": error.message}

    def body(self, answer: Answer) -> dict[str, Any]:
        tokens = max(answer.prompt_tokens + answer.knobs.wrong_usage, 0)
        usage = {} if answer.knobs.no_usage else {"usage": {"total_tokens": tokens, "prompt_tokens": tokens}}
        shown = answer.ask.return_documents is not False
        return {"model": answer.ask.model, "object": "list", **usage, "results": _results(answer, shown)}


class CohereRerank(Rerank):
    """POST /v2/rerank, and /v1/rerank as Cohere serves it."""

    def headers(self, serial: str) -> bytes:
        return b""

    def error(self, error: ApiError) -> dict[str, Any]:
        return {"message": error.message}

    def body(self, answer: Answer) -> dict[str, Any]:
        units = max(self.search_units(answer.ask) + answer.knobs.wrong_usage, 0)
        billed = {} if answer.knobs.no_usage else {"billed_units": {"search_units": units}}
        shown = answer.ask.return_documents is True
        meta = {"api_version": {"version": "2"}, **billed}
        return {"id": answer.id, "results": _results(answer, shown), "meta": meta}


def _results(answer: Answer, shown: bool) -> list[dict[str, Any]]:
    """Best first: the more words a document shares with the query, the better."""
    query, *documents = [str(message.content) for message in answer.ask.messages or ()]
    wanted = set(query.lower().split())
    scores = [len(wanted & set(text.lower().split())) / max(len(wanted), 1) for text in documents]
    best = sorted(range(len(documents)), key=lambda at: (-scores[at], at))[: answer.ask.top_n]
    return [
        {
            "index": at,
            "relevance_score": round(scores[at], 6),
            **({"document": {"text": documents[at]}} if shown else {}),
        }
        for at in best
    ]
