"""Ways: how a call's body goes to one kind of provider, and how the answer comes back.

Same dialect at both ends: bytes pass, with the few splices that the design names. Different dialects: the
body is read into a `Talk`, written in the provider's dialect, and the answer comes back in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Protocol

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.channels import Channel, OpenAIChannel, PieceChannel
from rechenwerk.gateway.ports import DeploymentRow
from rechenwerk.providers.registry import KINDS, ProviderKind
from rechenwerk.wire import anthropic, bedrock, gemini, openai, openai_chat, rerank, responses, responses_out
from rechenwerk.wire.openai import Endpoint, answers, asks_usage, prompts
from rechenwerk.wire.places import client_field
from rechenwerk.wire.talk import (
    Arguments,
    Called,
    Ended,
    Inbound,
    Kept,
    Outbound,
    Piece,
    Refused,
    Reported,
    Said,
    Thought,
    UntranslatableError,
)

CHAT_IN = openai_chat.ChatIn()
MESSAGES_IN = anthropic.AnthropicIn()
RESPONSES_IN = responses.ResponsesIn()
FOR_NOTHING = Reported(Usage(requests=0), "null")
"""Usage of a call that is free."""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A request for a provider: path below its base URL, and body."""

    path: str
    body: bytes
    headers: bytes = b""


class Whole(msgspec.Struct, frozen=True, gc=False):
    """A whole answer: its usage, if reported, and the body that the client gets."""

    reported: Reported | None
    body: bytes
    kept: Kept | None = None


class Way(Protocol):
    """One way."""

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """The request.

        Raises:
            UntranslatableError: the provider's dialect cannot say this.
            TwiceError, msgspec.DecodeError, UnicodeDecodeError, RecursionError: the body is unreadable.
        """
        ...

    def whole(self, call: Call, body: bytes) -> Whole:
        """Read a whole answer.

        Raises:
            ValueError: it is none.
        """
        ...

    def said(self, body: bytes) -> list[tuple[str, bool]]:
        """The text of every choice of a whole answer, and whether it ended by itself, for counting."""
        ...

    def channel(self, call: Call) -> Channel:
        """For a streamed answer."""
        ...

    def error(self, status: int, body: bytes) -> Refusal:
        """A provider's error."""
        ...


class OpenAIWay:
    """OpenAI's dialect at both ends.

    Args:
        endpoint: what is called.
        kind: of the provider.
        path: below the provider's base URL.
    """

    def __init__(self, endpoint: Endpoint, kind: ProviderKind, path: str) -> None:
        self._endpoint = endpoint
        self._kind = kind
        self._path = path

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        request = call.request
        field = self._kind.cap_field if self._endpoint == "chat" else "max_tokens"
        chosen = max(request.max_completion_tokens or 0, request.max_tokens or 0)
        cap = 0 if self._endpoint in {"embeddings", "rerank"} else (chosen or deployment.max_output_tokens)
        if chosen and not (field == "max_tokens" and request.max_tokens is None):
            cap = 0  # the client's own cap stands in a field that the provider reads
        tier = _tier_word(self._kind, call, deployment)
        if cap or request.stream or tier or deployment.upstream != request.model:
            ask = bool(request.stream) and self._kind.asks_usage
            change = openai.Splice(deployment.upstream, field, cap, ask, tier)
            return Outgoing(self._path, openai.splice(call.asked, request, change))
        return Outgoing(self._path, call.asked)

    def whole(self, call: Call, body: bytes) -> Whole:
        """See `Way`."""
        del call
        reported = openai.read_answer(body)
        if reported == "garbage":
            raise ValueError("the provider's answer is not JSON")
        frame = openai.read_frame(body) if reported is None else None
        if frame is not None and frame.error:
            raise ValueError(openai.read_error(200, body).message)
        return Whole(reported, body)

    def said(self, body: bytes) -> list[tuple[str, bool]]:
        """See `Way`."""
        return openai.answer_texts(body)

    def channel(self, call: Call) -> Channel:
        """See `Way`."""
        return OpenAIChannel(
            wants_usage=asks_usage(call.request),
            usages=answers(call.request) if self._kind.usage_of_first_choice else 1,
            same_prompt=prompts(call.request) == 1,
        )

    def error(self, status: int, body: bytes) -> Refusal:
        """See `Way`."""
        return openai.read_error(status, body)


