"""Anthropic's dialect: requests of clients, requests to providers, and the two joined."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rechenwerk.wire.anthropic import AnthropicIn, AnthropicOut, count_tokens_request
from rechenwerk.wire.anthropic_request import ADVICE
from rechenwerk.wire.talk import (
    Began,
    Head,
    Image,
    Inbound,
    Outbound,
    Part,
    Reader,
    Shape,
    Talk,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    UntranslatableError,
    Writer,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "anthropic"
REQUEST = (GOLDEN / "request.json").read_bytes()
STREAMING: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsStreaming)
WHOLE: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
SAMPLING = ("temperature", "top_p", "top_k")
"""The SDK follows API version 2026-10-21, which took these away."""


def plain(value: Any) -> Any:
    """What a validator gives, with its lazy iterables read to the end (they check as they go)."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(one) for one in value]
    return value


def holds(body: bytes) -> dict[str, Any]:
    """The SDK's types know every field of the body: those they do not know would be missing."""
    document: dict[str, Any] = json.loads(body)
    known = {name: value for name, value in document.items() if name not in SAMPLING}
    assert plain((STREAMING if document.get("stream") else WHOLE).validate_python(known)) == known
    return document


def body(**fields: Any) -> bytes:
    said = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return json.dumps({name: value for name, value in said.items() if value is not ...}).encode()


def read(**fields: Any) -> Talk:
    return AnthropicIn().read(body(**fields))


def write(talk: Talk, cap: int = 4096) -> dict[str, Any]:
    return holds(AnthropicOut().write(talk, "up", cap))


# -- from a client ------------------------------------------------------------------------------------


def test_everything_that_a_client_may_say() -> None:
    holds(REQUEST)
    assert AnthropicIn().read(REQUEST) == Talk(
        model="claude-opus-5",
        turns=(
            Turn("system", (Text("Be brief."),)),
            Turn("user", (Text("What is this, and how is the weather there?"),)),
            Turn("user", (Image("image/png", "iVBORw0K"), Image(url="https://example.org/a.png"))),
            Turn(
                "assistant",
                (
                    Thinking("Jülich.", "EqQBCg"),
                    Thinking("", "EmwKAh", redacted=True),
                    Text("Jülich."),
                    ToolUse("toolu_01", "get_weather", '{"location":"Jülich"}'),
                    ToolUse("toolu_02", "draw", "{}"),
                ),
            ),
            Turn(
                "user",
                (
                    ToolResult("toolu_01", (Text("Rain."),)),
                    ToolResult(
                        "toolu_02", (Text("No paper."), Image(url="https://example.org/b.png")), is_error=True
                    ),
                    ToolResult("toolu_03", ()),
                    Text("And tomorrow?"),
                ),
            ),
        ),
        tools=(
            Tool(
                "get_weather",
                "The weather somewhere.",
                {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
                strict=True,
            ),
            Tool("draw", "", {"type": "object"}),
        ),
        tool_choice=ToolChoice("auto"),
        parallel=False,
        max_tokens=4096,
        temperature=1.0,
        top_p=0.95,
        top_k=5,
        stop=("END",),
        shape=Shape({"type": "object", "properties": {}, "additionalProperties": False}),
        effort="medium",
        thinking_tokens=2048,
        user="u-7",
        stream=True,
    )


def test_what_is_left_to_the_model_stays_unsaid() -> None:
    assert read() == Talk("m", (Turn("user", (Text("Hi"),)),), max_tokens=9)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "disabled"}}, {"thinking_tokens": 0}),
        ({"output_config": {"effort": "max"}}, {"effort": "xhigh"}),
        ({"output_config": {}}, {}),
        (
            {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
            {"shape": Shape({"type": "object"})},
        ),
        (
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": False}},
            {"tool_choice": ToolChoice("any"), "parallel": True},
        ),
        (
            {"tool_choice": {"type": "tool", "name": "f"}},
            {"tool_choice": ToolChoice("one", "f")},
        ),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": ToolChoice("none")}),
        ({"metadata": {"user_id": None, "other": 1}}, {}),
        ({"stream": None, "stop_sequences": None}, {}),
        (
            {"messages": [{"role": "system", "content": "S"}]},
            {"turns": (Turn("system", (Text("S"),)),)},
        ),
    ],
)
def test_what_a_field_means(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read(**fields) == msgspec.structs.replace(read(), **expected)


@pytest.mark.parametrize("field", ADVICE)
def test_advice_is_left_out(field: str) -> None:
    assert read(**{field: {"type": "anything"}}) == read()


def said(block: dict[str, Any], role: str = "user") -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "Hi"},
        {"role": role, "content": [{"type": "text", "text": "a"}, block]},
    ]


