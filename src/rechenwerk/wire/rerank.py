"""Rerank: one shape that Cohere made and Jina, vLLM, llama.cpp and others took over, with small differences.

Bodies pass through as they are; only what a provider says differently is changed. Shapes: the Cohere API
reference (``/v1/rerank``, ``/v2/rerank``), Jina's reranker API, vLLM's ``RerankRequest``, llama.cpp's server
(``format_response_rerank``), Voyage's ``/v1/rerank``.
"""

from __future__ import annotations

import re
from types import MappingProxyType

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.base.usage import Usage
from rechenwerk.wire.openai import UNREADABLE, Request, members, read_request, unreadable
from rechenwerk.wire.talk import Reported, UntranslatableError


class RerankKind(msgspec.Struct, frozen=True, gc=False):
    """How a provider's rerank differs from what clients say, which is Cohere's first version.

    Attributes:
        top: its name of ``top_n``.
        results: its name of ``results`` in the answer.
        objects: documents may be objects.
        returns: sends documents back when ``return_documents`` asks for them.
    """

    top: str = "top_n"
    results: str = "results"
    objects: bool = True
    returns: bool = True


RERANK_KINDS = MappingProxyType(
    {
        "cohere": RerankKind(objects=False, returns=False),
        "cohere-v1": RerankKind(),
        "jina": RerankKind(),
        "vllm": RerankKind(objects=False),
        "llama.cpp": RerankKind(objects=False, returns=False),
        "voyage": RerankKind(top="top_k", results="data", objects=False),
    }
)
"""The providers whose rerank is known; ``cohere`` is its second version."""

_DOCUMENTS_PER_UNIT = 100
_TOKENS_PER_DOCUMENT = 500
_MARKS = 8
"""Tokens that stand around and between a query and a document."""
_PICTURE = re.compile(rb'"(?:image|url|bytes|pdf|video)"|\\u00')
_MOST = 1 << 40


class _Asked(msgspec.Struct, gc=False):
    query: msgspec.Raw
    documents: list[msgspec.Raw]
    return_documents: bool | None = None


_asked = msgspec.json.Decoder(_Asked)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_rerank(body: bytes) -> Request | Refusal:
    """Peek into a request body.

    Returns the fields the gateway needs, or why the body cannot be served.
    """
    request = read_request(body)
    if isinstance(request, Refusal):
        return request
    try:
        members(body)
        asked = _asked.decode(body)
    except msgspec.ValidationError as error:
        return bad_request(f"The body is no rerank request: {error}. Send model, query and documents.")
    except UNREADABLE as error:
        return unreadable(error)
    if not asked.documents or bytes(asked.query) == b"null":
        return bad_request("You must send a query and at least one document.")
    return Request(model=request.model)  # what else the gateway knows of a request is no business of rerank