class RerankWay(OpenAIWay):
    """Rerank, where providers differ in a field or two.

    Args:
        kind: of the provider.
        path: below its base URL.
        shape: what its rerank looks like.
    """

    def __init__(self, kind: ProviderKind, path: str, shape: rerank.RerankKind) -> None:
        super().__init__("rerank", kind, path)
        self._shape = shape

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        out = super().outgoing(call, deployment)
        return Outgoing(out.path, rerank.rerank_body(out.body, self._shape))

    def whole(self, call: Call, body: bytes) -> Whole:
        """See `Way`."""
        return Whole(rerank.rerank_usage(body), rerank.rerank_answer(body, call.asked, self._shape))


class SameWay:
    """Another dialect at both ends: only the model's name is spliced, the answer passes as it came.

    Args:
        inbound: as clients speak it.
        outbound: as providers speak it.
        kind: of the provider.
    """

    def __init__(self, inbound: Inbound, outbound: Outbound, kind: ProviderKind) -> None:
        self._in = inbound
        self._out = outbound
        self._kind = kind

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        change = openai.Splice(deployment.upstream, tier=_tier_word(self._kind, call, deployment))
        path = self._out.path(deployment.upstream, stream=bool(call.request.stream))
        return Outgoing(path, openai.splice(call.asked, call.request, change), call.forwarded)

    def whole(self, call: Call, body: bytes) -> Whole:
        """See `Way`."""
        del call
        reported = self._out.usage(body)
        if reported is None:
            self._out.pieces(body)  # what cannot be read is no answer
        return Whole(reported, body)

    def said(self, body: bytes) -> list[tuple[str, bool]]:
        """See `Way`."""
        return [told(self._out.pieces(body))]

    def channel(self, call: Call) -> Channel:
        """See `Way`."""
        del call
        return PieceChannel(self._out.reader(), self._in)

    def error(self, status: int, body: bytes) -> Refusal:
        """See `Way`."""
        return self._out.error(status, body)


class TranslatedWay(SameWay):
    """One dialect in, another out.

    Args:
        inbound: as clients speak it.
        outbound: as providers speak it.
        kind: of the provider.
        terms: the client's names of fields that an outbound dialect names as OpenAI does.
    """

    def __init__(
        self, inbound: Inbound, outbound: Outbound, kind: ProviderKind, terms: Mapping[str, str]
    ) -> None:
        super().__init__(inbound, outbound, kind)
        self._terms = terms

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        talk = call.talk(self._in)
        cap = talk.max_tokens or deployment.max_output_tokens
        path = self._out.path(deployment.upstream, stream=talk.stream)
        try:
            body = self._out.write(talk, deployment.upstream, cap)
        except UntranslatableError as error:
            field = self._terms.get(error.field) or client_field(error.field, call.asked)
            raise UntranslatableError(field, error.why) from error
        tier = self._kind.tier_member(_tier(call, deployment))
        return Outgoing(path, openai.put(body, tier) if tier else body)

    def whole(self, call: Call, body: bytes) -> Whole:
        """See `Way`."""
        pieces = self._out.pieces(body)
        inbound = call.inbound or self._in
        kept = _kept(call, pieces) if call.keeps_answer else None
        return Whole(self._out.usage(body), inbound.answer(call.head, pieces), kept)

    def channel(self, call: Call) -> Channel:
        """See `Way`."""
        inbound = call.inbound or self._in
        writer = inbound.writer(call.head, call.talk(inbound))
        keep = partial(_kept, call) if call.keeps_answer else None
        return PieceChannel(self._out.reader(), inbound, writer, keep)


class ResponsesWay(OpenAIWay):
    """OpenAI's Responses at both ends. Conversations are kept here all the same: see `turns`."""

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        cap = 0 if call.request.max_output_tokens else deployment.max_output_tokens
        tier = _tier_word(self._kind, call, deployment)
        change = openai.Splice(deployment.upstream, "max_output_tokens", cap, tier=tier)
        return Outgoing("/responses", openai.splice(call.asked, call.request, change))

    def whole(self, call: Call, body: bytes) -> Whole:
        """See `Way`."""
        reported, kept = responses_out.read_whole(body)
        return Whole(reported, body, kept if call.keeps_answer else None)

    def said(self, body: bytes) -> list[tuple[str, bool]]:
        """See `Way`."""
        return [(body.decode("utf-8", "replace"), False)]  # rare: an answer without usage; rather too much

    def channel(self, call: Call) -> Channel:
        """See `Way`."""
        reader = responses_out.ResponsesReader()
        keep = (lambda _: reader.kept) if call.keeps_answer else None
        return PieceChannel(reader, call.inbound or RESPONSES_IN, keep=keep)


