"""OpenAI Responses, what clients send: a body as a `Talk`, and the conversation that it goes on with.

Shapes: the OpenAI API reference ("Create a model response").
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from rechenwerk.wire.openai_chat_request import (
    Effort,
    Strict,
    Tokens,
    allow,
    check_arguments,
    new_tool,
    read_choice,
    read_image,
)
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

# As in `openai_chat_request`, `Any` marks advice that is read and left out, and ``None`` a field that has no
# counterpart.


class _InputText(Strict, tag_field="type", tag="input_text"):
    text: str
    prompt_cache_breakpoint: Any = None


class _InputImage(Strict, tag_field="type", tag="input_image"):
    image_url: str
    detail: Any = None
    file_id: None = None
    prompt_cache_breakpoint: Any = None


class _OutputText(Strict, tag_field="type", tag="output_text"):
    text: str
    annotations: Any = None
    logprobs: Any = None


class _Refusal(Strict, tag_field="type", tag="refusal"):
    refusal: str


class _Message(Strict):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[_InputText | _InputImage | _OutputText | _Refusal]
    type: Literal["message"] = "message"
    id: Any = None
    status: Any = None
    phase: Any = None


class _Direct(Strict):
    type: Literal["direct"]


class _FunctionCall(Strict, rename={"asynchronous": "async"}):
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    id: Any = None
    status: Any = None
    caller: _Direct | None = None
    namespace: None = None
    asynchronous: bool | None = None


class _FunctionCallOutput(Strict):
    type: Literal["function_call_output"]
    call_id: str
    output: str | list[_InputText | _InputImage]
    name: str | None = None
    id: Any = None
    status: Any = None
    caller: _Direct | None = None
    namespace: None = None


class _Words(Strict):
    text: str
    type: Literal["summary_text", "reasoning_text"]


class _ReasoningItem(Strict):
    type: Literal["reasoning"]
    summary: list[_Words]
    content: list[_Words] | None = None
    encrypted_content: str | None = None
    id: Any = None
    status: Any = None


_Item = _Message | _FunctionCall | _FunctionCallOutput | _ReasoningItem


class _Kind(msgspec.Struct, gc=False):
    type: str | None = None
    role: Any = None


class _Function(Strict):
    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    defer_loading: bool | None = None
    output_schema: Any = None


class _NamedFunction(Strict, tag_field="type", tag="function"):
    name: str


class _AllowedFunction(Strict):
    type: Literal["function"]
    name: str


class _AllowedTools(Strict, tag_field="type", tag="allowed_tools"):
    mode: Literal["auto", "required"]
    tools: list[_AllowedFunction]


class _TextFormat(Strict, tag_field="type", tag="text"):
    pass


class _ObjectFormat(Strict, tag_field="type", tag="json_object"):
    pass


class _SchemaFormat(Strict, tag_field="type", tag="json_schema"):
    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class _TextConfig(Strict):
    format: _TextFormat | _ObjectFormat | _SchemaFormat | None = None
    verbosity: Literal["medium"] | None = None


class _Reasoning(Strict):
    effort: Effort | None = None
    summary: Any = None
    generate_summary: Any = None
    context: Literal["auto"] | None = None
    mode: Literal["standard"] | None = None


class _Body(Strict):
    model: str
    input: str | list[msgspec.Raw]
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Tokens | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[_Function] | None = None
    tool_choice: str | _NamedFunction | _AllowedTools | None = None
    parallel_tool_calls: bool | None = None
    text: _TextConfig | None = None
    reasoning: _Reasoning | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    stream_options: Any = None
    store: bool | None = None
    include: list[Literal["reasoning.encrypted_content"]] | None = None
    service_tier: Any = None  # which deployments may serve it, the plan has seen
    # Only the neutral value of these means the same everywhere.
    access_programs: None = None
    background: bool | None = None
    background_options: None = None
    context_management: None = None
    conversation: None = None
    image: None = None
    max_tool_calls: None = None
    moderation: None = None
    previous_response_id: None = None
    prompt: None = None
    top_logprobs: Literal[0] | None = None
    truncation: Literal["disabled"] | None = None


_body = msgspec.json.Decoder(_Body)
_kind = msgspec.json.Decoder(_Kind)
_ITEMS: MappingProxyType[str, msgspec.json.Decoder[Any]] = MappingProxyType(
    {
        "message": msgspec.json.Decoder(_Message),
        "function_call": msgspec.json.Decoder(_FunctionCall),
        "function_call_output": msgspec.json.Decoder(_FunctionCallOutput),
        "reasoning": msgspec.json.Decoder(_ReasoningItem),
    }
)


def read_response_request(body: bytes) -> Talk:
    """A client's body, its history already in it; raises as `Inbound.read` does."""
    seen = decode(_body, body)
    if seen.background:
        raise UntranslatableError("background", "Responses are answered at once; leave it out and wait.")
    tools, choice = _tools(seen)
    leading = (Turn("system", (Text(seen.instructions),)),) if seen.instructions else ()
    return Talk(
        model=seen.model,
        turns=leading + _turns(seen.input),
        tools=tools,
        tool_choice=choice,
        parallel=seen.parallel_tool_calls,
        max_tokens=seen.max_output_tokens,
        temperature=seen.temperature,
        top_p=seen.top_p,
        shape=_shape(seen.text.format if seen.text is not None else None),
        effort=(seen.reasoning.effort if seen.reasoning is not None else None) or "",
        user=seen.safety_identifier or seen.user or "",
        stream=seen.stream is True,
    )


