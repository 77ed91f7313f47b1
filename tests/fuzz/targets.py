"""Every decoder of bytes that others write, what it starts from, and all that it may raise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import msgspec

from rechenwerk.gateway.channels import OpenAIChannel
from rechenwerk.wire import rerank
from rechenwerk.wire.anthropic import AnthropicIn, AnthropicOut, count_tokens_request
from rechenwerk.wire.anthropic import read_peek as anthropic_peek
from rechenwerk.wire.bedrock import BedrockOut
from rechenwerk.wire.eventstream import MessageCutter
from rechenwerk.wire.gemini import GeminiOut
from rechenwerk.wire.openai import UNREADABLE, Request, Splice, read_request, splice
from rechenwerk.wire.openai_chat import ChatIn, ChatOut
from rechenwerk.wire.responses import ResponsesIn, output_items, read_state, with_history
from rechenwerk.wire.responses_out import ResponsesReader, read_whole
from rechenwerk.wire.responses_out import read_peek as responses_peek
from rechenwerk.wire.sse import EventCutter
from rechenwerk.wire.talk import (
    Arguments,
    Head,
    Inbound,
    Outbound,
    Piece,
    Reader,
    Refused,
    Said,
    Talk,
    Thought,
    UntranslatableError,
)
from tests.fakes.eventstream import encode_event, encode_exception

_GOLDEN = Path(__file__).parent.parent / "golden"
_HEAD = Head("call", "model", 0)
_TALK = Talk("model", ())
_INBOUND: tuple[Inbound, ...] = (ChatIn(), AnthropicIn(), ResponsesIn())
_OUTBOUND: MappingProxyType[str, Outbound] = MappingProxyType(
    {"openai": ChatOut(), "anthropic": AnthropicOut(), "gemini": GeminiOut(), "bedrock": BedrockOut()}
)
_UPSTREAMS = ("model", "gemini-3-x", "anthropic.claude-x")


class Decoder(msgspec.Struct, frozen=True):
    """One target.

    Attributes:
        run: takes any bytes, and raises nothing: what the decoder promises to raise is no crash.
        seeds: bytes that it can read.
    """

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _all(pattern: str) -> tuple[bytes, ...]:
    found = tuple(path.read_bytes() for path in sorted(_GOLDEN.glob(pattern)))
    assert found, pattern
    return found


def chunks(data: bytes) -> list[bytes]:
    """The data as a network might bring it; where it is cut depends on the data alone."""
    step = 1 + sum(data[:8]) % 97
    return [data[at : at + step] for at in range(0, len(data), step)]


# -- what providers send -------------------------------------------------------------------------------


def _said(pieces: list[Piece]) -> list[str]:
    return [piece.text for piece in pieces if isinstance(piece, Said | Thought | Refused | Arguments)]


def _written(pieces: list[Piece]) -> None:
    """Whatever a provider said, every dialect of clients can write it."""
    for inbound in _INBOUND:
        writer = inbound.writer(_HEAD, _TALK)
        streamed = b"".join([writer.piece(piece) for piece in pieces]) + writer.end()
        assert len(streamed) <= 4_000 * (len(pieces) + 8) + 40 * sum(map(len, _said(pieces)))
        msgspec.json.decode(inbound.answer(_HEAD, pieces))
    msgspec.json.encode(output_items(_HEAD, pieces))


def _read(reader: Reader, data: bytes) -> list[Piece]:
    pieces: list[Piece] = []
    with suppress(ValueError):
        for chunk in chunks(data):
            pieces += reader.feed(chunk)
    return pieces


def _stream(out: Outbound) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        pieces = _read(out.reader(), data)
        with suppress(ValueError):  # cut elsewhere it says the same, as far as both could read
            other = out.reader().feed(data)
            assert "".join(_said(other)).startswith("".join(_said(pieces)))
        _written(pieces)

    return run


def _events(data: bytes) -> None:
    """Bedrock's events one per line, kind and payload: a fuzzer would never guess the checksums."""
    stream = b""
    for line in data.split(b"\n")[:64]:
        kind, _, payload = line.partition(b" ")
        encode = encode_exception if kind.endswith(b"Exception") else encode_event
        stream += encode(kind[:64].decode("latin-1"), payload)
    _stream(_OUTBOUND["bedrock"])(stream)


def _answer(out: Outbound) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        out.usage(data)
        for status in (200, 400, 429, 503):
            assert out.error(status, data).message
        with suppress(ValueError):
            _written(out.pieces(data))

    return run


def _responses_stream(data: bytes) -> None:
    _read(ResponsesReader(), data)  # it is for the books alone: bytes pass to the client as they came


def _responses_answer(data: bytes) -> None:
    with suppress(ValueError):
        read_whole(data)


def _openai_pass(data: bytes) -> None:
    channel = OpenAIChannel(wants_usage=False, usages=1 + len(data) % 3)
    with suppress(ValueError):
        for chunk in chunks(data):
            channel.feed(chunk)
    channel.end()


