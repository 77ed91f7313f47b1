"""Requests of clients that speak Anthropic's dialect, as a `Talk`.

Shapes: the Messages API reference and the types of Anthropic's own SDK (``message_create_params``,
``message_count_tokens_params``); sampling parameters as API version 2023-06-01 has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

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

ADVICE = (
    "cache_control",  # also of blocks and tools: what to keep warm
    "context_management",  # which old parts may go, to save tokens
    "diagnostics",  # asks why a cache did not help
    "service_tier",
    "speed",
)
"""Fields that change what an answer costs or how soon it comes, not what it means: read and left out.

Likewise `metadata` beside its `user_id`, a tool's `eager_input_streaming`, a thinking's `display`.
"""

_MOST = 1 << 31
LEAST_BUDGET = 1024
"""Tokens for thinking, if any."""

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


# -- what a client says -------------------------------------------------------------------------------


class _Body(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A field that is declared `None` may be sent as null only: anything else cannot be translated."""


class _Text(_Body, tag="text"):
    text: str
    cache_control: Any = None
    citations: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None


class _Base64(_Body, tag="base64"):
    media_type: str
    data: str


class _Url(_Body, tag="url"):
    url: str


class _Image(_Body, tag="image"):
    source: _Base64 | _Url
    cache_control: Any = None
    transformations: None = None


class _Direct(_Body, tag="direct"):
    pass


class _ToolUse(_Body, tag="tool_use"):
    id: str
    name: str
    input: dict[str, msgspec.Raw]
    cache_control: Any = None
    caller: _Direct | None = None
    toolset_name: None = None


class _ToolResult(_Body, tag="tool_result"):
    tool_use_id: str
    content: str | list[_Text | _Image] = ""
    is_error: bool | None = None
    cache_control: Any = None
    toolset_name: None = None


class _Thinking(_Body, tag="thinking"):
    thinking: str
    signature: str = ""


class _Redacted(_Body, tag="redacted_thinking"):
    data: str


class _User(_Body, tag_field="role", tag="user"):
    content: str | list[_Text | _Image | _ToolResult]


class _Assistant(_Body, tag_field="role", tag="assistant"):
    content: str | list[_Text | _ToolUse | _Thinking | _Redacted]


class _System(_Body, tag_field="role", tag="system"):
    content: str | list[_Text]


class _Tool(_Body):
    name: str
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str = ""
    strict: bool | None = None
    cache_control: Any = None
    eager_input_streaming: Any = None


class _Auto(_Body, tag="auto"):
    disable_parallel_tool_use: bool | None = None


class _Any(_Body, tag="any"):
    disable_parallel_tool_use: bool | None = None


class _One(_Body, tag="tool"):
    name: str
    disable_parallel_tool_use: bool | None = None


class _Never(_Body, tag="none"):
    pass


class _Enabled(_Body, tag="enabled"):
    budget_tokens: Annotated[int, msgspec.Meta(ge=LEAST_BUDGET, le=_MOST)]
    display: Any = None


class _Adaptive(_Body, tag="adaptive"):
    display: Any = None


class _Disabled(_Body, tag="disabled"):
    pass


class _Format(_Body, tag="json_schema"):
    schema: dict[str, Any]


class _OutputConfig(_Body):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Metadata(msgspec.Struct, gc=False):
    user_id: str | None = None


class _Counting(_Body):
    model: str
    messages: list[_User | _Assistant | _System]
    system: str | list[_Text] = ""
    tools: list[_Tool] = []
    tool_choice: _Auto | _Any | _One | _Never | None = None
    thinking: _Enabled | _Adaptive | _Disabled | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None  # its older name beside output_config.format
    cache_control: Any = None
    context_management: Any = None
    speed: Any = None


class _Creating(_Counting, kw_only=True):
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
    stream: bool | None = None
    temperature: _Share | None = None
    top_p: _Share | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] | None = None
    stop_sequences: list[str] | None = None
    metadata: _Metadata | None = None
    service_tier: Any = None
    diagnostics: Any = None
    container: None = None
    inference_geo: None = None


class _Kind(msgspec.Struct, gc=False):
    type: Any = None


class _Kinds(msgspec.Struct, gc=False):
    tools: list[_Kind] = []


_counting = msgspec.json.Decoder(_Counting)
_creating = msgspec.json.Decoder(_Creating)
_kinds = msgspec.json.Decoder(_Kinds)

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_MEANINGLESS = ("Invalid value '", "Expected `null`", "Expected `array` of length <= 0")


def read_creating(body: bytes) -> Talk:
    """The body of ``/v1/messages``.

    Raises:
        UntranslatableError: a field that has no meaning elsewhere, or is unknown.
        msgspec.ValidationError: a value of the wrong type or out of range.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
    """
    try:
        seen = _creating.decode(body)
    except msgspec.ValidationError as error:
        raise _explained(error, body) from error
    return msgspec.structs.replace(
        _talk(seen),
        max_tokens=seen.max_tokens,
        temperature=seen.temperature,
        top_p=seen.top_p,
        top_k=seen.top_k,
        stop=tuple(seen.stop_sequences or ()),
        user=(seen.metadata and seen.metadata.user_id) or "",
        stream=seen.stream or False,
    )


