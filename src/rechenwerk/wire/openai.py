"""OpenAI's dialect: what is read of a request, what is spliced into it, usage and errors.

Shapes: the OpenAI API reference (chat completions, completions, embeddings, errors, streaming).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from rechenwerk.base.errors import Refusal, bad_request, error_document
from rechenwerk.base.usage import Usage
from rechenwerk.wire.talk import Reported
from rechenwerk.wire.tiers import tier_of

Endpoint = Literal["chat", "completions", "embeddings", "messages", "responses", "rerank", "count_tokens"]


class Request(msgspec.Struct, gc=False):
    """The fields of a request body that the gateway reads; all others pass through unseen."""

    model: str
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    stream_options: dict[str, Any] | None = None
    service_tier: str | None = None
    prompt: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()


_request = msgspec.json.Decoder(Request)
_GOVERNED = (
    b"model",
    b"stream",
    b"max_tokens",
    b"max_completion_tokens",
    b"max_output_tokens",
    b"n",
    b"best_of",
    b"stream_options",
    b"service_tier",
    b"prompt",
    b"input",
)
_QUOTED = re.compile(b'"(?:' + b"|".join(_GOVERNED) + b')"')
_NAME = re.compile(rb'\s*("(?:[^"\\]+|\\.)*")\s*:\s*', re.DOTALL)
_COMMA = re.compile(rb"\s*,")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MOST = 1 << 31
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises: wrong JSON or shape, text that is not UTF-8, nesting without end."""
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")


class Member(msgspec.Struct, frozen=True, gc=False):
    """A member of the body's top-level object: its name, and where its value stands (byte offsets)."""

    name: str
    start: int
    end: int


_several = msgspec.json.Decoder(list[msgspec.Raw])


class TwiceError(ValueError):
    """A name stands twice in an object; its only argument is the name."""