def _read_item(raw: msgspec.Raw, at: str) -> _Item:
    kind = decode(_kind, raw, at)
    # Of all items, only a message and a reference to a stored item may come without a type.
    name = kind.type or ("item_reference" if kind.role is None else "message")
    decoder = _ITEMS.get(name)
    if decoder is None:
        raise UntranslatableError(f"{at}.type", f"{name!r} cannot be passed on; send the item's words.")
    item: _Item = decode(decoder, raw, at)
    return item


def _turns(given: str | list[msgspec.Raw]) -> tuple[Turn, ...]:
    """Items of the assistant that follow each other are one turn, and so are results of tools."""
    if isinstance(given, str):
        return (Turn("user", (Text(given),) if given else ()),)
    turns: list[Turn] = []
    joined = ""
    for index, raw in enumerate(given):
        at = f"input[{index}]"
        item = _read_item(raw, at)
        role, parts = _parts(item, at)
        if not parts and isinstance(item, _ReasoningItem):  # of a model that does not show its thoughts
            continue
        group = "results" if isinstance(item, _FunctionCallOutput) else role
        if group == joined:
            turns[-1] = Turn(role, turns[-1].parts + parts)
        else:
            turns.append(Turn(role, parts))
        joined = group if group in {"assistant", "results"} else ""
    return tuple(turns)


def _parts(item: _Item, at: str) -> tuple[Literal["system", "user", "assistant"], tuple[Part, ...]]:
    match item:
        case _FunctionCall():
            if item.asynchronous:
                raise UntranslatableError(f"{at}.async", "Tools are waited for here; leave it out.")
            return "assistant", (
                ToolUse(item.call_id, item.name, check_arguments(item.arguments, f"{at}.arguments")),
            )
        case _FunctionCallOutput():
            output = _content(item.output, f"{at}.output")
            return "user", (ToolResult(item.call_id, output, name=item.name or ""),)
        case _ReasoningItem():
            words = "\n\n".join(part.text for part in item.content or item.summary)
            signature = item.encrypted_content or ""
            thinking = Thinking(words, signature, redacted=not words)
            return "assistant", (thinking,) if words or signature else ()
        case _Message():
            parts = _content(item.content, f"{at}.content")
            if item.role == "user":
                return "user", parts
            for index, part in enumerate(parts):
                if isinstance(part, Image):
                    raise UntranslatableError(f"{at}.content[{index}]", "Only users can send images.")
            return ("assistant" if item.role == "assistant" else "system"), parts