def most_used(body: bytes, context: int) -> tuple[int, int]:
    """The most that a request may be billed for: tokens beyond the bytes of its body, and search units.

    Those who bill tokens read the query anew with every document; a document that is an object may hold a
    picture, which fills the context. Cohere bills a unit for a query and up to 100 documents, and takes
    one that is longer than 500 tokens with the query for several. A token has at least one byte.
    """
    asked = _asked.decode(body)
    query = len(bytes(asked.query))
    room = max(_TOKENS_PER_DOCUMENT - query, _TOKENS_PER_DOCUMENT // 4)
    tokens = documents = 0
    for raw in asked.documents:
        document = bytes(raw)
        picture = document[:1] == b"{" and _PICTURE.search(document) is not None
        tokens += query + _MARKS + (context if picture else 0)
        documents += max(1, -(-len(document) // room))
    return tokens, -(-documents // _DOCUMENTS_PER_UNIT)


def rerank_body(body: bytes, kind: RerankKind) -> bytes:
    """The body as the provider wants it, from one that `read_rerank` has accepted.

    Raises:
        UntranslatableError: documents that the provider cannot take; ``top_n`` under two names.
    """
    if kind == RerankKind():
        return body
    values = {member.name: body[member.start : member.end] for member in members(body)}
    before = dict(values)
    if kind.top != "top_n" and "top_n" in values:
        if kind.top in values:
            raise UntranslatableError(kind.top, "send top_n only")
        values[kind.top] = values.pop("top_n")
    if not kind.objects:
        values["documents"] = _texts(values["documents"])
    if not kind.returns:
        values.pop("return_documents", None)
    if values == before:
        return body
    return b"{%s}" % b",".join(msgspec.json.encode(name) + b":" + value for name, value in values.items())


def _texts(documents: bytes) -> bytes:
    """The list with every ``{"text": ...}`` as that text; unchanged when there is none."""
    found = [bytes(document) for document in msgspec.json.decode(documents, type=list[msgspec.Raw])]
    texts = [_text(at, document) for at, document in enumerate(found)]
    return b"[%s]" % b",".join(texts) if texts != found else documents


def _text(at: int, document: bytes) -> bytes:
    if document[:1] == b"{":
        values = _object.decode(document)
        if [*values] == ["text"]:
            document = bytes(values["text"])
    if document[:1] != b'"':
        raise UntranslatableError(
            f"documents[{at}]", 'this model takes text only; send a string, or an object with only "text"'
        )
    return document


def rerank_answer(answer: bytes, body: bytes, kind: RerankKind) -> bytes:
    """The provider's answer as the client expects it.

    Args:
        answer: of the provider.
        body: of the client.
        kind: of the provider.

    Raises:
        ValueError: no answer of a rerank (msgspec's errors are ValueErrors).
    """
    if kind.returns and kind.results == "results":
        return answer
    asked = _asked.decode(body)
    if not asked.return_documents and kind.results == "results":
        return answer
    found = _object.decode(answer)
    if kind.results not in found:
        raise ValueError(f"The answer has no {kind.results}.")
    results = msgspec.json.decode(found[kind.results], type=list[dict[str, msgspec.Raw]])
    for result in results:
        document = bytes(result.get("document", b"null"))
        if document == b"null" and asked.return_documents:
            index = msgspec.json.decode(result.get("index", b"null"), type=int)
            if not 0 <= index < len(asked.documents):
                raise ValueError(f"The answer ranks document {index}, which was not sent.")
            document = bytes(asked.documents[index])
        if document != b"null":
            text = b'{"text":%s}' % document if document[:1] == b'"' else document
            result["document"] = msgspec.Raw(text)
    names = {"results" if name == kind.results else name: value for name, value in found.items()}
    return msgspec.json.encode({**names, "results": results})


class _Billed(msgspec.Struct, gc=False):
    search_units: float | None = None
    input_tokens: float | None = None


class _Meta(msgspec.Struct, gc=False):
    billed_units: _Billed | None = None


class _Tokens(msgspec.Struct, gc=False):
    prompt_tokens: float | None = None
    total_tokens: float | None = None
    search_units: float | None = None


_NULL = msgspec.Raw(b"null")


class _Answer(msgspec.Struct, gc=False):
    meta: msgspec.Raw = _NULL
    usage: msgspec.Raw = _NULL


_answer = msgspec.json.Decoder(_Answer)
_meta = msgspec.json.Decoder(_Meta | None)
_tokens = msgspec.json.Decoder(_Tokens | None)


def rerank_usage(body: bytes) -> Reported | None:
    """Usage from a whole answer; None when there is none, or it makes no sense.

    Cohere bills search units, which are `Usage.requests`; the others report tokens, and as nothing is
    written all of them are input. Some of those leave ``prompt_tokens`` at 0, so the total is believed first.
    """
    try:
        answer = _answer.decode(body)
        billed = (_meta.decode(answer.meta) or _Meta()).billed_units or _Billed()
        tokens = _tokens.decode(answer.usage) or _Tokens()
        units = billed.search_units if billed.search_units is not None else tokens.search_units
        counts = (tokens.total_tokens, tokens.prompt_tokens, billed.input_tokens)
        if units is None and counts == (None, None, None):
            return None
        read = next((count for count in counts if count), 0.0)
        usage = Usage(input=_whole(read), requests=1 if units is None else _whole(units))
    except (ValueError, RecursionError):
        return None
    raws = [
        bytes(raw).decode("utf-8", "replace") for raw in (answer.meta, answer.usage) if bytes(raw) != b"null"
    ]
    return Reported(usage, raws[0] if len(raws) == 1 else f"[{','.join(raws)}]")


def _whole(count: float) -> int:
    """A count of things.

    Raises:
        ValueError: it is none.
    """
    if not count.is_integer() or not 0 <= count <= _MOST:
        raise ValueError(f"{count} is no count.")
    return int(count)
