"""Google's dialect: requests, checked by the types of Google's SDK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.genai.types import Content, GenerationConfig
from google.genai.types import Tool as GoogleTool
from google.genai.types import ToolConfig as GoogleToolConfig
from msgspec.structs import replace

from rechenwerk.wire.gemini import GeminiOut
from rechenwerk.wire.talk import (
    Image,
    Part,
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

GOLDEN = Path(__file__).parent.parent / "golden" / "gemini"
MODEL = "gemini-3-flash-preview"
ASK = Talk("m", (Turn("user", (Text("hi"),)),))
LOOK = Tool("look", "Look somewhere.", {"type": "object", "properties": {"at": {"type": "string"}}})
CALL = ToolUse("call_1", "look", "{}")
ANSWERED = Turn("user", (ToolResult("call_1", (Text("x"),)),))

EVERYTHING = Talk(
    model="m",
    turns=(
        Turn("system", (Text("Be brief."),)),
        Turn("system", (Text("Be kind."), Text(""))),
        Turn(
            "user",
            (
                Text("What is this?"),
                Image("image/png", "iVBORw0KGgo="),
                Image(url="https://example.com/a/Cat.JPG?x=1"),
            ),
        ),
        Turn(
            "assistant",
            (
                Thinking("Another's.", "c2lnbmVk"),
                Text("I shall look."),
                Thinking("Hm.", "gemini:c2lnbmVk"),
                ToolUse("call_1", "look", '{"at":"Köln","n":12345678901234567890}'),
                ToolUse("call_2", "wait", ""),
            ),
        ),
        Turn("user", (ToolResult("call_1", (Text("a cat"), Image("image/webp", "UklGRg=="))),)),
        Turn("user", (ToolResult("call_2", (Text("too late"),), is_error=True),)),
        Turn("user", (Text("Well?"),)),
    ),
    tools=(LOOK, Tool("wait", "", {})),
    tool_choice=ToolChoice("one", "look"),
    max_tokens=9999,
    temperature=0.5,
    top_p=0.9,
    top_k=40,
    frequency_penalty=0.1,
    presence_penalty=-0.1,
    seed=7,
    stop=("END",),
    shape=Shape({"type": "object", "properties": {"name": {"type": "string"}}}, "animal", "An animal."),
    effort="high",
    user="somebody",
)


def write(talk: Talk, upstream: str = MODEL) -> dict[str, Any]:
    """The body, after Google's SDK has seen that it knows every field in it."""
    body: dict[str, Any] = json.loads(GeminiOut().write(talk, upstream, 700))
    for content in body["contents"]:
        Content.model_validate(content)
    for tool in body.get("tools", ()):
        GoogleTool.model_validate(tool)
    Content.model_validate(body.get("systemInstruction", {}))
    GoogleToolConfig.model_validate(body.get("toolConfig", {}))
    GenerationConfig.model_validate(body["generationConfig"])
    known = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
    assert set(body) <= known
    return body


def refused(talk: Talk, upstream: str = MODEL) -> str:
    """The field that is named."""
    with pytest.raises(UntranslatableError) as raised:
        GeminiOut().write(talk, upstream, 700)
    assert raised.value.why.endswith(".")
    return raised.value.field


def model_parts(*parts: Part, upstream: str = MODEL) -> list[dict[str, Any]]:
    """What an assistant's turn becomes."""
    talk = replace(ASK, turns=(*ASK.turns, Turn("assistant", parts)))
    found: list[dict[str, Any]] = write(talk, upstream)["contents"][1]["parts"]
    return found


def test_the_path() -> None:
    out = GeminiOut()
    assert out.path(MODEL, stream=False) == f"/models/{MODEL}:generateContent"
    assert out.path(MODEL, stream=True) == f"/models/{MODEL}:streamGenerateContent?alt=sse"
    assert out.path("a/../b?c", stream=False) == "/models/a%2F..%2Fb%3Fc:generateContent"


def test_everything_at_once() -> None:
    assert write(EVERYTHING) == json.loads((GOLDEN / "request.json").read_bytes())


def test_nothing_but_words() -> None:
    assert write(ASK) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"maxOutputTokens": 700},
    }


@pytest.mark.parametrize(
    ("upstream", "signature"),
    [
        ("gemini-2.5-pro", None),
        ("gemini-2.0-flash", None),
        ("gemma-3-27b-it", None),
        ("gemini-3-pro-preview", "skip_thought_signature_validator"),
        ("gemini-flash-latest", "skip_thought_signature_validator"),
    ],
)
def test_calls_that_gemini_did_not_sign(upstream: str, signature: str | None) -> None:
    first, second = model_parts(
        Thinking("", "bm90IGdlbWluaSdz"), CALL, ToolUse("call_2", "f", "{}"), upstream=upstream
    )
    assert first.get("thoughtSignature") == signature
    assert "thoughtSignature" not in second


