"""Anthropic's dialect: answers of providers as pieces, pieces as answers to clients, usage."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.anthropic import AnthropicIn, AnthropicOut
from rechenwerk.wire.anthropic_stream import read_usage
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Piece,
    Refused,
    Reported,
    Said,
    Signed,
    Thought,
    Used,
)
from tests.unit.anthropic_golden import (
    BEGAN,
    HEAD,
    STREAMS,
    TALK,
    WHOLE,
    accumulated,
    golden,
    heard,
    read,
    used,
    without_raw,
    write,
)

# -- what providers say -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_means_the_same_however_it_is_cut(name: str) -> None:
    stream = golden(f"{name}.sse")
    whole = read([stream])
    assert without_raw(whole) == STREAMS[name]
    for at in range(len(stream)):
        assert read([stream[:at], stream[at:]]) == whole
    assert read([stream[at : at + 1] for at in range(len(stream))]) == whole


def test_usage_keeps_the_bytes_it_came_in() -> None:
    raws = [piece.reported.raw for piece in read([golden("tools.sse")]) if isinstance(piece, Used)]
    first = '{"input_tokens":472,"output_tokens":2}'
    last = (
        '{"input_tokens":472,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":89}'
    )
    assert raws == [first, f"[{first},{last}]"]


def test_a_whole_answer() -> None:
    body = golden("whole.json")
    pieces = AnthropicOut().pieces(body)
    assert without_raw(pieces) == WHOLE
    assert AnthropicOut().usage(body) == next(one.reported for one in pieces if isinstance(one, Used))
    unpaid = msgspec.json.encode({"type": "message", "content": []})
    assert AnthropicOut().pieces(unpaid) == [Began(), Ended("stop")]
    assert AnthropicOut().usage(unpaid) is None


@pytest.mark.parametrize(
    ("reason", "sequence", "ended"),
    [
        ("end_turn", None, Ended("stop")),
        ("stop_sequence", "END", Ended("stop", "END")),
        ("max_tokens", None, Ended("length")),
        ("model_context_window_exceeded", None, Ended("length")),
        ("tool_use", None, Ended("tools")),
        ("refusal", None, Ended("refusal")),
        ("pause_turn", None, Ended("stop")),
    ],
)
def test_why_a_model_stopped(reason: str, sequence: str | None, ended: Ended) -> None:
    body: dict[str, Any] = {
        "type": "message",
        "content": [],
        "stop_reason": reason,
        "stop_sequence": sequence,
    }
    assert AnthropicOut().pieces(msgspec.json.encode(body))[-1] == ended


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"type":"error","error":{}}', b'{"x":' + b"[" * 100_000]
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # msgspec's words
        AnthropicOut().pieces(body)
    assert AnthropicOut().usage(body) is None


USAGE = """
    input | read | created | output | thinking | buckets
    10    | -    | -       | 20     | -        | 10 0 0 20 0
    10    | null | null    | 20     | -        | 10 0 0 20 0
    10    | 5    | 7       | 20     | -        | 10 5 7 20 0
    0     | 5    | 0       | 20     | 8        | 0 5 0 12 8
    10    | -    | -       | 20     | 20       | 10 0 0 0 20
    10    | -    | -       | 20     | 21       | -
    10    | -    | -       | -      | -        | -
    -     | 5    | -       | 20     | -        | -
    -1    | -    | -       | 20     | -        | -
    10    | -1   | -       | 20     | -        | -
    10    | -    | -       | -1     | -        | -
    10    | -    | -       | "many" | -        | -
    9e99  | -    | -       | 20     | -        | -
