"""Chat completions as answers: recorded shapes of providers become pieces, pieces become what SDKs read."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.openai_chat import ChatIn, ChatOut
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
    Signed,
    Talk,
    Thought,
    Used,
)
from tests.openai_oracle import HEAD, answers, check_model, events

GOLDEN = Path(__file__).parent.parent / "golden" / "openai_chat"
STREAMS = sorted(GOLDEN.glob("*.sse"), key=lambda path: path.name)
WHOLE = Talk("house-model", (), stream=True, usage_frame=True)
BARE = Talk("house-model", (), stream=True)
THOUGHTS = frozenset({"choices.message.reasoning_content", "choices.delta.reasoning_content"})
DOWN = Refusal(502, "server_error", "down", "The provider went away.")


def line(piece: Piece) -> str:
    """A piece as it stands in the golden files."""
    if not isinstance(piece, Used):
        return repr(piece)
    of = piece.reported.usage
    counts = f"{of.input} input {of.cached_input} cached {of.cache_write} written {of.output} output"
    return f"Used {counts} {of.reasoning} reasoning, {'final' if piece.final else 'so far'}"


def read(*chunks: bytes) -> list[Piece]:
    reader = ChatOut().reader()
    return [piece for chunk in chunks for piece in reader.feed(chunk)]


def write(pieces: list[Piece], talk: Talk = WHOLE) -> bytes:
    writer = ChatIn().writer(HEAD, talk)
    return b"".join([*(writer.piece(piece) for piece in pieces), writer.end()])


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_streams_of_providers(path: Path) -> None:
    stream = path.read_bytes()
    wanted = path.with_suffix(".pieces").read_text(encoding="utf-8").splitlines()
    reader = ChatOut().reader()
    assert [line(piece) for piece in reader.feed(stream)] == wanted
    assert reader.done == stream.rstrip().endswith(b"[DONE]")


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_stream_may_be_cut_anywhere(path: Path) -> None:
    stream = path.read_bytes()
    whole = read(stream)
    for at in range(len(stream)):
        assert read(stream[:at], stream[at:]) == whole
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == whole


def test_the_golden_answer_as_we_write_it() -> None:
    pieces = read((GOLDEN / "openai_tools.sse").read_bytes())
    assert write(pieces) == (GOLDEN / "openai_tools.written").read_bytes()


@given(answers())
def test_there_and_back(pieces: list[Piece]) -> None:
    assert read(write(pieces)) == pieces


@given(answers())
def test_whole_answers_there_and_back(pieces: list[Piece]) -> None:
    body = ChatIn().answer(HEAD, pieces)
    check_model(ChatCompletion, body, THOUGHTS)
    assert ChatIn().answer(HEAD, ChatOut().pieces(body)) == body
    used = next((piece.reported for piece in pieces if isinstance(piece, Used)), None)
    assert ChatOut().usage(body) == used


@given(answers(), st.booleans())
def test_the_sdk_collects_what_was_said(pieces: list[Piece], usage_frame: bool) -> None:
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    stream = write(pieces, WHOLE if usage_frame else BARE)
    assert stream.endswith(b"data: [DONE]\n\n")
    for data in events(stream):
        state.handle_chunk(check_model(ChatCompletionChunk, data, THOUGHTS))
    collected = state.current_completion_snapshot
    wanted = check_model(ChatCompletion, ChatIn().answer(HEAD, pieces), THOUGHTS)
    # Of a stream nobody can tell whether the content is empty or missing.
    assert (collected.choices[0].message.content or None) == (wanted.choices[0].message.content or None)
    assert collected.choices[0].message.refusal == wanted.choices[0].message.refusal
    assert collected.choices[0].finish_reason == wanted.choices[0].finish_reason
    calls = [call.to_dict() for call in wanted.choices[0].message.tool_calls or ()]
    found = [call.to_dict() for call in collected.choices[0].message.tool_calls or ()]
    for call in found:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)  # type: ignore[attr-defined]
    assert found == calls
    assert collected.usage == (wanted.usage if usage_frame else None)


@pytest.mark.parametrize(
    ("usage", "row"),
    [
        (Usage(), (0, 0, 0, 0, 0)),
        (Usage(input=10, output=5), (10, 5, 0, 0, 0)),
        (Usage(input=36, cached_input=64, output=20, reasoning=10), (100, 30, 64, 0, 10)),
        (Usage(input=1, cached_input=2, cache_write=4, output=8, reasoning=16), (7, 24, 2, 4, 16)),
    ],
)
def test_usage_contains_what_is_cached_again(usage: Usage, row: tuple[int, ...]) -> None:
    body = ChatIn().answer(HEAD, [Said("x"), Used(Reported(usage, "{}")), Ended("stop")])
    seen = check_model(ChatCompletion, body).usage
    assert seen is not None
    prompt, completion = seen.prompt_tokens_details, seen.completion_tokens_details
    assert prompt is not None
    assert completion is not None
    assert row == (
        seen.prompt_tokens,
        seen.completion_tokens,
        prompt.cached_tokens,
        prompt.cache_write_tokens,
        completion.reasoning_tokens,
    )
    assert seen.total_tokens == seen.prompt_tokens + seen.completion_tokens == usage.tokens


@pytest.mark.parametrize(
    ("ended", "finish"),
    [
        (Ended("stop"), "stop"),
        (Ended("stop", "Ende"), "stop"),
        (Ended("length"), "length"),
        (Ended("tools"), "tool_calls"),
        (Ended("filter"), "content_filter"),
        (Ended("refusal"), "content_filter"),
    ],
)
def test_why_the_model_stopped(ended: Ended, finish: str) -> None:
    whole = check_model(ChatCompletion, ChatIn().answer(HEAD, [Said("x"), ended]))
    assert whole.choices[0].finish_reason == finish
    last = check_model(ChatCompletionChunk, events(write([Said("x"), ended]))[-1])
    assert last.choices[0].finish_reason == finish


def test_a_stream_that_forgot_its_beginning_and_end() -> None:
    first, *_, last = (check_model(ChatCompletionChunk, data) for data in events(write([Said("x")])))
    assert first.choices[0].delta.role == "assistant"
    assert last.choices[0].finish_reason == "stop"


def test_a_call_without_arguments_gets_those_of_a_function_without_parameters() -> None:
    pieces: list[Piece] = [Began(), Called(0, "a", "uhr"), Ended("tools")]
    assert read(write(pieces))[2] == Arguments(0, "{}")
    assert Arguments(0, "{}") in ChatOut().pieces(ChatIn().answer(HEAD, pieces))


def test_signatures_stay_out() -> None:
    pieces: list[Piece] = [
        Began(),
        Thought("Hm."),
        Signed("sig"),
        Signed("opaque", redacted=True),
        Said("Ja."),
    ]
    for bytes_ in (write(pieces), ChatIn().answer(HEAD, pieces)):
        assert b"sig" not in bytes_
        assert b"opaque" not in bytes_


def test_a_failure_is_the_last_word() -> None:
    writer = ChatIn().writer(HEAD, WHOLE)
    out = writer.piece(Said("x")) + writer.piece(Failed(DOWN))
    assert out.endswith(ChatIn().error_event(DOWN))
    assert json.loads(events(out)[-1]) == json.loads(ChatIn().error(DOWN))
    assert writer.piece(Said("y")) + writer.piece(Ended("stop")) + writer.end() == b""


def test_the_first_answer_only() -> None:
    body = json.dumps(
        {"choices": [{"index": at, "delta": {"content": str(at)}, "finish_reason": None} for at in (1, 0, 2)]}
    )
    assert read(f"data: {body}\n\n".encode()) == [Began(), Said("0")]


@pytest.mark.parametrize(
    ("deltas", "pieces"),
    [
        (
            [[{"id": "a", "function": {"name": "f", "arguments": "{"}}], [{"function": {"arguments": "}"}}]],
            [Called(0, "a", "f"), Arguments(0, "{"), Arguments(0, "}")],
        ),
        (
            [
                [{"index": 0, "id": "a", "function": {"name": "f"}}],
                [{"index": 0, "id": "a", "function": {"arguments": "1"}}],
            ],
            [Called(0, "a", "f"), Arguments(0, "1")],
        ),
        (
            [
                [{"index": 3, "function": {"name": "f", "arguments": "1"}}],
                [{"index": 3, "id": "", "function": None}],
            ],
            [Called(0, "call_x_0", "f"), Arguments(0, "1")],
        ),
        (
            [[{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "f"}}]],
            [Called(0, "a", "f"), Called(1, "b", "f")],
        ),
        (
            [
                [{"index": at, "id": f"c{at}", "function": {"name": "f"}} for at in (0, 1)],
                [{"index": 1, "function": {"arguments": "1"}}, {"index": 0, "function": {"arguments": "0"}}],
            ],
            [Called(0, "c0", "f"), Called(1, "c1", "f"), Arguments(1, "1"), Arguments(0, "0")],
        ),
    ],
)
def test_calls_as_providers_number_them(deltas: list[list[object]], pieces: list[Piece]) -> None:
    chunks = [{"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]} for calls in deltas]
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    assert read(stream) == [Began("x"), *pieces]


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        ('{"error":{"message":"zu viel","code":429}}', 429, "zu viel"),
        ('{"error":{"message":"kaputt","type":"server_error","code":null}}', 502, "kaputt"),
        ('{"error":"kaputt"}', 502, "kaputt"),
        ('{"object":"error","message":"zu lang","type":"BadRequestError","code":400}', 400, "zu lang"),
        ('{"error":{"code":99}}', 502, "The provider answered with status 502."),
        ('{"error":[]}', 502, '{"error":[]}'),
    ],
)
def test_errors_inside_of_a_stream(data: str, status: int, message: str) -> None:
    (failed,) = read(f"data: {data}\n\n".encode())
    assert isinstance(failed, Failed)
    assert (failed.refusal.status, failed.refusal.message) == (status, message)
    with pytest.raises(ValueError, match=r"."):
        ChatOut().pieces(data.encode())


@pytest.mark.parametrize(
    ("message", "pieces"),
    [
        ({"content": "Ja."}, [Said("Ja."), Ended("stop")]),
        ({"content": None, "refusal": "Nein."}, [Refused("Nein."), Ended("stop")]),
        ({"content": "Ja.", "reasoning": "Hm."}, [Thought("Hm."), Said("Ja."), Ended("stop")]),
        (
            {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            [Called(0, "a", "f"), Arguments(0, "{}"), Ended("tools")],
        ),
    ],
)
def test_whole_answers(message: dict[str, object], pieces: list[Piece]) -> None:
    body = {"id": "a", "model": "b", "choices": [{"index": 0, "message": {"role": "assistant", **message}}]}
    assert ChatOut().pieces(json.dumps(body).encode()) == [Began("a", "b"), *pieces]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"choices":[]}', b'{"choices":[{}]}', b'"x"', b"\xff"])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ChatOut().pieces(body)
    assert ChatOut().usage(body) is None


def test_the_path_and_the_error_are_openais() -> None:
    assert ChatOut().path("any/model", stream=True) == "/chat/completions"
    refusal = ChatOut().error(
        404, b'{"error":{"message":"weg","type":"invalid_request_error","code":"gone"}}'
    )
    assert (refusal.status, refusal.code, refusal.message) == (404, "gone", "weg")


def test_the_head_is_the_callers() -> None:
    answer = json.loads(ChatIn().answer(Head("ab", "m", 5), [Began("other", "other"), Said("x")]))
    assert (answer["id"], answer["model"], answer["created"]) == ("chatcmpl-ab", "m", 5)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"data: ", b"\n\n", b'{"choices":', b"[" * 5000])))
def test_no_bytes_bring_the_reader_down(chunks: list[bytes]) -> None:
    with contextlib.suppress(ValueError):
        read(*chunks)
    with contextlib.suppress(ValueError):
        ChatOut().pieces(b"".join(chunks))


@given(st.sampled_from(STREAMS), st.data())
def test_nor_do_broken_streams(path: Path, data: st.DataObject) -> None:
    stream = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(ValueError):
        read(bytes(stream))


def test_nesting_without_end_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="nested"):
        read(b'data: {"x":' + b"[" * 200_000 + b"\n\n")
