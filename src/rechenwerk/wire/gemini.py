"""Google's dialect: generateContent and streamGenerateContent, as the Gemini API and Vertex AI speak them.

Sources: the types of Google's SDK (google-genai); the Gemini API's pages on function calling, thinking,
thought signatures, structured output and file input methods. The base URL ends in ``/v1beta`` (or, on
Vertex AI, in ``/publishers/google``). The end user's name is left out: the API has no field for it.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.gemini_answer import MARK, GeminiReader, read_error, read_pieces, read_whole_usage
from rechenwerk.wire.outbound import Side, arguments, sides
from rechenwerk.wire.talk import (
    Image,
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

_OLDER = ("gemini-1", "gemini-2", "gemma")
"""Models that count thinking in tokens and want no signatures; all later ones have levels and demand them."""

# https://ai.google.dev/gemini-api/docs/openai: what the efforts mean to Gemini 2.5.
_BUDGETS = MappingProxyType({"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576})

# https://ai.google.dev/gemini-api/docs/thought-signatures: for calls that another model made.
_UNSIGNED = "skip_thought_signature_validator"

_MODES = MappingProxyType({"auto": "AUTO", "none": "NONE", "any": "ANY", "one": "ANY"})
_MEDIA = MappingProxyType(
    {
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "heic": "image/heic",
        "heif": "image/heif",
    }
)
_ADDRESS = re.compile(r"(?:gs|https)://[^/?#]+/[^?#]*?(?:\.(\w+))?(?:[?#].*)?", re.DOTALL)


class GeminiOut:
    """Google Gemini as a provider (`talk.Outbound`)."""

    def path(self, upstream: str, *, stream: bool) -> str:
        """Path and query below the base URL."""
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/models/{quote(upstream, safe='')}:{verb}"

    def write(self, talk: Talk, upstream: str, cap: int) -> bytes:
        """A request body.

        Raises:
            UntranslatableError: a system turn in the middle, one tool call at a time, an effort beside a
                budget or unknown to the model, a picture that Gemini would not fetch.
        """
        if talk.parallel is False and talk.tools:
            raise UntranslatableError(
                "parallel_tool_calls", "Gemini may always call several tools at once; leave the field out."
            )
        older = upstream.startswith(_OLDER)
        system, turns = sides(talk, "Gemini")
        names: dict[str, str] = {}
        contents = [
            {"role": "model" if side.role == "assistant" else "user", "parts": parts}
            for side in turns
            if (parts := _parts(side, names, sign=not older))
        ]
        body: dict[str, Any] = {"contents": contents}
        if system:
            body["systemInstruction"] = {"parts": [{"text": text} for text in system]}
        if talk.tools:
            body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in talk.tools]}]
        calling = _calling(talk)
        if calling:
            body["toolConfig"] = {"functionCallingConfig": calling}
        body["generationConfig"] = _config(talk, cap, older=older)
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
        return GeminiReader()

    def error(self, status: int, body: bytes) -> Refusal:
        """An error in the shape of google.rpc.Status."""
        return read_error(status, body)


def _parts(side: Side, names: dict[str, str], *, sign: bool) -> list[dict[str, Any]]:
    """The parts of one side; `names` learns the tools that are called.

    A signature stands on the part that follows the thought. Thoughts themselves need not go back, and
    those of other models prove nothing to Gemini.
    """
    found: list[dict[str, Any]] = []
    signature = ""
    for field, part in side.parts:
        if isinstance(part, Thinking):
            if part.signature.startswith(MARK):
                signature = part.signature.removeprefix(MARK)
            continue
        value = _part(field, part, names)
        if isinstance(part, ToolUse) and sign and not any("functionCall" in one for one in found):
            signature = signature or _UNSIGNED  # of several calls at once, Gemini signs the first
        if signature:
            value["thoughtSignature"] = signature
            signature = ""
        found.append(value)
    if signature:
        found.append({"text": "", "thoughtSignature": signature})
    return found


def _part(field: str, part: Text | Image | ToolUse | ToolResult, names: dict[str, str]) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Image):
        return _image(field, part)
    if isinstance(part, ToolUse):
        names[part.id] = part.name
        return {"functionCall": {"id": part.id, "name": part.name, "args": arguments(part, field)}}
    return _result(field, part, names)


def _image(field: str, image: Image) -> dict[str, Any]:
    if not image.url:
        return {"inlineData": {"mimeType": image.media, "data": image.data}}
    address = _ADDRESS.fullmatch(image.url)
    media = address and (image.media or _MEDIA.get((address[1] or "").lower()))
    if not media:
        raise UntranslatableError(
            field,
            "Gemini fetches https:// and gs:// pictures whose name ends in "
            f"{', '.join(_MEDIA)}; send this one as base64 data.",
        )
    return {"fileData": {"mimeType": media, "fileUri": image.url}}


def _result(field: str, result: ToolResult, names: dict[str, str]) -> dict[str, Any]:
    """What a tool answered; Gemini tells results apart by the tool's name, later models by id too."""
    name = result.name or names.get(result.id, "")
    if not name:
        raise UntranslatableError(field, f"No tool call before this result has the id {result.id!r}.")
    text = "".join(part.text for part in result.parts if isinstance(part, Text))
    response: dict[str, Any] = {
        "id": result.id,
        "name": name,
        "response": {"error" if result.is_error else "output": text},
    }
    images = [_image(field, part) for part in result.parts if isinstance(part, Image)]
    if images:
        response["parts"] = images
    return {"functionResponse": response}


