"""Chat completions as requests: every field is read, passed on, or refused by its name."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.wire.openai_chat import ChatIn, ChatOut
from rechenwerk.wire.talk import (
    Image,
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
)
from tests.openai_oracle import TALKS, check_chat_request

HALLO = ({"role": "user", "content": "Hallo"},)
USER = Turn("user", (Text("Hallo"),))
EMPTY = {"type": "object", "properties": {}}
WEATHER = {"type": "function", "function": {"name": "wetter", "parameters": EMPTY}}
TIME = {"type": "function", "function": {"name": "uhr"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "house-model", "messages": HALLO, **fields}).encode()


def read(**fields: Any) -> Talk:
    return ChatIn().read(body(**fields))


def refused(**fields: Any) -> str:
    with pytest.raises(UntranslatableError) as caught:
        read(**fields)
    assert str(caught.value).startswith(caught.value.field + ": ")
    return caught.value.field


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, {}),
        ({"stream": True}, {"stream": True}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True, "usage_frame": True}),
        ({"stream": None, "stream_options": {"include_usage": False}}, {}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 9, "max_completion_tokens": 7}, {"max_tokens": 9}),
        ({"stop": "Ende"}, {"stop": ("Ende",)}),
        ({"stop": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"seed": 7, "temperature": 0, "top_p": 0.5}, {"seed": 7, "temperature": 0.0, "top_p": 0.5}),
        ({"frequency_penalty": 1, "presence_penalty": -1}, {"frequency_penalty": 1, "presence_penalty": -1}),
        ({"reasoning_effort": "high"}, {"effort": "high"}),
        ({"user": "u"}, {"user": "u"}),
        ({"user": "u", "safety_identifier": "s"}, {"user": "s"}),
        ({"parallel_tool_calls": False}, {"parallel": False}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"shape": Shape()}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": EMPTY}}},
            {"shape": Shape(EMPTY, "x")},
        ),
        ({"tools": [TIME]}, {"tools": (Tool("uhr", "", EMPTY),)}),
        ({"tools": [WEATHER], "tool_choice": "auto"}, {"tool_choice": ToolChoice("auto")}),
        ({"tools": [WEATHER], "tool_choice": "none"}, {"tool_choice": ToolChoice("none")}),
        ({"tools": [WEATHER], "tool_choice": "required"}, {"tool_choice": ToolChoice("any")}),
        ({"tools": [TIME], "tool_choice": TIME}, {"tool_choice": ToolChoice("one", "uhr")}),
        (
            {
                "tools": [WEATHER, TIME],
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [TIME]},
                },
            },
            {"tools": (Tool("uhr", "", EMPTY),), "tool_choice": ToolChoice("any")},
        ),
    ],
)
def test_fields_are_read(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    talk = read(**fields)
    wanted = {"tools": talk.tools, **wanted} if "tools" in fields else wanted
    assert talk == Talk("house-model", (USER,), **wanted)


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"team": "a"}, "store": False, "prompt_cache_key": "k", "prompt_cache_retention": "24h"},
        {"service_tier": "flex", "stream_options": {"include_obfuscation": True}},
        {"n": 1, "logprobs": False, "top_logprobs": 0, "logit_bias": {}, "modalities": ["text"]},
        {"functions": [], "function_call": "none", "verbosity": "medium", "response_format": None},
        dict.fromkeys(
            ("n", "logprobs", "logit_bias", "audio", "prediction", "web_search_options", "store", "stop")
        ),
        dict.fromkeys(("max_tokens", "tools", "tool_choice", "parallel_tool_calls", "seed", "user")),
    ],
)
def test_advice_and_neutral_values_are_left_out(fields: dict[str, Any]) -> None:
    assert read(**fields) == Talk("house-model", (USER,))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"audio": {"voice": "x", "format": "wav"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities[1]"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"store": True}, "store"),
        ({"verbosity": "low"}, "verbosity"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"top_k": 3}, "top_k"),
        ({"reasoning_effort": "max"}, "reasoning_effort"),
        ({"stream_options": {"x": 1}}, "stream_options.x"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "x", "url": ""}}]}, "tools[0].function.url"),
        ({"tool_choice": {"type": "custom", "custom": {"name": "x"}}}, "tool_choice.type"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TIME]}}},
            "tool_choice.allowed_tools.tools",
        ),
    ],
)
def test_what_cannot_be_passed_on_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    assert refused(**fields) == field


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"messages": []}, r"\$\.messages"),
        ({"messages": None}, r"\$\.messages"),
        ({"max_tokens": 0}, r"\$\.max_tokens"),
        ({"temperature": "warm"}, r"\$\.temperature"),
        ({"messages": [{"role": "user"}]}, r"\$\.messages\[0\]"),
        ({"messages": [{"content": "x"}]}, r"\$\.messages\[0\]"),
        ({"model": 5}, r"\$\.model"),
    ],
)
def test_wrong_values_are_refused_with_their_place(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=where):
        read(**fields)


CALL = {"id": "c1", "type": "function", "function": {"name": "wetter", "arguments": '{"ort":"Ulm"}'}}
USE = ToolUse("c1", "wetter", '{"ort":"Ulm"}')


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ([{"role": "system", "content": "Kurz."}], [Turn("system", (Text("Kurz."),))]),
        ([{"role": "developer", "content": "Kurz."}], [Turn("system", (Text("Kurz."),))]),
        (
            [{"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            [Turn("system", (Text("a"), Text("b")))],
        ),
        ([{"role": "user", "content": ""}], [Turn("user", ())]),
        ([{"role": "user", "content": [PICTURE]}], [Turn("user", (Image("image/png", "iVBORw0KGgo="),))]),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "text",
                            "text": "Was ist das?",
                            "prompt_cache_breakpoint": {"mode": "explicit"},
                        },
                        {"type": "image_url", "image_url": {"url": "https://x.org/a.png", "detail": "low"}},
                    ],
                }
            ],
            [Turn("user", (Text("Was ist das?"), Image(url="https://x.org/a.png")))],
        ),
        ([{"role": "assistant", "content": "Ja."}], [Turn("assistant", (Text("Ja."),))]),
        (
            [{"role": "assistant", "content": None, "refusal": "Nein.", "audio": None, "annotations": []}],
            [Turn("assistant", (Text("Nein."),))],
        ),
        (
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "Nein."}]}],
            [Turn("assistant", (Text("Nein."),))],
        ),
        (
            [{"role": "assistant", "content": "", "reasoning_content": "Hm.", "tool_calls": [CALL]}],
            [Turn("assistant", (Thinking("Hm."), USE))],
        ),
        (
            [
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "12°"},
                {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "Regen"}]},
                {"role": "user", "content": "Und?"},
                {"role": "tool", "tool_call_id": "c3", "content": "", "name": "uhr"},
            ],
            [
                Turn("assistant", (USE,)),
                Turn("user", (ToolResult("c1", (Text("12°"),)), ToolResult("c2", (Text("Regen"),)))),
                Turn("user", (Text("Und?"),)),
                Turn("user", (ToolResult("c3", (), name="uhr"),)),
            ],
        ),
        (
            [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c1", "index": 0, "function": {"name": "uhr", "arguments": ""}}],
                }
            ],
            [Turn("assistant", (ToolUse("c1", "uhr", "{}"),))],
        ),
    ],
)
def test_messages_become_turns(messages: list[dict[str, Any]], turns: list[Turn]) -> None:
    assert read(messages=messages).turns == tuple(turns)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"role": "user", "content": "x", "name": "eva"}, ".name"),
        ({"role": "function", "content": "x", "name": "f"}, ".role"),
        ({"role": "user", "content": "x", "mood": "good"}, ".mood"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, ".content[0].type"),
        ({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}, ".content[0].type"),
        ({"role": "tool", "tool_call_id": "c", "content": [PICTURE]}, ".content[0].type"),
        ({"role": "assistant", "audio": {"id": "a"}}, ".audio"),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": ""}}, ".function_call"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,x"}}]},
            ".content[0].image_url.url",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1]"}}]},
            ".tool_calls[0].function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom"}]},
            ".tool_calls[0].type",
        ),
    ],
)
def test_messages_that_nobody_else_understands(message: dict[str, Any], field: str) -> None:
    assert refused(messages=[message]) == f"messages[0]{field}"


def write(talk: Talk, out: ChatOut | None = None) -> dict[str, Any]:
    return check_chat_request((out or ChatOut()).write(talk, "upstream", 99))


def test_the_least_body() -> None:
    assert write(Talk("house-model", (USER,), max_tokens=5)) == {
        "model": "upstream",
        "messages": [{"role": "user", "content": "Hallo"}],
        "max_tokens": 99,
    }


def test_the_cap_stands_where_the_provider_reads_it() -> None:
    sent = write(Talk("m", (USER,)), ChatOut("max_completion_tokens"))
    assert sent["max_completion_tokens"] == 99
    assert "max_tokens" not in sent


def test_a_stream_always_asks_for_usage() -> None:
    sent = write(Talk("m", (USER,), stream=True))
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("effort", "budget", "sent"),
    [
        ("", None, None),
        ("", 0, "none"),
        ("", 1, "low"),
        ("", 1024, "low"),
        ("", 1025, "medium"),
        ("", 8192, "medium"),
        ("", 8193, "high"),
        ("low", 8193, "low"),
        ("xhigh", None, "xhigh"),
    ],
)
def test_budgets_of_thinking_become_efforts(effort: str, budget: int | None, sent: str | None) -> None:
    assert write(Talk("m", (USER,), effort=effort, thinking_tokens=budget)).get("reasoning_effort") == sent


def test_results_of_tools_come_before_what_else_the_user_says() -> None:
    turn = Turn("user", (Text("Und?"), ToolResult("c1", (Text("12°"),)), ToolResult("c2", (), is_error=True)))
    assert write(Talk("m", (turn,)))["messages"] == [
        {"role": "tool", "tool_call_id": "c1", "content": "12°"},
        {"role": "tool", "tool_call_id": "c2", "content": "The tool failed:"},
        {"role": "user", "content": "Und?"},
    ]


@pytest.mark.parametrize(
    ("thoughts", "sent"),
    [(True, {"content": "Ja.", "reasoning_content": "Hm."}), (False, {"content": "Ja."})],
)
def test_signed_thinking_stays_with_who_signed_it(thoughts: bool, sent: dict[str, Any]) -> None:
    parts = (Thinking("Hm."), Thinking("Soso.", "sig"), Thinking("", "opaque", redacted=True), Text("Ja."))
    body = write(Talk("m", (Turn("assistant", parts),)), ChatOut(thoughts=thoughts))
    assert body["messages"] == [{"role": "assistant", **sent}]


@pytest.mark.parametrize(
    ("talk", "field"),
    [
        (Talk("m", (USER,), top_k=5), "top_k"),
        (Talk("m", (USER, Turn("user", (ToolResult("c", (Image(url="u"),)),)))), "messages[1]"),
        (Talk("m", (Turn("assistant", (Image(url="u"),)),)), "messages[0]"),
        (Talk("m", (Turn("user", (Thinking("x"),)),)), "messages[0]"),
    ],
)
def test_what_chat_completions_cannot_say(talk: Talk, field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        ChatOut().write(talk, "upstream", 1)
    assert caught.value.field == field


@given(TALKS)
def test_there_and_back(talk: Talk) -> None:
    body = ChatOut().write(talk, talk.model, 99)
    check_chat_request(body)
    wanted = msgspec.structs.replace(talk, max_tokens=99, usage_frame=talk.stream)
    assert ChatIn().read(body) == wanted


REFUSALS = (UntranslatableError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["text", "function"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "function", "name", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(["model", "messages", "stop"]), VALUES).map(json.dumps).map(str.encode)
)
def test_no_body_brings_us_down(body: bytes) -> None:
    with contextlib.suppress(*REFUSALS):
        ChatIn().read(body)


@given(TALKS, st.data())
def test_no_broken_body_either(talk: Talk, data: st.DataObject) -> None:
    body = bytearray(ChatOut().write(talk, "upstream", 1))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(*REFUSALS):
        ChatIn().read(bytes(body))


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(REFUSALS):
        ChatIn().read(b'{"model":"m","messages":[],"metadata":' + b"[" * 100_000)
