"""AWS Bedrock's dialect: Converse and ConverseStream.

Sources: the service model of bedrock-runtime (botocore); the Bedrock user guide on the Converse API, prompt
caching, extended thinking and structured output. The end user's name is left out: there is no field for it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.bedrock_answer import BedrockReader, read_error, read_pieces, read_whole_usage
from rechenwerk.wire.outbound import Side, arguments, sides
from rechenwerk.wire.talk import (
    Image,
    Part,
    Piece,
    Reader,
    Reported,
    Shape,
    Talk,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    UntranslatableError,
)

_FORMATS = MappingProxyType(
    {
        "image/png": "png",
        "image/jpeg": "jpeg",
        "image/jpg": "jpeg",
        "image/gif": "gif",
        "image/webp": "webp",
    }
)
_EFFORTS = ("low", "medium", "high", "xhigh")
_CLAUDE = "anthropic.claude"
"""In the names of Anthropic's models, whose own fields the user guide passes through Converse."""


class BedrockOut:
    """AWS Bedrock as a provider (`talk.Outbound`)."""

    def path(self, upstream: str, *, stream: bool) -> str:
        """Path below the endpoint's address."""
        return f"/model/{quote(upstream, safe='')}/{'converse-stream' if stream else 'converse'}"

    def write(self, talk: Talk, upstream: str, cap: int) -> bytes:
        """A request body.

        Raises:
            UntranslatableError: a system turn in the middle, one tool call at a time, a seed, penalties, JSON
                without a schema, a temperature above 1, a picture by URL; for models other than Claude,
                top_k and thinking budgets too.
        """
        _check(talk)
        system, turns = sides(talk, "Bedrock")
        messages = [{"role": side.role, "content": content} for side in turns if (content := _content(side))]
        body: dict[str, Any] = {"messages": messages}
        if system:
            body["system"] = [{"text": text} for text in system]
        config = {
            "maxTokens": cap,
            "temperature": talk.temperature,
            "topP": talk.top_p,
            "stopSequences": talk.stop or None,
        }
        body["inferenceConfig"] = {name: value for name, value in config.items() if value is not None}
        tools = _tools(talk)
        if tools:
            body["toolConfig"] = tools
        output = _output(talk)
        if output:
            body["outputConfig"] = output
        own = _own_fields(talk, claude=_CLAUDE in upstream)
        if own:
            body["additionalModelRequestFields"] = own
        return msgspec.json.encode(body)

    def pieces(self, body: bytes) -> list[Piece]:
        """A whole answer.

        Raises:
            ValueError: no answer, or one that the model did not bring to a proper end.
        """
        return read_pieces(body)

    def usage(self, body: bytes) -> Reported | None:
        """Usage in a whole answer."""
        return read_whole_usage(body)

    def reader(self) -> Reader:
        """For a streamed answer."""
        return BedrockReader()

    def error(self, status: int, body: bytes) -> Refusal:
        """An error in the shape of AWS's JSON protocols."""
        return read_error(status, body)


def _check(talk: Talk) -> None:
    """Refuse what Converse has no field for."""
    for field, value in (
        ("seed", talk.seed),
        ("frequency_penalty", talk.frequency_penalty or None),
        ("presence_penalty", talk.presence_penalty or None),
    ):
        if value is not None:
            raise UntranslatableError(field, "Bedrock's Converse has no such setting; leave it out.")
    if talk.parallel is False and talk.tools:
        raise UntranslatableError(
            "parallel_tool_calls", "Bedrock's Converse cannot forbid several tool calls; leave the field out."
        )
    if talk.temperature is not None and not 0 <= talk.temperature <= 1:
        raise UntranslatableError("temperature", "Bedrock takes 0 to 1.")


def _content(side: Side) -> list[dict[str, Any]]:
    """The blocks of one side; results of tools come first, as Claude wants them."""
    ordered = sorted(side.parts, key=lambda one: not isinstance(one[1], ToolResult))
    return [block for field, part in ordered if (block := _block(field, part)) is not None]