def read_counting(body: bytes) -> Talk:
    """The body of ``/v1/messages/count_tokens``: the same without what steers the answer.

    Raises:
        UntranslatableError: a field that has no meaning elsewhere, or is unknown.
        msgspec.ValidationError: a value of the wrong type or out of range.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
    """
    try:
        return _talk(_counting.decode(body))
    except msgspec.ValidationError as error:
        raise _explained(error, body) from error


def _explained(error: msgspec.ValidationError, body: bytes) -> Exception:
    """Tell what no other provider could do from what is simply wrong."""
    text = str(error)
    found = _PLACE.search(text)
    place = found.group(1) if found else ""
    what = text[: found.start()] if found else text
    if place.startswith("tools["):
        kinds = _kinds.decode(body).tools
        for at, kind in enumerate(kinds):
            if kind.type not in {None, "custom"}:
                why = f"the tool {kind.type!r} runs at Anthropic only; offer tools of your own."
                return UntranslatableError(f"tools[{at}].type", why)
    unknown = _UNKNOWN.match(what)
    if unknown is not None:
        field = f"{place}.{unknown.group(1)}".lstrip(".")
        return UntranslatableError(field, "is not known here and cannot be passed on; leave it out.")
    if what.startswith(_MEANINGLESS):
        return UntranslatableError(place, f"cannot be said to this model's provider ({what}); leave it out.")
    return error


def _talk(seen: _Counting) -> Talk:
    turns = [_turn(message) for message in seen.messages]
    if seen.system:
        turns.insert(0, Turn("system", _parts(seen.system)))
    config = seen.output_config or _OutputConfig()
    if config.format is not None and seen.output_format is not None:
        raise UntranslatableError("output_format", "stands beside output_config.format; send one of them.")
    form = config.format or seen.output_format
    choice, parallel = _choice(seen.tool_choice)
    return Talk(
        model=seen.model,
        turns=tuple(turns),
        tools=tuple(Tool(tool.name, tool.description, tool.input_schema, tool.strict) for tool in seen.tools),
        tool_choice=choice,
        parallel=parallel,
        shape=Shape(form.schema) if form is not None else None,
        # The scale of others ends below "max".
        effort="xhigh" if config.effort == "max" else config.effort or "",
        thinking_tokens=_budget(seen.thinking),
    )


def _budget(thinking: _Enabled | _Adaptive | _Disabled | None) -> int | None:
    """Adaptive says that the model decides, which is what silence says elsewhere."""
    if isinstance(thinking, _Enabled):
        return thinking.budget_tokens
    return 0 if isinstance(thinking, _Disabled) else None


def _choice(choice: _Auto | _Any | _One | _Never | None) -> tuple[ToolChoice | None, bool | None]:
    if choice is None:
        return None, None
    if isinstance(choice, _Never):
        return ToolChoice("none"), None
    disabled = choice.disable_parallel_tool_use
    parallel = None if disabled is None else not disabled
    if isinstance(choice, _One):
        return ToolChoice("one", choice.name), parallel
    return ToolChoice("any" if isinstance(choice, _Any) else "auto"), parallel


def _turn(message: _User | _Assistant | _System) -> Turn:
    if isinstance(message, _User):
        return Turn("user", _parts(message.content))
    if isinstance(message, _Assistant):
        return Turn("assistant", _parts(message.content))
    return Turn("system", _parts(message.content))


_Block = _Text | _Image | _ToolUse | _ToolResult | _Thinking | _Redacted


def _parts(content: str | Sequence[_Block]) -> tuple[Part, ...]:
    return (Text(content),) if isinstance(content, str) else tuple([_part(block) for block in content])


def _part(block: _Block) -> Part:
    if isinstance(block, _Text):
        return Text(block.text)
    if isinstance(block, _ToolResult):
        shown = _shown(block.content)
        return ToolResult(block.tool_use_id, shown, block.is_error or False)
    if isinstance(block, _ToolUse):
        return ToolUse(block.id, block.name, msgspec.json.encode(block.input).decode())
    if isinstance(block, _Thinking):
        return Thinking(block.thinking, block.signature)
    if isinstance(block, _Redacted):
        return Thinking("", block.data, redacted=True)
    return _picture(block)


def _shown(content: str | list[_Text | _Image]) -> tuple[Text | Image, ...]:
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple([Text(one.text) if isinstance(one, _Text) else _picture(one) for one in content])


def _picture(block: _Image) -> Image:
    source = block.source
    if isinstance(source, _Url):
        return Image(url=source.url)
    return Image(source.media_type, source.data)
