"""Answers in Bedrock's dialect: whole, streamed, their usage, and errors.

Sources: the service model of bedrock-runtime (botocore): ConverseResponse, ConverseStreamOutput, StopReason;
the Bedrock user guide, "Prompt caching", for what the counts contain.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.eventstream import Message, MessageCutter
from rechenwerk.wire.outbound import NULL, UNREADABLE, decode, excerpt, refusal, reported, whole
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
from rechenwerk.wire.tiers import tier_in

_ENDS: MappingProxyType[str, Literal["stop", "length", "tools"]] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "tool_use": "tools",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
    }
)
"""Reasons that are no filter's; what is neither here nor below (guardrail_intervened ...) is one's."""

_BROKEN = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Reasons that leave no answer."""

_STATUS = MappingProxyType(
    {
        "throttling": 429,
        "validation": 400,
        "internal_server": 500,
        "service_unavailable": 503,
        "model_stream_error": 424,
        "model_timeout": 408,
    }
)
"""The service model's statuses of what can end a stream; any other is taken for a fault of the server."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class _ToolUse(msgspec.Struct, gc=False, rename="camel"):
    tool_use_id: str
    name: str
    input: msgspec.Raw = NULL


class _ReasoningText(msgspec.Struct, gc=False):
    text: str
    signature: str | None = None


class _Reasoning(msgspec.Struct, gc=False, rename="camel"):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _Block(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None


class _Message(msgspec.Struct, gc=False):
    content: list[_Block]


class _Output(msgspec.Struct, gc=False):
    message: _Message


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    output: _Output
    stop_reason: str
    usage: msgspec.Raw = NULL
    service_tier: Any = None


class _OnlyUsage(msgspec.Struct, gc=False, rename="camel"):
    usage: msgspec.Raw = NULL
    service_tier: Any = None


class _Counts(msgspec.Struct, gc=False, rename="camel"):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class _Start(msgspec.Struct, gc=False, rename="camel"):
    tool_use: _ToolUse | None = None


class _BlockStart(msgspec.Struct, gc=False, rename="camel"):
    start: _Start
    content_block_index: int


class _ToolDelta(msgspec.Struct, gc=False):
    input: str


class _ReasoningDelta(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    redacted_content: str | None = None
    signature: str | None = None


class _Delta(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    tool_use: _ToolDelta | None = None
    reasoning_content: _ReasoningDelta | None = None


class _BlockDelta(msgspec.Struct, gc=False, rename="camel"):
    delta: _Delta
    content_block_index: int


class _BlockStop(msgspec.Struct, gc=False, rename="camel"):
    content_block_index: int


class _Stop(msgspec.Struct, gc=False, rename="camel"):
    stop_reason: str


class _Error(msgspec.Struct, gc=False):
    message: str | None = None
    other: str | None = msgspec.field(default=None, name="Message")
    type: str | None = msgspec.field(default=None, name="__type")


_answer = msgspec.json.Decoder(_Answer)
_only_usage = msgspec.json.Decoder(_OnlyUsage)
_counts = msgspec.json.Decoder(_Counts)
_block_start = msgspec.json.Decoder(_BlockStart)
_block_delta = msgspec.json.Decoder(_BlockDelta)
_block_stop = msgspec.json.Decoder(_BlockStop)
_stop = msgspec.json.Decoder(_Stop)
_error = msgspec.json.Decoder(_Error)


def read_usage(raw: msgspec.Raw, tier: object = None) -> Reported | None:
    """Disjoint buckets from Bedrock's usage object; None when it is missing or makes no sense.

    The user guide ("Prompt caching") says: ``inputTokens`` are only those neither read from the cache nor
    written to it. Reasoning is not reported apart; it is part of the output. `tier` is the ``serviceTier``
    that stands beside them.
    """
    try:
        seen = _counts.decode(raw)
    except UNREADABLE:
        return None
    cached, written = seen.cache_read_input_tokens or 0, seen.cache_write_input_tokens or 0
    return reported(raw, seen.input_tokens, cached, written, seen.output_tokens, tier=tier_in(tier))


def read_whole_usage(body: bytes) -> Reported | None:
    """Usage in a whole answer."""
    try:
        seen = _only_usage.decode(body)
        return read_usage(seen.usage, seen.service_tier)
    except UNREADABLE:
        return None


def read_pieces(body: bytes) -> list[Piece]:
    """A whole answer.

    Raises:
        ValueError: no answer, or one that the model did not bring to a proper end.
    """
    answer = decode(_answer, body)
    found: list[Piece] = [Began()]
    calls = 0
    for block in answer.output.message.content:
        if block.text is not None:
            found.append(Said(block.text))
        elif block.tool_use is not None:
            use = block.tool_use
            found += (Called(calls, use.tool_use_id, use.name), Arguments(calls, _input(use.input)))
            calls += 1
        elif block.reasoning_content is not None:
            found += _reasoning(block.reasoning_content)
        else:
            raise ValueError("the answer holds a block that is neither text, tool use nor reasoning")
    usage = read_usage(answer.usage, answer.service_tier)
    if usage is not None:
        found.append(Used(usage))
    return whole([*found, _end(answer.stop_reason)])


def _input(raw: msgspec.Raw) -> str:
    text = bytes(raw)
    if text[:1] != b"{":
        raise ValueError("the input of a tool is no JSON object")
    return text.decode()


def _reasoning(content: _Reasoning) -> list[Piece]:
    if content.redacted_content is not None:
        return [Signed(content.redacted_content, redacted=True)]
    if content.reasoning_text is None:
        raise ValueError("the answer holds reasoning of an unknown kind")
    found: list[Piece] = [Thought(content.reasoning_text.text)]
    if content.reasoning_text.signature:
        found.append(Signed(content.reasoning_text.signature))
    return found


def _end(reason: str) -> Ended | Failed:
    if reason in _BROKEN:
        return Failed(Refusal(502, "server_error", reason, f"The model gave up: {reason}. Try again."))
    return Ended(_ENDS.get(reason, "filter"))


class BedrockReader:
    """Reads a streamed answer (`talk.Reader`). Usage comes last, so the reason of the end waits for it."""

    def __init__(self) -> None:
        self._cutter = MessageCutter()
        self._calls = 0
        self._open: dict[int, tuple[int, bool]] = {}  # block -> its tool call, and whether it has arguments
        self._end: Ended | Failed | None = None
        self._done = False

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that are complete now.

        Raises:
            ValueError: what came cannot be a stream of this dialect.
        """
        found: list[Piece] = []
        for message in self._cutter.feed(chunk):
            if message.headers.get(":message-type", "event") == "event":
                self._event(message.headers.get(":event-type", ""), message.payload, found)
            else:
                found.append(Failed(_exception(message)))
                self._done = True
        return found

    @property
    def done(self) -> bool:
        """The stream's own last word has come."""
        return self._done

    def _event(self, kind: str, payload: bytes, found: list[Piece]) -> None:
        if kind == "contentBlockDelta":
            event = decode(_block_delta, payload)
            self._delta(event.content_block_index, event.delta, found)
        elif kind == "contentBlockStart":
            found.append(self._begin(decode(_block_start, payload)))
        elif kind == "contentBlockStop":
            call, has = self._open.pop(decode(_block_stop, payload).content_block_index, (0, True))
            if not has:
                found.append(Arguments(call, "{}"))
        elif kind == "messageStart":
            found.append(Began())
        elif kind == "messageStop":
            self._end = _end(decode(_stop, payload).stop_reason)
        elif kind == "metadata":
            seen = decode(_only_usage, payload)
            found += self._last(read_usage(seen.usage, seen.service_tier))

    def _last(self, usage: Reported | None) -> list[Piece]:
        if self._end is None:
            raise ValueError("the stream reports its usage before its end")
        self._done = True
        return [self._end] if usage is None else [Used(usage), self._end]

    def _begin(self, event: _BlockStart) -> Called:
        use = event.start.tool_use
        if use is None:
            raise ValueError("the stream holds a block that is neither text, tool use nor reasoning")
        self._open[event.content_block_index] = self._calls, False
        self._calls += 1
        return Called(self._calls - 1, use.tool_use_id, use.name)

    def _delta(self, block: int, delta: _Delta, found: list[Piece]) -> None:
        if delta.text is not None:
            if delta.text:
                found.append(Said(delta.text))
        elif delta.tool_use is not None:
            if block not in self._open:
                raise ValueError("the stream goes on with a tool call that did not begin")
            if delta.tool_use.input:
                call = self._open[block][0]
                self._open[block] = call, True
                found.append(Arguments(call, delta.tool_use.input))
        elif delta.reasoning_content is not None:
            part = delta.reasoning_content
            if part.text:
                found.append(Thought(part.text))
            if part.signature:
                found.append(Signed(part.signature))
            if part.redacted_content:
                found.append(Signed(part.redacted_content, redacted=True))
        else:
            raise ValueError("the stream holds a block that is neither text, tool use nor reasoning")


def _exception(message: Message) -> Refusal:
    """What ended a stream: an exception of the service's model, or an error of its framing."""
    headers = message.headers
    code = _snake(headers.get(":exception-type") or headers.get(":error-code") or "")
    seen = read_error(_STATUS.get(code or "", 502), message.payload)
    told = headers.get(":error-message") or seen.message
    return msgspec.structs.replace(seen, code=code or seen.code, message=told)


def _snake(name: str) -> str | None:
    """``throttling`` of ``com.amazon.coral.service#ThrottlingException:http://...``."""
    short = name.rpartition("#")[2].partition(":")[0]
    return _HUMP.sub("_", short).lower().removesuffix("_exception") or None


def read_error(status: int, body: bytes) -> Refusal:
    """An error in the shape of AWS's JSON protocols; its type is often in a header only."""
    try:
        seen = _error.decode(body)
    except UNREADABLE:
        return refusal(status, None, excerpt(body))
    return refusal(status, _snake(seen.type or ""), seen.message or seen.other)
