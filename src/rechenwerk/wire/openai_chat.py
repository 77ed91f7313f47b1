"""OpenAI chat completions as a translated dialect, of clients and of providers.

Where client and provider both speak it, `wire.openai` passes the bytes through instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.openai import error_body, error_event, read_answer, read_error
from rechenwerk.wire.openai_chat_request import read_chat
from rechenwerk.wire.openai_chat_stream import ChatReader, ChatWriter, read_pieces, write_answer
from rechenwerk.wire.openai_chat_write import write_chat
from rechenwerk.wire.talk import Head, Piece, Reported, Talk

__all__ = ["ChatIn", "ChatOut", "ChatReader", "ChatWriter"]


class ChatIn:
    """What clients speak at ``POST /v1/chat/completions``; an `Inbound`."""

    def read(self, body: bytes) -> Talk:
        """A client's body; raises as `Inbound.read` does."""
        return read_chat(body)

    def answer(self, head: Head, pieces: Sequence[Piece]) -> bytes:
        """A ``chat.completion``."""
        return write_answer(head, pieces)

    def writer(self, head: Head, talk: Talk) -> ChatWriter:
        """A stream of ``chat.completion.chunk``."""
        return ChatWriter(head, usage_frame=talk.usage_frame)

    def error(self, refusal: Refusal) -> bytes:
        """The body of an error answer."""
        return error_body(refusal)

    def error_event(self, refusal: Refusal) -> bytes:
        """The event that ends a stream."""
        return error_event(refusal)


class ChatOut:
    """What providers speak at ``/chat/completions``; an `Outbound`.

    Args:
        cap_field: where the provider reads the most output tokens.
        thoughts: the provider reads ``reasoning_content`` of earlier turns; OpenAI itself refuses it. Where
            it does not, thoughts of earlier turns stay out, as signed ones always do.
        asks_usage: a stream reports usage only when asked to; else the question is refused.
    """

    __slots__ = ("_asks_usage", "_cap_field", "_thoughts")

    def __init__(
        self,
        cap_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
        *,
        thoughts: bool = True,
        asks_usage: bool = True,
    ) -> None:
        self._cap_field = cap_field
        self._asks_usage = asks_usage
        self._thoughts = thoughts

    def path(self, upstream: str, *, stream: bool) -> str:  # noqa: ARG002 - the same for all of them
        """Path below the provider's base URL."""
        return "/chat/completions"

    def write(self, talk: Talk, upstream: str, cap: int) -> bytes:
        """A body for the provider; raises as `Outbound.write` does."""
        return write_chat(
            talk,
            upstream,
            cap,
            cap_field=self._cap_field,
            thoughts=self._thoughts,
            asks_usage=self._asks_usage,
        )

    def pieces(self, body: bytes) -> list[Piece]:
        """A whole answer; raises as `Outbound.pieces` does."""
        return read_pieces(body)

    def usage(self, body: bytes) -> Reported | None:
        """Usage in a whole answer; None when there is none."""
        reported = read_answer(body)
        return None if reported == "garbage" else reported

    def reader(self) -> ChatReader:
        """For a streamed answer."""
        return ChatReader()

    def error(self, status: int, body: bytes) -> Refusal:
        """A provider's error."""
        return read_error(status, body)