def test_a_signature_stands_on_what_follows_it() -> None:
    words = {"text": "a", "thoughtSignature": "QUJD"}
    assert model_parts(Thinking("t", "gemini:QUJD"), Text("a")) == [words]
    assert model_parts(Text("a"), Thinking("t", "gemini:QUJD")) == [
        {"text": "a"},
        {"text": "", "thoughtSignature": "QUJD"},
    ]


def test_a_turn_of_which_nothing_is_left_is_left_out() -> None:
    talk = replace(ASK, turns=(*ASK.turns, Turn("assistant", (Thinking("t"), Text("")))))
    assert [content["role"] for content in write(talk)["contents"]] == ["user"]


@pytest.mark.parametrize(
    ("changes", "upstream", "config"),
    [
        ({"effort": "minimal"}, MODEL, {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ({"effort": "xhigh"}, MODEL, {"thinkingLevel": "XHIGH", "includeThoughts": True}),
        ({"effort": "none"}, MODEL, {"thinkingBudget": 0, "includeThoughts": False}),
        ({"effort": "none"}, "gemini-2.5-flash", {"thinkingBudget": 0, "includeThoughts": False}),
        ({"effort": "low"}, "gemini-2.5-flash", {"thinkingBudget": 1024, "includeThoughts": True}),
        ({"effort": "high"}, "gemini-2.5-flash", {"thinkingBudget": 24576, "includeThoughts": True}),
        ({"thinking_tokens": 500}, MODEL, {"thinkingBudget": 500, "includeThoughts": True}),
        ({"thinking_tokens": 0}, MODEL, {"thinkingBudget": 0, "includeThoughts": False}),
        ({}, MODEL, None),
    ],
)
def test_thinking(changes: dict[str, Any], upstream: str, config: dict[str, Any] | None) -> None:
    assert write(replace(ASK, **changes), upstream)["generationConfig"].get("thinkingConfig") == config


@pytest.mark.parametrize(
    ("choice", "strict", "config"),
    [
        (None, None, None),
        (None, True, {"mode": "VALIDATED"}),
        (ToolChoice("auto"), None, {"mode": "AUTO"}),
        (ToolChoice("auto"), True, {"mode": "VALIDATED"}),
        (ToolChoice("any"), True, {"mode": "ANY"}),
        (ToolChoice("none"), True, {"mode": "NONE"}),
        (ToolChoice("one", "look"), None, {"mode": "ANY", "allowedFunctionNames": ["look"]}),
    ],
)
def test_choices(choice: ToolChoice | None, strict: bool | None, config: dict[str, Any] | None) -> None:
    body = write(replace(ASK, tools=(replace(LOOK, strict=strict),), tool_choice=choice, parallel=True))
    assert body.get("toolConfig", {}).get("functionCallingConfig") == config


def test_any_json() -> None:
    config = write(replace(ASK, shape=Shape()))["generationConfig"]
    assert config == {"maxOutputTokens": 700, "responseMimeType": "application/json"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"parallel": False, "tools": (LOOK,)}, "parallel_tool_calls"),
        ({"effort": "low", "thinking_tokens": 5}, "reasoning_effort"),
        ({"turns": (*ASK.turns, Turn("system", (Text("x"),)))}, "messages[1]"),
        ({"turns": (ANSWERED,)}, "messages[0].content[0]"),
        ({"turns": (Turn("assistant", (Text("a"), ToolUse("c", "f", "[1]"))),)}, "messages[0].content[1]"),
        ({"turns": (Turn("assistant", (ToolUse("c", "f", "{"),)),)}, "messages[0].content[0]"),
        ({"turns": (Turn("assistant", (ToolUse("c", "f", '{"a":' * 100_000),)),)}, "messages[0].content[0]"),
        ({"turns": (Turn("user", (Image(url="http://example.com/a.png"),)),)}, "messages[0].content[0]"),
        ({"turns": (Turn("user", (Image(url="https://example.com/a"),)),)}, "messages[0].content[0]"),
        ({"turns": (Turn("user", (Image(url="https://example.com?/a.png"),)),)}, "messages[0].content[0]"),
    ],
)
def test_what_gemini_cannot_be_told(changes: dict[str, Any], field: str) -> None:
    assert refused(replace(ASK, **changes)) == field


def test_an_effort_that_older_models_do_not_have() -> None:
    assert refused(replace(ASK, effort="xhigh"), "gemini-2.5-pro") == "reasoning_effort"


def test_pictures_in_googles_storage() -> None:
    image = Image(url="gs://bucket/a", media="image/heic")
    parts = write(replace(ASK, turns=(Turn("user", (image,)),)))["contents"][0]["parts"]
    assert parts == [{"fileData": {"mimeType": "image/heic", "fileUri": "gs://bucket/a"}}]
