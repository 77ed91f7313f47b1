"""What a stream says, for the client and for the books, however it is cut and wherever it breaks off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rechenwerk.base.errors import unavailable
from rechenwerk.gateway.channels import Channel, OpenAIChannel, PieceChannel
from rechenwerk.gateway.ways import CHAT_IN, MESSAGES_IN, RESPONSES_IN
from rechenwerk.wire.anthropic import AnthropicOut
from rechenwerk.wire.gemini import GeminiOut
from rechenwerk.wire.openai_chat import ChatOut
from rechenwerk.wire.talk import Head, Inbound, Outbound, Talk

GOLDEN = Path(__file__).parents[1] / "golden"
HEAD = Head("call_1", "m", 1_700_000_000)
TALK = Talk("m", (), stream=True, usage_frame=True)
BROKE = unavailable("The call failed: it hung up.", "provider_failed", 502, None)
OPENAI = (GOLDEN / "openai_chat" / "openai_tools.sse").read_bytes()
ANTHROPIC = (GOLDEN / "anthropic" / "text.sse").read_bytes()
GEMINI = (GOLDEN / "gemini" / "stream.txt").read_bytes()


def openai(*, wants_usage: bool = True) -> OpenAIChannel:
    """OpenAI's dialect at both ends."""
    return OpenAIChannel(wants_usage=wants_usage)


def translated(inbound: Inbound, outbound: Outbound) -> Channel:
    """One dialect at the client's end, another at the provider's."""
    return PieceChannel(outbound.reader(), inbound, inbound.writer(HEAD, TALK))


CASES: tuple[tuple[str, Callable[[], Channel], bytes], ...] = (
    ("openai", openai, OPENAI),
    ("openai without usage", lambda: openai(wants_usage=False), OPENAI),
    ("anthropic", lambda: PieceChannel(AnthropicOut().reader(), MESSAGES_IN), ANTHROPIC),
    ("chat over anthropic", lambda: translated(CHAT_IN, AnthropicOut()), ANTHROPIC),
    ("chat over gemini", lambda: translated(CHAT_IN, GeminiOut()), GEMINI),
    ("messages over openai", lambda: translated(MESSAGES_IN, ChatOut()), OPENAI),
    ("messages over gemini", lambda: translated(MESSAGES_IN, GeminiOut()), GEMINI),
    ("responses over openai", lambda: translated(RESPONSES_IN, ChatOut()), OPENAI),
    ("responses over anthropic", lambda: translated(RESPONSES_IN, AnthropicOut()), ANTHROPIC),
)
NAMED = pytest.mark.parametrize(
    ("make", "stream"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
Made = Callable[[], Channel]


def books(channel: Channel) -> tuple[object, ...]:
    """All that the books get to know."""
    return (bytes(channel.text), channel.events, channel.usage, channel.usage_is_final, channel.failed)


def through(channel: Channel, *chunks: bytes) -> bytes:
    """What the client gets for these chunks and the end."""
    return b"".join([channel.feed(chunk) for chunk in chunks]) + channel.end()


@NAMED
def test_it_does_not_matter_how_the_network_cuts(make: Made, stream: bytes) -> None:
    one = make()
    whole = through(one, stream)
    assert one.done
    assert one.started
    assert one.text
    assert one.usage is not None
    assert one.usage_is_final
    for at in range(1, len(stream)):
        channel = make()
        assert through(channel, stream[:at], stream[at:]) == whole, at
        assert (books(channel), channel.done) == (books(one), True), at
    channel = make()
    assert through(channel, *[stream[at : at + 1] for at in range(len(stream))]) == whole
    assert books(channel) == books(one)


@NAMED
def test_wherever_it_breaks_off_the_client_gets_whole_events_and_an_error(make: Made, stream: bytes) -> None:
    one = make()
    through(one, stream)
    for at in range(len(stream)):
        channel = make()
        out = channel.feed(stream[:at])
        if channel.done:
            continue
        error = channel.error(BROKE)
        assert out == b"" or out.endswith((b"\n\n", b"\r\n\r\n")), (at, out[-80:])
        assert error.endswith(b"\n\n")
        assert b"it hung up" in error
        assert bytes(one.text).startswith(bytes(channel.text)), at
        assert channel.events <= one.events


@NAMED
def test_nothing_is_started_by_a_comment(make: Made, stream: bytes) -> None:
    del stream
    channel = make()
    channel.feed(b": keep-alive\n\n")
    assert not channel.started
    assert not channel.done
    assert channel.usage is None


def test_the_same_dialect_passes_byte_for_byte() -> None:
    for make, stream in ((openai, OPENAI), (CASES[2][1], ANTHROPIC)):
        assert through(make(), stream) == stream


def test_usage_that_only_we_asked_for_does_not_reach_the_client() -> None:
    shown, hidden = through(openai(), OPENAI), through(openai(wants_usage=False), OPENAI)
    assert len(hidden) < len(shown)
    kept = [event for event in shown.split(b"\n\n") if b'"choices":[]' not in event]
    assert hidden == b"\n\n".join(kept)


def test_an_error_of_the_provider_is_seen() -> None:
    channel: Channel = openai()
    event = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    assert channel.feed(event) == event
    assert channel.failed is not None
    assert not channel.events
    channel = PieceChannel(AnthropicOut().reader(), MESSAGES_IN)
    channel.feed(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    )
    assert channel.failed is not None
    assert channel.started


@pytest.mark.parametrize("outbound", [AnthropicOut(), GeminiOut(), ChatOut()])
def test_what_nobody_can_read_is_no_stream(outbound: Outbound) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|malformed|truncated|control character|not JSON"):
        translated(CHAT_IN, outbound).feed(b'data: {"choices":[{"ind\n\n')
