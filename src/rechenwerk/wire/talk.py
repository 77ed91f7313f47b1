"""What a conversation means, whatever dialect it is spoken in: requests, answers, pieces of a stream.

A dialect of clients reads a body into a `Talk` and writes `Piece`s as answers; a dialect of providers writes
a `Talk` as a body and reads answers into `Piece`s. So each dialect is written once, and any of them in goes
over any of them out. What a dialect cannot say is refused with its name (`UntranslatableError`), never
dropped; only advice that changes no meaning (caching hints, metadata) may be left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage


class UntranslatableError(ValueError):
    """Something in a request has no counterpart.

    Args:
        field: path of the field in the client's body, such as ``messages[2].content[0]``.
        why: one sentence that says what to do.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Text(msgspec.Struct, frozen=True, gc=False):
    """Words."""

    text: str


class Image(msgspec.Struct, frozen=True, gc=False):
    """A picture: either base64 `data` of a media type, or a `url`."""

    media: str = ""
    data: str = ""
    url: str = ""


class ToolUse(msgspec.Struct, frozen=True, gc=False):
    """The model's wish to call a tool; `arguments` is JSON text of an object."""

    id: str
    name: str
    arguments: str


class ToolResult(msgspec.Struct, frozen=True, gc=False):
    """What a tool answered. `id` is that of its `ToolUse`; `name` may be empty (then the ToolUse has it)."""

    id: str
    parts: tuple[Text | Image, ...]
    is_error: bool = False
    name: str = ""


class Thinking(msgspec.Struct, frozen=True, gc=False):
    """Reasoning that the model shows. `signature` proves to its provider that nobody changed it.

    Redacted thinking has no text; `signature` then carries the provider's opaque data.
    """

    text: str
    signature: str = ""
    redacted: bool = False


