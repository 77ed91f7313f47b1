"""Answers to clients that speak Anthropic's dialect, whole and streamed, written from pieces.

Shapes: the Messages API reference (messages, streaming) and the types of Anthropic's own SDK (``Message``,
``RawMessageStreamEvent``).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.wire.anthropic_errors import error_event
from rechenwerk.wire.anthropic_write import arguments
from rechenwerk.wire.talk import (
    Arguments,
    Called,
    Ended,
    Failed,
    Head,
    Piece,
    Refused,
    Said,
    Signed,
    Thought,
    Used,
)

_WORDS: MappingProxyType[str, str] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tools": "tool_use",
        "filter": "refusal",
        "refusal": "refusal",
    }
)
_encode = msgspec.json.Encoder().encode


def _usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached_input,
        "output_tokens": usage.output + usage.reasoning,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def write_message(head: Head, pieces: Sequence[Piece]) -> bytes:
    """A whole answer from all its pieces."""
    blocks: list[dict[str, Any]] = []
    calls: dict[int, dict[str, Any]] = {}
    usage = Usage()
    ended = Ended("stop")
    for piece in pieces:
        last = blocks[-1] if blocks else {}
        if isinstance(piece, Said | Refused):
            if last.get("type") != "text":
                last = {"type": "text", "text": ""}
                blocks.append(last)
            last["text"] += piece.text
        elif isinstance(piece, Thought | Signed):
            _think(piece, last, blocks)
        elif isinstance(piece, Called):
            calls[piece.at] = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": ""}
            blocks.append(calls[piece.at])
        elif isinstance(piece, Arguments):
            calls[piece.at]["input"] += piece.text
        elif isinstance(piece, Used):
            usage = piece.reported.usage
        elif isinstance(piece, Ended):
            ended = piece
    for call in calls.values():
        call["input"] = arguments(call["input"])
    document = _frame(head, blocks, usage)
    document.update(_stop(ended, refused=any(isinstance(piece, Refused) for piece in pieces)))
    return _encode(document)


def _think(piece: Thought | Signed, last: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
    """Thinking goes on until its signature."""
    if isinstance(piece, Signed) and piece.redacted:
        blocks.append({"type": "redacted_thinking", "data": piece.signature})
        return
    if last.get("type") != "thinking" or last["signature"]:
        last = {"type": "thinking", "thinking": "", "signature": ""}
        blocks.append(last)
    if isinstance(piece, Signed):
        last["signature"] = piece.signature
    else:
        last["thinking"] += piece.text


def _frame(head: Head, blocks: list[dict[str, Any]], usage: Usage) -> dict[str, Any]:
    return {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": blocks,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage_object(usage),
    }


def _stop(ended: Ended, *, refused: bool) -> dict[str, str | None]:
    reason = _WORDS[ended.reason]
    if reason == "end_turn" and ended.sequence:
        reason = "stop_sequence"
    elif reason == "end_turn" and refused:
        reason = "refusal"
    return {"stop_reason": reason, "stop_sequence": ended.sequence or None}


def _said(kind: bytes, rest: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b"%b}\n\n' % (kind, kind, rest)


class AnthropicWriter:
    """Writes a stream to a client (`wire.talk.Writer`).

    The first event tells what the prompt cost. So it waits for the first words, in case the provider tells,
    and the last events wait for the end, for the usage of others comes after their reason to stop.
    """

    __slots__ = ("_begun", "_calls", "_ended", "_failed", "_head", "_index", "_open", "_refused", "_usage")

    def __init__(self, head: Head) -> None:
        self._head = head
        self._begun = False
        self._failed = False
        self._refused = False
        self._open = ""
        self._index = -1
        self._calls: dict[int, int] = {}
        """Tool call -> index of its block."""
        self._usage = Usage()
        self._ended = Ended("stop")

    def piece(self, piece: Piece) -> bytes:
        """The bytes for one piece."""
        if isinstance(piece, Said | Refused):
            self._refused = self._refused or isinstance(piece, Refused)
            start = self._enter("text", b'"text","text":""')
            return start + self._delta(self._index, b'"text_delta","text":', piece.text)
        if isinstance(piece, Arguments):
            # Calls may be told in turns; a client collects by index, whatever is open.
            return self._delta(self._calls[piece.at], b'"input_json_delta","partial_json":', piece.text)
        if isinstance(piece, Called):
            self._calls[piece.at] = self._index + 1
            block = b'"tool_use","id":%b,"name":%b,"input":{}' % (_encode(piece.id), _encode(piece.name))
            return self._enter("tool", block)
        if isinstance(piece, Thought | Signed):
            return self._think(piece)
        if isinstance(piece, Failed):
            self._failed = True
            return error_event(piece.refusal)
        if isinstance(piece, Used):
            self._usage = piece.reported.usage
        elif isinstance(piece, Ended):
            self._ended = piece
        return b""

    def end(self) -> bytes:
        """The stream's last words."""
        if self._failed:
            return b""
        stop = _encode(_stop(self._ended, refused=self._refused))
        usage = _encode(_usage_object(self._usage))
        last = _said(b"message_delta", b',"delta":%b,"usage":%b' % (stop, usage))
        return self._begin() + self._leave() + last + _said(b"message_stop", b"")

    def _think(self, piece: Thought | Signed) -> bytes:
        if isinstance(piece, Signed) and piece.redacted:
            block = b'"redacted_thinking","data":%b' % _encode(piece.signature)
            return self._enter("redacted", block) + self._leave()
        start = self._enter("thinking", b'"thinking","thinking":"","signature":""')
        if isinstance(piece, Thought):
            return start + self._delta(self._index, b'"thinking_delta","thinking":', piece.text)
        signed = self._delta(self._index, b'"signature_delta","signature":', piece.signature)
        return start + signed + self._leave()

    def _delta(self, index: int, kind: bytes, text: str) -> bytes:
        return _said(
            b"content_block_delta", b',"index":%d,"delta":{"type":%b%b}' % (index, kind, _encode(text))
        )

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return _said(b"message_start", b',"message":%b' % _encode(_frame(self._head, [], self._usage)))

    def _enter(self, kind: str, block: bytes) -> bytes:
        """Be in a block of a kind; every tool call is one of its own."""
        if self._open == kind and kind != "tool":
            return b""
        before = self._begin() + self._leave()
        self._open = kind
        self._index += 1
        start = b',"index":%d,"content_block":{"type":%b}' % (self._index, block)
        return before + _said(b"content_block_start", start)

    def _leave(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _said(b"content_block_stop", b',"index":%d' % self._index)