def _content(
    content: str | Sequence[_InputText | _InputImage | _OutputText | _Refusal], at: str
) -> tuple[Text | Image, ...]:
    """Empty words are left out: they say nothing, and some providers refuse them."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    found: list[Text | Image] = []
    for index, part in enumerate(content):
        if isinstance(part, _InputImage):
            found.append(read_image(part.image_url, f"{at}[{index}].image_url"))
            continue
        words = part.refusal if isinstance(part, _Refusal) else part.text
        if words:
            found.append(Text(words))
    return tuple(found)


def _tools(seen: _Body) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    for index, one in enumerate(seen.tools or ()):
        if one.defer_loading:
            raise UntranslatableError(f"tools[{index}].defer_loading", "There is no tool search here.")
    tools = tuple(new_tool(one.name, one.description, one.parameters, one.strict) for one in seen.tools or ())
    match seen.tool_choice:
        case None:
            return tools, None
        case _NamedFunction(name):
            return tools, ToolChoice("one", name)
        case _AllowedTools(mode, allowed):
            return allow(tools, [one.name for one in allowed], "tool_choice.tools"), read_choice(mode)
        case str(mode):
            return tools, read_choice(mode)


def _shape(wanted: _TextFormat | _ObjectFormat | _SchemaFormat | None) -> Shape | None:
    if isinstance(wanted, _ObjectFormat):
        return Shape()
    if isinstance(wanted, _SchemaFormat):
        return Shape(wanted.schema, wanted.name, wanted.description or "", wanted.strict)
    return None


# -- state --------------------------------------------------------------------------------------------

_ECHO = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "user",
)
"""What a response repeats of its request."""


class ResponseState(msgspec.Struct, frozen=True, gc=False):
    """What a request says about the conversation it belongs to.

    Attributes:
        previous: the response that it goes on from.
        store: whether the conversation may be kept.
        items: the client's input as JSON, one value per item.
        echo: what the answer repeats of the request.
    """

    previous: str | None = None
    store: bool = True
    items: tuple[msgspec.Raw, ...] = ()
    echo: dict[str, msgspec.Raw] = {}


class _State(msgspec.Struct, gc=False):
    previous_response_id: str | None = None
    store: bool | None = None
    input: str | list[msgspec.Raw] = ""


_state = msgspec.json.Decoder(_State)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_state(body: bytes) -> ResponseState:
    """What the body says about its conversation; nothing else in it is checked.

    Raises:
        msgspec.ValidationError: a value of the wrong type.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
    """
    seen = _state.decode(body)
    members = _members.decode(body)
    echo = {name: members[name] for name in _ECHO if name in members and bytes(members[name]) != b"null"}
    return ResponseState(seen.previous_response_id, seen.store is not False, tuple(_items(seen.input)), echo)


def _items(given: str | list[msgspec.Raw]) -> list[msgspec.Raw]:
    if not isinstance(given, str):
        return given
    message = {"type": "message", "role": "user", "content": given}
    return [msgspec.Raw(msgspec.json.encode(message))]


def with_history(body: bytes, items: Sequence[msgspec.Raw | dict[str, Any]]) -> bytes:
    """The body with the whole conversation in its input: what came before, then what the client sends now.

    Args:
        body: the client's; its ``previous_response_id`` is taken out.
        items: of all turns before, as `read_state` and `output_items` gave them.

    Raises:
        msgspec.ValidationError: a value of the wrong type.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
    """
    now = _items(_state.decode(body).input)
    members = _members.decode(body)
    members.pop("previous_response_id", None)
    members["input"] = msgspec.Raw(msgspec.json.encode([*items, *now]))
    return msgspec.json.encode(members)