IN_CONTENT = "messages[1].content[1]"
UNTRANSLATABLE: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"frobnicate": 1}, "frobnicate", "not known"),
    ({"container": {"id": "c"}}, "container", "leave it out"),
    ({"inference_geo": "us"}, "inference_geo", "leave it out"),
    ({"mcp_servers": []}, "mcp_servers", "not known"),
    ({"thinking": {"type": "between_tools"}}, "thinking.type", "between_tools"),
    ({"output_config": {"task_budget": {}}}, "output_config.task_budget", "not known"),
    (
        {
            "output_config": {"format": {"type": "json_schema", "schema": {}}},
            "output_format": {"type": "json_schema", "schema": {}},
        },
        "output_format",
        "send one",
    ),
    (
        {"tools": [{"name": "web_search", "max_uses": 3, "type": "web_search_20250305"}]},
        "tools[0].type",
        "'web_search_20250305' runs at Anthropic",
    ),
    ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type", "'bash_20250124'"),
    (
        {"tools": [{"name": "f", "input_schema": {}, "defer_loading": True}]},
        "tools[0].defer_loading",
        "known",
    ),
    ({"messages": said({"type": "document", "source": {}})}, f"{IN_CONTENT}.type", "'document'"),
    ({"messages": said({"type": "tool_use", "id": "1"})}, f"{IN_CONTENT}.type", "'tool_use'"),
    ({"messages": said({"type": "image", "source": {}}, "assistant")}, f"{IN_CONTENT}.type", "'image'"),
    (
        {"messages": said({"type": "image", "source": {"type": "file", "file_id": "f"}})},
        f"{IN_CONTENT}.source.type",
        "'file'",
    ),
    (
        {"messages": said({"type": "text", "text": "x", "citations": [{}]}, "assistant")},
        f"{IN_CONTENT}.citations",
        "leave it out",
    ),
    (
        {
            "messages": said(
                {
                    "type": "tool_use",
                    "id": "1",
                    "name": "f",
                    "input": {},
                    "caller": {"type": "code_execution_20250825"},
                },
                "assistant",
            )
        },
        f"{IN_CONTENT}.caller.type",
        "code_execution_20250825",
    ),
    ({"messages": [{"role": "developer", "content": "x"}]}, "messages[0].role", "'developer'"),
)


@pytest.mark.parametrize(("fields", "field", "why"), UNTRANSLATABLE)
def test_what_has_no_meaning_elsewhere_is_refused_by_name(
    fields: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(UntranslatableError) as caught:
        read(**fields)
    assert caught.value.field == field
    assert why in caught.value.why


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"max_tokens": ...}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 1 << 40}, "max_tokens"),
    ({"model": ...}, "model"),
    ({"messages": "Hi"}, "messages"),
    ({"temperature": 1.5}, "temperature"),
    ({"top_k": -1}, "top_k"),
    ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "heroic"}}, "output_config.effort"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice"),
    ({"tools": [{"name": "f"}]}, "tools[0]"),
    ({"messages": said({"type": "tool_result", "content": "x"})}, IN_CONTENT),
)