def _kept(call: Call, pieces: Sequence[Piece]) -> Kept:
    return Kept(f"resp_{call.name}", tuple(responses.output_items(call.head, pieces)))


class CountingWay(SameWay):
    """A question how many tokens a request has, passed to a provider that knows. It costs nothing."""

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        body = openai.splice(call.asked, call.request, openai.Splice(deployment.upstream))
        return Outgoing("/messages/count_tokens", body, call.forwarded)

    def whole(self, call: Call, body: bytes) -> Whole:
        """See `Way`."""
        del call
        return Whole(FOR_NOTHING, body)


class CountingHere(CountingWay):
    """The same where the provider does not know: nothing leaves, it is counted or estimated here."""

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        del deployment
        anthropic.count_tokens_request(call.asked)  # what cannot be read cannot be counted
        return Outgoing("", b"")


def _tier(call: Call, deployment: DeploymentRow) -> str:
    """The service tier that a request names: the deployment's, else the one that the client asked for."""
    return deployment.service_tier or call.tier


def _tier_word(kind: ProviderKind, call: Call, deployment: DeploymentRow) -> str:
    return kind.tier_word(_tier(call, deployment))


def told(pieces: Sequence[Piece]) -> tuple[str, bool]:
    """What was said in all pieces, and whether the model ended by itself."""
    text, ended = "", False
    for piece in pieces:
        match piece:
            case Said(said) | Thought(said) | Refused(said) | Arguments(_, said) | Called(name=said):
                text += said
            case Ended(reason):
                ended = reason in {"stop", "tools"}
    return text, ended


_INBOUND: MappingProxyType[Endpoint, Inbound] = MappingProxyType(
    {"chat": CHAT_IN, "messages": MESSAGES_IN, "responses": RESPONSES_IN}
)
_TERMS: MappingProxyType[Endpoint, Mapping[str, str]] = MappingProxyType(
    {
        "messages": {
            "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
            "reasoning_effort": "output_config.effort",
            "response_format": "output_config.format",
        },
        "responses": {"reasoning_effort": "reasoning.effort", "response_format": "text.format"},
    }
)
_PATHS: MappingProxyType[Endpoint, str] = MappingProxyType(
    {"chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"}
)


def _outbound(kind: ProviderKind) -> Outbound | None:
    match kind.dialect:
        case "openai":
            return openai_chat.ChatOut(
                kind.cap_field, thoughts=not kind.responses, asks_usage=kind.asks_usage
            )
        case "anthropic":
            return anthropic.AnthropicOut()
        case "gemini":
            return gemini.GeminiOut()
        case "bedrock":
            return bedrock.BedrockOut()
    return None


def way(endpoint: Endpoint, kind_name: str) -> Way | None:
    """The way of an endpoint over a kind of provider; None when there is none."""
    kind = KINDS[kind_name]
    if endpoint == "rerank":
        shape = rerank.RERANK_KINDS.get(kind_name, rerank.RerankKind())
        return RerankWay(kind, kind.rerank, shape) if kind.rerank else None
    if endpoint == "count_tokens":
        known = kind.dialect == "anthropic"
        return (CountingWay if known else CountingHere)(MESSAGES_IN, anthropic.AnthropicOut(), kind)
    if kind.dialect == "openai" and endpoint in _PATHS:
        return OpenAIWay(endpoint, kind, _PATHS[endpoint])
    if endpoint == "responses" and kind.responses:
        return ResponsesWay(endpoint, kind, "/responses")
    inbound, outbound = _INBOUND.get(endpoint), _outbound(kind)
    if inbound is None or outbound is None:
        return None
    if endpoint == "messages" and kind.dialect == "anthropic":
        return SameWay(inbound, outbound, kind)
    return TranslatedWay(inbound, outbound, kind, _TERMS.get(endpoint, {}))
