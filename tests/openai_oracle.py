"""The official SDK's types as judges of OpenAI's shapes, and generated conversations and answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st
from openai import BaseModel
from openai.types.chat import completion_create_params
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel as AnyModel
from pydantic import TypeAdapter

from rechenwerk.base.usage import Usage
from rechenwerk.wire.openai_chat_stream import usage_object
from rechenwerk.wire.sse import DONE, EventCutter, event_data
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Head,
    Image,
    Part,
    Piece,
    Refused,
    Reported,
    Said,
    Shape,
    Talk,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    Used,
)

Model = TypeVar("Model", bound=BaseModel)

HEAD = Head("7f", "house-model", 1_750_000_000)

_chat = TypeAdapter[Any](completion_create_params.CompletionCreateParams)
_event = TypeAdapter[Any](ResponseStreamEvent)


def materialise(value: Any) -> Any:
    """What lazy validators hand out, with every part of it validated."""
    if isinstance(value, Mapping):
        return {name: materialise(inner) for name, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [materialise(inner) for inner in value]
    return value


def check_chat_request(body: bytes) -> dict[str, Any]:
    """A chat request that the SDK could have sent; a validator drops what it does not know."""
    sent: dict[str, Any] = json.loads(body)
    official = json.loads(body)
    for message in official["messages"]:
        message.pop("reasoning_content", None)
    assert materialise(_chat.validate_python(official)) == official
    return sent


def extras(model: object, at: str = "") -> set[str]:
    """Paths of all fields that the SDK does not know."""
    if isinstance(model, AnyModel):
        own = {f"{at}{name}" for name in model.model_extra or {}}
        fields = ((name, getattr(model, name)) for name in type(model).model_fields)
        return own.union(*(extras(value, f"{at}{name}.") for name, value in fields))
    if isinstance(model, list):
        return set[str]().union(*(extras(one, at) for one in model))
    return set()


def check_model(kind: type[Model], data: bytes, more: frozenset[str] = frozenset()) -> Model:
    """Parse as the SDK does, but strictly; `more` are the fields that we add on purpose."""
    model = kind.model_validate_json(data, strict=True)
    assert extras(model) <= more
    return model


def events(stream: bytes) -> list[bytes]:
    """The data of a stream's events, ``[DONE]`` left out."""
    cutter = EventCutter()
    found = [event_data(event) for event in cutter.feed(stream)]
    assert cutter.rest == b""
    return [data for data in found if data != DONE]


def check_response_event(data: bytes) -> Any:
    """One event of a Responses stream."""
    return _event.validate_json(data, strict=True)


# -- conversations ------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.text("abcdefghij_", min_size=1, max_size=8)
SCHEMAS = st.sampled_from(
    (
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"ort": {"type": "string", "enum": ["Ulm", "Köln"]}}},
    )
)
ARGUMENTS = st.sampled_from(('{"ort":"Köln"}', "{}", ' {"a": [1, {"b": null}]}'))
IMAGES = st.builds(Image, url=st.just("https://example.org/a.png")) | st.builds(
    Image, media=st.just("image/png"), data=st.just("iVBORw0KGgo=")
)
TEXTS = st.builds(Text, WORDS)


def tuples(
    inner: st.SearchStrategy[Any], least: int = 0, most: int = 3
) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(inner, min_size=least, max_size=most).map(tuple)


@st.composite
def assistant_parts(draw: st.DrawFn) -> tuple[Part, ...]:
    parts: list[Part] = []
    if draw(st.booleans()):
        parts.append(Thinking(draw(WORDS)))
    parts += draw(st.lists(TEXTS, max_size=2))
    parts += draw(st.lists(st.builds(ToolUse, NAMES, NAMES, ARGUMENTS), max_size=2))
    return tuple(parts)


TURNS = st.one_of(
    st.builds(Turn, st.just("system"), tuples(TEXTS)),
    st.builds(Turn, st.just("user"), tuples(TEXTS | IMAGES)),
    st.builds(Turn, st.just("assistant"), assistant_parts()),
)
RESULTS = st.builds(Turn, st.just("user"), tuples(st.builds(ToolResult, NAMES, tuples(TEXTS)), least=1))


@st.composite
def turns(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Turns in which results of tools never follow each other: read back, such turns are one."""
    found: list[Turn] = draw(st.lists(TURNS, min_size=1, max_size=5))
    if draw(st.booleans()):
        found.insert(draw(st.integers(0, len(found))), draw(RESULTS))
    return tuple(found)


NUMBERS = st.none() | st.floats(0, 2)
TALKS = st.builds(
    Talk,
    model=WORDS,
    turns=turns(),
    tools=tuples(st.builds(Tool, NAMES, st.just("") | WORDS, SCHEMAS, st.none() | st.booleans())),
    tool_choice=st.none()
    | st.builds(ToolChoice, st.sampled_from(["auto", "none", "any"]))
    | st.builds(ToolChoice, st.just("one"), NAMES),
    parallel=st.none() | st.booleans(),
    temperature=NUMBERS,
    top_p=NUMBERS,
    frequency_penalty=NUMBERS,
    presence_penalty=NUMBERS,
    seed=st.none() | st.integers(0, 2**40),
    stop=tuples(WORDS),
    shape=st.none() | st.just(Shape()) | st.builds(Shape, SCHEMAS, NAMES, WORDS, st.none() | st.booleans()),
    effort=st.sampled_from(["", "none", "minimal", "low", "medium", "high", "xhigh"]),
    user=st.just("") | WORDS,
    stream=st.booleans(),
)


# -- answers ------------------------------------------------------------------------------------------


SPEAKING = (Ended("stop"), Ended("length"), Ended("filter"))
CALLING = (Ended("tools"), Ended("length"))


@st.composite
def usages(draw: st.DrawFn) -> Used:
    count = st.integers(0, 10**6)
    usage = Usage(*(draw(count) for _ in range(5)))
    return Used(Reported(usage, json.dumps(usage_object(usage), separators=(",", ":"))))


@st.composite
def answers(draw: st.DrawFn) -> list[Piece]:
    """The pieces of an answer, as a stream in OpenAI's dialect can bring them."""
    pieces: list[Piece] = [Began("chatcmpl-7f", "house-model")]
    pieces += draw(st.lists(st.builds(Thought, WORDS), max_size=2))
    pieces += draw(st.lists(st.builds(Said, WORDS) | st.builds(Refused, WORDS), max_size=4))
    calls = draw(st.integers(0, 3))
    pieces += [Called(at, f"call_{at}", draw(NAMES)) for at in range(calls)]
    pieces += [
        Arguments(at, text) for at in range(calls) for text in draw(st.sampled_from([["{}"], ["{", "}"]]))
    ]
    pieces.append(draw(st.sampled_from(CALLING if calls else SPEAKING)))
    if draw(st.booleans()):
        pieces.append(draw(usages()))
    return pieces