def _rerank_answer(data: bytes) -> None:
    rerank.rerank_usage(data)
    asked = b'{"model":"m","query":"q","documents":["a",{"text":"b"}],"return_documents":true}'
    for kind in rerank.RERANK_KINDS.values():
        with suppress(ValueError, RecursionError):
            rerank.rerank_answer(data, asked, kind)


def _cutters(data: bytes) -> None:
    for cutter in (EventCutter(1000), MessageCutter(1000)):
        with suppress(ValueError):
            for chunk in chunks(data):
                cutter.feed(chunk)
                assert len(cutter.rest) <= 1000 if isinstance(cutter, EventCutter) else cutter.rest <= 2000


# -- what clients send ---------------------------------------------------------------------------------


def _body(inbound: Inbound) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        with suppress(UntranslatableError, *UNREADABLE):
            talk = inbound.read(data)
            for out in _OUTBOUND.values():
                for upstream in _UPSTREAMS:
                    with suppress(UntranslatableError, RecursionError):
                        msgspec.json.decode(out.write(talk, upstream, 100))

    return run


def _peeks(data: bytes) -> None:
    for peek in (read_request, anthropic_peek, responses_peek, rerank.read_rerank):
        request = peek(data)
        if isinstance(request, Request):
            with suppress(*UNREADABLE):
                for change in (Splice("other"), Splice("other", "max_tokens", 5, ask_usage=True)):
                    sent = read_request(splice(data, request, change))
                    assert isinstance(sent, Request)
                    assert sent.model == "other"
            if peek is rerank.read_rerank:
                assert min(rerank.most_used(data, 100)) > 0


def _conversation(data: bytes) -> None:
    with suppress(*UNREADABLE):
        state = read_state(data)
        body = with_history(data, state.items)
        assert len(read_state(body).items) == 2 * len(state.items)


def _counting(data: bytes) -> None:
    with suppress(UntranslatableError, *UNREADABLE):
        count_tokens_request(data)


_CHATS = _all("splice/*.client.json")
_MESSAGES = _all("anthropic/request.json")
_INPUT = (
    {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
    {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,aa"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "x"},
)
_TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
_RESPONSES = (
    msgspec.json.encode(
        {"model": "m", "input": _INPUT, "tools": [_TOOL], "reasoning": {"effort": "low"}, "store": False}
    ),
)
_RERANKS = (b'{"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":1,"return_documents":true}',)
_STREAMS = _all("openai_chat/*.sse") + _all("sse/*.txt")
_BEDROCK = _all("bedrock/stream.txt")

DECODERS: MappingProxyType[str, Decoder] = MappingProxyType(
    {
        "openai-stream": Decoder(_stream(_OUTBOUND["openai"]), _STREAMS),
        "openai-answer": Decoder(_answer(_OUTBOUND["openai"]), _all("answer.json")),
        "openai-pass": Decoder(_openai_pass, _STREAMS),
        "anthropic-stream": Decoder(_stream(_OUTBOUND["anthropic"]), _all("anthropic/*.sse")),
        "anthropic-answer": Decoder(_answer(_OUTBOUND["anthropic"]), _all("anthropic/*whole.json")),
        "gemini-stream": Decoder(_stream(_OUTBOUND["gemini"]), _all("gemini/stream.txt")),
        "gemini-answer": Decoder(_answer(_OUTBOUND["gemini"]), _all("gemini/answer.json")),
        "bedrock-stream": Decoder(
            _stream(_OUTBOUND["bedrock"]), (encode_event("messageStop", b'{"stopReason":"end_turn"}'),)
        ),
        "bedrock-events": Decoder(_events, _BEDROCK),
        "bedrock-answer": Decoder(_answer(_OUTBOUND["bedrock"]), _all("bedrock/answer.json")),
        "responses-stream": Decoder(_responses_stream, _all("responses/*.written")),
        "responses-answer": Decoder(
            _responses_answer, (b'{"id":"r","output":[],"usage":{"input_tokens":1}}',)
        ),
        "rerank-answer": Decoder(
            _rerank_answer, (b'{"results":[{"index":0,"relevance_score":1}],"usage":{"total_tokens":1}}',)
        ),
        "cutters": Decoder(_cutters, (*_STREAMS, encode_event("a", b"{}"))),
        "chat-body": Decoder(_body(_INBOUND[0]), _CHATS),
        "messages-body": Decoder(_body(_INBOUND[1]), _MESSAGES),
        "responses-body": Decoder(_body(_INBOUND[2]), _RESPONSES),
        "peeks": Decoder(_peeks, (*_CHATS, *_MESSAGES, *_RESPONSES, *_RERANKS)),
        "conversation": Decoder(_conversation, _RESPONSES),
        "counting": Decoder(_counting, _MESSAGES),
    }
)