Part = Text | Image | ToolUse | ToolResult | Thinking


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What one side said. System turns hold `Text` only; tool results are parts of user turns."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True, gc=False):
    """A function that the model may call; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]
    strict: bool | None = None


class ToolChoice(msgspec.Struct, frozen=True, gc=False):
    """Whether a tool must be called: `one` names it."""

    mode: Literal["auto", "none", "any", "one"]
    name: str = ""


class Shape(msgspec.Struct, frozen=True, gc=False):
    """The form that an answer must have: any JSON object, or one that fits a schema."""

    schema: dict[str, Any] | None = None
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Talk(msgspec.Struct, frozen=True, gc=False):
    """A request for the next turn of a conversation.

    Attributes:
        model: as the client named it.
        turns: in order.
        max_tokens: of output, reasoning included; None when the client set none.
        stop: sequences that end the answer.
        effort: how hard to think: none, minimal, low, medium, high, xhigh; empty when not said.
        thinking_tokens: budget for thinking; None when not said, 0 switches it off.
        parallel: whether several tools may be called at once; None when not said.
        user: opaque name of the end user, for the provider's abuse detection.
        usage_frame: the client of a stream wants usage in an event of its own (OpenAI's ``include_usage``).
    """

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    shape: Shape | None = None
    effort: str = ""
    thinking_tokens: int | None = None
    user: str = ""
    stream: bool = False
    usage_frame: bool = False


# -- pieces of an answer ------------------------------------------------------------------------------


class Reported(msgspec.Struct, frozen=True, gc=False):
    """Usage as a provider reported it, and the bytes it came in.

    `tier`: the service tier that served the call, as `wire.tiers` names it; empty where nothing is said.
    """

    usage: Usage
    raw: str
    tier: str = ""


class Began(msgspec.Struct, frozen=True, gc=False):
    """The answer begins; `id` and `model` as the provider says."""

    id: str = ""
    model: str = ""


class Said(msgspec.Struct, frozen=True, gc=False):
    """Some words of the answer."""

    text: str


class Thought(msgspec.Struct, frozen=True, gc=False):
    """Some words of shown reasoning."""

    text: str


class Signed(msgspec.Struct, frozen=True, gc=False):
    """The signature of the thinking that came before, or redacted thinking as a whole."""

    signature: str
    redacted: bool = False


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Some words in which the model declines (OpenAI's ``refusal``)."""

    text: str


class Called(msgspec.Struct, frozen=True, gc=False):
    """A tool call begins. `at` counts the tool calls of the answer from 0."""

    at: int
    id: str
    name: str


class Arguments(msgspec.Struct, frozen=True, gc=False):
    """Some of the JSON text of tool call `at`."""

    at: int
    text: str


class Used(msgspec.Struct, frozen=True, gc=False):
    """Usage so far (`final` false, a running count) or of the whole answer."""

    reported: Reported
    final: bool = True


class Ended(msgspec.Struct, frozen=True, gc=False):
    """Why the model stopped. `sequence`: the stop sequence that was met, if the provider tells."""

    reason: Literal["stop", "length", "tools", "filter", "refusal"]
    sequence: str = ""


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The provider says, inside of a stream, that it cannot go on."""

    refusal: Refusal


Piece = Began | Said | Thought | Signed | Refused | Called | Arguments | Used | Ended | Failed


class Head(msgspec.Struct, frozen=True, gc=False):
    """What an answer says about itself: its id, the model as the client named it, epoch seconds."""

    id: str
    model: str
    created: int


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An answer as the next turn of its conversation needs it: the id that the client knows, its items."""

    id: str
    items: tuple[msgspec.Raw | dict[str, Any], ...]


# -- what a dialect is able to do ---------------------------------------------------------------------


class Reader(Protocol):
    """Reads a provider's stream, in whatever pieces the network brings it."""

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that are complete now.

        Raises:
            ValueError: what came cannot be a stream of this dialect.
        """
        ...

    @property
    def done(self) -> bool:
        """The stream's own last word has come."""
        ...


class Writer(Protocol):
    """Writes a stream to a client. What it returns may be empty."""

    def piece(self, piece: Piece) -> bytes:
        """The bytes for one piece. `Failed` ends the stream with the dialect's error event."""
        ...

    def end(self) -> bytes:
        """The stream's last words, after the last piece."""
        ...


class Inbound(Protocol):
    """A dialect that clients speak."""

    def read(self, body: bytes) -> Talk:
        """A client's body.

        Raises:
            UntranslatableError: a field that has no meaning elsewhere, or is unknown.
            msgspec.ValidationError: a value of the wrong type or out of range.
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
        """
        ...

    def answer(self, head: Head, pieces: Sequence[Piece]) -> bytes:
        """A whole answer from all its pieces."""
        ...

    def writer(self, head: Head, talk: Talk) -> Writer:
        """A stream."""
        ...

    def error(self, refusal: Refusal) -> bytes:
        """The body of an error answer."""
        ...

    def error_event(self, refusal: Refusal) -> bytes:
        """The event that ends a stream which was passed through unread."""
        ...


class Outbound(Protocol):
    """A dialect that providers speak."""

    def path(self, upstream: str, *, stream: bool) -> str:
        """Path (and query) below the provider's base URL for the provider's model name."""
        ...

    def write(self, talk: Talk, upstream: str, cap: int) -> bytes:
        """A body for the provider.

        Args:
            talk: what the client wants.
            upstream: the provider's name of the model.
            cap: the most output tokens; always above zero, stands in for `talk.max_tokens`.

        Raises:
            UntranslatableError: something that this dialect cannot say.
        """
        ...

    def pieces(self, body: bytes) -> list[Piece]:
        """A whole answer: `Began`, what was said, `Used` if reported, `Ended`.

        Raises:
            ValueError: no answer of this dialect (msgspec's errors are ValueErrors).
        """
        ...

    def usage(self, body: bytes) -> Reported | None:
        """Usage in a whole answer, without looking at anything else; None when there is none."""
        ...

    def reader(self) -> Reader:
        """For a streamed answer."""
        ...

    def error(self, status: int, body: bytes) -> Refusal:
        """A provider's error, in our words of type and code (`base.errors`), its message kept."""
        ...
