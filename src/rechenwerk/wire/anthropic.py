"""Anthropic's Messages dialect: what clients and providers of it need.

A client's body whose provider speaks the dialect too is peeked at only (`read_peek`) and spliced by
`wire.openai.splice`, which then changes nothing but the model's name.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.wire.anthropic_answer import AnthropicWriter, write_message
from rechenwerk.wire.anthropic_errors import error_body, error_event, error_refusal
from rechenwerk.wire.anthropic_request import read_counting, read_creating
from rechenwerk.wire.anthropic_stream import AnthropicReader, answer_usage, read_message
from rechenwerk.wire.anthropic_write import write_creating
from rechenwerk.wire.openai import Request, read_request
from rechenwerk.wire.talk import Head, Piece, Reported, Talk


class AnthropicIn:
    """Clients that speak Anthropic (`wire.talk.Inbound`)."""

    def read(self, body: bytes) -> Talk:
        """A client's body.

        Raises:
            UntranslatableError: a field that has no meaning elsewhere, or is unknown.
            msgspec.ValidationError: a value of the wrong type or out of range.
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
        """
        return read_creating(body)

    def answer(self, head: Head, pieces: Sequence[Piece]) -> bytes:
        """A whole answer from all its pieces."""
        return write_message(head, pieces)

    def writer(self, head: Head, talk: Talk) -> AnthropicWriter:  # noqa: ARG002  # the dialect has no options
        """A stream."""
        return AnthropicWriter(head)

    def error(self, refusal: Refusal) -> bytes:
        """The body of an error answer."""
        return error_body(refusal)

    def error_event(self, refusal: Refusal) -> bytes:
        """The event that ends a stream which was passed through unread."""
        return error_event(refusal)


class AnthropicOut:
    """Providers that speak Anthropic (`wire.talk.Outbound`)."""

    def path(self, upstream: str, *, stream: bool) -> str:  # noqa: ARG002  # both stand in the body
        """Path below a base URL that ends in ``/v1``."""
        return "/messages"

    def write(self, talk: Talk, upstream: str, cap: int) -> bytes:
        """A body for the provider.

        Raises:
            UntranslatableError: something that this dialect cannot say.
        """
        return write_creating(talk, upstream, cap)

    def pieces(self, body: bytes) -> list[Piece]:
        """A whole answer.

        Raises:
            ValueError: no answer of this dialect.
        """
        return read_message(body)

    def usage(self, body: bytes) -> Reported | None:
        """Usage in a whole answer; None when there is none."""
        return answer_usage(body)

    def reader(self) -> AnthropicReader:
        """For a streamed answer."""
        return AnthropicReader()

    def error(self, status: int, body: bytes) -> Refusal:
        """A provider's error, in our words of type and code, its message kept."""
        return error_refusal(status, body)


def read_peek(body: bytes) -> Request | Refusal:
    """Peek into a body that goes on as it is: the fields the gateway needs, or why it cannot be served."""
    request = read_request(body)
    if isinstance(request, Request) and request.max_tokens is None:
        return bad_request("You must set a cap: add max_tokens.", "max_tokens")
    return request


def count_tokens_request(body: bytes) -> Talk:
    """The body of ``/v1/messages/count_tokens``.

    Raises:
        UntranslatableError: a field that has no meaning elsewhere, or is unknown.
        msgspec.ValidationError: a value of the wrong type or out of range.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
    """
    return read_counting(body)


def count_tokens_answer(tokens: int) -> bytes:
    """The answer of ``/v1/messages/count_tokens``."""
    return msgspec.json.encode({"input_tokens": tokens})
