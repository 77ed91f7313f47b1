"""The JSON of OpenAI's answers: whole bodies, and streams as pairs of (event, tokens produced with it)."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.answers import Answer, ApiError, Ask, Choice, inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.knobs import Knobs

encode = msgspec.json.encode
DONE = b"[DONE]"
Event = tuple[bytes, int]


def chat_body(answer: Answer) -> bytes:
    body: dict[str, Any] = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.ask.model,
        "choices": [_chat_choice(choice, answer.ask) for choice in answer.choices],
        "usage": answer.usage(),
        "service_tier": answer.knobs.served_tier or "default",
        "system_fingerprint": answer.fingerprint,
    }
    return encode(_spoiled(body, answer.knobs))


def quick_template(choice: Choice) -> bytes:
    """`chat_body` with holes for id, created, model, prompt and total tokens; a test holds the two equal."""
    assert not any("%" in piece for piece in choice.pieces)
    return (
        b'{"id":"%%b","object":"chat.completion","created":%%d,"model":%%b,"choices":[%b],"usage":'
        b'{"prompt_tokens":%%d,"completion_tokens":%d,"total_tokens":%%d,'
        b'"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
        b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},'
        b'"service_tier":"default","system_fingerprint":"fp_fake"}'
    ) % (encode(_chat_choice(choice, Ask())), choice.tokens)


def completion_body(answer: Answer) -> bytes:
    body: dict[str, Any] = {
        "id": answer.id,
        "object": "text_completion",
        "created": answer.created,
        "model": answer.ask.model,
        "choices": [
            {
                "text": "".join(choice.pieces),
                "index": choice.index,
                "logprobs": _old_logprobs(choice.pieces, 0, answer.ask),
                "finish_reason": choice.finish,
            }
            for choice in answer.choices
        ],
        "usage": answer.usage(),
        "system_fingerprint": answer.fingerprint,
    }
    return encode(_spoiled(body, answer.knobs))


def embeddings_body(ask: Ask, knobs: Knobs, prompt_tokens: int) -> bytes:
    size = knobs.dimensions if ask.dimensions is None else ask.dimensions
    if size < 1:
        raise ApiError(400, f"Invalid 'dimensions': expected at least 1, got {size}.", param="dimensions")
    if ask.encoding_format not in {None, "float", "base64"}:
        raise ApiError(400, "Invalid 'encoding_format'.", param="encoding_format")
    data = []
    for index, one in enumerate(inputs(ask.input, "input")):
        packed = vector(one, size)
        shown: Any
        if ask.encoding_format == "base64":
            shown = base64.b64encode(packed).decode()
        else:
            shown = struct.unpack(f"<{size}f", packed)
        data.append({"object": "embedding", "index": index, "embedding": shown})
    usage = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}
    body = {"object": "list", "data": data, "model": ask.model, "usage": usage}
    return encode(_spoiled(body, knobs))


def vector(text: str | list[int], size: int) -> bytes:
    """A unit vector that depends on the text alone, as little-endian float32."""
    raw = hashlib.shake_128(text.encode() if isinstance(text, str) else encode(text)).digest(2 * size)
    # Odd numbers only, so that no vector is all zero.
    numbers = [2 * number + 1 for number in struct.unpack(f"<{size}h", raw)]
    length = math.sqrt(sum(number * number for number in numbers))
    return struct.pack(f"<{size}f", *(number / length for number in numbers))


def tokenized(pieces: Sequence[str], *, with_pieces: bool) -> bytes:
    """The answer of llama.cpp's /tokenize."""
    ids = [zlib.crc32(piece.encode()) % 50_000 for piece in pieces]
    if with_pieces:
        return encode({"tokens": [{"id": one, "piece": p} for one, p in zip(ids, pieces, strict=True)]})
    return encode({"tokens": ids})


def events(answer: Answer, *, chat: bool) -> Iterator[Event]:
    """The whole stream in OpenAI's order: role, content of all choices in turn, finishes, usage, [DONE]."""
    ask, knobs = answer.ask, answer.knobs
    asked = bool(ask.stream_options and ask.stream_options.include_usage) and not knobs.no_usage
    at_end = asked and not knobs.usage_on_last_content_chunk
    common = {
        "id": answer.id,
        "object": "chat.completion.chunk" if chat else "text_completion",
        "created": answer.created,
        "model": ask.model,
    }
    if chat:
        common["service_tier"] = knobs.served_tier or "default"
    common["system_fingerprint"] = answer.fingerprint
    head = encode(common)[:-1] + b',"choices":['
    tail = b'],"usage":null}' if asked else b"]}"
    padding = b',"obfuscation":"' + b"x" * knobs.huge_frame + b'"}' if knobs.huge_frame else b""
    for chunk, tokens in _chat_chunks(answer) if chat else _completion_chunks(answer):
        yield head + chunk + (tail[:-1] + padding if padding else tail), tokens
        padding = b""
    for choice in answer.choices:
        last = asked and not at_end and choice is answer.choices[-1]
        ending = b'],"usage":' + encode(answer.usage()) + b"}" if last else tail
        yield head + _finish(choice, chat=chat) + ending, 0
    if at_end:
        yield head + b'],"usage":' + encode(answer.usage()) + b"}", 0
    yield DONE, 0


