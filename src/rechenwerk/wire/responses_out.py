"""OpenAI Responses as a provider speaks them: read for the books, passed to the client as they came.

Shapes: the OpenAI API reference ("The response object", "Streaming events").
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.wire.openai import (
    UNREADABLE,
    Request,
    disjoint,
    members,
    read_error,
    read_request,
    refuse_value,
    unreadable,
)
from rechenwerk.wire.outbound import NULL
from rechenwerk.wire.outbound import UNREADABLE as NO_ANSWER
from rechenwerk.wire.sse import EventCutter, event_data
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Kept,
    Piece,
    Refused,
    Reported,
    Said,
    Thought,
    Used,
)
from rechenwerk.wire.tiers import tier_of

_LAST = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = 0


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int
    output_tokens: int
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Why(msgspec.Struct, gc=False):
    reason: str | None = None


class _Response(msgspec.Struct, gc=False):
    id: str
    model: str = ""
    status: str | None = None
    usage: msgspec.Raw = NULL
    service_tier: Any = None
    output: list[msgspec.Raw] = []
    error: msgspec.Raw = NULL
    incomplete_details: _Why | None = None


class _Item(msgspec.Struct, gc=False):
    type: str = ""
    name: str | None = None
    call_id: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: msgspec.Raw = NULL
    response: msgspec.Raw = NULL
    item: msgspec.Raw = NULL
    output_index: int = 0


class _Kind(msgspec.Struct, gc=False):
    type: str | None = None
    role: str | None = None


class _Asked(msgspec.Struct, gc=False):
    background: bool | None = None
    conversation: msgspec.Raw = NULL
    prompt: msgspec.Raw = NULL
    input: str | list[_Kind] | None = None


_usage = msgspec.json.Decoder(_Usage)
_response = msgspec.json.Decoder(_Response)
_item = msgspec.json.Decoder(_Item)
_event = msgspec.json.Decoder(_Event)
_asked = msgspec.json.Decoder(_Asked)
_text = msgspec.json.Decoder(str)


def read_peek(body: bytes) -> Request | Refusal:
    """Peek into a body: the fields the gateway needs, or why it cannot be served.

    What would let a call use more than can be known beforehand, or answer later, is refused by name.
    """
    request = read_request(body)
    if isinstance(request, Refusal):
        return request
    try:
        members(body)  # of two equal names, the provider might believe the other
        asked = _asked.decode(body)
    except msgspec.ValidationError as error:
        return refuse_value(error)
    except UNREADABLE as error:
        return unreadable(error)
    if asked.background:
        return bad_request("Responses are answered at once; leave background out.", "background")
    for name, value in (("conversation", asked.conversation), ("prompt", asked.prompt)):
        if bytes(value) != b"null":
            return bad_request(
                f"{name} is kept by one provider alone; send the input itself, or previous_response_id.", name
            )
    for at, item in enumerate(asked.input if isinstance(asked.input, list) else ()):
        if item.type == "item_reference" or (item.type is None and item.role is None):
            return bad_request(
                f"input[{at}] refers to what one provider alone has kept; send the item itself.",
                f"input[{at}]",
                "unsupported_parameter",
            )
    return msgspec.structs.replace(
        request,
        max_tokens=request.max_output_tokens,
        max_completion_tokens=None,  # it caps nothing here
        stream_options=None,
    )


def read_usage(raw: msgspec.Raw, tier: object = None) -> Reported | None:
    """Disjoint buckets; OpenAI's input contains the cached tokens, its output the reasoning."""
    text = bytes(raw)
    try:
        seen = _usage.decode(text)
    except NO_ANSWER:
        return None
    into, out = seen.input_tokens_details, seen.output_tokens_details
    cached = (into and into.cached_tokens) or 0
    written = (into and into.cache_write_tokens) or 0
    reasoning = (out and out.reasoning_tokens) or 0
    said = tier_of(tier)
    return disjoint(text, seen.input_tokens, cached, written, seen.output_tokens, reasoning, said)


class ResponsesReader:
    """Reads a stream of response events.

    Attributes:
        kept: the answer as the next turn needs it, once it is whole.
    """

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._calls: dict[int, int] = {}
        self._done = False
        self.kept: Kept | None = None

    def feed(self, chunk: bytes) -> list[Piece]:
        """See `talk.Reader`."""
        return [piece for event in self._cutter.feed(chunk) for piece in self._read(event_data(event))]

    @property
    def done(self) -> bool:
        """See `talk.Reader`."""
        return self._done

    def _read(self, data: bytes) -> list[Piece]:
        try:
            event = _event.decode(data)
            return self._pieces(event, data)
        except NO_ANSWER:
            return []

    def _pieces(self, event: _Event, data: bytes) -> list[Piece]:
        match event.type:
            case "response.output_text.delta":
                return [Said(_text.decode(event.delta))]
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return [Thought(_text.decode(event.delta))]
            case "response.refusal.delta":
                return [Refused(_text.decode(event.delta))]
            case "response.function_call_arguments.delta":
                at = self._calls.get(event.output_index, 0)
                return [Arguments(at, _text.decode(event.delta))]
            case "response.output_item.added":
                return self._begun(event)
            case "response.created":
                response = _response.decode(event.response)
                return [Began(response.id, response.model)]
        if event.type in _LAST:
            self._done = True
            return self._last(event, data)
        return []

    def _begun(self, event: _Event) -> list[Piece]:
        item = _item.decode(event.item)
        if item.type != "function_call":
            return []
        at = self._calls[event.output_index] = len(self._calls)
        return [Called(at, item.call_id or "", item.name or "")]

    def _last(self, event: _Event, data: bytes) -> list[Piece]:
        if event.type == "error":
            return [Failed(read_error(502, b'{"error":%s}' % data))]
        response = _response.decode(event.response)
        reported = read_usage(response.usage, response.service_tier)
        pieces: list[Piece] = [Used(reported)] if reported is not None else []
        if event.type == "response.failed":
            return [*pieces, Failed(read_error(502, b'{"error":%s}' % bytes(response.error)))]
        self.kept = Kept(response.id, tuple(response.output))
        return [*pieces, Ended(_reason(response))]


def _reason(response: _Response) -> Literal["stop", "length", "filter"]:
    why = response.incomplete_details.reason if response.incomplete_details is not None else None
    if why is None:
        return "stop"
    return "length" if why == "max_output_tokens" else "filter"


def read_whole(body: bytes) -> tuple[Reported | None, Kept]:
    """Usage of a whole response, and what the next turn needs of it.

    Raises:
        ValueError: it is none (msgspec's errors are ValueErrors).
    """
    try:
        response = _response.decode(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return read_usage(response.usage, response.service_tier), Kept(response.id, tuple(response.output))