@pytest.mark.parametrize(("fields", "place"), WRONG)
def test_what_is_simply_wrong_says_where(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(**fields)
    assert place in str(caught.value)


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """Golden bytes with a few places spoilt."""
    spoil = st.tuples(st.integers(0, len(whole)), st.integers(0, 8), st.binary(max_size=6))

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        made = whole
        for at, gone, new in changes:
            made = made[:at] + new + made[at + gone :]
        return made

    return st.lists(spoil, min_size=1, max_size=3).map(apply)


PROMISED = (UntranslatableError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@given(st.binary() | mutated(REQUEST) | st.just(b'{"tools":' + b"[" * 100_000))
def test_no_bytes_break_the_reading(spoilt: bytes) -> None:
    for reading in (AnthropicIn().read, count_tokens_request):
        with contextlib.suppress(*PROMISED):
            AnthropicOut().write(reading(spoilt), "up", 4096)


# -- to a provider ------------------------------------------------------------------------------------


def test_both_sides_are_dialects() -> None:
    inbound: Inbound = AnthropicIn()
    outbound: Outbound = AnthropicOut()
    reader: Reader = outbound.reader()
    writer: Writer = inbound.writer(Head("", "", 0), TALK)
    assert (reader.feed(b""), reader.done, writer.piece(Began())) == ([], False, b"")


def test_a_talk_as_the_provider_gets_it() -> None:
    written = AnthropicOut().write(AnthropicIn().read(REQUEST), "up", 4096)
    assert json.loads(written) == json.loads((GOLDEN / "request.provider.json").read_bytes())
    holds(written)
    assert AnthropicOut().path("up", stream=True) == "/messages"


HI = Turn("user", (Text("Hi"),))
TALK = Talk("m", (HI,))


def test_neighbours_of_one_role_become_one_and_results_come_first() -> None:
    turns = (
        Turn("system", (Text("A"),)),
        Turn("system", (Text(""), Text("B"))),
        Turn(
            "assistant", (Text(""), Thinking("unsigned"), ToolUse("1", "f", ""), ToolUse("2", "f", "{oops"))
        ),
        Turn("user", (Text("Hi"),)),
        Turn("user", (ToolResult("1", (Text(""),)), ToolResult("2", (Text("x"),)))),
        Turn("assistant", (Text(""),)),
    )
    written = write(Talk("m", turns, tools=(Tool("f", "", {}),)))
    assert [block["text"] for block in written["system"]] == ["A", "B"]
    assert [message["role"] for message in written["messages"]] == ["assistant", "user"]
    assert [block["input"] for block in written["messages"][0]["content"]] == [{}, {"INVALID_JSON": "{oops"}]
    results = written["messages"][1]["content"]
    assert [(one["type"], one.get("content")) for one in results] == [
        ("tool_result", None),
        ("tool_result", [{"type": "text", "text": "x"}]),
        ("text", None),
    ]
    assert written["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"thinking_tokens": 0}, {"thinking": {"type": "disabled"}}),
        ({"effort": "minimal"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ({"effort": "xhigh"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ({"thinking_tokens": 1024}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ({"frequency_penalty": 0.0, "presence_penalty": 0.0}, {}),
        ({"parallel": False}, {}),
        (
            {"shape": Shape({"type": "object"}, "n", "What it is.", strict=True)},
            {
                "output_config": {
                    "format": {
                        "type": "json_schema",
                        "schema": {"description": "What it is.", "type": "object"},
                    }
                }
            },
        ),
    ],
)
def test_what_a_wish_becomes(change: dict[str, Any], expected: dict[str, Any]) -> None:
    assert write(msgspec.structs.replace(TALK, **change)) == {**write(TALK), **expected}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seed": 0}, "seed"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"presence_penalty": -0.1}, "presence_penalty"),
        ({"temperature": 1.2}, "temperature"),
        ({"shape": Shape()}, "response_format"),
        ({"thinking_tokens": 1023}, "thinking"),
        ({"thinking_tokens": 4096}, "thinking"),
        ({"thinking_tokens": 2048, "effort": "none"}, "thinking"),
        ({"turns": (HI, Turn("system", (Text("Now rhyme."),)))}, "messages[1]"),
        ({"turns": (HI, Turn("user", (Text("x"), Image("image/tiff", "AA"))))}, "messages[1].content[1]"),
        ({"turns": (Turn("assistant", (Image(url="u"),)),)}, "messages[0].content[0]"),
        (
            {"turns": (Turn("user", (ToolResult("1", (Text("x"), Image("image/bmp", "AA"))),)),)},
            "messages[0].content[0].content[1]",
        ),
    ],
)
def test_what_the_dialect_cannot_say_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        AnthropicOut().write(msgspec.structs.replace(TALK, **change), "up", 4096)
    assert caught.value.field == field


# -- there and back -----------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)
SCHEMAS = OBJECTS.map(lambda more: {**more, "type": "object"})
IMAGES = st.builds(Image, st.sampled_from(["image/png", "image/jpeg"]), WORDS) | st.builds(Image, url=WORDS)
TEXTS = st.builds(Text, WORDS)
RESULTS = st.builds(
    ToolResult, WORDS, st.lists(TEXTS | IMAGES, max_size=2).map(tuple), is_error=st.booleans()
)
ANSWERED: st.SearchStrategy[Part] = (
    TEXTS
    | st.builds(ToolUse, WORDS, WORDS, OBJECTS.map(lambda value: msgspec.json.encode(value).decode()))
    | st.builds(Thinking, WORDS, WORDS)
    | st.builds(lambda data: Thinking("", data, redacted=True), WORDS)
)


def turn_of(role: Any, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Turn]:
    return st.lists(parts, min_size=1, max_size=3).map(
        lambda some: Turn(role, tuple(sorted(some, key=lambda part: not isinstance(part, ToolResult))))
    )


USERS = turn_of("user", TEXTS | IMAGES | RESULTS)
ASSISTANTS = turn_of("assistant", ANSWERED)


@st.composite
def talks(draw: st.DrawFn) -> Talk:
    """What the dialect can say, with neighbours of one role already one."""
    turns = [draw(turn_of("system", TEXTS))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 2))):
        turns += [draw(USERS), draw(ASSISTANTS)]
    tools = st.builds(Tool, WORDS, WORDS | st.just(""), SCHEMAS, st.sampled_from([None, True, False]))
    modes = [None, ToolChoice("auto"), ToolChoice("any"), ToolChoice("none"), ToolChoice("one", "f")]
    choice = draw(st.sampled_from(modes))
    parallel = draw(st.sampled_from([None, True, False]))
    return Talk(
        model="up",
        turns=tuple(turns),
        tools=tuple(draw(st.lists(tools, max_size=2))),
        tool_choice=choice,
        parallel=parallel if choice is not None and choice.mode != "none" else None,
        max_tokens=draw(st.integers(2048, 9999)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        top_k=draw(st.none() | st.integers(0, 99)),
        stop=tuple(draw(st.lists(WORDS, max_size=2))),
        shape=draw(st.none() | st.builds(Shape, SCHEMAS)),
        effort=draw(st.sampled_from(["", "low", "medium", "high", "xhigh"])),
        thinking_tokens=draw(st.sampled_from([None, 0, 1024])),
        user=draw(WORDS | st.just("")),
        stream=draw(st.booleans()),
    )


@given(talks())
def test_a_talk_that_was_written_is_read_as_the_same(talk: Talk) -> None:
    written = AnthropicOut().write(talk, "up", talk.max_tokens or 0)
    assert AnthropicIn().read(written) == talk
    holds(written)
