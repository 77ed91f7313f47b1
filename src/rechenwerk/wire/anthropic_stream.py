"""Answers of providers that speak Anthropic's dialect, whole and streamed, read into pieces.

Shapes: the Messages API reference (messages, streaming) and the types of Anthropic's own SDK (``Message``,
``RawMessageStreamEvent``). Its versioning rules let new kinds of events, blocks and reasons appear at any
time; what is not known is passed over, as they ask of clients.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Literal

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.wire.anthropic_errors import stream_refusal
from rechenwerk.wire.sse import EventCutter, event_data
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Piece,
    Reported,
    Said,
    Signed,
    Thought,
    Used,
)
from rechenwerk.wire.tiers import tier_of

_REASONS: MappingProxyType[str | None, Literal["length", "tools", "refusal"]] = MappingProxyType(
    {
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tools",
        "refusal": "refusal",
    }
)
"""Why a model stopped; all else is "stop": end_turn, stop_sequence, pause_turn."""
_MOST = 1 << 40
# A union of Raw and None would decode null only, so null is the value of a missing member.
_NULL = msgspec.Raw(b"null")


# -- usage --------------------------------------------------------------------------------------------


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _RawUsage(msgspec.Struct, gc=False):
    output_tokens: int
    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None
    service_tier: Any = None


_raw_usage = msgspec.json.Decoder(_RawUsage)


def read_usage(raw: bytes | msgspec.Raw, before: Reported | None = None) -> Reported | None:
    """Disjoint buckets from Anthropic's usage object; None when it is missing or makes no sense.

    Input tokens contain neither those read from the cache nor those written to it; output tokens contain the
    thinking. Counts in a stream are totals, and those that did not change may be missing.

    Args:
        raw: the object's bytes.
        before: what the stream reported at its beginning.
    """
    text = bytes(raw)
    try:
        seen = _raw_usage.decode(text)
    except (ValueError, RecursionError):
        return None
    if before is None and seen.input_tokens is None:
        return None
    known = before.usage if before is not None else Usage()
    wanted = known.input if seen.input_tokens is None else seen.input_tokens
    cached = known.cached_input if seen.cache_read_input_tokens is None else seen.cache_read_input_tokens
    written = known.cache_write
    if seen.cache_creation_input_tokens is not None:
        written = seen.cache_creation_input_tokens
    output = seen.output_tokens
    thinking = (seen.output_tokens_details and seen.output_tokens_details.thinking_tokens) or 0
    if min(wanted, cached, written) < 0 or max(wanted, cached, written, output) > _MOST:
        return None
    if not 0 <= thinking <= output:
        return None
    said = text.decode("utf-8", "replace")
    return Reported(
        Usage(wanted, cached, written, output - thinking, thinking),
        f"[{before.raw},{said}]" if before is not None else said,
        tier_of(seen.service_tier) or (before.tier if before is not None else ""),
    )


# -- what a provider says -----------------------------------------------------------------------------


class _Block(msgspec.Struct, gc=False):
    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Begun(msgspec.Struct, gc=False):
    id: str = ""
    model: str = ""
    usage: msgspec.Raw = _NULL


class _Event(msgspec.Struct, gc=False):
    type: str
    index: int = 0
    message: _Begun | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


class _Message(msgspec.Struct, gc=False):
    type: Literal["message"]
    content: list[_Block]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: msgspec.Raw = _NULL


class _Counted(msgspec.Struct, gc=False):
    usage: msgspec.Raw = _NULL


_event = msgspec.json.Decoder(_Event)
_message = msgspec.json.Decoder(_Message)
_counted = msgspec.json.Decoder(_Counted)


def answer_usage(body: bytes) -> Reported | None:
    """Usage in a whole answer; None when there is none."""
    try:
        return read_usage(_counted.decode(body).usage)
    except (ValueError, RecursionError):
        return None


def read_message(body: bytes) -> list[Piece]:
    """A whole answer as pieces.

    Raises:
        ValueError: it is none.
    """
    try:
        seen = _message.decode(body)
    except RecursionError as error:
        raise ValueError("an answer that is nested without end") from error
    pieces: list[Piece] = [Began(seen.id, seen.model)]
    reader = AnthropicReader()
    for at, block in enumerate(seen.content):
        reader.opened(at, block, pieces)
        reader.closed(at, pieces)
    reported = read_usage(seen.usage)
    if reported is not None:
        pieces.append(Used(reported))
    pieces.append(Ended(_REASONS.get(seen.stop_reason, "stop"), seen.stop_sequence or ""))
    return pieces


class AnthropicReader:
    """Reads a provider's stream (`wire.talk.Reader`)."""

    __slots__ = ("_calls", "_cutter", "_done", "_silent", "_start")

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._start: Reported | None = None
        self._calls: dict[int, int] = {}
        """Index of a block -> which tool call of the answer it is."""
        self._silent: set[int] = set()
        """Tool calls of which no argument has come."""
        self._done = False

    @property
    def done(self) -> bool:
        """The stream's own last word has come."""
        return self._done

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that are complete now.

        Raises:
            ValueError: what came cannot be a stream of this dialect.
        """
        pieces: list[Piece] = []
        for event in self._cutter.feed(chunk):
            data = event_data(event)
            if data:
                try:
                    self._read(_event.decode(data), pieces)
                except RecursionError as error:
                    raise ValueError("an event that is nested without end") from error
        return pieces

    def _read(self, event: _Event, pieces: list[Piece]) -> None:
        kind = event.type
        if kind == "content_block_delta":
            self._delta(event.index, event.delta or _Delta(), pieces)
        elif kind == "content_block_start":
            self.opened(event.index, event.content_block or _Block(""), pieces)
        elif kind == "content_block_stop":
            self.closed(event.index, pieces)
        elif kind == "message_start":
            self._begin(event.message or _Begun(), pieces)
        elif kind == "message_delta":
            self._totals(event.delta or _Delta(), event.usage, pieces)
        elif kind == "message_stop":
            self._done = True
        elif kind == "error":
            self._done = True
            pieces.append(Failed(stream_refusal(event.error)))

    def _begin(self, begun: _Begun, pieces: list[Piece]) -> None:
        pieces.append(Began(begun.id, begun.model))
        self._start = read_usage(begun.usage)
        if self._start is not None:
            pieces.append(Used(self._start, final=False))

    def _delta(self, index: int, delta: _Delta, pieces: list[Piece]) -> None:
        if delta.text:
            pieces.append(Said(delta.text))
        elif delta.partial_json:
            at = self._calls.get(index)
            if at is not None:  # else of a tool that the provider runs itself
                self._silent.discard(at)
                pieces.append(Arguments(at, delta.partial_json))
        elif delta.thinking:
            pieces.append(Thought(delta.thinking))
        elif delta.signature:
            pieces.append(Signed(delta.signature))

    def _totals(self, delta: _Delta, usage: msgspec.Raw, pieces: list[Piece]) -> None:
        reason = delta.stop_reason
        reported = read_usage(usage, self._start)
        if reported is not None:
            pieces.append(Used(reported, final=reason is not None))
        if reason is not None:
            pieces.append(Ended(_REASONS.get(reason, "stop"), delta.stop_sequence or ""))

    def opened(self, index: int, block: _Block, pieces: list[Piece]) -> None:
        """A block begins; a stream's is empty, a whole answer's holds everything."""
        if block.type == "text":
            if block.text:
                pieces.append(Said(block.text))
        elif block.type == "tool_use":
            at = len(self._calls)
            self._calls[index] = at
            pieces.append(Called(at, block.id, block.name))
            given = bytes(block.input)
            if given == b"{}":
                self._silent.add(at)
            else:
                pieces.append(Arguments(at, given.decode()))
        elif block.type == "thinking":
            if block.thinking:
                pieces.append(Thought(block.thinking))
            if block.signature:
                pieces.append(Signed(block.signature))
        elif block.type == "redacted_thinking":
            pieces.append(Signed(block.data, redacted=True))

    def closed(self, index: int, pieces: list[Piece]) -> None:
        """A block ends. A tool without arguments streams none, but they are an object nevertheless."""
        at = self._calls.get(index)
        if at in self._silent:
            self._silent.remove(at)
            pieces.append(Arguments(at, "{}"))