"""
NAMES = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


@pytest.mark.parametrize("line", USAGE.strip().splitlines()[1:])
def test_buckets_are_disjoint(line: str) -> None:
    *counts, thinking, buckets = (part.strip() for part in line.split("|"))
    members = [f'"{name}":{count}' for name, count in zip(NAMES, counts, strict=True) if count != "-"]
    if thinking != "-":
        members.append(f'"output_tokens_details":{{"thinking_tokens":{thinking}}}')
    reported = read_usage(f"{{{','.join(members)}}}".encode())
    if buckets == "-":
        assert reported is None
    else:
        assert reported is not None
        assert reported.usage == Usage(*map(int, buckets.split()))


def test_totals_at_the_end_of_a_stream_count() -> None:
    start = Reported(Usage(10, 5, 7, 1), "{}")
    assert read_usage(b'{"output_tokens":9}', start) == Reported(
        Usage(10, 5, 7, 9), '[{},{"output_tokens":9}]'
    )
    later = read_usage(b'{"output_tokens":9,"input_tokens":11,"cache_creation_input_tokens":0}', start)
    assert later is not None
    assert later.usage == Usage(11, 5, 0, 9)
    assert read_usage(b"{}", start) is None
    assert read_usage(b"null", start) is None


# -- what clients hear --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["thinking", "tools"])
def test_a_stream_as_it_is_written(name: str) -> None:
    written = write(STREAMS[name])
    assert written == golden(f"written-{name}.sse")
    assert without_raw(read([written])) == STREAMS[name]


def test_a_whole_answer_as_it_is_written() -> None:
    answer = AnthropicIn().answer(HEAD, WHOLE)
    assert answer == golden("written-whole.json").rstrip()
    assert heard(answer) == accumulated(write(WHOLE))


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([], "end_turn"),
        ([Ended("stop")], "end_turn"),
        ([Ended("stop", "END")], "stop_sequence"),
        ([Ended("length")], "max_tokens"),
        ([Ended("tools")], "tool_use"),
        ([Ended("filter")], "refusal"),
        ([Refused("No."), Ended("stop")], "refusal"),
        ([Refused("No."), Ended("length")], "max_tokens"),
    ],
)
def test_the_reason_to_stop(pieces: list[Piece], reason: str) -> None:
    answer = heard(AnthropicIn().answer(HEAD, pieces))
    assert answer["stop_reason"] == reason
    assert answer == accumulated(write(pieces))


def test_usage_that_comes_after_the_reason_is_told() -> None:
    end, usage = Ended("stop"), used(7, 1, 2, 3, 4)
    late = write([Said("Hi"), end, usage])
    assert accumulated(late) == accumulated(write([Said("Hi"), usage, end]))
    assert b'"output_tokens":7,"output_tokens_details":{"thinking_tokens":4}' in late


def test_calls_told_in_turns_and_spoilt_arguments() -> None:
    pieces: list[Piece] = [
        Called(0, "a", "f"),
        Arguments(0, '{"x":'),
        Called(1, "b", "g"),
        Arguments(1, '{"y":2}'),
        Arguments(0, "1}"),
        Ended("tools"),
    ]
    answer = heard(AnthropicIn().answer(HEAD, pieces))
    assert [block["input"] for block in answer["content"]] == [{"x": 1}, {"y": 2}]
    assert answer == accumulated(write(pieces))
    broken = heard(AnthropicIn().answer(HEAD, [Called(0, "a", "f"), Arguments(0, '{"x":'), Ended("length")]))
    assert broken["content"][0]["input"] == {"INVALID_JSON": '{"x":'}


def test_a_stream_that_fails_ends_with_an_error() -> None:
    refusal = Refusal(503, "server_error", "provider_failed", "Gone.")
    writer = AnthropicIn().writer(HEAD, TALK)
    writer.piece(Said("Hi"))
    event = writer.piece(Failed(refusal))
    assert event == AnthropicIn().error_event(refusal)
    assert event.startswith(b"event: error\ndata: ")
    assert writer.end() == b""
    assert read([event]) == [Failed(Refusal(529, "server_error", "provider_failed", "Gone."))]


# -- there and back -----------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
Run = list[Piece]
COUNTS = st.tuples(*[st.integers(0, 99)] * 5)


def call(id_: str, name: str, value: dict[str, int], cut: int) -> Callable[[int], Run]:
    text = json.dumps(value)
    halves = [half for half in (text[:cut], text[cut:]) if half]
    return lambda at: [Called(at, id_, name), *[Arguments(at, half) for half in halves]]


def run(pieces: list[Any]) -> Callable[[int], Run]:
    return lambda _: pieces


RUNS: st.SearchStrategy[Callable[[int], Run]] = (
    st.lists(st.builds(Said, WORDS), min_size=1, max_size=2).map(run)
    | st.lists(st.builds(Thought, WORDS), min_size=1, max_size=2).map(run)
    | st.lists(st.builds(Signed, WORDS, st.booleans()), min_size=1, max_size=1).map(run)
    | st.builds(call, WORDS, WORDS, st.dictionaries(WORDS, st.integers(), max_size=2), st.integers(0, 9))
)


@st.composite
def answers(draw: st.DrawFn) -> list[Piece]:
    pieces: list[Piece] = [BEGAN, used(*draw(COUNTS), final=False)]
    for make in draw(st.lists(RUNS, min_size=1, max_size=6)):
        pieces += make(sum(isinstance(piece, Called) for piece in pieces))
    ended = st.builds(Ended, st.sampled_from(["length", "tools", "refusal"])) | st.builds(
        Ended, st.just("stop"), WORDS | st.just("")
    )
    return [*pieces, used(*draw(COUNTS)), draw(ended)]


@given(answers())
def test_pieces_that_were_written_are_read_as_the_same(pieces: list[Piece]) -> None:
    stream = write(pieces)
    assert without_raw(read([stream])) == pieces
    answer = AnthropicIn().answer(HEAD, pieces)
    assert heard(answer) == accumulated(stream)
    assert heard(AnthropicIn().answer(HEAD, AnthropicOut().pieces(answer))) == heard(answer)


BODIES = [golden(f"{name}.sse") for name in STREAMS] + [golden("whole.json")]


@given(st.binary(max_size=60) | st.sampled_from(BODIES), st.integers(0, 2**32), st.integers(0, 6))
def test_no_bytes_break_a_reader(whole: bytes, seed: int, changes: int) -> None:
    chance = random.Random(seed)  # what is drawn byte by byte would take hypothesis too long
    spoilt = bytearray(whole)
    for _ in range(changes):
        at = chance.randrange(len(spoilt) + 1)
        spoilt[at : at + chance.randrange(3)] = chance.choice(
            [b"", b"\n", b"{", b'"', b"null", b"-1", b"\xff", b"["]
        )
    body = bytes(spoilt)
    cut = chance.randrange(len(body) + 1)
    outcomes = []
    for chunks in ([body], [body[:cut], body[cut:]]):
        reader = AnthropicOut().reader()
        try:
            outcomes.append([piece for chunk in chunks for piece in reader.feed(chunk)])
        except ValueError:
            outcomes.append([])
    assert outcomes[0] == outcomes[1]
    try:
        AnthropicOut().pieces(body)
    except ValueError:
        assert AnthropicOut().error(500, body).status == 500
    AnthropicOut().usage(body)


def test_an_event_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="nested without end"):
        AnthropicOut().reader().feed(b'data: {"type":"x","y":' + b"[" * 100_000 + b"\n\n")
