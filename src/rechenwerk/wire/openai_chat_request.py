"""OpenAI chat completions, what clients send: a body as a `Talk`.

Shapes: the OpenAI API reference ("Create chat completion"), and ``reasoning_content`` of assistant messages
as DeepSeek, vLLM and llama.cpp have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from rechenwerk.wire.strict import decode
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

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Tokens = Annotated[int, msgspec.Meta(ge=1, le=1 << 31)]

# In the Structs below, `Any` marks advice: it is read and left out, because it changes no meaning (caching,
# how closely to look at an image, ids and annotations of earlier answers, tags for a dashboard).


class Strict(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A part of a request in which every field is known."""


class _TextPart(Strict, tag_field="type", tag="text"):
    text: str
    prompt_cache_breakpoint: Any = None


class _ImageUrl(Strict):
    url: str
    detail: Any = None


class _ImagePart(Strict, tag_field="type", tag="image_url"):
    image_url: _ImageUrl
    prompt_cache_breakpoint: Any = None


class _RefusalPart(Strict, tag_field="type", tag="refusal"):
    refusal: str


class _Function(Strict):
    name: str
    arguments: str


class _Call(Strict):
    id: str
    function: _Function
    type: Literal["function"] = "function"
    index: Any = None


class _System(Strict, tag_field="role", tag="system"):
    content: str | list[_TextPart]
    name: None = None


class _Developer(_System, tag="developer"):
    pass


class _User(Strict, tag_field="role", tag="user"):
    content: str | list[_TextPart | _ImagePart]
    name: None = None


