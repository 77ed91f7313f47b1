"""What a dialect of providers is to the fake: a body is read into an `Ask`, an `Answer` is written back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tests.fakes import shapes
from tests.fakes.answers import Answer, ApiError, Ask, Message, chat_tokens, count, input_tokens, inputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.book import Seen
    from tests.fakes.shapes import Event

T = TypeVar("T")
BROKE = "The server had an error while processing your request. Sorry about that!"
WORDS_ARE_UNDER = ("text", "content", "input", "output", "arguments", "thinking", "args", "response", "json")


def decode(raw: bytes, kind: type[T]) -> T:
    """A request's body; ApiError where it is none."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise ApiError(400, f"Invalid type: {error}.", code="invalid_type") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"We could not parse the JSON body of your request. ({error})") from error


def words_in(node: Any) -> int:
    """The words of a turn, wherever a dialect puts them."""
    if isinstance(node, str):
        return count(node)
    if isinstance(node, list):
        return sum(words_in(one) for one in node)
    if isinstance(node, dict):
        return sum(
            words_in(value)
            for key, value in node.items()
            if key in WORDS_ARE_UNDER or not isinstance(value, str)
        )
    return 0


def turn(role: str, content: Any) -> Message:
    """A message of as many words."""
    return Message(role, "w " * words_in(content))


class Dialect(ABC):
    """The defaults are OpenAI's: bearer keys, events without names, errors with four fields."""

    prefix = "chatcmpl-"
    stream_type = b"text/event-stream; charset=utf-8"
    talks = True  # says words, so that it may stream
    bills = True  # makes something that costs

    @abstractmethod
    def read(self, seen: Seen, named: str) -> Ask:
        """The request; `named` is the model of the path, if it stands there."""

    @abstractmethod
    def whole(self, answer: Answer) -> bytes:
        """A unary answer."""

    @abstractmethod
    def events(self, answer: Answer) -> Iterator[Event]:
        """What goes into `frame`, one by one, with the tokens that are made with it."""

    def prompts(self, ask: Ask) -> int:
        """How many prompts are answered."""
        return 1

    def prompt_tokens(self, ask: Ask) -> int:
        if not ask.messages:
            raise ApiError(400, "Missing required parameter: 'messages'.", param="messages")
        return chat_tokens(ask.messages)

    def check_key(self, seen: Seen, wanted: str) -> None:
        key = seen.headers.get("authorization", "")
        if not key:
            message = "You didn't provide an API key. Use 'Authorization: Bearer YOUR_KEY'."
            raise ApiError(401, message)
        if key != f"Bearer {wanted}":
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def headers(self, serial: str) -> bytes:
        return b"x-request-id: req_%b\r\n" % serial.encode()

    def error(self, error: ApiError) -> dict[str, Any]:
        return error.body

    def error_headers(self, error: ApiError) -> bytes:
        return b"" if error.retry_after is None else f"retry-after: {error.retry_after}\r\n".encode()

    def frame(self, data: bytes, ending: bytes) -> bytes:
        return b"data: " + data + ending

    def failure(self) -> bytes:
        """The event that ends a stream which cannot go on; goes into `frame`."""
        return msgspec.json.encode(self.error(ApiError(500, BROKE, "server_error")))

    def malformed(self) -> bytes:
        """An event that cannot be read; goes into `frame`."""
        return b'{"id":"x","choices":[{"ind'


class Chat(Dialect):
    """POST /v1/chat/completions."""

    def read(self, seen: Seen, named: str) -> Ask:
        return decode(seen.raw, Ask)

    def whole(self, answer: Answer) -> bytes:
        return shapes.chat_body(answer)

    def events(self, answer: Answer) -> Iterator[Event]:
        return shapes.events(answer, chat=True)


class Completions(Chat):
    """POST /v1/completions."""

    prefix = "cmpl-"

    def prompts(self, ask: Ask) -> int:
        return len(inputs(ask.prompt, "prompt"))

    def prompt_tokens(self, ask: Ask) -> int:
        return input_tokens(inputs(ask.prompt, "prompt"))

    def whole(self, answer: Answer) -> bytes:
        return shapes.completion_body(answer)

    def events(self, answer: Answer) -> Iterator[Event]:
        return shapes.events(answer, chat=False)


class Embeddings(Chat):
    """POST /v1/embeddings."""

    talks = False

    def prompt_tokens(self, ask: Ask) -> int:
        return input_tokens(inputs(ask.input, "input"))

    def whole(self, answer: Answer) -> bytes:
        return shapes.embeddings_body(answer.ask, answer.knobs, answer.prompt_tokens)


class SideDoors(Chat):
    """Everything that makes no tokens, and what does not exist."""

    bills = False


class Named(Dialect):
    """A dialect whose answers are built as dictionaries, and whose events begin with their type."""

    @abstractmethod
    def body(self, answer: Answer) -> dict[str, Any]: ...

    @abstractmethod
    def parts(self, answer: Answer) -> Iterator[tuple[dict[str, Any], int]]: ...

    def pad(self, document: dict[str, Any], size: int) -> None:
        """What a reader has to bear that it does not know."""
        document["obfuscation"] = "x" * size

    def whole(self, answer: Answer) -> bytes:
        body = self.body(answer)
        if answer.knobs.huge_frame:
            self.pad(body, answer.knobs.huge_frame)
        return msgspec.json.encode(body)

    def events(self, answer: Answer) -> Iterator[Event]:
        padding = answer.knobs.huge_frame
        for document, tokens in self.parts(answer):
            if padding:
                self.pad(document, padding)
                padding = 0
            yield msgspec.json.encode(document), tokens

    def frame(self, data: bytes, ending: bytes) -> bytes:
        """With the name of the event, which `data` begins with: {"type":"NAME"."""
        name = data[9 : data.index(b'"', 9)]
        return b"event: %b%bdata: %b%b" % (name, ending[: len(ending) // 2], data, ending)
