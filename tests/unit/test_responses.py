"""Responses as requests: items become turns, conversations are ours to keep, the rest is refused by name."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

from rechenwerk.wire.openai_chat import ChatOut
from rechenwerk.wire.responses import ResponsesIn, output_items, read_state, with_history
from rechenwerk.wire.talk import (
    Arguments,
    Called,
    Ended,
    Image,
    Piece,
    Refused,
    Said,
    Shape,
    Signed,
    Talk,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    UntranslatableError,
)
from tests.openai_oracle import HEAD, answers, check_chat_request, materialise

USER = Turn("user", (Text("Hallo"),))
EMPTY = {"type": "object", "properties": {}}
WEATHER = {"type": "function", "name": "wetter", "parameters": EMPTY, "strict": True}
TIME = {"type": "function", "name": "uhr", "parameters": None, "strict": None}
REFUSALS = (UntranslatableError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_params = TypeAdapter[Any](response_create_params.ResponseCreateParams)


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "house-model", "input": "Hallo", **fields}).encode()


def read(**fields: Any) -> Talk:
    return ResponsesIn().read(body(**fields))


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, {}),
        ({"stream": True, "stream_options": {"include_obfuscation": False}}, {"stream": True}),
        ({"max_output_tokens": 5}, {"max_tokens": 5}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
        ({"parallel_tool_calls": False}, {"parallel": False}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"effort": "high"}),
        ({"user": "u"}, {"user": "u"}),
        ({"user": "u", "safety_identifier": "s"}, {"user": "s"}),
        ({"text": {"format": {"type": "text"}, "verbosity": "medium"}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"shape": Shape()}),
        (
            {"text": {"format": {"type": "json_schema", "name": "x", "schema": EMPTY, "strict": True}}},
            {"shape": Shape(EMPTY, "x", strict=True)},
        ),
        ({"tools": [WEATHER]}, {"tools": (Tool("wetter", "", EMPTY, strict=True),)}),
        ({"tools": [TIME], "tool_choice": "required"}, {"tool_choice": ToolChoice("any")}),
        (
            {"tools": [TIME], "tool_choice": {"type": "function", "name": "uhr"}},
            {"tool_choice": ToolChoice("one", "uhr")},
        ),
        (
            {
                "tools": [WEATHER, TIME],
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "uhr"}],
                },
            },
            {"tools": (Tool("uhr", "", EMPTY),), "tool_choice": ToolChoice("auto")},
        ),
        ({"metadata": {"a": "b"}, "store": True, "include": ["reasoning.encrypted_content"]}, {}),
        ({"service_tier": "flex", "truncation": "disabled", "background": False, "top_logprobs": 0}, {}),
        ({"prompt_cache_key": "k", "prompt_cache_retention": "24h", "previous_response_id": None}, {}),
    ],
)
def test_fields_are_read(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    official = json.loads(body(**fields))
    assert materialise(_params.validate_python(official)) == official
    talk = read(**fields)
    wanted = {"tools": talk.tools, **wanted} if "tools" in fields else wanted
    assert talk == Talk("house-model", (USER,), **wanted)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"truncation": "auto"}, "truncation"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include[0]"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"seed": 5}, "seed"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type"),
        ({"tools": [{**TIME, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice.type"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": "x", "mood": 1}]}, "input[0].mood"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].type"),
        (
            {"input": [{"role": "system", "content": [{"type": "input_image", "image_url": "u"}]}]},
            "input[0].content[0]",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "5"}]},
            "input[0].arguments",
        ),
        (
            {
                "input": [
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "async": True}
                ]
            },
            "input[0].async",
        ),
    ],
)
def test_what_cannot_be_passed_on_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        read(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"input": None}, r"\$\.input"),
        ({"input": [5]}, r"\$\.input\[0\]"),
        ({"input": [{"role": "user", "content": 5}]}, r"\$\.input\[0\]\.content"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, r"\$\.input\[0\]"),
        ({"max_output_tokens": 0}, r"\$\.max_output_tokens"),
    ],
)
def test_wrong_values_are_refused_with_their_place(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=where):
        read(**fields)


def said(text: str, **fields: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "type": "message",
        "role": "assistant",
        "id": "m",
        "content": [part],
        "status": "completed",
    } | fields


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "uhr", "arguments": "{}"}
REASONING = {"type": "reasoning", "id": "rs_1"}


@pytest.mark.parametrize(
    ("items", "turns"),
    [
        ([{"role": "user", "content": "Hallo"}], [USER]),
        ([{"role": "developer", "content": "Kurz."}], [Turn("system", (Text("Kurz."),))]),
        ([{"role": "assistant", "content": "Ja."}], [Turn("assistant", (Text("Ja."),))]),
        (
            [
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "Was?"},
                        {
                            "type": "input_image",
                            "detail": "auto",
                            "image_url": "data:image/png;base64,iVBORw==",
                        },
                    ],
                }
            ],
            [Turn("user", (Text("Was?"), Image("image/png", "iVBORw==")))],
        ),
        (
            [
                {**REASONING, "summary": [{"type": "summary_text", "text": "Hm."}]},
                said("Ich sehe nach.", phase="commentary"),
                {**CALL, "status": "completed"},
                {"type": "function_call_output", "call_id": "c1", "output": "12:00"},
                {
                    "type": "function_call_output",
                    "call_id": "c2",
                    "output": [
                        {"type": "input_text", "text": "x"},
                        {"type": "input_image", "image_url": "u"},
                    ],
                },
                {"role": "user", "content": "Und?"},
                {"role": "user", "content": "Na?"},
            ],
            [
                Turn("assistant", (Thinking("Hm."), Text("Ich sehe nach."), ToolUse("c1", "uhr", "{}"))),
                Turn(
                    "user",
                    (ToolResult("c1", (Text("12:00"),)), ToolResult("c2", (Text("x"), Image(url="u")))),
                ),
                Turn("user", (Text("Und?"),)),
                Turn("user", (Text("Na?"),)),
            ],
        ),
        (
            [
                {**REASONING, "summary": [], "encrypted_content": "opaque"},
                {
                    **REASONING,
                    "summary": [],
                    "content": [{"type": "reasoning_text", "text": "Hm."}],
                    "encrypted_content": "sig",
                },
                {**REASONING, "summary": [], "encrypted_content": None},
                said("Ja."),
            ],
            [
                Turn(
                    "assistant",
                    (Thinking("", "opaque", redacted=True), Thinking("Hm.", "sig"), Text("Ja.")),
                )
            ],
        ),
        ([{**REASONING, "summary": []}], []),
        (
            [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "Nein."}]}],
            [Turn("assistant", (Text("Nein."),))],
        ),
    ],
)
def test_items_become_turns(items: list[dict[str, Any]], turns: list[Turn]) -> None:
    assert read(input=items).turns == tuple(turns)


def test_instructions_lead() -> None:
    assert read(instructions="Kurz.").turns == (Turn("system", (Text("Kurz."),)), USER)


# -- conversations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "previous", "store"),
    [
        ({}, None, True),
        ({"store": None, "previous_response_id": None}, None, True),
        ({"store": True, "previous_response_id": "resp_1"}, "resp_1", True),
        ({"store": False}, None, False),
    ],
)
def test_the_state_of_a_request(fields: dict[str, Any], previous: str | None, store: bool) -> None:
    state = read_state(body(**fields))
    assert (state.previous, state.store) == (previous, store)
    assert [json.loads(bytes(item)) for item in state.items] == [
        {"type": "message", "role": "user", "content": "Hallo"}
    ]


def test_what_a_response_repeats() -> None:
    state = read_state(body(temperature=0.5, metadata={"a": "b"}, user=None, stream=True, tools=[WEATHER]))
    assert json.loads(msgspec.json.encode(state.echo)) == {
        "temperature": 0.5,
        "metadata": {"a": "b"},
        "tools": [WEATHER],
    }
    answer = json.loads(ResponsesIn(state).answer(HEAD, [Said("x")]))
    assert (answer["temperature"], answer["metadata"], answer["tools"]) == (0.5, {"a": "b"}, [WEATHER])


@pytest.mark.parametrize(
    "bad", [b"", b"[]", b'{"input":5}', b'{"store":"no"}', b"\xff", b'{"input":' + b"[" * 10**5]
)
def test_a_state_that_cannot_be_read(bad: bytes) -> None:
    with pytest.raises(REFUSALS):
        read_state(bad)
    with pytest.raises(REFUSALS):
        with_history(bad, [])


def test_a_conversation_over_three_turns() -> None:
    first = body(input="Wie spät?", tools=[TIME], instructions="Kurz.")
    thoughts: list[Piece] = [
        Thought("Hm."),
        Signed("sig"),
        Called(0, "c1", "uhr"),
        Arguments(0, "{}"),
        Ended("tools"),
    ]
    history = [*read_state(first).items, *output_items(HEAD, thoughts)]

    second = body(
        input=[{"type": "function_call_output", "call_id": "c1", "output": "12:00"}],
        previous_response_id="resp_7f",
    )
    stored = msgspec.json.decode(msgspec.json.encode(history), type=list[msgspec.Raw])
    asked = ResponsesIn().read(with_history(second, stored))
    assert asked.turns == (
        Turn("user", (Text("Wie spät?"),)),
        Turn("assistant", (Thinking("Hm.", "sig"), ToolUse("c1", "uhr", "{}"))),
        Turn("user", (ToolResult("c1", (Text("12:00"),)),)),
    )

    stored += read_state(second).items
    spoken: list[Piece] = [Said("Zwölf."), Refused("Mehr nicht."), Ended("stop")]
    third = with_history(
        body(input="Danke", previous_response_id="x"), [*stored, *output_items(HEAD, spoken)]
    )
    assert ResponsesIn().read(third).turns == (
        *asked.turns,
        Turn("assistant", (Text("Zwölf."), Text("Mehr nicht."))),
        Turn("user", (Text("Danke"),)),
    )
    check_chat_request(ChatOut().write(ResponsesIn().read(third), "upstream", 1))


def test_history_changes_nothing_else() -> None:
    given_body = body(input="b", previous_response_id="x", temperature=0.25, tools=[TIME], stream=True)
    sent = json.loads(with_history(given_body, [{"role": "user", "content": "a"}]))
    assert sent.pop("input") == [
        {"role": "user", "content": "a"},
        {"type": "message", "role": "user", "content": "b"},
    ]
    assert sent == {"model": "house-model", "temperature": 0.25, "tools": [TIME], "stream": True}


@given(answers())
def test_every_answer_can_be_gone_on_from(pieces: list[Piece]) -> None:
    official = {"model": "house-model", "input": output_items(HEAD, pieces)}
    assert materialise(_params.validate_python(official)) == official
    (turn,) = ResponsesIn().read(with_history(body(), output_items(HEAD, pieces))).turns[:-1] or (None,)
    words = "".join(piece.text for piece in pieces if isinstance(piece, Said | Refused))
    calls = [piece.id for piece in pieces if isinstance(piece, Called)]
    if turn is None:
        assert not words
        assert not calls
    else:
        assert "".join(part.text for part in turn.parts if isinstance(part, Text)) == words
        assert [part.id for part in turn.parts if isinstance(part, ToolUse)] == calls


VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=4) | st.sampled_from(["message", "user", "function_call"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "summary", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.sampled_from(["model", "input", "tools", "text"]), VALUES)


@given(st.binary(max_size=60) | FIELDS.map(json.dumps).map(str.encode))
def test_no_body_brings_us_down(given_body: bytes) -> None:
    with contextlib.suppress(*REFUSALS):
        ResponsesIn().read(given_body)
    with contextlib.suppress(*REFUSALS):
        with_history(given_body, read_state(given_body).items)


@given(answers(), st.data())
def test_no_broken_body_either(pieces: list[Piece], data: st.DataObject) -> None:
    sent = bytearray(body(input=output_items(HEAD, pieces), tools=[WEATHER, TIME]))
    at = data.draw(st.integers(0, len(sent) - 1))
    sent[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(*REFUSALS):
        ResponsesIn().read(bytes(sent))
