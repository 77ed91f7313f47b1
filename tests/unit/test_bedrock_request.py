"""Bedrock's dialect: requests; botocore makes the same of the same parameters."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from msgspec.structs import replace

from rechenwerk.wire.bedrock import BedrockOut
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

GOLDEN = Path(__file__).parent.parent / "golden" / "bedrock"
CLAUDE, NOVA = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu.amazon.nova-pro-v1:0"
ASK = Talk("m", (Turn("user", (Text("hi"),)),))
LOOK = Tool("look", "Look somewhere.", {"type": "object", "properties": {"at": {"type": "string"}}})
CALLED = (Turn("assistant", (ToolUse("c", "look", "{}"),)), Turn("user", (ToolResult("c", (Text("x"),)),)))

EVERYTHING = Talk(
    model="m",
    turns=(
        Turn("system", (Text("Be brief."),)),
        Turn("system", (Text("Be kind."), Text(""))),
        Turn("user", (Text("What is this?"), Image("image/png", "iVBORw0KGgo="))),
        Turn(
            "assistant",
            (
                Thinking("Gemini's.", "gemini:c2lnbmVk"),
                Thinking("Nobody's."),
                Thinking("Hm.", "c2lnbmVk"),
                Thinking("", "aGlkZGVu", redacted=True),
                Text("I shall look."),
                ToolUse("call_1", "look", '{"at":"Köln","n":12345678901234567890}'),
                ToolUse("call_2", "wait", ""),
            ),
        ),
        Turn("user", (ToolResult("call_1", (Text("a cat"), Image("image/webp", "UklGRg=="))),)),
        Turn("user", (Text("Well?"), ToolResult("call_2", (Text("too late"),), is_error=True))),
    ),
    tools=(LOOK, Tool("wait", "", {}, strict=True)),
    tool_choice=ToolChoice("one", "look"),
    max_tokens=9999,
    temperature=0.5,
    top_p=0.9,
    top_k=40,
    stop=("END",),
    shape=Shape({"type": "object", "properties": {"name": {"type": "string"}}}, "animal", "An animal."),
    effort="high",
    thinking_tokens=500,
    user="somebody",
)


@pytest.fixture(scope="module")
def service() -> ServiceModel:
    """AWS's own description of the API."""
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


def parameters(value: Any) -> Any:
    """What a program hands to botocore: the same, but bytes as bytes."""
    if isinstance(value, list):
        return [parameters(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: b64decode(one) if name in {"bytes", "redactedContent"} else parameters(one)
        for name, one in value.items()
    }


def write(service: ServiceModel, talk: Talk, upstream: str = CLAUDE) -> dict[str, Any]:
    """The body, after botocore has found nothing wrong and has made the same request."""
    out = BedrockOut()
    body: dict[str, Any] = json.loads(out.write(talk, upstream, 700))
    given = {**parameters(body), "modelId": upstream}
    for stream, name in ((False, "Converse"), (True, "ConverseStream")):
        operation = service.operation_model(name)
        assert operation.input_shape is not None
        report = ParamValidator().validate(given, operation.input_shape)
        assert not report.has_errors(), report.generate_report()
        request = create_serializer("rest-json").serialize_to_request(given, operation)
        assert json.loads(request["body"]) == body
        assert request["url_path"] == out.path(upstream, stream=stream)
        assert request["method"] == "POST"
    return body


def refused(talk: Talk, upstream: str = CLAUDE) -> str:
    """The field that is named."""
    with pytest.raises(UntranslatableError) as raised:
        BedrockOut().write(talk, upstream, 700)
    assert raised.value.why.endswith(".")
    return raised.value.field


def test_the_path_of_an_arn() -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x"
    assert BedrockOut().path(arn, stream=False) == (
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.x/converse"
    )


def test_everything_at_once(service: ServiceModel) -> None:
    assert write(service, EVERYTHING) == json.loads((GOLDEN / "request.json").read_bytes())


def test_nothing_but_words(service: ServiceModel) -> None:
    assert write(service, ASK, NOVA) == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 700},
    }


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        (ToolChoice("auto"), {"auto": {}}),
        (ToolChoice("any"), {"any": {}}),
        (ToolChoice("one", "look"), {"tool": {"name": "look"}}),
    ],
)
def test_choices(service: ServiceModel, choice: ToolChoice | None, config: dict[str, Any] | None) -> None:
    body = write(service, replace(ASK, tools=(LOOK,), tool_choice=choice, parallel=True))
    assert body["toolConfig"].get("toolChoice") == config


def test_no_tools_are_offered_when_none_may_be_called(service: ServiceModel) -> None:
    talk = replace(ASK, tools=(LOOK,), tool_choice=ToolChoice("none"))
    assert "toolConfig" not in write(service, talk)
    assert refused(replace(talk, turns=(*ASK.turns, *CALLED))) == "tool_choice"


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({"thinking_tokens": 0}, {"thinking": {"type": "disabled"}}),
        ({"effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"thinking_tokens": 2048}, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ({"top_k": 5}, {"top_k": 5}),
    ],
)
def test_what_only_claude_is_told(
    service: ServiceModel, changes: dict[str, Any], own: dict[str, Any]
) -> None:
    talk = replace(ASK, **changes)
    assert write(service, talk)["additionalModelRequestFields"] == own
    assert refused(talk, NOVA) in {"top_k", "thinking"}


def test_penalties_of_zero_say_nothing(service: ServiceModel) -> None:
    assert write(service, replace(ASK, frequency_penalty=0.0, presence_penalty=0.0)) == write(service, ASK)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seed": 0}, "seed"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"presence_penalty": -0.1}, "presence_penalty"),
        ({"parallel": False, "tools": (LOOK,)}, "parallel_tool_calls"),
        ({"temperature": 1.1}, "temperature"),
        ({"effort": "minimal"}, "reasoning_effort"),
        ({"shape": Shape()}, "response_format"),
        ({"turns": (*ASK.turns, Turn("system", (Text("x"),)))}, "messages[1]"),
        ({"turns": (Turn("user", (Image(url="https://example.com/a.png"),)),)}, "messages[0].content[0]"),
        ({"turns": (Turn("user", (Image("image/tiff", "eA=="),)),)}, "messages[0].content[0]"),
        ({"turns": (Turn("assistant", (Text("a"), ToolUse("c", "f", "[1]"))),)}, "messages[0].content[1]"),
    ],
)
def test_what_bedrock_cannot_be_told(changes: dict[str, Any], field: str) -> None:
    assert refused(replace(ASK, **changes)) == field