def _chat_chunks(answer: Answer) -> Iterator[Event]:
    for choice in answer.choices:
        delta: dict[str, Any] = {
            "role": "assistant",
            "content": None if choice.calls else "",
            "refusal": None,
        }
        # The hidden tokens exist before the first visible one.
        yield _chunk(choice.index, delta), choice.reasoning - len(choice.thoughts)
    step = max(answer.knobs.tokens_per_event, 1)
    for choice in answer.choices:
        for thought in steps(choice.thoughts, step):
            yield _chunk(choice.index, {"reasoning_content": "".join(thought)}), len(thought)
    for start in range(0, max(len(choice.pieces) for choice in answer.choices), step):
        for choice in answer.choices:
            said = choice.pieces[start : start + step]
            yield _chunk(choice.index, {"content": "".join(said)}, _logprobs(said, answer.ask)), len(said)
    for choice in answer.choices:
        for place, call in enumerate(choice.calls):
            function = {"name": call.name, "arguments": ""}
            opened = {"index": place, "id": call.id, "type": "function", "function": function}
            yield _chunk(choice.index, {"tool_calls": [opened]}), 0
            for said in steps(call.pieces, step):
                more = {"index": place, "function": {"arguments": "".join(said)}}
                yield _chunk(choice.index, {"tool_calls": [more]}), len(said)


def _completion_chunks(answer: Answer) -> Iterator[Event]:
    step = max(answer.knobs.tokens_per_event, 1)
    # This dialect has no role chunk: hidden tokens come with the first visible ones.
    hidden = sum(choice.reasoning for choice in answer.choices)
    offset = 0
    for start in range(0, max(len(choice.pieces) for choice in answer.choices), step):
        text = ""
        for choice in answer.choices:
            said = choice.pieces[start : start + step]
            text = "".join(said)
            chunk = {
                "text": text,
                "index": choice.index,
                "logprobs": _old_logprobs(said, offset, answer.ask),
                "finish_reason": None,
            }
            yield encode(chunk), len(said) + hidden
            hidden = 0
        offset += len(text)
    if hidden:
        yield encode({"text": "", "index": 0, "logprobs": None, "finish_reason": None}), hidden


def steps(pieces: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The tokens in groups, one group per event."""
    for start in range(0, len(pieces), max(size, 1)):
        yield pieces[start : start + max(size, 1)]


def _chunk(index: int, delta: dict[str, Any], logprobs: Any = None) -> bytes:
    return encode({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None})


def _finish(choice: Choice, *, chat: bool) -> bytes:
    said: dict[str, Any] = (
        {"index": choice.index, "delta": {}} if chat else {"text": "", "index": choice.index}
    )
    return encode({**said, "logprobs": None, "finish_reason": choice.finish})


def _chat_choice(choice: Choice, ask: Ask) -> dict[str, Any]:
    text = None if choice.calls else "".join(choice.pieces)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if choice.thoughts:
        message["reasoning_content"] = "".join(choice.thoughts)
    if choice.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.pieces)},
            }
            for call in choice.calls
        ]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": _logprobs(choice.pieces, ask),
        "finish_reason": choice.finish,
    }


def _logprobs(pieces: Sequence[str], ask: Ask) -> dict[str, Any] | None:
    if not ask.logprobs:
        return None
    content = []
    for piece in pieces:
        one = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
        content.append({**one, "top_logprobs": [one] * (ask.top_logprobs or 0)})
    return {"content": content, "refusal": None}


def _old_logprobs(pieces: Sequence[str], offset: int, ask: Ask) -> dict[str, Any] | None:
    if ask.logprobs is None or ask.logprobs is False:
        return None
    offsets = [offset + sum(map(len, pieces[:place])) for place in range(len(pieces))]
    return {
        "tokens": list(pieces),
        "token_logprobs": [-0.25] * len(pieces),
        "top_logprobs": [{piece: -0.25} for piece in pieces] if ask.logprobs else None,
        "text_offset": offsets,
    }


def _spoiled(body: dict[str, Any], knobs: Knobs) -> dict[str, Any]:
    if knobs.no_usage:
        del body["usage"]
    if knobs.huge_frame:
        body["obfuscation"] = "x" * knobs.huge_frame
    return body
