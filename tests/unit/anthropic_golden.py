"""Golden answers of Anthropic's dialect and what they mean, and the SDK's eyes to look at ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.anthropic import AnthropicIn, AnthropicOut
from rechenwerk.wire.sse import EventCutter, event_data
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Head,
    Piece,
    Reported,
    Said,
    Signed,
    Talk,
    Thought,
    Used,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "anthropic"
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
HEAD = Head("msg_01", "claude-opus-5", 0)
TALK = Talk("claude-opus-5", ())


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def read(chunks: Sequence[bytes]) -> list[Piece]:
    reader = AnthropicOut().reader()
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
    assert reader.done
    return pieces


def write(pieces: Sequence[Piece]) -> bytes:
    writer = AnthropicIn().writer(HEAD, TALK)
    return b"".join([writer.piece(piece) for piece in pieces]) + writer.end()


def used(*counts: int, final: bool = True, tier: str = "") -> Used:
    return Used(Reported(Usage(*counts), "", tier), final)


def without_raw(pieces: Sequence[Piece]) -> list[Piece]:
    return [
        Used(msgspec.structs.replace(piece.reported, raw=""), piece.final)
        if isinstance(piece, Used)
        else piece
        for piece in pieces
    ]


BEGAN = Began("msg_01", "claude-opus-5")
STREAMS: MappingProxyType[str, list[Piece]] = MappingProxyType(
    {
        "text": [
            BEGAN,
            used(25, 0, 0, 1, final=False, tier="standard"),
            Said("Grüße"),
            Said(", \u2028Welt 😀"),
            used(25, 0, 0, 15, tier="standard"),
            Ended("stop"),
        ],
        "tools": [
            BEGAN,
            used(472, 0, 0, 2, final=False),
            Said("Both, then."),
            Called(0, "toolu_01", "get_weather"),
            Arguments(0, '{"location":'),
            Arguments(0, ' "Jülich"}'),
            Called(1, "toolu_02", "get_time"),
            Arguments(1, "{}"),
            used(472, 0, 0, 89),
            Ended("tools"),
        ],
        "thinking": [
            BEGAN,
            used(43, 1024, 188, 4, final=False),
            Thought("925 = 5 x 185; "),
            Thought("so 37."),
            Signed("EqQBCgIYAhIM1gbcDa9GJwZA2b3h"),
            Signed("EmwKAhgBEgy3va3pzix", redacted=True),
            Said("The greatest is 37"),
            used(43, 1024, 188, 30, 90),
            Ended("stop", "."),
        ],
        "overloaded": [
            BEGAN,
            used(9, 0, 0, 1, final=False),
            Said("Well"),
            Failed(Refusal(529, "server_error", "overloaded", "Overloaded")),
        ],
        "strange": [
            BEGAN,
            used(300, 0, 0, 3, final=False),
            Said("It is so."),
            used(300, 0, 0, 8, final=False),
            used(300, 0, 0, 11),
            Ended("stop"),
        ],
        "refusal": [BEGAN, used(12, 0, 0, 1, final=False), used(12, 0, 0, 4), Ended("refusal")],
    }
)
WHOLE: list[Piece] = [
    BEGAN,
    Thought("One needs both."),
    Signed("EqQBCg"),
    Signed("EmwKAh", redacted=True),
    Said("Both, then."),
    Called(0, "toolu_01", "get_weather"),
    Arguments(0, '{"location":"Jülich","days":[1,2]}'),
    Called(1, "toolu_02", "get_time"),
    Arguments(1, "{}"),
    used(20, 5, 7, 42, 18, tier="standard"),
    Ended("tools"),
]


def events(stream: bytes) -> list[RawMessageStreamEvent]:
    """The events as the SDK's types see them; each bears its type's name."""
    cutter = EventCutter()
    seen = []
    for event in cutter.feed(stream):
        parsed = EVENT.validate_json(event_data(event))
        assert event.startswith(b"event: %b\ndata: " % parsed.type.encode())
        seen.append(parsed)
    assert cutter.rest == b""
    return seen


def accumulated(stream: bytes) -> dict[str, Any]:
    """What the SDK makes of a stream."""
    snapshot = None
    buffers: dict[int, bytes] = {}
    for event in events(stream):
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    return heard(snapshot.model_dump_json())


def heard(answer: str | bytes) -> dict[str, Any]:
    dumped: dict[str, Any] = Message.model_validate_json(answer, strict=True).model_dump()
    return dumped
