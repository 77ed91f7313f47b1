"""OpenAI chat completions, answers: what providers send as pieces, and pieces as what clients get.

Shapes: the OpenAI API reference ("The chat completion object", "The chat completion chunk object"), and what
other providers of the dialect add: ``reasoning_content`` (DeepSeek, vLLM, llama.cpp), ``reasoning`` (vLLM,
OpenRouter, Groq), content as a list with thinking in it (Mistral), ``stop_reason`` (vLLM).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.wire.openai import error_event, read_error, read_usage
from rechenwerk.wire.sse import DONE, EventCutter, event_data
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Head,
    Piece,
    Refused,
    Reported,
    Said,
    Thought,
    Used,
)

Reason = Literal["stop", "length", "tools", "filter", "refusal"]

_NULL = msgspec.Raw(b"null")  # a union of Raw and None would decode null only
_REASONS: MappingProxyType[str, Reason] = MappingProxyType(
    {
        "length": "length",
        "model_length": "length",  # Mistral: the context is full
        "tool_calls": "tools",
        "function_call": "tools",
        "content_filter": "filter",
    }
)
"""Every other word of a provider (``stop``, ``eos``, ...) means that the model ended by itself."""
_FINISHES: MappingProxyType[Reason, str] = MappingProxyType(
    {
        "stop": "stop",
        "length": "length",
        "tools": "tool_calls",
        "filter": "content_filter",
        "refusal": "content_filter",
    }
)

_FIELDS: MappingProxyType[type, bytes] = MappingProxyType(
    {Said: b'{"content":', Thought: b'{"reasoning_content":', Refused: b'{"refusal":'}
)


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: list[_Block] = []


class _Message(msgspec.Struct, gc=False):
    content: str | list[_Block] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Message | None = None
    message: _Message | None = None
    index: int = 0
    finish_reason: str | None = None
    stop_reason: Any = None


class _Chunk(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    object: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _NULL
    service_tier: Any = None
    error: msgspec.Raw = _NULL


class _Code(msgspec.Struct, gc=False):
    code: Any = None


_chunk = msgspec.json.Decoder(_Chunk)
_code = msgspec.json.Decoder(_Code)
_encode = msgspec.json.encode


def _decode(data: bytes) -> _Chunk:
    try:
        return _chunk.decode(data)
    except RecursionError as error:
        raise ValueError("the provider's answer is nested without end") from error


class _Choices:
    """What came of the first choice until now; one per answer."""

    __slots__ = ("_ats", "_began", "_id", "_ids", "_last", "ended")

    def __init__(self) -> None:
        self._ats: dict[int, int] = {}
        self._ids: list[str | None] = []
        self._last = 0
        self._began = False
        self._id = ""
        self.ended = False

    def begin(self, chunk: _Chunk) -> list[Piece]:
        if self._began:
            return []
        self._began = True
        self._id = chunk.id or ""
        return [Began(self._id, chunk.model or "")]

    def said(self, message: _Message, pieces: list[Piece]) -> None:
        thoughts = message.reasoning_content or message.reasoning
        if thoughts:
            pieces.append(Thought(thoughts))
        content = message.content
        if isinstance(content, str):
            if content:
                pieces.append(Said(content))
        elif content:
            for block in content:
                pieces += [Thought(inner.text) for inner in block.thinking if inner.text]
                if block.text:
                    pieces.append(Said(block.text))
        if message.refusal:
            pieces.append(Refused(message.refusal))
        if message.tool_calls:
            for call in message.tool_calls:
                self._called(call, pieces)

    def _called(self, call: _Call, pieces: list[Piece]) -> None:
        """A call begins when its index is new, or when some provider gives one index to all, its id is."""
        name = call.function.name if call.function is not None else None
        key = call.index
        if key is None:  # calls without an index come whole, or go on with the last one
            key = len(self._ids) if call.id or name else self._last
        at = self._ats.get(key)
        if at is None or (call.id and name and call.id != self._ids[at]):
            at = self._ats[key] = len(self._ids)
            self._ids.append(call.id)
            pieces.append(Called(at, call.id or f"call_{self._id}_{at}", name or ""))
        self._last = key
        if call.function is not None and call.function.arguments:
            pieces.append(Arguments(at, call.function.arguments))

    def end(self, choice: _Choice, pieces: list[Piece]) -> None:
        if not choice.finish_reason or self.ended:
            return
        self.ended = True
        reason = _REASONS.get(choice.finish_reason, "stop")
        if reason == "stop" and self._ids:  # as OpenAI itself says after a call that the client forced
            reason = "tools"
        pieces.append(Ended(reason, choice.stop_reason if isinstance(choice.stop_reason, str) else ""))


def _failure(data: bytes, chunk: _Chunk) -> Failed | None:
    """An error in the place of a chunk; vLLM's older shape has no ``error`` member."""
    if bytes(chunk.error) == b"null" and chunk.object != "error":
        return None
    try:
        code = _code.decode(data if chunk.object == "error" else chunk.error).code
    except (msgspec.MsgspecError, RecursionError):
        code = None
    return Failed(read_error(code if isinstance(code, int) and 400 <= code < 600 else 502, data))


def read_pieces(body: bytes) -> list[Piece]:
    """A whole answer.

    Raises:
        ValueError: it is none; when the provider put an error in its place, the message is the provider's.
    """
    answer = _decode(body)
    failure = _failure(body, answer)
    if failure is not None:
        raise ValueError(failure.refusal.message)
    choice = answer.choices[0] if answer.choices else None
    if choice is None or choice.message is None:
        raise ValueError("the provider's answer has no choices[0].message")
    choices = _Choices()
    pieces = choices.begin(answer)
    choices.said(choice.message, pieces)
    reported = read_usage(answer.usage, answer.service_tier)
    if reported is not None:
        pieces.append(Used(reported))
    choice.finish_reason = choice.finish_reason or "stop"
    choices.end(choice, pieces)
    return pieces


