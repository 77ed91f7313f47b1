"""OpenAI Responses as a dialect of clients, over any provider; conversations are kept by the gateway.

A request that goes on from an earlier response gets that conversation's items into its input (`with_history`)
before it is read; the items of the answer (`output_items`) are what to keep for the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.openai import error_body
from rechenwerk.wire.responses_items import Assembly, encode_event
from rechenwerk.wire.responses_request import (
    ResponseState,
    read_response_request,
    read_state,
    with_history,
)
from rechenwerk.wire.talk import Head, Piece, Talk

__all__ = [
    "ResponseState",
    "ResponsesIn",
    "ResponsesWriter",
    "output_items",
    "read_state",
    "with_history",
]


class ResponsesWriter:
    """Writes a stream of response events; a `Writer`."""

    __slots__ = ("_assembly", "_begun", "_number", "_over")

    def __init__(self, head: Head, state: ResponseState) -> None:
        self._assembly = Assembly(head, state)
        self._number = 0
        self._begun = False
        self._over = False

    @property
    def items(self) -> list[dict[str, Any]]:
        """The output so far, of the whole answer after `end`: what to keep for the next turn."""
        return self._assembly.items

    def piece(self, piece: Piece) -> bytes:
        """The events for one piece."""
        if self._over:
            return b""
        events = self._begin() + self._assembly.add(piece)
        if self._assembly.failed is not None:
            events += self._finish()
        return self._encode(events)

    def end(self) -> bytes:
        """The events that close the response."""
        return b"" if self._over else self._encode(self._begin() + self._finish())

    def _begin(self) -> list[dict[str, Any]]:
        if self._begun:
            return []
        self._begun = True
        response = self._assembly.response("in_progress")
        return [{"type": f"response.{kind}", "response": response} for kind in ("created", "in_progress")]

    def _finish(self) -> list[dict[str, Any]]:
        self._over = True
        closing = self._assembly.finish()
        status = self._assembly.status
        return [*closing, {"type": f"response.{status}", "response": self._assembly.response(status)}]

    def _encode(self, events: list[dict[str, Any]]) -> bytes:
        first = self._number
        self._number += len(events)
        return b"".join(encode_event(event, number) for number, event in enumerate(events, first))


class ResponsesIn:
    """What clients speak at ``POST /v1/responses``; an `Inbound`.

    Args:
        state: what `read_state` found in the request; the answer repeats it.
    """

    __slots__ = ("_state",)

    def __init__(self, state: ResponseState | None = None) -> None:
        self._state = state or ResponseState()

    def read(self, body: bytes) -> Talk:
        """A client's body, its history in it; raises as `Inbound.read` does."""
        return read_response_request(body)

    def answer(self, head: Head, pieces: Sequence[Piece]) -> bytes:
        """A ``response``."""
        assembly = _assemble(head, pieces, self._state)
        return msgspec.json.encode(assembly.response(assembly.status))

    def writer(self, head: Head, talk: Talk) -> ResponsesWriter:  # noqa: ARG002 - Inbound has it
        """A stream of response events."""
        return ResponsesWriter(head, self._state)

    def error(self, refusal: Refusal) -> bytes:
        """The body of an error answer."""
        return error_body(refusal)

    def error_event(self, refusal: Refusal) -> bytes:
        """The event that ends a stream; how many came before is not known."""
        event = {
            "type": "error",
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
        }
        return encode_event(event, 0)


def output_items(head: Head, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """The output of an answer as it stands in the response: what to keep for the next turn."""
    return _assemble(head, pieces, ResponseState()).items


def _assemble(head: Head, pieces: Sequence[Piece], state: ResponseState) -> Assembly:
    assembly = Assembly(head, state)
    for piece in pieces:
        assembly.add(piece)
    assembly.finish()
    return assembly