def _block(field: str, part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Image):
        return {"image": _image(field, part)}
    if isinstance(part, ToolUse):
        return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments(part, field)}}
    if isinstance(part, ToolResult):
        content = [
            {"text": one.text} if isinstance(one, Text) else {"image": _image(field, one)}
            for one in part.parts
        ]
        result: dict[str, Any] = {"toolUseId": part.id, "content": content}
        if part.is_error:
            result["status"] = "error"
        return {"toolResult": result}
    return _thinking_block(part)


def _thinking_block(part: Thinking) -> dict[str, Any] | None:
    """Thinking that Claude signed, here or elsewhere. Unsigned thinking and other models' proves nothing.

    Claude's signatures are base64, which has no colon; marks of other dialects end with one.
    """
    if not part.signature or ":" in part.signature:
        return None
    if part.redacted:
        return {"reasoningContent": {"redactedContent": part.signature}}
    return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}


def _image(field: str, image: Image) -> dict[str, Any]:
    if image.url:
        raise UntranslatableError(field, "Bedrock fetches no pictures; send this one as base64 data.")
    kind = _FORMATS.get(image.media)
    if kind is None:
        raise UntranslatableError(
            field, f"Bedrock takes pictures of type {', '.join(_FORMATS)}, not {image.media!r}."
        )
    return {"format": kind, "source": {"bytes": image.data}}


def _tools(talk: Talk) -> dict[str, Any]:
    """Tools and how they may be called. Converse cannot forbid them, but it can go without any."""
    choice = talk.tool_choice
    if choice is not None and choice.mode == "none" and talk.tools:
        parts = (part for turn in talk.turns for part in turn.parts)
        if any(isinstance(part, ToolUse | ToolResult) for part in parts):
            raise UntranslatableError(
                "tool_choice",
                "After a tool call, Bedrock cannot forbid tools; leave the choice to the model.",
            )
        return {}
    if not talk.tools:
        return {}
    config: dict[str, Any] = {"tools": [{"toolSpec": _tool(tool)} for tool in talk.tools]}
    if choice is not None:
        config["toolChoice"] = {"tool": {"name": choice.name}} if choice.mode == "one" else {choice.mode: {}}
    return config


def _tool(tool: Tool) -> dict[str, Any]:
    specification: dict[str, Any] = {"name": tool.name}
    if tool.description:
        specification["description"] = tool.description
    specification["inputSchema"] = {"json": tool.schema or {"type": "object"}}
    if tool.strict is not None:
        specification["strict"] = tool.strict
    return specification


def _output(talk: Talk) -> dict[str, Any]:
    output: dict[str, Any] = {}
    if talk.shape is not None:
        output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": _schema(talk.shape)}}
    if talk.effort and talk.effort != "none":
        if talk.effort not in _EFFORTS:
            raise UntranslatableError("reasoning_effort", f"Bedrock takes one of {', '.join(_EFFORTS)}.")
        output["effort"] = talk.effort
    return output


def _schema(shape: Shape) -> dict[str, str]:
    if shape.schema is None:
        raise UntranslatableError(
            "response_format", "Bedrock wants the schema of the JSON; send type json_schema with one."
        )
    schema = {"schema": msgspec.json.encode(shape.schema).decode()}
    if shape.name:
        schema["name"] = shape.name
    if shape.description:
        schema["description"] = shape.description
    return schema


def _own_fields(talk: Talk, *, claude: bool) -> dict[str, Any]:
    """Fields of the model itself, which Converse hands on unread."""
    own: dict[str, Any] = {}
    budget = 0 if talk.effort == "none" else talk.thinking_tokens
    if not claude:
        field = "top_k" if talk.top_k is not None else "thinking" if budget is not None else ""
        if field:
            raise UntranslatableError(field, "Bedrock knows this for Claude models only; leave it out.")
        return own
    if talk.top_k is not None:
        own["top_k"] = talk.top_k
    if budget is not None:
        own["thinking"] = {"type": "enabled", "budget_tokens": budget} if budget else {"type": "disabled"}
    return own