class ChatReader:
    """Reads a provider's stream of chunks; a `Reader`."""

    __slots__ = ("_choices", "_cutter", "_done")

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._choices = _Choices()
        self._done = False

    @property
    def done(self) -> bool:
        """``[DONE]`` has come."""
        return self._done

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that are complete now.

        Raises:
            ValueError: an event is no chunk of this dialect, or too large.
        """
        pieces: list[Piece] = []
        for event in self._cutter.feed(chunk):
            data = event_data(event)
            if data.strip() == DONE:
                self._done = True
            elif data and not self._done:
                self._read(data, pieces)
        return pieces

    def _read(self, data: bytes, pieces: list[Piece]) -> None:
        chunk = _decode(data)
        failure = _failure(data, chunk)
        if failure is not None:
            pieces.append(failure)
            return
        choices = self._choices
        for choice in chunk.choices or ():
            if choice.index == 0:
                pieces += choices.begin(chunk)
                if choice.delta is not None:
                    choices.said(choice.delta, pieces)
                choices.end(choice, pieces)
        reported = read_usage(chunk.usage, chunk.service_tier)
        if reported is not None:
            # Some providers count in every chunk; the count is final when nothing comes after it.
            pieces.append(Used(reported, final=choices.ended or not chunk.choices))


def usage_object(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object: here the prompt's tokens contain the cached ones again."""
    prompt = usage.input + usage.cached_input + usage.cache_write
    completion = usage.output + usage.reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def write_answer(head: Head, pieces: Sequence[Piece]) -> bytes:
    """A whole ``chat.completion``. A signature has no place in it and is left out."""
    texts: dict[type, list[str]] = {Said: [], Thought: [], Refused: []}
    calls: dict[int, tuple[Called, list[str]]] = {}
    used: Reported | None = None
    ended = Ended("stop")
    for piece in pieces:
        match piece:
            case Said() | Thought() | Refused():
                texts[type(piece)].append(piece.text)
            case Called():
                calls[piece.at] = (piece, [])
            case Arguments():
                calls[piece.at][1].append(piece.text)
            case Used():
                used = piece.reported
            case Ended():
                ended = piece
            case _:
                pass
    said, refused = "".join(texts[Said]), "".join(texts[Refused])
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said if said or not (calls or refused) else None,
        "refusal": refused or None,
    }
    if texts[Thought]:
        message["reasoning_content"] = "".join(texts[Thought])
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(arguments) or "{}"},
            }
            for call, arguments in calls.values()
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISHES[ended.reason]}
    answer = {**_frame(head, "chat.completion"), "choices": [choice]}
    if used is not None:
        answer["usage"] = usage_object(used.usage)
    return _encode(answer)


def _frame(head: Head, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{head.id}", "object": kind, "created": head.created, "model": head.model}


class ChatWriter:
    """Writes a stream of chunks; a `Writer`.

    Args:
        head: of the answer.
        usage_frame: the client asked for usage in a last chunk of its own.
    """

    __slots__ = ("_after", "_bare", "_begun", "_ended", "_frame", "_over", "_usage", "_usage_frame")

    def __init__(self, head: Head, *, usage_frame: bool) -> None:
        self._frame = b"data: " + _encode(_frame(head, "chat.completion.chunk"))[:-1] + b',"choices":['
        self._after = b'],"usage":null}\n\n' if usage_frame else b"]}\n\n"
        self._usage_frame = usage_frame
        self._usage: Usage | None = None
        self._bare: set[int] = set()
        self._begun = False
        self._ended = False
        self._over = False

    def piece(self, piece: Piece) -> bytes:
        """The chunk for one piece."""
        if self._over:
            return b""
        match piece:
            case Said() | Thought() | Refused():
                return self._delta(_FIELDS[type(piece)] + _encode(piece.text) + b"}") if piece.text else b""
            case Arguments(at, text):
                self._bare.discard(at)
                return self._call({"index": at, "function": {"arguments": text}})
            case Called(at, id_, name):
                self._bare.add(at)
                function = {"name": name, "arguments": ""}
                return self._call({"index": at, "id": id_, "type": "function", "function": function})
            case Began():
                return self._begin()
            case Ended(reason):
                return self._end(reason)
            case Used(reported):
                self._usage = reported.usage
            case Failed(refusal):
                self._over = True
                return error_event(refusal)
            case _:  # a signature has no place in a chunk
                pass
        return b""

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._delta(b'{"role":"assistant","content":""}')

    def _delta(self, delta: bytes, finish: bytes = b"null") -> bytes:
        choice = b'{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}' % (delta, finish)
        begin = b"" if self._begun else self._begin()
        return begin + self._frame + choice + self._after

    def _call(self, call: dict[str, Any]) -> bytes:
        return self._delta(b'{"tool_calls":[' + _encode(call) + b"]}")

    def _end(self, reason: Reason) -> bytes:
        self._ended = True
        # Clients parse the arguments, so a call without any gets those of a function that takes none.
        empty = [self._call({"index": at, "function": {"arguments": "{}"}}) for at in sorted(self._bare)]
        self._bare.clear()
        return b"".join(empty) + self._delta(b"{}", _encode(_FINISHES[reason]))

    def end(self) -> bytes:
        """The usage chunk, if the client asked for it, and ``[DONE]``."""
        if self._over:
            return b""
        out = b"" if self._ended else self._end("stop")
        if self._usage_frame and self._usage is not None:
            out += self._frame + b'],"usage":' + _encode(usage_object(self._usage)) + b"}\n\n"
        return out + b"data: " + DONE + b"\n\n"