def _tool(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.schema:
        declaration["parametersJsonSchema"] = tool.schema
    return declaration


def _calling(talk: Talk) -> dict[str, Any]:
    """How tools may be called. Strict arguments come with VALIDATED, and with ANY by themselves."""
    choice = talk.tool_choice
    mode = _MODES[choice.mode] if choice is not None else ""
    if mode in {"", "AUTO"} and any(tool.strict for tool in talk.tools):
        mode = "VALIDATED"
    calling: dict[str, Any] = {"mode": mode} if mode else {}
    if choice is not None and choice.mode == "one":
        calling["allowedFunctionNames"] = [choice.name]
    return calling


def _config(talk: Talk, cap: int, *, older: bool) -> dict[str, Any]:
    config: dict[str, Any] = {
        "maxOutputTokens": cap,
        "temperature": talk.temperature,
        "topP": talk.top_p,
        "topK": talk.top_k,
        "frequencyPenalty": talk.frequency_penalty,
        "presencePenalty": talk.presence_penalty,
        "seed": talk.seed,
        "stopSequences": talk.stop or None,
        "thinkingConfig": _thinking(talk, older=older),
    }
    if talk.shape is not None:
        config["responseMimeType"] = "application/json"
        if talk.shape.schema is not None:
            config["responseJsonSchema"] = _schema(talk.shape, talk.shape.schema)
    return {name: value for name, value in config.items() if value is not None}


def _schema(shape: Shape, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema; what the shape is for is told inside of it, there is no other place."""
    return {"description": shape.description, **schema} if shape.description else schema


def _thinking(talk: Talk, *, older: bool) -> dict[str, Any] | None:
    effort, budget = talk.effort, talk.thinking_tokens
    if effort and budget is not None:
        raise UntranslatableError("reasoning_effort", "Gemini takes an effort or a budget; send one of them.")
    if effort == "none":
        budget = 0
    elif effort and older:
        budget = _BUDGETS.get(effort)
        if budget is None:
            raise UntranslatableError(
                "reasoning_effort", f"This model has no effort {effort!r}; send one of {', '.join(_BUDGETS)}."
            )
    if budget is not None:
        return {"thinkingBudget": budget, "includeThoughts": budget > 0}
    return {"thinkingLevel": effort.upper(), "includeThoughts": True} if effort else None
