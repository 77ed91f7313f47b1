"""What the fake says: requests read, tokens counted, choices planned. No bytes of HTTP here."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.schemas import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.knobs import Knobs

TOKEN = re.compile(r"\s*\S+")
PER_MESSAGE = 3
WORDS = ("word0", *(f" word{place}" for place in range(1, 4096)))
MAX_CHOICES = 128
SHOWN_THOUGHTS = 5


class ApiError(Exception):
    """A refusal; every dialect has its own shape for it."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: str | float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """OpenAI's shape."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}


class Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Function(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    type: str
    function: Function | None = None


class Ask(msgspec.Struct):
    """The fields of OpenAI's three endpoints that the fake understands; it ignores all others.

    The other dialects are read into it.
    """

    model: str | None = None
    messages: list[Message] | None = None
    prompt: str | list[Any] | None = None
    input: str | list[Any] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    encoding_format: str | None = None
    dimensions: int | None = None
    x_fake: dict[str, Any] | None = None
    top_n: int | None = None
    return_documents: bool | None = None
    thinking: bool = msgspec.field(name="x_fake_thinking", default=False)  # its thoughts shall be shown

    def plain(self) -> bool:
        """Asks for one ordinary unary text."""
        return not (
            self.stream
            or self.x_fake
            or self.tools
            or self.stop
            or self.response_format
            or self.logprobs
            or self.seed is not None
            or (self.n is not None and self.n != 1)
        )

    def cap(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens


class Call(msgspec.Struct):
    id: str
    name: str
    pieces: list[str]


class Choice(msgspec.Struct):
    index: int
    pieces: Sequence[str]
    calls: list[Call]
    reasoning: int
    finish: str
    stopped_by: str = ""  # the stop sequence that was met
    thoughts: Sequence[str] = ()  # the reasoning, where it is shown

    @property
    def tokens(self) -> int:
        return self.reasoning + len(self.pieces) + sum(len(call.pieces) for call in self.calls)


class Answer(msgspec.Struct):
    """All that the shapes need: who asked what, and what is said."""

    id: str
    created: int
    ask: Ask
    knobs: Knobs
    prompt_tokens: int
    choices: list[Choice]

    @property
    def tokens(self) -> int:
        return sum(choice.tokens for choice in self.choices)

    @property
    def fingerprint(self) -> str:
        return "fp_fake" if self.ask.seed is None else f"fp_fake_{self.ask.seed}"

    @property
    def claimed(self) -> int:
        """The tokens made, as the answer says; a knob may make it lie."""
        return max(self.tokens + self.knobs.wrong_usage, 0)

    @property
    def cached(self) -> int:
        return min(self.knobs.cached_tokens, self.prompt_tokens)

    @property
    def written(self) -> int:
        """Of the prompt, into the cache."""
        return min(self.knobs.cache_write_tokens, self.prompt_tokens - self.cached)

    @property
    def reasoning(self) -> int:
        return sum(choice.reasoning for choice in self.choices)

    def usage(self) -> dict[str, Any]:
        """In OpenAI's shape."""
        written = {"cache_write_tokens": self.written} if self.written else {}
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.claimed,
            "total_tokens": self.prompt_tokens + self.claimed,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0, **written},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def pieces_of(text: str) -> list[str]:
    """The tokens of a text; white space at its end stays with the last one, so that joining gives it back."""
    pieces = TOKEN.findall(text)
    if pieces:
        pieces[-1] += text[sum(map(len, pieces)) :]
    return pieces


def count(text: str) -> int:
    """As many as TOKEN finds: both take the same characters for white space, and split is far quicker."""
    return len(text.split())


def chat_tokens(messages: Sequence[Message]) -> int:
    total = PER_MESSAGE * len(messages)
    for message in messages:
        content = message.content
        if isinstance(content, str):
            total += len(content.split())
        elif content:
            total += sum(count(part["text"]) for part in content if isinstance(part.get("text"), str))
    return total


def inputs(given: str | list[Any] | None, param: str) -> list[str | list[int]]:
    """The separate prompts or embedding inputs: a text, texts, token ids or lists of token ids."""
    if isinstance(given, str):
        return [given]
    if given and all(isinstance(one, int) for one in given):
        return [given]
    if given and all(isinstance(one, (str, list)) for one in given):
        return list(given)
    raise ApiError(400, f"'{param}' must be a string, an array of strings or tokens.", param=param)


def input_tokens(given: Sequence[str | list[int]]) -> int:
    return sum(count(one) if isinstance(one, str) else len(one) for one in given)


def words(wanted: int) -> Sequence[str]:
    if wanted <= len(WORDS):
        return WORDS[: max(wanted, 0)]
    return (*WORDS, *(f" word{place}" for place in range(len(WORDS), wanted)))


def choices_for(ask: Ask, knobs: Knobs, answer_id: str, prompts: int = 1) -> list[Choice]:
    """Every choice says the same: only its index and the ids of its calls differ."""
    wanted = 1 if ask.n is None else ask.n
    cap = ask.cap()
    if not 1 <= wanted <= MAX_CHOICES:
        raise ApiError(400, f"Invalid 'n': expected 1 to {MAX_CHOICES}, got {wanted}.", param="n")
    if cap is not None and cap < 1:
        raise ApiError(400, f"Invalid 'max_tokens': expected at least 1, got {cap}.", param="max_tokens")
    functions = _called(ask, knobs)
    text, stopped_by = ((), "") if functions else _said(ask, knobs)
    reasoning = knobs.reasoning_tokens or (SHOWN_THOUGHTS if ask.thinking else 0)
    reasoning = reasoning if cap is None else min(reasoning, cap)
    room = None if cap is None else cap - reasoning
    choices = [
        _choice(index, answer_id, text, functions, reasoning, room) for index in range(wanted * prompts)
    ]
    for choice in choices:
        if choice.finish == "stop":
            choice.stopped_by = stopped_by
        if ask.thinking or knobs.show_reasoning:
            choice.thoughts = pieces_of(" ".join(f"thought{place}" for place in range(reasoning)))
        if knobs.filtered:
            choice.finish = "content_filter"
    return choices


def _choice(
    index: int,
    answer_id: str,
    text: Sequence[str],
    functions: list[Function],
    reasoning: int,
    room: int | None,
) -> Choice:
    if not functions:
        cut = room is not None and len(text) > room
        return Choice(index, text[:room], [], reasoning, "length" if cut else "stop")
    calls: list[Call] = []
    for place, function in enumerate(functions):
        arguments = pieces_of(json.dumps(sample(function.parameters or {"type": "object"})))
        call = Call(f"call_{answer_id.rpartition('-')[2]}_{index}_{place}", function.name, arguments)
        calls.append(call)
        if room is not None:
            call.pieces = arguments[:room]
            room -= len(call.pieces)
            if len(call.pieces) < len(arguments):
                return Choice(index, (), calls, reasoning, "length")
    return Choice(index, (), calls, reasoning, "tool_calls")


def _called(ask: Ask, knobs: Knobs) -> list[Function]:
    """Which functions to call; none after a tool's result, unless the request insists, so that loops end."""
    choice = ask.tool_choice
    functions = [tool.function for tool in ask.tools or () if tool.function is not None]
    if not functions or choice == "none":
        return []
    if (choice is None or choice == "auto") and ask.messages and ask.messages[-1].role == "tool":
        return []
    if isinstance(choice, dict):
        name = choice.get("function", {}).get("name")
        functions = [function for function in functions if function.name == name]
        if not functions:
            raise ApiError(
                400,
                f"Invalid value for 'tool_choice': '{name}' is not in 'tools'.",
                param="tool_choice",
            )
    if knobs.parallel_calls and ask.parallel_tool_calls is not False:
        return [functions[0], functions[min(1, len(functions) - 1)]]
    return functions[:1]


def _said(ask: Ask, knobs: Knobs) -> tuple[Sequence[str], str]:
    """The words, and the stop sequence that ended them."""
    form = ask.response_format or {}
    pieces: Sequence[str]
    if knobs.answer_text is not None:
        pieces = pieces_of(knobs.answer_text)
    elif form.get("type") == "json_schema":
        pieces = pieces_of(json.dumps(sample(form.get("json_schema", {}).get("schema", {}))))
    elif form.get("type") == "json_object":
        pieces = pieces_of(json.dumps({"answer": "x"}))
    else:
        pieces = words(knobs.answer_tokens)
    stops = [ask.stop] if isinstance(ask.stop, str) else ask.stop or []
    text = "".join(pieces) if stops else ""
    ends = [(text.find(stop), stop) for stop in stops if stop and stop in text]
    if ends:
        end, stop = min(ends)
        return pieces_of(text[:end]), stop
    return pieces, ""