class _Assistant(Strict, tag_field="role", tag="assistant"):
    content: str | list[_TextPart | _RefusalPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None
    annotations: Any = None
    name: None = None
    audio: None = None
    function_call: None = None


class _ToolMessage(Strict, tag_field="role", tag="tool"):
    content: str | list[_TextPart]
    tool_call_id: str
    name: str | None = None


class _Definition(Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(Strict):
    function: _Definition
    type: Literal["function"] = "function"


class _Named(Strict):
    name: str


class _NamedTool(Strict, tag_field="type", tag="function"):
    function: _Named


class _AllowedTool(Strict):
    function: _Named
    type: Literal["function"] = "function"


class _Allowed(Strict):
    mode: Literal["auto", "required"]
    tools: list[_AllowedTool]


class _AllowedTools(Strict, tag_field="type", tag="allowed_tools"):
    allowed_tools: _Allowed


class _TextFormat(Strict, tag_field="type", tag="text"):
    pass


class _ObjectFormat(Strict, tag_field="type", tag="json_object"):
    pass


class _Schema(Strict):
    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class _SchemaFormat(Strict, tag_field="type", tag="json_schema"):
    json_schema: _Schema


class _StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: Any = None


class _Chat(Strict):
    model: str
    messages: Annotated[
        list[_System | _Developer | _User | _Assistant | _ToolMessage], msgspec.Meta(min_length=1)
    ]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _NamedTool | _AllowedTools | None = None
    parallel_tool_calls: bool | None = None
    response_format: _TextFormat | _ObjectFormat | _SchemaFormat | None = None
    reasoning_effort: Effort | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    service_tier: Any = None  # which deployments may serve it, the plan has seen
    # Only the neutral value of these means the same everywhere.
    audio: None = None
    function_call: str | dict[str, Any] | None = None
    functions: list[Any] | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    modalities: list[Literal["text"]] | None = None
    moderation: None = None
    n: Literal[1] | None = None
    prediction: None = None
    store: bool | None = None
    top_logprobs: Literal[0] | None = None
    verbosity: Literal["medium"] | None = None
    web_search_options: None = None


_CHOICES = MappingProxyType(
    {"auto": ToolChoice("auto"), "none": ToolChoice("none"), "required": ToolChoice("any")}
)
_chat = msgspec.json.Decoder(_Chat)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_chat(body: bytes) -> Talk:
    """A client's body; raises as `Inbound.read` does."""
    chat = decode(_chat, body)
    for field in ("functions", "logit_bias", "logprobs", "store"):
        if getattr(chat, field):
            raise UntranslatableError(field, "This cannot be passed on to every provider; leave it out.")
    if chat.function_call not in (None, "none", "auto"):
        raise UntranslatableError("function_call", "Name the function in tool_choice.")
    tools, choice = _tools(chat)
    stop = (chat.stop,) if isinstance(chat.stop, str) else tuple(chat.stop or ())
    return Talk(
        model=chat.model,
        turns=_turns(chat),
        tools=tools,
        tool_choice=choice,
        parallel=chat.parallel_tool_calls,
        max_tokens=max(chat.max_tokens or 0, chat.max_completion_tokens or 0) or None,
        temperature=chat.temperature,
        top_p=chat.top_p,
        frequency_penalty=chat.frequency_penalty,
        presence_penalty=chat.presence_penalty,
        seed=chat.seed,
        stop=stop,
        shape=_shape(chat.response_format),
        effort=chat.reasoning_effort or "",
        user=chat.safety_identifier or chat.user or "",
        stream=chat.stream is True,
        usage_frame=chat.stream_options is not None and chat.stream_options.include_usage is True,
    )


def _turns(chat: _Chat) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    results: list[ToolResult] = []
    for at, message in enumerate(chat.messages):
        if isinstance(message, _ToolMessage):
            content = _parts(message.content, f"messages[{at}].content")
            results.append(
                ToolResult(
                    message.tool_call_id,
                    tuple(part for part in content if isinstance(part, Text)),
                    name=message.name or "",
                )
            )
            continue
        if results:
            turns.append(Turn("user", tuple(results)))
            results.clear()
        if isinstance(message, _Assistant):
            turns.append(Turn("assistant", _assistant(message, f"messages[{at}]")))
        else:
            role: Literal["user", "system"] = "user" if isinstance(message, _User) else "system"
            turns.append(Turn(role, _parts(message.content, f"messages[{at}].content")))
    if results:
        turns.append(Turn("user", tuple(results)))
    return tuple(turns)


def _parts(
    content: str | Sequence[_TextPart | _ImagePart | _RefusalPart] | None, at: str
) -> tuple[Text | Image, ...]:
    """Empty words are left out: they say nothing, and some providers refuse them."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    found: list[Text | Image] = []
    for index, part in enumerate(content or ()):
        if isinstance(part, _ImagePart):
            found.append(read_image(part.image_url.url, f"{at}[{index}].image_url.url"))
            continue
        words = part.text if isinstance(part, _TextPart) else part.refusal
        if words:
            found.append(Text(words))
    return tuple(found)


def _assistant(message: _Assistant, at: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    thoughts = message.reasoning_content or message.reasoning
    if thoughts:
        parts.append(Thinking(thoughts))
    parts += _parts(message.content, f"{at}.content")
    if message.refusal:
        parts.append(Text(message.refusal))
    for index, call in enumerate(message.tool_calls or ()):
        arguments = check_arguments(call.function.arguments, f"{at}.tool_calls[{index}].function.arguments")
        parts.append(ToolUse(call.id, call.function.name, arguments))
    return tuple(parts)


def read_image(url: str, at: str) -> Image:
    """An image from its URL, which may hold the picture itself.

    Raises:
        UntranslatableError: a ``data:`` URL that is not base64.
    """
    if url[:5].lower() != "data:":
        return Image(url=url)
    head, _, data = url.partition(",")
    if not head.endswith(";base64") or not data:
        raise UntranslatableError(at, "A data: URL must look like data:image/png;base64,...")
    return Image(media=head[5:-7], data=data)


def check_arguments(arguments: str, at: str) -> str:
    """Arguments of an earlier tool call; no words at all are an empty object.

    Raises:
        UntranslatableError: they are no JSON object; other providers take them apart.
    """
    if not arguments.strip():
        return "{}"
    try:
        _object.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        raise UntranslatableError(at, "The arguments must be the JSON text of an object.") from None
    return arguments


def read_choice(mode: str, at: str = "tool_choice") -> ToolChoice:
    """A tool choice in one word.

    Raises:
        UntranslatableError: another word.
    """
    choice = _CHOICES.get(mode)
    if choice is None:
        raise UntranslatableError(at, f"{mode!r} is none of auto, none and required.")
    return choice


def allow(tools: tuple[Tool, ...], names: Sequence[str], at: str) -> tuple[Tool, ...]:
    """Only these tools: what the client allows out of those that it lists.

    Raises:
        UntranslatableError: it allows one that it does not list.
    """
    missing = set(names) - {tool.name for tool in tools}
    if missing:
        raise UntranslatableError(at, f"{min(missing)!r} is not among the tools.")
    return tuple(tool for tool in tools if tool.name in names)


def new_tool(
    name: str, description: str | None, parameters: dict[str, Any] | None, strict: bool | None
) -> Tool:
    """A function as OpenAI defines it: without parameters it takes an empty object."""
    schema = {"type": "object", "properties": {}} if parameters is None else parameters
    return Tool(name, description or "", schema, strict)


def _tools(chat: _Chat) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    tools = tuple(
        new_tool(one.function.name, one.function.description, one.function.parameters, one.function.strict)
        for one in chat.tools or ()
    )
    match chat.tool_choice:
        case None:
            return tools, None
        case _NamedTool(function=named):
            return tools, ToolChoice("one", named.name)
        case _AllowedTools(allowed_tools=allowed):
            names = [one.function.name for one in allowed.tools]
            return allow(tools, names, "tool_choice.allowed_tools.tools"), read_choice(allowed.mode)
        case str(mode):
            return tools, read_choice(mode)


def _shape(wanted: _TextFormat | _ObjectFormat | _SchemaFormat | None) -> Shape | None:
    if isinstance(wanted, _ObjectFormat):
        return Shape()
    if isinstance(wanted, _SchemaFormat):
        of = wanted.json_schema
        return Shape(of.schema or {}, of.name, of.description or "", of.strict)
    return None