UNREADABLE = (TwiceError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a client's body more closely can raise; `unreadable` makes the refusal."""


def members(body: bytes) -> list[Member]:
    """The top-level members of a JSON object that has been decoded before, so it is well-formed.

    msgspec skips over the values, however large; only names and the places between are looked at here.

    Raises:
        TwiceError: a name stands twice.
    """
    values = _members.decode(body)
    found: list[Member] = []
    at = body.index(b"{") + 1
    seen: set[str] = set()
    while (key := _NAME.match(body, at)) is not None:
        name = msgspec.json.decode(key.group(1), type=str)
        value = bytes(values[name])
        start = key.end()
        end = start + len(value)
        if name in seen or body[start:end] != value:  # of two values, msgspec kept the last
            raise TwiceError(name)
        seen.add(name)
        found.append(Member(name, start, end))
        comma = _COMMA.match(body, end)
        at = comma.end() if comma is not None else len(body)
    return found


def _check_names(body: bytes) -> None:
    """See that no name stands twice in the object.

    Parsers differ in which of two equal names they believe; a budget must not depend on that. The full
    scan is rare: only when a governed name occurs twice anywhere, or could hide behind an escape.
    """
    names = _QUOTED.findall(body)
    if len(names) != len(set(names)) or b"\\u00" in body:
        members(body)


def read_request(body: bytes) -> Request | Refusal:
    """Peek into a request body.

    Returns the fields the gateway needs, or why the body cannot be served.
    """
    try:
        request = _request.decode(body)
    except msgspec.ValidationError as error:
        return refuse_value(error)
    except UNREADABLE as error:
        return unreadable(error)
    for field in ("max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of"):
        value = getattr(request, field)
        if value is not None and value < 1:
            return bad_request(f"{field} must be at least 1, not {value}.", field, "integer_below_min_value")
        if value is not None and value > _MOST:
            return bad_request(
                f"{field} must be at most {_MOST}, not {value}.", field, "integer_above_max_value"
            )
    try:
        _check_names(body)
    except UNREADABLE as error:
        return unreadable(error)
    return request


def refuse_value(error: msgspec.ValidationError) -> Refusal:
    """The refusal of a body with a value of the wrong type, or out of range."""
    text = str(error)
    path = _PATH.search(text)
    if "missing required field `model`" in text:
        return bad_request('You must name a model: add "model"; GET /v1/models lists them.', "model")
    param = path.group(1) if path else None
    return bad_request(f"Invalid value for {param or 'the body'}: {_PATH.sub('', text)}.", param)


def unreadable(error: Exception) -> Refusal:
    """The refusal of a body whose fields cannot be told apart."""
    if isinstance(error, TwiceError):
        name = error.args[0]
        return bad_request(f"The field {name!r} stands twice in the body; send it once.", name)
    return bad_request(f"The body is not valid JSON: {error}. Send one JSON object as application/json.")


def alias_in(body: bytes, aliases: Sequence[str]) -> str | None:
    """A provider's own name for something that is governed, if the body uses one.

    It would win over what the hold was made for.
    """
    if aliases and (b"\\u00" in body or any(b'"%s"' % name.encode() in body for name in aliases)):
        return next((member.name for member in members(body) if member.name in aliases), None)
    return None


def answers(request: Request) -> int:
    """How many answers the request asks for: ``n`` (or ``best_of``), times the prompts of a completion."""
    return max(request.n or 1, request.best_of or 1) * prompts(request)


def prompts(request: Request) -> int:
    """How many prompts a completion has: a list may hold several, or the tokens of one."""
    prompt = bytes(request.prompt).lstrip()
    if prompt[:1] == b"[":
        several = _several.decode(prompt)
        if several and bytes(several[0])[:1] in {b'"', b"["}:
            return len(several)
    return 1


class Splice(msgspec.Struct, frozen=True, gc=False):
    """What may be changed in a body on its way out; everything else stays byte for byte.

    Attributes:
        model: the provider's name of the model.
        cap_field: field to carry the output cap.
        cap: tokens, where the client set none in a field that the provider reads; else 0.
        ask_usage: make the provider report usage at the end of a stream.
        tier: the provider's word for the service tier; empty: what the client says stays.
    """

    model: str
    cap_field: str = "max_tokens"
    cap: int = 0
    ask_usage: bool = False
    tier: str = ""


def splice(body: bytes, request: Request, change: Splice) -> bytes:
    """The body as it goes to the provider."""
    wanted: dict[str, bytes] = {}
    if change.cap and getattr(request, change.cap_field) != change.cap:
        wanted[change.cap_field] = b"%d" % change.cap
    if change.ask_usage and not asks_usage(request):
        wanted["stream_options"] = msgspec.json.encode(
            {**(request.stream_options or {}), "include_usage": True}
        )
    if change.model != request.model:
        wanted["model"] = msgspec.json.encode(change.model)
    if change.tier and change.tier != request.service_tier:
        wanted["service_tier"] = msgspec.json.encode(change.tier)
    return put(body, wanted) if wanted else body


def put(body: bytes, wanted: dict[str, bytes]) -> bytes:
    """Give members of the top-level object new values: in place where they stand, else at the front."""
    out = bytearray()
    at = 0
    if b"\\u00" in body or any(b'"%s"' % name.encode() in body for name in wanted):
        for member in members(body):
            value = wanted.pop(member.name, None)
            if value is not None:
                out += body[at : member.start] + value
                at = member.end
    rest = bytes(out) + body[at:]
    opened = rest.index(b"{") + 1
    front = b"".join(b'"%s":%s,' % (name.encode(), value) for name, value in wanted.items())
    return rest[:opened] + front + rest[opened:]


def asks_usage(request: Request) -> bool:
    """Whether the client wants the usage frame at the end of its stream."""
    options = request.stream_options
    return options is not None and options.get("include_usage") is True


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = 0


class _RawUsage(msgspec.Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int | None = 0
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


# A union of Raw and None would decode null only, so null is the value of a missing member.
_NULL = msgspec.Raw(b"null")


class _Answer(msgspec.Struct, gc=False):
    usage: msgspec.Raw = _NULL
    service_tier: Any = None


_raw_usage = msgspec.json.Decoder(_RawUsage)
_answer = msgspec.json.Decoder(_Answer)


def read_usage(raw: bytes | msgspec.Raw, tier: object = None) -> Reported | None:
    """Disjoint buckets from OpenAI's usage object; None when it is missing or makes no sense.

    OpenAI's prompt tokens contain the cached and the written ones, its completion tokens the reasoning ones.
    `tier` is the ``service_tier`` that stands beside it.
    """
    text = bytes(raw)
    if text == b"null":
        return None
    try:
        seen = _raw_usage.decode(text)
    except _UNREADABLE:
        return None
    prompt, completion = seen.prompt_tokens, seen.completion_tokens or 0
    cached = (seen.prompt_tokens_details and seen.prompt_tokens_details.cached_tokens) or 0
    written = (seen.prompt_tokens_details and seen.prompt_tokens_details.cache_write_tokens) or 0
    reasoning = (seen.completion_tokens_details and seen.completion_tokens_details.reasoning_tokens) or 0
    return disjoint(text, prompt, cached, written, completion, reasoning, tier_of(tier))


def disjoint(
    raw: bytes, prompt: int, cached: int, written: int, completion: int, reasoning: int, tier: str = ""
) -> Reported | None:
    """Buckets from OpenAI's counts, where the whole contains its parts; None when they make no sense."""
    if min(cached, written) < 0 or not cached + written <= prompt <= 1 << 40:
        return None
    if not 0 <= reasoning <= completion <= 1 << 40:
        return None
    usage = Usage(prompt - cached - written, cached, written, completion - reasoning, reasoning)
    return Reported(usage, raw.decode("utf-8", "replace"), tier)


def add_choice(first: Reported | None, more: Reported, *, same_prompt: bool) -> Reported:
    """Usage of several answers that were reported one by one.

    Args:
        first: of those before, if there are any.
        more: of the next: its own output, and its prompt.
        same_prompt: all answer the same prompt, which counts once.
    """
    if first is None:
        return msgspec.structs.replace(more, raw=f"[{more.raw}]")
    one, other = first.usage, more.usage
    both = msgspec.structs.replace(
        one, output=one.output + other.output, reasoning=one.reasoning + other.reasoning
    )
    if not same_prompt:
        both = msgspec.structs.replace(
            both,
            input=one.input + other.input,
            cached_input=one.cached_input + other.cached_input,
            cache_write=one.cache_write + other.cache_write,
        )
    return Reported(both, f"{first.raw[:-1]},{more.raw}]", more.tier)


def read_answer(body: bytes) -> Reported | Literal["garbage"] | None:
    """Usage from a whole answer; ``garbage`` when the body is no JSON object."""
    try:
        answer = _answer.decode(body)
        return read_usage(answer.usage, answer.service_tier)
    except _UNREADABLE:
        return "garbage"


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Text(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Text | None = None
    message: _Text | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] = []
    usage: msgspec.Raw = _NULL
    service_tier: Any = None
    error: msgspec.Raw = _NULL


_chunk = msgspec.json.Decoder(_Chunk)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """What one event of a stream means.

    Attributes:
        text: what the model produced in it, all choices together, for counting.
        usage: reported usage, if it carries one.
        only_usage: the frame exists to carry usage and has no choice in it.
        error: the provider says that the stream failed.
        finished: a choice has come to its end.
    """

    text: str = ""
    usage: Reported | None = None
    only_usage: bool = False
    error: bool = False
    finished: bool = False


def _produced(choice: _Choice) -> str:
    part = choice.delta or choice.message
    if part is None:
        return choice.text or ""
    said = (part.reasoning_content or "") + (part.content or part.refusal or "")
    if part.tool_calls:
        said += "".join(
            (call.function.name or "") + (call.function.arguments or "")
            for call in part.tool_calls
            if call.function
        )
    return said


def read_frame(data: bytes) -> Frame | None:
    """Read the data of one event; None when it is not a chunk (a comment, ``[DONE]``, garbage)."""
    try:
        chunk = _chunk.decode(data)
    except _UNREADABLE:
        return None
    choices = chunk.choices
    text = _produced(choices[0]) if len(choices) == 1 else "".join(_produced(choice) for choice in choices)
    usage = read_usage(chunk.usage, chunk.service_tier)
    finished = any(choice.finish_reason for choice in choices)
    return Frame(text, usage, usage is not None and not choices, bytes(chunk.error) != b"null", finished)


def answer_texts(body: bytes) -> list[tuple[str, bool]]:
    """The text of every choice of a whole answer, and whether it ended by itself, for counting."""
    try:
        choices = _chunk.decode(body).choices
    except _UNREADABLE:
        return []
    return [(_produced(choice), choice.finish_reason in {"stop", "tool_calls"}) for choice in choices]


class _ErrorDetail(msgspec.Struct, gc=False):
    message: str | None = None
    type: str | None = None
    param: Any = None
    code: Any = None


class _ErrorBody(msgspec.Struct, gc=False):
    error: _ErrorDetail | str | None = None
    message: str | None = None


_error_body = msgspec.json.Decoder(_ErrorBody)


def error_body(refusal: Refusal) -> bytes:
    """The body of an error answer."""
    return msgspec.json.encode(error_document(refusal))


def error_event(refusal: Refusal) -> bytes:
    """The same as an event that ends a stream."""
    return b"data: " + error_body(refusal) + b"\n\n"


def read_error(status: int, body: bytes) -> Refusal:
    """A provider's error in whatever shape it came, as a refusal in ours."""
    try:
        seen = _error_body.decode(body)
    except _UNREADABLE:
        seen = _ErrorBody(message=body[:300].decode("utf-8", "replace").strip() or None)
    detail = seen.error
    if isinstance(detail, str):
        detail = _ErrorDetail(message=detail)
    if detail is None:
        detail = _ErrorDetail(message=seen.message)
    kind = detail.type or ("server_error" if status >= 500 else "invalid_request_error")
    code = detail.code if isinstance(detail.code, str) else None
    param = detail.param if isinstance(detail.param, str) else None
    return Refusal(
        status, kind, code, detail.message or f"The provider answered with status {status}.", param
    )


def model_list(models: list[tuple[str, int, str]]) -> bytes:
    """The answer of ``GET /v1/models``: (name, created in epoch seconds, owner) per model."""
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [
                {"id": name, "object": "model", "created": created, "owned_by": owner}
                for name, created, owner in models
            ],
        }
    )
